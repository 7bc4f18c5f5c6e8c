"""Since when a target fails: a few failures that last are an outage too."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("systems", sa.Column("failing_since", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(sa.text("UPDATE systems SET failing_since = last_error_at WHERE failures > 0"))
    with op.batch_alter_table("systems") as batch:
        batch.alter_column("failing_since", server_default=None)

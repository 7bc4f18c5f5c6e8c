"""A case knows which message of which system opened it, and whether it was answered at once."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cases", sa.Column("origin", sa.String(200), nullable=False, server_default=""))
    op.add_column("cases", sa.Column("origin_ref", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "cases", sa.Column("answered_at_once", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index("cases_of_origin", "cases", ["origin", "changed_at"])

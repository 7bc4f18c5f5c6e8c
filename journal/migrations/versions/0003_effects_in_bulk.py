"""An effect knows whether somebody waits for it, or whether it came in bulk and lets others go first."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("effects", sa.Column("bulk", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.drop_index("effects_to_hand_out", "effects")
    op.create_index(
        "effects_to_hand_out",
        "effects",
        ["bulk", "handout_at"],
        sqlite_where=sa.text("handout_at IS NOT NULL"),
        postgresql_where=sa.text("handout_at IS NOT NULL"),
    )

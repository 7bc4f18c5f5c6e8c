"""Standings are compared system by system: each has its own queue."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COMPARED = sa.text("compare_at IS NOT NULL")


def upgrade() -> None:
    op.drop_index("standings_to_compare", "standings")
    op.create_index(
        "standings_to_compare",
        "standings",
        ["system", "compare_at"],
        sqlite_where=_COMPARED,
        postgresql_where=_COMPARED,
    )

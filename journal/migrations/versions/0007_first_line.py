"""Which cases of the phone and the counter were opened when, and answered at once or not: one index, nothing else."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_WITH_SOMEBODY = sa.text("channel IN ('counter', 'phone')")


def upgrade() -> None:
    op.create_index(
        "cases_of_first_line",
        "cases",
        ["opened_at", "channel", "answered_at_once"],
        sqlite_where=_WITH_SOMEBODY,
        postgresql_where=_WITH_SOMEBODY,
    )

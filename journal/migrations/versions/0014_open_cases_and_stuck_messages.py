"""Late cases are looked for among the open ones, and messages that nobody could decide about apart from other parked ones."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OPEN = sa.text("status IN ('in_progress', 'new', 'waiting_for_customer', 'waiting_for_field_team')")
_STUCK = sa.text("state = 'parked' AND parked_effects = 0")


def upgrade() -> None:
    op.drop_index("cases_by_due", "cases")
    op.create_index("cases_by_due", "cases", ["due"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("messages_stuck", "messages", ["id"], sqlite_where=_STUCK, postgresql_where=_STUCK)

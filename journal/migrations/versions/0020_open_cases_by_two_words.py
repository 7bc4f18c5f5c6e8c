"""Open cases are told by the two statuses that end a case: SQLite made a table of the four others for each row it wrote."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_OPEN = sa.text("status NOT IN ('answered', 'closed')")


def upgrade() -> None:
    op.drop_index("cases_by_due", "cases")
    op.create_index("cases_by_due", "cases", ["due"], sqlite_where=_OPEN, postgresql_where=_OPEN)

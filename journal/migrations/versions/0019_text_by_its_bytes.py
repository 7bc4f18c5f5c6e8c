"""PostgreSQL compares text by its bytes, as SQLite does (docs/decisions/0236)."""

from alembic import op

from journal.migrations.collation import compare_bytes

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    compare_bytes(op.get_bind())

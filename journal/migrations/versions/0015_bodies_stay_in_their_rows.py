"""PostgreSQL keeps sealed bodies in their rows, and does not try to compress them (docs/decisions/0166)."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_SEALED = (("bodies", "raw"), ("bodies", "canonical"), ("files", "data"), ("cases", "card"))


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE bodies SET (toast_tuple_target = 8160)")
    for table, column in _SEALED:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")

"""References are found by hash, and are one case's alone, by one index (docs/decisions/0235)."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_SHARED_BY = "CASE WHEN exclusive THEN '' ELSE case_ref END"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _in_place()
    else:
        _anew()
    op.create_index("references_of_case", "case_references", ["case_ref", "hash"], unique=True)


def _in_place() -> None:
    """Written anew under its own name, so that whoever may read it still may."""
    op.drop_index("references_of_case")
    op.drop_index("references_exclusive")
    op.execute(
        "ALTER TABLE case_references DROP CONSTRAINT case_references_pkey, "
        f"ALTER COLUMN exclusive TYPE varchar(20) USING {_SHARED_BY}"
    )
    op.alter_column("case_references", "exclusive", new_column_name="shared_by")
    op.create_primary_key("case_references_pkey", "case_references", ["hash", "shared_by"])


def _anew() -> None:
    op.create_table(
        "new_references",
        sa.Column("hash", sa.String(32), primary_key=True),
        sa.Column("shared_by", sa.String(20), primary_key=True),
        sa.Column("case_ref", sa.String(20), nullable=False),
        sa.Column("system", sa.String(60), nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        f"INSERT INTO new_references SELECT hash, {_SHARED_BY}, case_ref, system, shown, at "  # noqa: S608 - our own words
        "FROM case_references ORDER BY hash, case_ref"
    )
    op.drop_table("case_references")
    op.rename_table("new_references", "case_references")

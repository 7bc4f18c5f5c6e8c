"""How a case stands in each outside system, and what a person must look into."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "standings",
        sa.Column("case_ref", sa.String(20), primary_key=True),
        sa.Column("system", sa.String(60), primary_key=True),
        sa.Column("state", sa.String(30), nullable=False),
        sa.Column("outside_id", sa.String(300), nullable=False),
        sa.Column("trip", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("compare_at", sa.BigInteger()),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "standings_to_compare",
        "standings",
        ["compare_at"],
        sqlite_where=sa.text("compare_at IS NOT NULL"),
        postgresql_where=sa.text("compare_at IS NOT NULL"),
    )
    op.create_table(
        "work_items",
        sa.Column("case_ref", sa.String(20), primary_key=True),
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger()),
        sa.Column("closed_by", sa.String(100), nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "work_items_open",
        "work_items",
        ["opened_at"],
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )

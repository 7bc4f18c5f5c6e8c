"""The balance per target: its tallies, filled from the effects that are there."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "target_tally",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("shard", sa.String(length=20), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "target", "state", "shard"),
        sqlite_with_rowid=False,
    )
    op.execute(_WRITTEN)
    op.execute(_AS_THEY_STAND)


_WRITTEN = """
INSERT INTO target_tally (day, target, state, shard, count)
SELECT created_at / 86400000000, target, 'written', '', count(*) FROM effects GROUP BY 1, 2
"""
_AS_THEY_STAND = """
INSERT INTO target_tally (day, target, state, shard, count)
SELECT created_at / 86400000000, target,
  CASE WHEN state IN ('due', 'claimed', 'unknown') THEN 'waiting' ELSE state END, '', count(*)
FROM effects GROUP BY 1, 2, 3
"""

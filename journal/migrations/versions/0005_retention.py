"""Where each rule of retention stands, and when a checkpoint was saved."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("checkpoints", sa.Column("saved_at", sa.BigInteger(), nullable=False, server_default="0"))
    now = "CAST(strftime('%s','now') AS INTEGER)"
    if op.get_bind().dialect.name == "postgresql":
        now = "CAST(extract(epoch FROM now()) AS bigint)"
    op.execute(f"UPDATE checkpoints SET saved_at = {now} * 1000000")  # noqa: S608 - as if saved just now

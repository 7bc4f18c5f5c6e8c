"""The texts of letters that people write in the console, every version of them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "letter_texts",
        sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("text", sa.Text()),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.Column("saved_by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("letter_texts_by_number", "letter_texts", ["language", "name", "number"], unique=True)

"""What an adapter remembers of an order goes with its case: a checkpoint whose name holds a case number belongs to it."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_OF_A_CASE = sa.text("case_ref IS NOT NULL")
_CASE_REF = re.compile(r"\b[A-Z]{2,5}-20[0-9]{2}-[0-9]{6,9}\b")
_checkpoints = sa.table("checkpoints", sa.column("owner"), sa.column("name"), sa.column("case_ref"))


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("case_ref", sa.String(20)))
    op.create_index(
        "checkpoints_of_cases",
        "checkpoints",
        ["case_ref"],
        sqlite_where=_OF_A_CASE,
        postgresql_where=_OF_A_CASE,
    )
    connection = op.get_bind()
    for owner, name in connection.execute(sa.select(_checkpoints.c.owner, _checkpoints.c.name)).all():
        if found := _CASE_REF.search(name):
            place = (_checkpoints.c.owner == owner, _checkpoints.c.name == name)
            connection.execute(_checkpoints.update().where(*place).values(case_ref=found[0]))

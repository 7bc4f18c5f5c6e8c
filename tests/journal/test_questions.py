"""A question has the same answer by SQLite's own driver as by SQLAlchemy, and within the same transaction."""

import pytest
from sqlalchemy import bindparam, func, select

from journal.among import among
from journal.database import open_engine
from journal.questions import Question
from journal.rows import InsertRows
from journal.schema import timers

LATE = select(timers.c.case_ref, timers.c.due_at, func.count().filter(timers.c.name != "never")).where(
    among(timers.c.case_ref, "refs"), timers.c.due_at > bindparam("since"), timers.c.round == 0
)
LATE = LATE.group_by(timers.c.case_ref, timers.c.due_at).order_by(timers.c.case_ref)


@pytest.fixture(params=["sqlite_url", "postgres_journal_url"])
def connection(request):
    engine = open_engine(request.getfixturevalue(request.param))
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


@pytest.mark.parametrize("refs", [[], ["a"], ["a", "b", "é'\"\\", "x"], ("b",)])
def test_rows_are_those_that_sqlalchemy_finds(connection, refs):
    given = [("a", 5), ("b", 2**60), ("é'\"\\", 7), ("x", 1)]
    new = [{"case_ref": ref, "name": "chase", "due_at": due, "round": 0} for ref, due in given]
    InsertRows(timers).run(connection, new)
    values = {"refs": refs, "since": 4}

    assert Question(LATE).ask(connection, **values) == [
        tuple(row) for row in connection.execute(LATE, values)
    ]


def test_a_value_that_is_missing_is_an_error(connection):
    with pytest.raises(Exception, match=r"since|required"):
        Question(LATE).ask(connection, refs=["a"])


def test_what_is_asked_and_written_ends_with_its_transaction(connection):
    InsertRows(timers).run(connection, [{"case_ref": "a", "name": "chase", "due_at": 5, "round": 0}])
    assert Question(LATE).ask(connection, refs=["a"], since=0) == [("a", 5, 1)]

    connection.rollback()

    assert Question(LATE).ask(connection, refs=["a"], since=0) == []

"""A question about many names is answered by an index, never by walking through a table."""

import pytest
from sqlalchemy import event

from journal import effects, intake
from journal.database import open_engine

QUESTIONS = {
    "known": (intake._KNOWN.statement, {"identities": ["a"]}),
    "referred": (intake._REFERRED.statement, {"hashes": ["a"], "since": 0}),
    "cases": (intake._CASES.statement, {"refs": ["a"]}),
    "keys": (intake._KEYS.statement, {"keys": ["a"]}),
    "results": (effects._ROWS.statement, {"ids": ["a"]}),
    "moving": (effects._MOVING, {"ids": ["a"]}),
    "followers": (effects._FOLLOWERS, {"refs": ["a"], "now": 0}),
    "claimable": (effects._CLAIMABLE, {"ids": ["a"], "now": 0, "held": []}),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_questions_of_the_busiest_path_walk_through_no_table(name, sqlite_url):
    engine = open_engine(sqlite_url)
    asked = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    question, values = QUESTIONS[name]

    with engine.connect() as connection:
        connection.execute(question, values).all()
        statement, given = asked[-1]
        explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
        plan = [row.detail for row in explained]

    engine.dispose()
    assert [step for step in plan if step.startswith("SCAN") and "json_each" not in step] == []
    assert any(step.startswith("SEARCH") for step in plan)

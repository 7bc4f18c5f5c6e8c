"""Rows that go in one piece arrive as they were, on both databases."""

import psycopg
import pytest
from msgspec.structs import asdict
from sqlalchemy import select

from journal.database import open_engine
from journal.new_rows import (
    CHANGE_CARDS,
    CHANGE_CASES,
    MOVE_CASES,
    ChangedCard,
    ChangedCase,
    MovedCase,
    NewCase,
)
from journal.rows import InsertRows, UpdateRows, write_together
from journal.schema import cases

CASE = {
    "ref": "LEU-2026-000001",
    **dict.fromkeys(("kind", "channel", "handler_group", "status", "category", "area", "tracker_id"), ""),
    "opened_at": 2**62,
    "changed_at": -1,
    "due": None,
    "effect_count": 2**31 - 1,
    "tracker_version": 0,
    "origin": 'é"\\\n\t[1]{}%s',
    "origin_ref": "x" * 3000,
    "answered_at_once": True,
    "key_id": "",
    "card": b"\x00\xff'",
    "card_version": 1,
}


@pytest.fixture(params=["sqlite_url", "postgres_journal_url"])
def connection(request):
    engine = open_engine(request.getfixturevalue(request.param))
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def test_rows_arrive_as_they_were(connection):
    given = [
        CASE,
        CASE | {"ref": "LEU-2026-000002", "due": 0, "card": None, "answered_at_once": False},
        CASE | {"ref": "LEU-2026-000003", "card": b""},
        CASE | {"ref": "LEU-2026-000004", "card": bytes(range(256))},
    ]
    InsertRows(cases).run(connection, given)

    assert [dict(row) for row in _kept(connection)] == given


def test_rows_get_their_new_values_each_its_own(connection):
    InsertRows(cases).run(connection, [CASE | {"ref": ref} for ref in "abc"])
    new = [{"ref": "c", "card": b"for c", "due": 3}, {"ref": "a", "card": None, "due": None}]
    UpdateRows(cases, "ref", ("card", "due")).run(connection, new)

    found = {row["ref"]: (row["card"], row["due"]) for row in _kept(connection)}
    assert found == {"a": (None, None), "b": (CASE["card"], None), "c": (b"for c", 3)}


def test_what_is_written_for_every_message_arrives_as_it_was(connection):
    cards = [None, b"", bytes(range(256))]
    given = [NewCase(**CASE | {"ref": str(number), "card": card}) for number, card in enumerate(cards)]
    write_together(connection, [(InsertRows(cases), given)])

    assert [dict(row) for row in _kept(connection)] == [asdict(row) for row in given]


def test_changed_cases_get_their_new_values(connection):
    other = CASE | {"ref": "other"}
    InsertRows(cases).run(connection, [CASE, other])
    changed = ChangedCase(**_only(ChangedCase, CASE) | {"area": "centre", "effect_count": 7})
    moved = MovedCase(**_only(MovedCase, other) | {"status": "answered", "due": 5})
    card = ChangedCard(b"new", 2, CASE["ref"])
    write_together(connection, [(CHANGE_CASES, [changed]), (MOVE_CASES, [moved])])
    CHANGE_CARDS.run(connection, [card])

    assert [dict(row) for row in _kept(connection)] == [
        CASE | asdict(changed) | asdict(card),
        other | asdict(moved),
    ]


@pytest.mark.parametrize("what", [InsertRows(cases), UpdateRows(cases, "ref", ("area",))])
def test_postgresql_cuts_no_text_that_is_too_long(postgres_journal_url, what):
    engine = open_engine(postgres_journal_url)
    with engine.connect() as connection:
        InsertRows(cases).run(connection, [CASE | {"ref": "there"}])
        ref = "there" if isinstance(what, UpdateRows) else "new"

        with pytest.raises(psycopg.DataError, match="too long"):
            what.run(connection, [CASE | {"ref": ref, "area": "x" * 101}])
        connection.rollback()
    engine.dispose()


def _only(kind, row):
    return {name: row[name] for name in kind.__struct_fields__}


def _kept(connection):
    return connection.execute(select(cases).order_by(cases.c.ref)).mappings().all()

"""The migrations lead to the tables that the code expects, on both databases, and may be run again."""

import hmac
import json
import subprocess
import sys
from hashlib import sha256

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect, select, text

import journal.migrations
from journal.crypto import Keyring
from journal.database import open_engine
from journal.instants import micros
from journal.journal import Journal
from journal.migrate import migrate
from journal.rows import InsertRows
from journal.schema import checkpoints, messages, metadata, references
from ports.clock import ManualClock
from tests.journal.scene import KEYS, START, city_routes, contact, contact_message
from tests.journal.scene import rows as journal_rows
from tests.servers import postgres
from tests.shipped import ROOT


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    with postgres.fresh_database(request.getfixturevalue("postgres_server")) as address:
        yield address


@pytest.fixture
def engine(empty_url):
    engine = open_engine(empty_url)
    yield engine
    engine.dispose()


def test_migrations_make_the_tables_that_the_code_expects(engine):
    migrate(engine)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_indexes_over_a_part_of_a_table_are_that_part(engine):
    """Alembic does not compare the conditions of indexes: do it here."""
    migrate(engine)
    expected = {
        index.name: str(index.dialect_options[engine.dialect.name]["where"])
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options[engine.dialect.name]["where"] is not None
    }

    with engine.connect() as connection:
        catalogue = {
            "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index'",
            "postgresql": "SELECT indexname, indexdef FROM pg_indexes",
        }[engine.dialect.name]
        made = {name: sql for name, sql in connection.execute(text(catalogue)) if name in expected}
    assert made.keys() == expected.keys()
    assert all(" WHERE " in sql for sql in made.values())
    if engine.dialect.name == "sqlite":
        assert {name: sql.partition(" WHERE ")[2] for name, sql in made.items()} == expected


def test_text_is_compared_by_its_bytes_whatever_language_the_database_was_made_for(dutch_url):
    engine = open_engine(dutch_url)
    migrate(engine)
    words = ["b", "C", "LEU-2", "LEU1"]
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT 'b' < 'C'")), "the database itself follows Dutch"
        rows = [{"owner": "a", "name": word, "value": ""} for word in words]
        connection.execute(checkpoints.insert(), rows)
        found = connection.execute(select(checkpoints.c.name).order_by(checkpoints.c.name)).scalars().all()
        collations = (
            connection.execute(
                text(
                    "SELECT DISTINCT collation_name FROM information_schema.columns "
                    "WHERE table_schema = 'public' AND data_type IN ('character varying', 'text')"
                )
            )
            .scalars()
            .all()
        )
    engine.dispose()

    assert found == sorted(words)
    assert collations == ["C"], "a migration that adds text ends with `compare_bytes`"


@pytest.fixture
def dutch_url(postgres_server):
    """An empty database that puts words in the order of Dutch."""
    with postgres.fresh_database(postgres_server, language="nl") as address:
        yield address


def test_migrating_twice_is_harmless(engine):
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(metadata.tables["checkpoints"].insert(), {"owner": "a", "name": "b", "value": "c"})
    migrate(engine)

    with engine.connect() as connection:
        assert connection.execute(metadata.tables["checkpoints"].select()).one() == ("a", "b", "c", 0, None)


def test_the_balance_per_target_starts_with_the_effects_that_are_there(engine):
    _migrate_to(engine, "0001")
    states = ("due", "claimed", "unknown", "parked", "applied", "applied", "skipped")
    with engine.begin() as connection:
        connection.execute(
            metadata.tables["effects"].insert(),
            [
                {
                    **dict.fromkeys(("case_ref", "message_id", "action", "owner", "outside_id"), "x"),
                    **dict.fromkeys(("error", "reason", "key_id"), "x"),
                    **dict.fromkeys(("seq", "attempts", "deaths", "due_at"), 0),
                    "id": f"{number:032x}",
                    "key": str(number),
                    "target": "mail",
                    "blocking": True,
                    "state": state,
                    "created_at": 3 * 86_400_000_000 + number,
                }
                for number, state in enumerate(states)
            ],
        )
    migrate(engine)

    with engine.connect() as connection:
        rows = connection.execute(metadata.tables["target_tally"].select()).all()
    assert {(row.day, row.target, row.state, row.count) for row in rows} == {
        (3, "mail", "written", 7),
        (3, "mail", "waiting", 3),
        (3, "mail", "parked", 1),
        (3, "mail", "applied", 2),
        (3, "mail", "skipped", 1),
    }


def test_several_processes_may_migrate_at_once(empty_url, engine):
    program = (
        "import sys; from journal.database import open_engine; from journal.migrate import migrate;"
        "migrate(open_engine(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, empty_url]
    processes = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate(timeout=60)[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], errors
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def _migrate_to(engine, revision):
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", journal.migrations.__path__[0])
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_there_is_one_newest_migration():
    folder = journal.migrations.__path__[0]
    assert len(ScriptDirectory(folder).get_heads()) == 1


def test_rows_of_the_first_version_are_all_there_and_readable_after_the_upgrade(engine):
    """As a city that began with the first release: mails, a case, a try, audit lines, in the tables of then."""
    _upgrade(engine, "0001")
    first = _tables_of(engine)
    with engine.begin() as connection:
        for name, rows in first_release().items():
            connection.execute(first.tables[name].insert(), rows)
        before = _contents(connection, first)
    migrate(engine)

    with engine.connect() as connection:
        after = _contents(connection, first)
    assert after == before
    assert all(before[name] for name in first_release())


def test_references_belong_after_the_upgrade_to_whom_they_belonged(engine):
    """To one case alone, or to several that share them; and the next that asks for one is answered as before."""
    _upgrade(engine, "0017")
    before = _tables_of(engine).tables["case_references"]
    with engine.begin() as connection:
        connection.execute(
            before.insert(),
            [
                {**REFERENCE, "hash": hash_, "case_ref": case, "exclusive": exclusive}
                for hash_, case, exclusive in (("a", "1", True), ("b", "1", False), ("b", "2", False))
            ],
        )
    migrate(engine)

    with engine.begin() as connection:
        for hash_, shared_by, case in (
            ("a", "", "2"),  # another's alone
            ("a", "1", "1"),  # there already
            ("b", "1", "1"),
            ("a", "2", "2"),  # shared with the case whose own it is
            ("b", "", "3"),  # own, though others share it
        ):
            row = {**REFERENCE, "hash": hash_, "shared_by": shared_by, "case_ref": case}
            InsertRows(references, ignoring=True).run(connection, [row])
        found = connection.execute(select(references).order_by(*references.primary_key)).mappings().all()
    assert [(row["hash"], row["shared_by"], row["case_ref"]) for row in found] == [
        ("a", "", "1"),
        ("a", "2", "2"),
        ("b", "", "3"),
        ("b", "1", "1"),
        ("b", "2", "2"),
    ]
    assert all(row.items() >= REFERENCE.items() for row in found)


REFERENCE = {"system": "email", "shown": "7", "at": 8}


async def test_an_upgraded_journal_goes_on_with_what_it_had(engine, empty_url):
    _upgrade(engine, "0001")
    first = _tables_of(engine)
    with engine.begin() as connection:
        for name, rows in first_release().items():
            connection.execute(first.tables[name].insert(), rows)
    migrate(engine)
    journal = Journal(empty_url, router=city_routes(), keys=KEYS, clock=ManualClock(START), shard="1")
    await journal.start()
    try:
        revealed = await journal.reveal(MESSAGE, "piet", "to see")
        assert revealed.raw == b"mail of then"
        duplicate = await journal.accept(
            contact_message("old", contact(), source="mail", raw=b"mail of then")
        )
        assert duplicate.receipt.duplicate
        assert await journal.verify_audit() is None
        assert [one.rows for one in await journal.kept() if one.table == "messages"] == [1]
        fresh = await journal.accept(contact_message("new", contact(), source="mail"))
        (row,) = await journal_rows(journal, messages, messages.c.id == fresh.receipt.message_id)
        assert row.case_ref == "LEU-2026-000002"
    finally:
        await journal.close()


MESSAGE, EFFECT = "0" * 31 + "1", "0" * 31 + "2"


def first_release() -> dict[str, list[dict]]:
    """Rows as the first release wrote them, sealed under the keys of the tests."""
    keyring = Keyring(KEYS.masters, KEYS.pepper)
    key, now = keyring.new_key(MESSAGE), micros(START)
    ref, none = "LEU-2026-000001", ""
    line = [1, now, "piet", "searched", ref, none]
    chained = json.dumps([none, *line])
    return {
        "messages": [
            {
                "id": MESSAGE,
                "identity": keyring.find_hash("identity/mail", "old"),
                "source": "mail",
                "source_ref": "old",
                "content_hash": keyring.content_hash(b"mail of then"),
                "kind": "contact_received",
                "channel": "mail",
                "state": "done",
                "reason": "opened",
                "rule": none,
                "case_ref": ref,
                "open_effects": 0,
                "parked_effects": 0,
                "received_at": now,
                "schema_version": 1,
                "config_version": "v",
                "traceparent": none,
            }
        ],
        "bodies": [
            {
                "owner": MESSAGE,
                "key_id": MESSAGE,
                "media_type": "message/rfc822",
                "raw": key.seal(MESSAGE, "raw", b"mail of then"),
                "canonical": None,
                "schema_version": 1,
            }
        ],
        "data_keys": [{"message_id": MESSAGE, "case_ref": ref, "wrapped": key.wrapped}],
        "cases": [
            {
                "ref": ref,
                "kind": "report",
                "channel": "mail",
                "handler_group": "kcc",
                "status": "new",
                "category": none,
                "area": none,
                "tracker_id": "7",
                "opened_at": now,
                "changed_at": now,
                "due": None,
                "effect_count": 1,
                "tracker_version": 3,
                "key_id": MESSAGE,
                "card": None,
                "card_version": 1,
            }
        ],
        "effects": [
            {
                "id": EFFECT,
                "key": f"{ref}/tracker/open_case",
                "case_ref": ref,
                "message_id": MESSAGE,
                "target": "tracker",
                "action": "open_case",
                "seq": 0,
                "blocking": True,
                "state": "applied",
                "attempts": 1,
                "deaths": 0,
                "due_at": now,
                "handout_at": None,
                "owner": "w/1",
                "outside_id": "7",
                "error": none,
                "reason": none,
                "created_at": now,
                "finished_at": now,
                "key_id": MESSAGE,
            }
        ],
        "checkpoints": [{"owner": "tracker", "name": "cursor", "value": "3"}],
        "numbers": [{"year": 2026, "next": 2}],
        "audit": [
            dict(
                zip(("seq", "at", "actor", "action", "subject", "detail"), line, strict=True),
                hash=hmac.new(KEYS.audit, chained.encode(), sha256).hexdigest(),
            )
        ],
    }


def _upgrade(engine, revision: str) -> None:
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", journal.migrations.__path__[0])
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _tables_of(engine) -> MetaData:
    tables = MetaData()
    tables.reflect(engine)
    return tables


def _contents(connection, tables: MetaData) -> dict[str, list]:
    """Every row of every table of then, in the columns of then that another did not take the place of."""
    kept = {
        name: [column for column in table.columns if column.name not in REPLACED.get(name, ())]
        for name, table in tables.tables.items()
        if name != "alembic_version"
    }
    return {name: sorted(map(repr, connection.execute(select(*columns)))) for name, columns in kept.items()}


REPLACED = {"case_references": ("exclusive",)}

"""The migrations lead to the tables that the code expects, on both databases, and may be run again."""

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import journal.migrations
from journal.database import open_engine
from journal.migrate import migrate
from journal.schema import metadata
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


def test_migrating_twice_is_harmless(engine):
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(metadata.tables["checkpoints"].insert(), {"owner": "a", "name": "b", "value": "c"})
    migrate(engine)

    with engine.connect() as connection:
        assert connection.execute(metadata.tables["checkpoints"].select()).one() == ("a", "b", "c", 0)


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


def test_there_is_one_newest_migration():
    folder = journal.migrations.__path__[0]
    assert len(ScriptDirectory(folder).get_heads()) == 1

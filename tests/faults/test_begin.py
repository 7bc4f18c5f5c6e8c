"""A hub that begins while PostgreSQL or RabbitMQ is away waits for it, as one that runs does, and ends when told to."""

import asyncio
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import Engine, event, text
from structlog.testing import capture_logs

from demo.engines import rabbitmq
from demo.engines.postgres import Postgres, plain
from demo.engines.private import NotInstalledError
from demo.engines.rabbitmq import Node
from hub import Hub
from journal.database import open_engine
from journal.migrate import bring_up_to_date
from ports.errors import MisconfiguredError
from settings import ROLES, load
from tests.faults.afterwards import stored, until
from tests.faults.lone_hub import LoneHub, launched
from tests.flows.small_hub import small_hub
from tests.servers import postgres
from tests.servers.missing import missing

MIGRATING = "SELECT pg_advisory_lock(7310587)"
"""As a process does that changes the tables."""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres.breakable() as server:
        yield server


@pytest.fixture
def database(server) -> Iterator[Postgres]:
    """It answers before and after, whatever a test does to it."""
    yield server
    server.process.send_signal(signal.SIGCONT)
    if server.process.poll() is not None:
        server.start()


@pytest.fixture
def empty_database(postgres_server):
    with postgres.fresh_database(postgres_server) as address:
        yield address


async def test_every_role_waits_for_a_database_that_is_stopped_and_works_when_it_is_back(tmp_path, database):
    database.stop(signal.SIGINT)
    with crew(tmp_path, database.address) as hubs:
        for hub in hubs.values():
            await until(lambda hub=hub: said(hub, "journal_is_awaited"), "the log says what is waited for")
        waiting = {role: ready(hub) for role, hub in hubs.items()}
        turned_away = (await hubs["intake"].flood([1]))[0]
        database.start()
        for hub in hubs.values():
            await until(lambda hub=hub: ready(hub)[0] == 200, "it is ready")
        await hubs["intake"].until_accepted(1)
        assert {role: await dismissed(hub) for role, hub in hubs.items()} == dict.fromkeys(ROLES, 0)

    assert {status for status, _ in waiting.values()} == {503}
    assert {body["status"] for _, body in waiting.values()} == {"waiting"}
    assert all(body["journal"].startswith("waited for since ") for _, body in waiting.values())
    assert (turned_away.status_code, turned_away.headers["retry-after"]) == (503, "5")
    for hub in hubs.values():
        assert "refused" in said(hub, "journal_is_awaited")[0]["reason"]
        assert said(hub, "journal_is_there")
    assert len(stored(database.address)) == 1


async def test_who_waits_for_the_migration_of_another_ends_when_asked_and_outlives_a_restart(
    tmp_path, database
):
    with (
        closing(psycopg.connect(plain(database.address), autocommit=True)) as other,
        crew(tmp_path, database.address, roles=("intake", "worker")) as hubs,
    ):
        intake, worker = hubs.values()
        other.execute(MIGRATING)
        await until(lambda: waiting_in_line(database) == len(hubs), "their migrations begin")
        assert (ready(worker)[0], await dismissed(worker)) == (503, 0)
        database.stop(signal.SIGINT)
        await until(lambda: said(intake, "journal_is_awaited"), "it waits")
        database.start()
        await until(lambda: ready(intake)[0] == 200, "it is ready")
        assert await dismissed(intake) == 0

    assert any("terminating connection" in line["reason"] for line in said(intake, "journal_is_awaited"))


async def test_who_waits_for_a_frozen_database_says_so_and_ends_when_asked(tmp_path, database):
    database.process.send_signal(signal.SIGSTOP)
    with launched(tmp_path, journal=database.address) as hub:
        await until(lambda: said(hub, "journal_is_awaited"), "it waits")

        assert await dismissed(hub) == 0


async def test_a_line_that_is_cut_before_any_statement_of_the_start_costs_nothing(
    tmp_path, postgres_journal_url, monkeypatch
):
    monkeypatch.setattr("worker.beginning.INTERVAL", 0.01)
    city = small_hub(tmp_path, journal=postgres_journal_url)

    async def begin(cut_before: int) -> int:
        with cut_lines(postgres_journal_url, cut_before) as cutter:
            async with begun(city.hub_toml):
                return cutter.statements

    statements = await begin(cut_before=0)
    for nth in range(1, statements + 1):
        with capture_logs() as logs:
            await begin(nth)
        events = {line["event"] for line in logs}
        assert "hub_started" in events, nth
        assert events & {"journal_is_there", "journal.group_failed"}, nth

    assert statements > 10


async def test_a_migration_that_is_cut_begins_anew(tmp_path, empty_database, monkeypatch):
    monkeypatch.setattr("worker.beginning.INTERVAL", 0.01)
    city = small_hub(tmp_path, journal=empty_database)

    with cut_lines(empty_database, 40) as cutter, capture_logs() as logs:
        async with begun(city.hub_toml) as hub:
            assert await hub.journal.verify_audit() is None

    assert cutter.statements > 80
    assert "journal_is_there" in [line["event"] for line in logs]


@pytest.mark.parametrize(
    ("login", "name", "words"),
    [
        ("postgres", "nowhere", "does not exist"),
        ("nobody", "postgres", "does not exist"),
        ("forgotten:wrong", "postgres", "password authentication failed"),
        ("idle", "postgres", "not permitted to log in"),
        ("visitor", "private", "permission denied"),
    ],
)
def test_a_refusal_that_waiting_does_not_mend_is_told(refusing, login, name, words):
    with pytest.raises(MisconfiguredError, match=words):
        bring_up_to_date(refusing(login, name))


def test_a_hub_that_can_never_begin_ends_at_once_in_plain_words(tmp_path, postgres_server):
    city = small_hub(tmp_path, journal=f"{postgres_server.rpartition('/')[0]}/nowhere")

    ended = city.command("run")

    assert ended.returncode == 1
    assert ended.stderr.count("does not exist") == 1
    assert "Traceback" not in ended.stderr


def test_tables_of_a_newer_version_are_left_alone(empty_database):
    bring_up_to_date(empty_database)
    engine = open_engine(empty_database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_tomorrow'"))
    engine.dispose()

    with pytest.raises(MisconfiguredError, match="newer version"):
        bring_up_to_date(empty_database)


async def test_without_a_broker_the_doors_open_and_the_workers_wait_for_it(tmp_path, empty_database):
    with a_broker() as broker, crew(tmp_path, empty_database, broker.url, ("intake", "worker")) as hubs:
        intake, worker = hubs.values()
        await until(lambda: ready(intake)[0] == 200, "the doors are open")
        await until(lambda: ready(worker)[1].get("journal") == "writable", "the worker has begun")
        without = ready(intake)[1]["status"], ready(worker)[1]["status"], ready(worker)[1]["broker"]
        await asyncio.to_thread(broker.start)
        await until(lambda: ready(worker)[0] == 200, "the worker is ready")
        assert [await dismissed(hub) for hub in hubs.values()] == [0, 0]

    assert without == ("degraded", "waiting", "away")


@contextmanager
def crew(
    folder: Path, journal: str, broker: str = "memory:", roles: tuple[str, ...] = ROLES
) -> Iterator[dict[str, LoneHub]]:
    """A process for each role; none is waited for."""
    with ExitStack() as stack:
        hubs: dict[str, LoneHub] = {}
        for role in roles:
            (folder / role).mkdir()
            hubs[role] = stack.enter_context(
                launched(folder / role, journal=journal, broker=broker, roles=[role])
            )
        yield hubs


@asynccontextmanager
async def begun(hub_toml: Path):
    """A hub in this process, whose parts go on until the block ends."""
    hub = Hub(load(hub_toml))
    try:
        await hub.start()
        yield hub
    finally:
        await hub.close()


@contextmanager
def a_broker() -> Iterator[Node]:
    """Not started yet."""
    try:
        with rabbitmq.prepared() as node:
            yield node
    except NotInstalledError as error:
        missing(str(error))


class Cutter:
    """Has the server end all lines of a hub before the nth statement that it is asked to execute."""

    def __init__(self, end_lines: Callable[[], object], nth: int) -> None:
        self.statements = 0
        self._end_lines = end_lines
        self._nth = nth
        self._one_at_a_time = threading.Lock()

    def __call__(self, *_: object) -> None:
        with self._one_at_a_time:
            self.statements += 1
            if self.statements == self._nth:
                self._end_lines()


@contextmanager
def cut_lines(address: str, nth: int) -> Iterator[Cutter]:
    """Until the block ends, statements are counted; see `Cutter`."""
    with closing(psycopg.connect(plain(address), autocommit=True)) as other:
        query = (
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        cutter = Cutter(lambda: other.execute(query).fetchall(), nth)
        event.listen(Engine, "before_cursor_execute", cutter)
        try:
            yield cutter
        finally:
            event.remove(Engine, "before_cursor_execute", cutter)


@pytest.fixture(scope="module")
def refusing(server):
    """Addresses, by login and name, of a server that lets some in, and some not."""
    with closing(psycopg.connect(plain(server.address), autocommit=True)) as connection:
        for statement in (
            "CREATE ROLE forgotten LOGIN PASSWORD 'other'",
            "CREATE ROLE idle NOLOGIN",
            "CREATE ROLE visitor LOGIN",
            "CREATE DATABASE private",
            "REVOKE CONNECT ON DATABASE private FROM PUBLIC",
        ):
            connection.execute(statement)
        rules = server.folder / "data" / "pg_hba.conf"
        rules.write_text(f"host all forgotten 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        connection.execute("SELECT pg_reload_conf()")
    return lambda login, name: (
        f"{server.address.partition('postgres@')[0]}{login}@127.0.0.1:{server.port}/{name}"
    )


def waiting_in_line(database: Postgres) -> int:
    """How many wait until another one's migration ends."""
    with closing(psycopg.connect(plain(database.address))) as connection:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return connection.execute(query).fetchone()[0]


def ready(hub: LoneHub) -> tuple[int, dict[str, str]]:
    """What it says to whoever watches over it; 0 when it says nothing."""
    assert hub.process.poll() is None, hub.last_words()
    try:
        answer = httpx.get(f"http://{hub.address}/health/ready", timeout=10, trust_env=False)
    except httpx.TransportError:
        return 0, {}
    return answer.status_code, answer.json()


def said(hub: LoneHub, name: str) -> list[dict[str, str]]:
    """What it logged under this name."""
    lines = (json.loads(line) for line in hub.log.read_text().splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == name]


async def dismissed(hub: LoneHub) -> int:
    """How it ended that was asked to."""
    hub.process.send_signal(signal.SIGTERM)
    return await hub.ended()

"""The group commit: shared by many, each answered for itself; and what happens when nothing can be stored."""

import asyncio
import contextlib
import os
import socket
import threading
import time
from datetime import timedelta

import psycopg
import pytest
import structlog
from psycopg import sql
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from journal import database as database_module
from journal.database import Database, StoreBrokenError, StoreUnavailableError, open_engine
from journal.instants import new_id
from journal.journal import Journal
from journal.migrate import migrate
from journal.schema import checkpoints, incidents, tally, target_tally
from journal.sqlite import sqlite
from journal.turns import Turns
from ports.clock import ManualClock
from ports.errors import TransientError
from tests.journal.scene import KEYS, START, PlannedRoutes, inbound, recount, rows, together
from tests.servers import postgres
from tests.servers.tiny_disk import fill, mounted


async def asked(journal, write, argument):
    return await journal.database.write(write, argument)


async def test_many_accepts_share_few_commits(planned):
    before = planned.database.commits
    await asyncio.gather(*(planned.accept(inbound(f"{n}")) for n in range(200)))

    assert planned.database.commits - before < 50
    assert (await recount(planned))["received"] == 200


async def test_different_writes_share_a_commit(planned):
    before = planned.database.commits
    await together(
        planned,
        planned.accept(inbound("1")),
        planned.save_checkpoint("a", "b", "c"),
        planned.audit("a", "b", "c"),
    )
    assert planned.database.commits - before == 1


async def test_an_answer_comes_after_its_commit(planned, open_journal, plan):
    second = await open_journal(plan, shard="2")
    for number in range(20):
        receipt = (await planned.accept(inbound(f"{number}"))).receipt
        again = (await second.accept(inbound(f"{number}"))).receipt
        assert (again.message_id, again.duplicate) == (receipt.message_id, True)


@pytest.mark.parametrize(
    "error", [ValueError, LookupError, AttributeError, AssertionError, ZeroDivisionError]
)
async def test_one_bad_write_fails_alone(planned, error):
    def write(_tx, arguments):
        if "bad" in arguments:
            raise error("a mistake in a write")
        return list(arguments)

    with structlog.testing.capture_logs() as logs:
        results = await together(
            planned,
            *(asked(planned, write, name) for name in ("a", "bad", "b")),
            planned.accept(inbound("1")),
        )
    assert [results[0], results[2]] == ["a", "b"]
    assert isinstance(results[1], error)
    assert not results[3].receipt.duplicate
    assert {log["event"] for log in logs} == {"journal.group_failed", "journal.write_failed"}
    assert (await planned.accept(inbound("2"))).effects
    assert (await recount(planned))["received"] == 2


DEADLOCK = psycopg.errors.DeadlockDetected("deadlock detected")


@pytest.mark.parametrize("deadlock", [DEADLOCK, OperationalError("UPDATE", {}, DEADLOCK)])
async def test_whom_the_database_chose_as_the_victim_of_a_deadlock_begins_again(planned, deadlock):
    tries = iter([deadlock, deadlock, None])

    def write(_tx, arguments):
        if error := next(tries):
            raise error
        return list(arguments)

    with structlog.testing.capture_logs():
        assert await planned.database.write(write, "done") == "done"


async def test_a_write_that_failed_leaves_nothing_behind(planned):
    def write(tx, arguments):
        tx.connection.execute(
            checkpoints.insert(), [{"owner": "x", "name": one, "value": ""} for one in arguments]
        )
        tx.count(0, "nowhere", "received", 1)
        if "bad" in arguments:
            raise ValueError("after half of it")
        return [None] * len(arguments)

    with structlog.testing.capture_logs():
        await together(planned, *(asked(planned, write, name) for name in ("a", "bad", "b")))
    assert [row.name for row in await rows(planned, checkpoints)] == ["a", "b"]
    counted = await planned.database.read(
        lambda connection: connection.execute(text("SELECT sum(count) FROM tally")).scalar_one()
    )
    assert counted == 2


async def test_a_part_that_fails_leaves_nothing_behind_and_the_rest_stays(planned):
    told = []

    def write_one(tx, name):
        tx.connection.execute(checkpoints.insert(), {"owner": "x", "name": name, "value": ""})
        tx.count(0, name, "received", 1)
        tx.count_new_effect(name)
        tx.afterwards.append(lambda: told.append(name))
        if name == "bad":
            raise ValueError("after all of it")

    def write(tx, arguments):
        for name in arguments:
            with contextlib.suppress(ValueError), tx.part():
                write_one(tx, name)
        return [None] * len(arguments)

    await together(planned, *(asked(planned, write, name) for name in ("a", "bad", "b")))
    assert [row.name for row in await rows(planned, checkpoints)] == ["a", "b"]
    assert [row.source for row in await rows(planned, tally)] == ["a", "b"]
    assert {row.target for row in await rows(planned, target_tally)} == {"a", "b"}
    assert told == ["a", "b"]


@pytest.mark.parametrize("error", [ValueError, AttributeError, RuntimeError])
async def test_a_bad_read_fails_alone(planned, error):
    def read(_connection):
        raise error("a mistake in a read")

    with pytest.raises(error):
        await planned.database.read(read)
    assert (await planned.accept(inbound("1"))).effects


async def test_a_caller_who_went_away_harms_nobody(planned):
    impatient = asyncio.ensure_future(planned.accept(inbound("1")))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient

    assert (await planned.accept(inbound("1"))).receipt.duplicate
    assert (await recount(planned))["received"] == 1


async def test_too_many_who_wait_are_told_to_come_back(planned, monkeypatch):
    monkeypatch.setattr(database_module, "MAX_WAITING", 10)

    results = await together(planned, *(planned.accept(inbound(f"{n}")) for n in range(30)))
    refused = [one for one in results if isinstance(one, StoreUnavailableError)]
    assert len(refused) == 20
    assert all(one.retry_after for one in refused)
    assert (await recount(planned))["received"] == 10


async def test_closing_serves_who_waits_and_refuses_who_comes_later(planned):
    waiting = [asyncio.ensure_future(planned.accept(inbound(f"{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    await planned.close()

    assert len({one.receipt.message_id for one in await asyncio.gather(*waiting)}) == 50
    with pytest.raises(TransientError):
        await planned.accept(inbound("late"))


async def test_a_locked_sqlite_file_is_told_to_all_at_once_and_later_goes_on(sqlite_url, monkeypatch):
    monkeypatch.setattr(database_module, "LOCK_PATIENCE", 0.3)
    journal = await _opened(sqlite_url)
    with sqlite.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        results = await asyncio.gather(
            *(journal.accept(inbound(f"{n}")) for n in range(100)), return_exceptions=True
        )
        took = time.monotonic() - began
        other.execute("ROLLBACK")

    assert {type(one) for one in results} == {StoreUnavailableError}
    assert took < 3
    assert (await journal.accept(inbound("1"))).effects
    assert (await recount(journal))["received"] == 1
    await journal.close()


async def rounds_until_done(waiting) -> int:
    """How often the event loop came round, with a pause each time, before somebody was answered."""
    rounds = 0
    while not waiting.done():
        await asyncio.sleep(0.005)
        rounds += 1
    return rounds


async def test_the_event_loop_goes_on_while_somebody_who_takes_no_turns_has_the_file(sqlite_url):
    journal = await _opened(sqlite_url)
    await journal.accept(inbound("before"))  # connected
    with sqlite.connect(
        sqlite_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        accepting = asyncio.ensure_future(journal.accept(inbound("1")))
        asyncio.get_running_loop().call_later(0.3, other.execute, "ROLLBACK")
        rounds = await rounds_until_done(accepting)

    assert rounds > 20
    assert accepting.result().effects
    await journal.close()


async def test_the_event_loop_goes_on_while_another_process_has_its_turn(sqlite_url):
    journal, other = await _opened(sqlite_url), Turns(sqlite_url)
    await journal.accept(inbound("before"))
    other.begin()
    accepting = asyncio.ensure_future(journal.accept(inbound("1")))
    asyncio.get_running_loop().call_later(0.3, other.end)
    rounds = await rounds_until_done(accepting)
    other.close()

    assert rounds > 20
    assert accepting.result().effects
    await journal.close()


async def test_connections_are_made_in_a_thread_as_that_may_take_long(sqlite_url):
    journal = await _opened(sqlite_url)
    threads: list[str] = []
    event.listen(
        journal.database._writing,
        "connect",
        lambda _connection, _record: threads.append(threading.current_thread().name),
    )
    for number in range(3):
        await journal.accept(inbound(f"{number}"))
    journal.database._writing.dispose()  # as after a connection that was lost
    await journal.accept(inbound("4"))

    assert threads == ["journal-writer_0"] * 2
    await journal.close()


async def test_a_full_disk_is_told_and_nothing_is_half_stored(tiny_disk):
    url = f"sqlite:///{tiny_disk}/journal.db"
    _migrated(url)
    journal = await _opened(url)
    await journal.accept(inbound("before"))
    ballast = tiny_disk / "ballast"
    fill(ballast)

    with structlog.testing.capture_logs():
        refused = await asyncio.gather(
            *(journal.accept(inbound(f"{n}", raw=b"x" * 100_000)) for n in range(5)), return_exceptions=True
        )
    assert {type(one) for one in refused} == {StoreUnavailableError}
    assert all(one.retry_after for one in refused)
    assert (await recount(journal))["received"] == 1
    ballast.unlink()
    accepted = await asyncio.gather(*(journal.accept(inbound(f"{n}", raw=b"x" * 100_000)) for n in range(5)))
    assert not any(one.receipt.duplicate for one in accepted)
    assert (await recount(journal))["received"] == 6
    await journal.close()


class FailedDisk(sqlite.OperationalError):
    """What SQLite says when the system says EIO."""

    sqlite_errorcode = 10 | 4 << 8  # SQLITE_IOERR_FSYNC


def failing(connection):
    connection.close()
    raise OperationalError("COMMIT", {}, FailedDisk("disk I/O error"))


async def test_after_a_failed_sync_sqlite_is_not_asked_again(sqlite_url, monkeypatch):
    journal = await _opened(sqlite_url)
    told = []
    journal.database.when_broken = told.append
    await journal.accept(inbound("before"))
    with monkeypatch.context() as patched:
        patched.setattr(journal.database, "_make_durable", failing)
        refused = await asyncio.gather(
            *(journal.accept(inbound(f"{n}")) for n in range(5)), return_exceptions=True
        )
    refused.append(await _outcome(journal.accept(inbound("later"))))

    assert {type(one) for one in refused} == {StoreBrokenError}
    assert told == [journal.database.broken]
    assert (await recount(journal))["received"] == 1
    await journal.close()


async def test_a_time_without_a_journal_is_one_incident_whoever_tells_it(planned, open_journal, plan, clock):
    second = await open_journal(plan, shard="2")
    for journal in (planned, second):
        with structlog.testing.capture_logs(), pytest.MonkeyPatch.context() as patched:
            patched.setattr(journal.database, "_make_durable", away)
            assert type(await _outcome(journal.accept(inbound("1")))) is StoreUnavailableError
            await journal.tell_outages()
        clock.advance(timedelta(seconds=5))
        await journal.accept(inbound("1"))
    for journal in (planned, second, planned):
        await journal.tell_outages()

    (told,) = await rows(planned, incidents)
    assert (told.system, told.closed_at - told.opened_at) == ("journal", 5_000_000)
    assert "look at its disk" in told.what


def away(connection):
    connection.close()
    raise OperationalError("COMMIT", {}, psycopg.OperationalError("the server closed the connection"))


async def test_a_postgresql_that_goes_away_is_told_and_found_again(postgres_server):
    with postgres.fresh_database(postgres_server) as url:
        _migrated(url)
        journal = await _opened(url)
        await journal.accept(inbound("1"))
        await asyncio.to_thread(_disconnect_everybody, url)
        results = [await _outcome(journal.accept(inbound(f"{n}"))) for n in range(2, 5)]
        assert {type(one).__name__ for one in results} <= {"Accepted", "StoreUnavailableError"}
        assert (await journal.accept(inbound("5"))).effects
        await recount(journal)
        await journal.close()


async def test_connections_to_postgresql_that_were_cut_while_nobody_wrote_harm_nobody(postgres_server):
    with postgres.fresh_database(postgres_server) as url:
        _migrated(url)
        journal = await _opened(url)
        await journal.accept(inbound("1"))
        await asyncio.to_thread(_disconnect_everybody, url)
        accepted = await asyncio.gather(*(journal.accept(inbound(f"{n}")) for n in range(2, 5)))
        again = [(await journal.accept(inbound(f"{n}"))).receipt.duplicate for n in range(2, 5)]
        await journal.close()

    assert [type(one).__name__ for one in accepted] == ["Accepted"] * 3
    assert again == [True] * 3


async def test_a_postgresql_that_is_not_there_is_told_at_once():
    journal = await _opened("postgresql+psycopg://nobody@127.0.0.1:9/nothing")
    with pytest.raises(StoreUnavailableError, match="look at its disk and its database"):
        await journal.accept(inbound("1"))
    with pytest.raises(StoreUnavailableError):
        await journal.system_states()
    await journal.close()


def test_the_system_watches_over_connections_to_postgresql(postgres_journal_url):
    engine = open_engine(postgres_journal_url)
    with engine.connect() as connection:
        descriptor = os.dup(connection.connection.dbapi_connection.pgconn.socket)
        with socket.socket(fileno=descriptor) as line:
            assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
    engine.dispose()


def test_a_postgresql_without_synchronous_commit_is_refused(postgres_server):
    with postgres.fresh_database(postgres_server) as url:
        statement = sql.SQL("ALTER DATABASE {} SET synchronous_commit = off")
        with psycopg.connect(postgres.plain(postgres_server), autocommit=True) as connection:
            connection.execute(statement.format(sql.Identifier(url.rpartition("/")[2])))
        engine = open_engine(url)
        with pytest.raises(RuntimeError, match="synchronous_commit=off"):
            engine.connect()
        engine.dispose()


def test_sqlite_commits_are_durable(sqlite_url):
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("synchronous", "journal_mode", "secure_delete")
        }
    engine.dispose()
    assert settings == {"synchronous": 2, "journal_mode": "wal", "secure_delete": 1}


async def test_sqlites_log_does_not_grow_although_no_commit_copies_it(sqlite_url):
    journal = await _opened(sqlite_url)

    def write(tx, sizes):
        rows = [{"owner": "a", "name": new_id(0), "value": "x" * size} for size in sizes]
        tx.connection.execute(checkpoints.insert(), rows)
        return sizes

    def to_copy(connection):
        log = connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(NOOP)")
        _, pages, copied = log.fetchone()
        return pages - copied

    await journal.database.write(write, (database_module.LONGEST_LOG + 100) * 4096)
    await journal.database.write(write, 1)  # its turn comes after the copy
    left = await journal.database.read(to_copy)
    await journal.close()

    assert left < 10


@pytest.mark.parametrize("url", ["sqlite_url", "postgres_journal_url"])
async def test_whoever_is_about_to_ask_comes_along(request, url):
    journal = await _opened(request.getfixturevalue(url))
    commits = journal.database.commits

    async def after(rounds):
        for _ in range(rounds):
            await asyncio.sleep(0)
        await journal.save_checkpoint("a", f"{rounds}", "b")

    await asyncio.gather(*map(after, range(20)))
    together = journal.database.commits - commits
    await journal.close()

    assert together == 1


@pytest.mark.parametrize("url", ["sqlite_url", "postgres_journal_url"])
async def test_nobody_waits_for_company_without_end(request, url):
    journal = await _opened(request.getfixturevalue(url))
    sizes: list[int] = []

    def write(_tx, arguments):
        sizes.append(len(arguments))
        return arguments

    asking = []
    for number in range(3 * database_module.MAX_GROUP):
        asking.append(journal.database.write(write, number))
        await asyncio.sleep(0)
    answers = await asyncio.gather(*asking)
    await journal.close()

    assert answers == list(range(3 * database_module.MAX_GROUP))
    assert sizes[0] == database_module.MAX_GROUP


async def test_on_postgresql_the_writer_goes_by_index_even_while_tables_are_empty(postgres_journal_url):
    journal = await _opened(postgres_journal_url)

    def explained(tx, questions):
        return ["\n".join(tx.connection.execute(text(f"EXPLAIN {one}")).scalars()) for one in questions]

    plans = await asyncio.gather(
        *(
            journal.database.write(explained, question)
            for question in (
                "SELECT id FROM messages WHERE identity = ANY (ARRAY(SELECT json_array_elements_text('[]')))",
                (
                    "UPDATE effects SET owner = new.owner FROM json_to_recordset('[]') AS new(id text, owner text)"
                    " WHERE effects.id = new.id"
                ),
            )
        )
    )
    await journal.close()

    assert all("Index Scan" in plan for plan in plans)
    assert not any(way in plan for plan in plans for way in ("Seq Scan", "Hash Join", "Merge Join"))


def test_a_sqlite_that_may_lose_commits_is_refused(sqlite_url, monkeypatch):
    monkeypatch.setattr(database_module.sqlite, "sqlite_version_info", (3, 40, 1))

    with pytest.raises(RuntimeError, match="may lose commits"):
        open_engine(sqlite_url)


async def test_errors_of_the_database_name_no_values(sqlite_url):
    journal = await _opened(sqlite_url)

    def write(tx, arguments):
        tx.connection.execute(text("INSERT INTO nowhere VALUES (:who)"), {"who": "an.peeters@voorbeeld.be"})
        return arguments

    with structlog.testing.capture_logs() as logs, pytest.raises(StoreUnavailableError) as caught:
        await journal.database.write(write, None)
    assert "peeters" not in f"{caught.value!r} {caught.value.detail} {caught.value.__cause__} {logs}"
    await journal.close()


@pytest.fixture
def tiny_disk(tmp_path):
    with mounted(tmp_path / "tiny", megabytes=3) as folder:
        yield folder


async def _opened(url) -> Journal:
    journal = Journal(url, router=PlannedRoutes(), keys=KEYS, clock=ManualClock(START), shard="1")
    await journal.start()
    return journal


async def _outcome(call):
    try:
        return await call
    except StoreUnavailableError as error:
        return error


def _migrated(url) -> None:
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()


def _disconnect_everybody(url) -> None:
    with psycopg.connect(postgres.plain(url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_database_can_be_closed_before_it_was_started(sqlite_url):
    database = Database(sqlite_url, clock=ManualClock(START), shard="1")
    asyncio.run(database.close())


async def test_where_the_disk_failed_under_one_process_no_other_writes_before_the_log_is_settled(
    sqlite_url, monkeypatch
):
    one, other = await _opened(sqlite_url), await _opened(sqlite_url)
    told = []
    other.database.when_broken = told.append
    with monkeypatch.context() as patched:
        patched.setattr(one.database, "_make_durable", failing)
        await _outcome(one.accept(inbound("fails")))

    assert type(await _outcome(other.accept(inbound("beside")))) is StoreBrokenError
    assert told == [other.database.broken]
    await one.close()
    await other.close()
    third = await _opened(sqlite_url)
    assert type(await _outcome(third.accept(inbound("too early")))) is StoreBrokenError
    await third.close()
    fourth = Journal(sqlite_url, router=PlannedRoutes(), keys=KEYS, clock=ManualClock(START), shard="1")
    await fourth.database.settle_log()
    await fourth.start()
    await fourth.accept(inbound("again"))
    await fourth.close()


def test_a_program_that_ends_while_it_waits_for_its_turn_ends(sqlite_url):
    turns, left = Turns(sqlite_url), []

    async def live():
        turns.begin()  # somebody else's
        database = Database(sqlite_url, clock=ManualClock(START), shard="1")
        await database.start()
        left.append((database, database.write(lambda _tx, names: names, "a")))
        await asyncio.sleep(0.05)

    asyncio.run(live())
    turns.end()
    database, future = left[0]
    database._writer.shutdown(wait=True)

    assert future.cancelled() or not future.done()
    turns.begin()  # it was given back
    turns.close()
    database._turns.close()

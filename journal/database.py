"""The database under the journal, and the group commit that makes a durable answer cheap.

Every write is a function over *many* arguments. While one transaction is being made durable, callers queue
up; the next transaction serves them all with one fsync. A caller is answered only after the commit that
holds its write. When a group fails, each of its members is tried again alone, so that only the guilty fails.

SQLite: one connection, one thread, for reads as well as writes (a reader would only lock the writer out).
PostgreSQL: one writing thread per process, and a small pool for reads.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError, OperationalError

from journal.instants import DAY, born, micros
from journal.schema import tally, target_tally
from ports.clock import Clock
from ports.errors import TransientError
from telemetry.instruments import JOURNAL

log = structlog.get_logger()

A = TypeVar("A")
R = TypeVar("R")

MAX_GROUP = 128
MAX_WAITING = 20_000
LOCK_PATIENCE = 30.0
"""Seconds to wait for another process that holds a SQLite file."""
WAL_SAFE = (3, 51, 3)
"""The first SQLite whose write-ahead log has no reset race; before it, the rollback journal is used."""


class StoreUnavailableError(TransientError):
    """The journal can't store now: disk full, database away, or too many callers waiting."""


@dataclass(slots=True)
class Transaction:
    """One group's transaction. `tallies` gathers count changes, written once at its end."""

    connection: Connection
    now: int
    dialect: str
    tallies: Counter[tuple[int, str, str]] = field(default_factory=Counter[tuple[int, str, str]])
    target_tallies: Counter[tuple[int, str, str]] = field(default_factory=Counter[tuple[int, str, str]])

    def count(self, received_at: int, source: str, state: str, change: int) -> None:
        """One more (or fewer) message of this day and source in this state."""
        self.tallies[received_at // DAY, source, state] += change

    def count_effect(self, effect_id: str, target: str, state: str, change: int) -> None:
        """One more (or fewer) effect towards this target in this state, on the day that it was written down."""
        self.target_tallies[born(effect_id) // DAY, target, state] += change

    def move_effect(self, effect_id: str, target: str, before: str, after: str) -> None:
        """An effect went from one state of the balance to another."""
        self.count_effect(effect_id, target, before, -1)
        self.count_effect(effect_id, target, after, 1)

    def lock(self, names: Sequence[str]) -> None:
        """Keep other processes from deciding about the same names until this transaction ends.

        Sorted, so that two groups never wait for each other. SQLite has one writer: nothing to do.
        """
        if self.dialect != "postgresql" or not names:
            return
        keys = sorted({int(name[:15], 16) for name in names})
        self.connection.execute(
            text("SELECT pg_advisory_xact_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k"), {"keys": keys}
        )

    def insert_ignoring(self, table: Any) -> Any:
        """An INSERT that leaves rows that are there already alone."""
        insert = postgresql_insert if self.dialect == "postgresql" else sqlite_insert
        return insert(table).on_conflict_do_nothing()

    def upsert(self, table: Any) -> Any:
        """An INSERT of this dialect, to be completed with `on_conflict_do_update`."""
        return (postgresql_insert if self.dialect == "postgresql" else sqlite_insert)(table)


class WriteMany(Protocol[A, R]):
    """A write over many arguments; a result (or the exception meant for that caller) for each."""

    def __call__(self, tx: Transaction, arguments: list[A], /) -> "list[R | BaseException]": ...


@dataclass(slots=True)
class _Waiting(Generic[A, R]):
    """One caller and what it waits for; `write` is None for a read."""

    write: WriteMany[A, R] | None
    read: Callable[[Connection], R] | None
    argument: A
    future: "asyncio.Future[R]"


class Database:
    """Writes in groups, reads beside them. Start before use; `close` finishes what was asked for."""

    def __init__(self, url: str, *, clock: Clock, shard: str, readers: int = 3) -> None:
        self.engine = open_engine(url)
        self._clock = clock
        self._shard = shard
        self._queue: queue.SimpleQueue[_Waiting[Any, Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool = ThreadPoolExecutor(readers, "journal-reader") if self.dialect == "postgresql" else None
        self._closed = False
        self.commits = 0

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    async def start(self) -> None:
        """Begin to serve; call once, in the event loop that will use it."""
        self._loop = asyncio.get_running_loop()
        JOURNAL.queue_length = self._queue.qsize
        self._thread.start()

    async def close(self) -> None:
        """Serve what is waiting, then let go."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        if self._pool:
            self._pool.shutdown()
        self.engine.dispose()

    def write(self, many: WriteMany[A, R], argument: A) -> "asyncio.Future[R]":
        """Run `many` for this argument, together with whoever else asks for the same; done = durable.

        The future fails with `StoreUnavailableError` when nothing could be stored.
        """
        return self._enqueue(_Waiting(many, None, argument, self._future()))

    async def read(self, fn: Callable[[Connection], R]) -> R:
        """Run `fn` on committed data. Keep it short: on SQLite it holds up the writer."""
        if self._pool:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, fn)
        return await self._enqueue(_Waiting(None, fn, None, self._future()))

    def _future(self) -> "asyncio.Future[Any]":
        return asyncio.get_running_loop().create_future()

    def _enqueue(self, waiting: "_Waiting[Any, R]") -> "asyncio.Future[R]":
        if self._closed or self._queue.qsize() >= MAX_WAITING:
            raise StoreUnavailableError("the journal takes nothing more now", retry_after=2)
        self._queue.put(waiting)
        return waiting.future

    def _read(self, fn: Callable[[Connection], R]) -> R:
        try:
            with self.engine.connect() as connection:
                return fn(connection)
        except OperationalError as error:
            raise _unavailable(error) from error

    def _run(self) -> None:
        going_on = True
        while going_on:
            group = [self._queue.get()]
            while len(group) < MAX_GROUP and not self._queue.empty():
                group.append(self._queue.get())
            going_on = None not in group
            waiting = [one for one in group if one is not None]
            self._serve_writes([one for one in waiting if one.write])
            self._serve_reads([one for one in waiting if one.read])

    def _serve_reads(self, group: list[_Waiting[Any, Any]]) -> None:
        self._answer([(one, _attempt(self._read, one.read)) for one in group])

    def _serve_writes(self, group: list[_Waiting[Any, Any]]) -> None:
        if not group:
            return
        try:
            self._answer(self._commit(group))
        except StoreUnavailableError as error:  # no transaction could even begin: that is nobody's fault
            self._answer([(one, error) for one in group])
        except Exception as error:  # noqa: BLE001 - this thread serves everybody: each member is tried alone
            log.warning("journal.group_failed", size=len(group), error=type(error).__name__)
            self._answer([self._alone(one) for one in group])

    def _alone(self, one: _Waiting[Any, Any]) -> tuple[_Waiting[Any, Any], Any]:
        try:
            return self._commit([one])[0]
        except StoreUnavailableError as error:
            return one, error
        except OperationalError as error:
            return one, _unavailable(error)
        except Exception as error:  # ... and the guilty one gets its own error
            log.exception("journal.write_failed", write=getattr(one.write, "__name__", "?"))
            return one, error

    def _commit(self, group: list[_Waiting[Any, Any]]) -> list[tuple[_Waiting[Any, Any], Any]]:
        by_write: dict[WriteMany[Any, Any], list[_Waiting[Any, Any]]] = {}
        for one in group:
            if one.write:
                by_write.setdefault(one.write, []).append(one)
        results: list[tuple[_Waiting[Any, Any], Any]] = []
        begun = time.perf_counter()
        with self._begun() as connection:
            tx = Transaction(connection, micros(self._clock.now()), self.dialect)
            for write, callers in by_write.items():
                results += zip(callers, write(tx, [one.argument for one in callers]), strict=True)
            self._write_tallies(tx)
        self.commits += 1
        JOURNAL.committed(len(group), time.perf_counter() - begun)
        return results

    @contextmanager
    def _begun(self) -> Generator[Connection]:
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(self.engine.connect())
                stack.enter_context(connection.begin())
            except OperationalError as error:
                raise _unavailable(error) from error
            yield connection

    def _write_tallies(self, tx: Transaction) -> None:
        for table, name, tallies in (
            (tally, "source", tx.tallies),
            (target_tally, "target", tx.target_tallies),
        ):
            rows = [
                {"day": day, name: whose, "state": state, "shard": self._shard, "count": change}
                for (day, whose, state), change in sorted(tallies.items())
                if change
            ]
            if rows:
                insert = tx.upsert(table)
                add = insert.on_conflict_do_update(
                    index_elements=["day", name, "state", "shard"],
                    set_={"count": table.c.count + insert.excluded.count},
                )
                tx.connection.execute(add, rows)

    def _answer(self, results: "list[tuple[_Waiting[Any, Any], Any]]") -> None:
        if results and self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, results)


def open_engine(url: str) -> Engine:
    """An engine with the settings that make a commit durable; refuses a database that is set up otherwise."""
    if url.startswith("sqlite"):
        engine = create_engine(
            url,
            hide_parameters=True,
            connect_args={"check_same_thread": False, "timeout": LOCK_PATIENCE},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    engine = create_engine(
        url, hide_parameters=True, pool_pre_ping=True, pool_size=6, connect_args={"connect_timeout": 5}
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    mode = "WAL" if sqlite3.sqlite_version_info >= WAL_SAFE else "TRUNCATE"
    got = connection.execute(f"PRAGMA journal_mode={mode}").fetchone()[0]
    if got not in (mode.lower(), "memory"):
        raise RuntimeError(f"SQLite refuses journal mode {mode} (got {got}): is the file on a network disk?")
    for pragma in ("synchronous=FULL", "secure_delete=ON", "cache_size=-65536", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            value = cursor.execute(f"SHOW {setting}").fetchone()[0]
            if value == "off":
                raise RuntimeError(f"PostgreSQL runs with {setting}=off: an answer would not be durable")
    connection.commit()


def _attempt(read: Callable[[Any], Any], fn: object) -> Any:
    try:
        return read(fn)
    except Exception as error:  # noqa: BLE001 - the reader gets its own error; the thread goes on
        return error


def _resolve(results: "list[tuple[_Waiting[Any, Any], Any]]") -> None:
    for waiting, result in results:
        if waiting.future.done():
            continue
        if isinstance(result, BaseException):
            waiting.future.set_exception(result)
        else:
            waiting.future.set_result(result)


def _unavailable(error: DBAPIError) -> StoreUnavailableError:
    return StoreUnavailableError(
        "the journal can't store now: look at its disk and its database",
        detail=str(error.orig),
        retry_after=5,
    )

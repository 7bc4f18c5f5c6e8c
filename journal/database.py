"""The database under the journal, and the group commit that makes a durable answer cheap.

Every write is a function over *many* arguments. While one transaction is being made durable, callers queue
up; the next transaction serves them all with one fsync. A caller is answered only after the commit that
holds its write. When a group fails, each of its members is tried again alone, so that only the guilty fails.

Whatever waits has a thread of its own: a transaction of PostgreSQL for another machine, one of SQLite for its turn (`journal/turns.py`), where it
must wait for that, and for the disk (`journal/log_file.py`). SQLite's statements run in the event loop, as its driver would only wrestle with it for
Python's lock. Reads have a few threads of their own.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import psycopg
import structlog
from msgspec import Struct
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from journal.drivers import driver
from journal.instants import DAY, born, micros
from journal.log_file import LogFile
from journal.rows import PutRows, write_together
from journal.schema import tally, target_tally
from journal.sqlite import SqliteError, SqliteRefused, sqlite
from journal.turns import Turns
from ports.clock import Clock
from ports.errors import TransientError
from telemetry.instruments import JOURNAL

_REFUSED: tuple[type[Exception], ...] = (OperationalError, psycopg.OperationalError, SqliteRefused)
"""The database can't, as SQLAlchemy says it, or its own driver: the busiest path asks that directly."""
log = structlog.get_logger()

A = TypeVar("A")
R = TypeVar("R")

MAX_GROUP = 128
MAX_WAITING = 20_000
QUIET_ROUNDS = 4
"""Of the event loop, without a newcomer, before a group leaves. Its thread would only take Python's lock from those who are about to join."""
LOCK_PATIENCE = 30.0
"""Seconds to wait for another process that holds a SQLite file."""
LONGEST_LOG = 1000
"""Pages of SQLite's write-ahead log that wait to be copied into its file, at most."""
STALLED_AFTER = 5.0
"""Seconds that a database may take before newcomers are sent away: waiting for it would fill the memory."""
DEADLOCKS = 5
"""How often a write is begun again that PostgreSQL ended because two processes waited for each other."""
WAL_SAFE = (3, 51, 3)
"""The first SQLite whose write-ahead log has no reset race: older ones may lose commits."""


class StoreUnavailableError(TransientError):
    """The journal can't store now: disk full, database away, or too many callers waiting."""


class StoreBrokenError(StoreUnavailableError):
    """The disk under SQLite failed: this process stores nothing more, a new one must begin from what is on the disk.

    After an fsync that failed, Linux calls the pages clean that were never written, so the next fsync succeeds and means
    nothing ("fsyncgate", https://wiki.postgresql.org/wiki/Fsync_Errors). PostgreSQL ends by itself then, for the same reason.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time without a journal, in microseconds since 1970; `ended` 0: it goes on."""

    began: int
    ended: int = 0
    what: str


@dataclass(slots=True)
class Block:
    """Case numbers of a year that are this process's to give out: from `next` up to `end`, not included."""

    year: int = 0
    next: int = 0
    end: int = 0


@dataclass(slots=True)
class Transaction:
    """One group's transaction. `tallies` gathers count changes, written once at its end.

    What is in `afterwards` is called once it is durable; it may not raise.
    """

    connection: Connection
    now: int
    dialect: str
    tallies: Counter[tuple[int, str, str]] = field(default_factory=Counter[tuple[int, str, str]])
    target_tallies: Counter[tuple[int, str, str]] = field(default_factory=Counter[tuple[int, str, str]])
    afterwards: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    numbers: Block | None = None

    def count(self, received_at: int, source: str, state: str, change: int) -> None:
        """One more (or fewer) message of this day and source in this state."""
        self.tallies[received_at // DAY, source, state] += change

    def count_new_effect(self, target: str) -> None:
        """One more effect towards this target, written down now; it waits."""
        day = self.now // DAY
        self.target_tallies[day, target, "written"] += 1
        self.target_tallies[day, target, "waiting"] += 1

    def move_effect(self, effect_id: str, target: str, before: str, after: str) -> None:
        """An effect went from one state of the balance to another: it counts on the day that it was written down."""
        day = born(effect_id) // DAY
        self.target_tallies[day, target, before] -= 1
        self.target_tallies[day, target, after] += 1

    @contextmanager
    def part(self) -> Generator[None]:
        """A part that leaves nothing behind when it fails, counts included, while the rest goes on."""
        before = self.tallies.copy(), self.target_tallies.copy(), len(self.afterwards)
        numbers, following = self.numbers, self.numbers.next if self.numbers else 0
        try:
            with self.connection.begin_nested():
                yield
        except BaseException:
            self.tallies, self.target_tallies = before[:2]
            del self.afterwards[before[2] :]
            self.numbers = numbers  # a block that it took was given back with it
            if numbers:
                numbers.next = following
            raise

    def lock(self, names: Sequence[str]) -> None:
        """Keep other processes from deciding about the same names until this transaction ends.

        Sorted, so that two groups never wait for each other. SQLite has one writer: nothing to do.
        """
        if self.dialect != "postgresql" or not names:
            return
        keys = sorted({int(name[:15], 16) for name in names})
        driver(self.connection).execute(_LOCK, (",".join(map(str, keys)),))

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


class _Waiting(Struct, Generic[A, R]):
    """One caller of a write, and what it waits for."""

    write: WriteMany[A, R]
    argument: A
    future: "asyncio.Future[R]"


Answer: TypeAlias = "tuple[_Waiting[Any, Any], Any]"


class Database:
    """Writes in groups, reads beside them. Start before use; `close` finishes what was asked for."""

    def __init__(self, url: str, *, clock: Clock, shard: str, readers: int = 3) -> None:
        self.engine = open_engine(url)
        # Always the same connection, so its statements stay warm; a group that finds it lost is tried again on a new one.
        self._writing = open_engine(url, connections=1, pre_ping=False)
        event.listen(self._writing, "connect", _by_index if self.dialect == "postgresql" else _for_the_writer)
        self._turns = Turns(url)
        self._log_file = LogFile(url)
        self._clock = clock
        self._shard = shard
        self._waiting: deque[_Waiting[Any, Any]] = deque()
        self._somebody = asyncio.Event()
        self._writer = ThreadPoolExecutor(1, "journal-writer")
        self._readers = ThreadPoolExecutor(readers, "journal-reader")
        self._serving: asyncio.Task[None] | None = None
        self._log_is_long = False
        self._closed = False
        self._busy_since = 0.0
        self._outage: Outage | None = None
        self.broken: StoreBrokenError | None = None
        self.when_broken: Callable[[StoreBrokenError], None] = log_broken
        self.commits = 0
        self._afterwards: list[Callable[[], None]] = []

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    async def settle_log(self) -> None:
        """Write SQLite's write-ahead log into its file and begin a new one: what an earlier life could not sync may
        lie in the log as if it had been written. `StoreUnavailableError` when the disk refuses; call before `start`.
        """
        if self.dialect == "sqlite":
            await self._in_thread(self._settle_log)

    def _settle_log(self) -> None:
        self._turns.begin()
        try:
            with self.engine.connect() as connection:
                in_the_way, _, _ = _checkpoint(connection, "TRUNCATE")
            if not in_the_way:
                self._turns.settled()
        except (DBAPIError, SqliteError) as error:
            raise self._noted(error) from error
        finally:
            self._turns.end()

    async def start(self) -> None:
        """Begin to serve, in the event loop that will use it; may be repeated."""
        if self._serving:
            return
        JOURNAL.queue_length = self._waiting.__len__
        self._loop = asyncio.get_running_loop()
        self._serving = asyncio.create_task(self._serve(), name="journal-writer")

    async def close(self) -> None:
        """Serve what is waiting, then let go."""
        if self._closed:
            return
        self._closed = True
        self._somebody.set()
        if self._serving:
            await self._serving
        self._writer.shutdown()
        self._readers.shutdown()
        self._writing.dispose()
        self.engine.dispose()
        self._turns.close()
        self._log_file.close()

    def write(self, many: WriteMany[A, R], argument: A) -> "asyncio.Future[R]":
        """Run `many` for this argument, together with whoever else asks for the same; done = durable.

        `many` must be quick: on SQLite the event loop waits for it. The future fails with
        `StoreUnavailableError` when nothing could be stored.
        """
        if self.broken:
            raise self.broken
        if self._closed or len(self._waiting) >= MAX_WAITING or self._is_stalled():
            raise StoreUnavailableError("the journal takes nothing more now", retry_after=2)
        future: asyncio.Future[R] = self._loop.create_future()
        if not self._waiting:
            self._somebody.set()
        self._waiting.append(_Waiting(many, argument, future))
        return future

    async def read(self, fn: Callable[[Connection], R]) -> R:
        """Run `fn` on committed data, in a thread of its own. `StoreUnavailableError` when the database is away."""
        if self._closed:
            raise StoreUnavailableError("the journal is closed", retry_after=5)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, fn)

    def _is_stalled(self) -> bool:
        since = self._busy_since
        return since > 0 and time.monotonic() - since > STALLED_AFTER

    async def scrub(self) -> None:
        """Let what was overwritten leave SQLite's write-ahead log too; elsewhere there is nothing to do."""
        if self.dialect != "sqlite":
            return
        try:
            await self.read(_empty_log)
        except SqliteError as error:
            raise self._noted(error) from error

    def past_outage(self) -> Outage | None:
        """A time without a journal that is over; told once."""
        outage = self._outage
        if outage is None or not outage.ended:
            return None
        self._outage = None
        return outage

    def _read(self, fn: Callable[[Connection], R]) -> R:
        try:
            with self.engine.connect().execution_options(reading=True) as connection:
                return fn(connection)
        except _REFUSED as error:
            raise _unavailable(error) from error

    async def _serve(self) -> None:
        while self._waiting or not self._closed:
            if not self._waiting:
                self._somebody.clear()
                await self._somebody.wait()
                continue
            if not self.broken:
                _answer(await self._outcome(self._waiting))
            if self.broken:
                _answer([(one, self.broken) for one in self._waiting])
                self._waiting.clear()
            elif self._log_is_long:
                await self._in_thread(self._copy_log)

    async def _outcome(self, waiting: deque[_Waiting[Any, Any]]) -> list[Answer]:
        """One transaction for all who wait when it begins; each of them alone when it fails."""
        group: list[_Waiting[Any, Any]] = []
        try:
            return await self._transaction(waiting, group)
        except StoreUnavailableError as error:  # no transaction could even begin: that is nobody's fault
            told = self._noted(error)
            return [(one, told) for one in group or _taken(waiting)]
        except Exception as error:  # noqa: BLE001 - this task serves everybody: each member is tried alone
            if _is_disk_failure(error):
                told = self._noted(error)
                return [(one, told) for one in group]
            log.warning("journal.group_failed", size=len(group), error=type(error).__name__)
            return [await self._alone(one) for one in group]

    async def _alone(self, one: _Waiting[Any, Any]) -> Answer:
        for others in reversed(range(DEADLOCKS)):
            try:
                return (await self._transaction(deque([one]), []))[0]
            except StoreUnavailableError as error:
                return one, self._noted(error)
            except _REFUSED as error:
                if not (others and _is_deadlock(error)):
                    return one, self._noted(error)
            except Exception as error:  # ... and the guilty one gets its own error
                log.exception("journal.write_failed", write=getattr(one.write, "__name__", "?"))
                return one, error
        raise AssertionError("the last time there is always an answer")

    async def _transaction(
        self, waiting: deque[_Waiting[Any, Any]], group: list[_Waiting[Any, Any]]
    ) -> list[Answer]:
        """Serve who waits once it has begun; `group` tells who that is."""
        await _gathered(waiting)
        begun = time.perf_counter()
        if self.dialect == "sqlite":
            results = await self._in_our_turn(waiting, group)
        else:
            results = await self._in_thread(lambda: self._elsewhere(waiting, group))
        for call in self._afterwards:
            call()
        self._committed(group, begun)
        return results

    def _elsewhere(self, waiting: deque[_Waiting[Any, Any]], group: list[_Waiting[Any, Any]]) -> list[Answer]:
        """A transaction of PostgreSQL, in its thread."""
        with self._begun() as connection:
            results = self._apply(connection, waiting, group)
            self._make_durable(connection)
        return results

    async def _in_our_turn(
        self, waiting: deque[_Waiting[Any, Any]], group: list[_Waiting[Any, Any]]
    ) -> list[Answer]:
        """A transaction of SQLite, in the event loop but for what waits."""
        if not self._turns.begin_at_once():
            await self._in_thread(self._wait_for_turn)
        try:
            with await self._begun_soon() as connection:
                results = self._apply(connection, waiting, group)
                await self._in_thread(lambda: self._make_durable(connection))
                self._log_is_long = _pages_to_copy(connection) > LONGEST_LOG
        finally:
            self._turns.end()
        return results

    def _wait_for_turn(self) -> None:
        self._turns.begin()
        if self._loop.is_closed():  # nobody waits for it any more
            self._turns.end()

    async def _begun_soon(self) -> Connection:
        """In the event loop as a rule; not what may take long: a new connection, and a file that somebody locks who takes no turns."""
        if self._is_connected():
            try:
                return self._begun()
            except StoreUnavailableError as error:
                if not _is_locked(error):
                    raise
        return await self._in_thread(lambda: _patiently(self._begun))

    def _is_connected(self) -> bool:
        pool = self._writing.pool
        return isinstance(pool, QueuePool) and pool.checkedin() > 0

    def _committed(self, group: list[_Waiting[Any, Any]], begun: float) -> None:
        self.commits += 1
        JOURNAL.committed(len(group), time.perf_counter() - begun)
        if self._outage and not self._outage.ended:
            self._outage = replace(self._outage, ended=micros(self._clock.now()))

    def _noted(self, error: Exception) -> StoreUnavailableError:
        """What callers are told about a database that could not store; the beginning of an outage is remembered."""
        told = error if isinstance(error, StoreUnavailableError) else _unavailable(error)
        if self._outage is None or self._outage.ended:
            self._outage = Outage(began=micros(self._clock.now()), what=told.what)
        if _is_disk_failure(error) and not self.broken:
            self._turns.warn()
            self.broken = _broken(told.detail)
            self.when_broken(self.broken)
        return self.broken or told

    def _make_durable(self, connection: Connection) -> None:
        connection.commit()
        self._turns.end()
        self._sync()

    def _sync(self) -> None:
        """On SQLite a commit is durable only now; others may write meanwhile, and what they commit stands behind it."""
        try:
            self._log_file.sync()
        except OSError as error:
            raise _broken(str(error)) from error

    def _copy_log(self) -> None:
        """Copy SQLite's write-ahead log into its file, once those who waited for the commit have their answer."""
        self._log_is_long = False
        try:
            with self._writing.connect() as connection:
                _checkpoint(connection, "PASSIVE")
        except (DBAPIError, SqliteError) as error:  # what is committed stays so; tried again after the next
            log.warning("journal.log_not_copied", error=type(error).__name__)
            if _is_disk_failure(error):
                self._noted(error)

    def _begun(self) -> Connection:
        if self._turns.broken:
            raise _broken("another process noticed it")
        try:
            connection = self._writing.connect()
        except OperationalError as error:
            raise _unavailable(error) from error
        try:
            connection.begin()
        except OperationalError as error:
            connection.close()
            raise _unavailable(error) from error
        return connection

    def _apply(
        self,
        connection: Connection,
        waiting: deque[_Waiting[Any, Any]],
        group: list[_Waiting[Any, Any]],
    ) -> list[Answer]:
        group += _taken(waiting)  # whoever came while it began, comes along
        by_write: dict[WriteMany[Any, Any], list[_Waiting[Any, Any]]] = {}
        for one in group:
            by_write.setdefault(one.write, []).append(one)
        results: list[Answer] = []
        tx = Transaction(connection, micros(self._clock.now()), self.dialect)
        for write, callers in by_write.items():
            results += zip(callers, write(tx, [one.argument for one in callers]), strict=True)
        self._write_tallies(tx)
        self._afterwards = tx.afterwards
        return results

    async def _in_thread(self, work: Callable[[], R]) -> R:
        """What waits for the disk or for another machine, while the event loop goes on."""
        self._busy_since = time.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, work)
        finally:
            self._busy_since = 0.0

    def _write_tallies(self, tx: Transaction) -> None:
        write_together(
            tx.connection,
            (
                (_TALLIES, self._tally_rows("source", tx.tallies)),
                (_TARGET_TALLIES, self._tally_rows("target", tx.target_tallies)),
            ),
        )

    def _tally_rows(self, name: str, tallies: Counter[tuple[int, str, str]]) -> list[dict[str, Any]]:
        return [
            {"day": day, name: whose, "state": state, "shard": self._shard, "count": change}
            for (day, whose, state), change in sorted(tallies.items())
            if change
        ]


_LOCK = "SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(string_to_array($1, ',') AS bigint[])) AS key"
_TALLIES = PutRows(tally, ("day", "source", "state", "shard"), added=("count",))
_TARGET_TALLIES = PutRows(target_tally, ("day", "target", "state", "shard"), added=("count",))


async def _gathered(waiting: deque[_Waiting[Any, Any]]) -> None:
    """Let the event loop first finish what brings more company: until nobody came for a few of its rounds."""
    rounds, before = 0, len(waiting)
    while rounds < QUIET_ROUNDS and before < MAX_GROUP:
        await asyncio.sleep(0)
        rounds = rounds + 1 if len(waiting) == before else 0
        before = len(waiting)


def _taken(waiting: deque[_Waiting[Any, Any]]) -> list[_Waiting[Any, Any]]:
    """The next group."""
    return [waiting.popleft() for _ in range(min(MAX_GROUP, len(waiting)))]


def open_engine(url: str, *, connections: int = 5, pre_ping: bool = True) -> Engine:
    """An engine with the settings that make a commit durable; refuses a database that is set up otherwise.

    `pre_ping`: PostgreSQL is asked for a sign of life each time that a connection is taken from the pool.
    """
    if url.startswith("sqlite"):
        if sqlite.sqlite_version_info < WAL_SAFE:
            raise RuntimeError(
                "this SQLite may lose commits: install a pysqlite3 that brings SQLite 3.51.3 or newer"
            )
        engine = create_engine(
            url,
            module=sqlite,
            pool_size=connections,
            hide_parameters=True,
            connect_args={"check_same_thread": False, "timeout": LOCK_PATIENCE},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin)
        return engine
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=pre_ping,
        pool_size=connections,
        connect_args={"connect_timeout": 5, **_VANISHED},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


_VANISHED: Final = {
    "keepalives_idle": 10,  # seconds
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,  # milliseconds
}
"""After half a minute without a sign of life from its machine a connection to PostgreSQL is lost: libpq's parameters."""


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    got = _with_log(connection)
    if got not in ("wal", "memory"):
        raise RuntimeError(f"SQLite refuses a write-ahead log (got {got}): is the file on a network disk?")
    for pragma in (
        "synchronous=FULL",
        f"wal_autocheckpoint={10 * LONGEST_LOG}",  # within a commit: only for those who don't do it after theirs
        "secure_delete=ON",
        "cache_size=-65536",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _with_log(connection: Any) -> str:
    """Turn the write-ahead log on. SQLite does not wait by itself for another process that does so at this moment."""
    return _patiently(lambda: str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]))


def _patiently(work: Callable[[], R]) -> R:
    """Again and again, while somebody else has the SQLite file locked."""
    trying = Retrying(
        retry=retry_if_exception(_is_locked),
        wait=wait_fixed(0.01),
        stop=stop_after_delay(LOCK_PATIENCE),
        reraise=True,
    )
    return trying(work)


def _begin(connection: Connection) -> None:
    """Writers line up when they begin; readers see what is committed and hinder nobody."""
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _empty_log(connection: Connection) -> None:
    _checkpoint(connection, "TRUNCATE")


def _pages_to_copy(connection: Connection) -> int:
    try:
        _, pages, copied = _checkpoint(connection, "NOOP")
    except SqliteError:
        return 0  # the commit was made, that is what counts here; the next one looks again
    return pages - copied


def _checkpoint(connection: Connection, mode: str) -> tuple[int, int, int]:
    """Outside a transaction, or SQLite refuses: whether somebody was in the way, pages in the log, pages copied.

    Without a write-ahead log it does nothing, and both numbers are -1.
    """
    driver: Any = connection.connection.driver_connection
    busy, pages, copied = driver.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    return busy, pages, copied


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            value = cursor.execute(f"SHOW {setting}").fetchone()[0]
            if value == "off":
                raise RuntimeError(f"PostgreSQL runs with {setting}=off: an answer would not be durable")
    connection.commit()


def _for_the_writer(connection: Any, _record: object) -> None:
    """A commit leaves the log to be synced by `LogFile`; SQLite still syncs what must be before it copies the log or begins it anew.

    A lock is told at once: the event loop must not wait for it.
    """
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA busy_timeout=0")


def _by_index(connection: Any, _record: object) -> None:
    """Writes find their rows by an index, one by one: a plan made while a table was nearly empty would read it whole."""
    with connection.cursor() as cursor:
        for way in ("seqscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET enable_{way} = off")
    connection.commit()


def _answer(results: list[Answer]) -> None:
    for waiting, result in results:
        if waiting.future.done():
            continue
        if isinstance(result, BaseException):
            waiting.future.set_exception(result)
        else:
            waiting.future.set_result(result)


def _is_deadlock(error: Exception) -> bool:
    return getattr(getattr(error, "orig", error), "sqlstate", None) == "40P01"


def _is_disk_failure(error: BaseException) -> bool:
    """SQLite could not read, write or sync a file (`SQLITE_IOERR`), here or elsewhere; a full disk is none of these."""
    return isinstance(error, StoreBrokenError) or _sqlite_code(error) == _IOERR


def _is_locked(error: BaseException) -> bool:
    """Somebody else has the file of SQLite (`SQLITE_BUSY`)."""
    return _sqlite_code(error) == _BUSY


def _sqlite_code(error: BaseException) -> int:
    """What SQLite answered, without the bits that say at what; 0: it was not SQLite. See https://sqlite.org/rescode.html."""
    cause = error.__cause__ if isinstance(error, StoreUnavailableError) else error
    return getattr(getattr(cause, "orig", cause), "sqlite_errorcode", 0) & 0xFF


_BUSY: Final = 5
_IOERR: Final = 10


def _broken(detail: str) -> StoreBrokenError:
    return StoreBrokenError(
        "the disk under the journal failed: look at it before you trust it again",
        detail=detail,
        retry_after=30,
    )


def log_broken(error: StoreBrokenError) -> None:
    """All that can be done about a broken disk by a process that is not a hub."""
    log.error("journal.disk_failed", reason=error.what, detail=error.detail)


def _unavailable(error: Exception) -> StoreUnavailableError:
    return StoreUnavailableError(
        "the journal can't store now: look at its disk and its database",
        detail=str(getattr(error, "orig", error)),
        retry_after=5,
    )

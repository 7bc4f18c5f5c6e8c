"""A journal that has been at work for a month: copies of one contact that the hub itself has dealt with.

Every row of that contact is copied table by table, under ids, times, numbers and hashes of its own, and sealed
anew with a key of its own. A city's journal is not all alike, so what came of the copies differs (`Fate`): most
older cases are closed, some came by telephone, a school writes a hundredth of them, some wait for a person.
No hub may run meanwhile: indexes are taken off and laid again, as that is many times quicker.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, select, text, update

from journal.crypto import DataKey, Keyring
from journal.instants import DAY, new_id
from journal.schema import (
    attempts,
    bodies,
    case_history,
    cases,
    data_keys,
    effects,
    messages,
    numbers,
    references,
    standings,
    tally,
    target_tally,
    timers,
    work_items,
)
from tests.bench.fates import MONTH, WEEK, Fate, found_as

Row = dict[str, Any]
Rows = dict[str, list[Row]]
COPIED = (messages, data_keys, cases, case_history, references, timers, effects, attempts, bodies)
TABLES = (*COPIED, standings, work_items)
BATCH = 5_000
HOURS = DAY // 24
SHARD = "seed"


def seed(engine: Engine, keyring: Keyring, count: int, now: int, tell: Callable[[str], None]) -> None:
    """Add `count` contacts, the oldest a month before `now` (microseconds); case numbers follow each other."""
    with engine.connect() as connection:
        model = Model(connection, keyring, now)
    filling = _Filling(engine)
    filling.take_indexes_off()
    started = time.perf_counter()
    for start in range(0, count, BATCH):
        filling.write([model.copy(number, count) for number in range(start, min(start + BATCH, count))])
        done = min(start + BATCH, count)
        if done % (20 * BATCH) == 0:
            tell(f"{done} of {count} in {time.perf_counter() - started:.0f} s")
    filling.lay_indexes(model.number + count + 1)
    tell(f"{count} stored, with their indexes, in {time.perf_counter() - started:.0f} s")


class _Filling:
    """One connection that writes fast and durably only at its end; the totals of the balance are kept along."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sheet: Counter[tuple[int, str, str]] = Counter()
        self._target_sheet: Counter[tuple[int, str, str]] = Counter()

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def take_indexes_off(self) -> None:
        with self._engine.begin() as connection:
            for table in TABLES:
                for index in table.indexes:
                    index.drop(connection)

    def write(self, copies: Sequence[Rows]) -> None:
        with self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            self._hurry(driver)
            for table in TABLES:
                rows = [row for copy in copies for row in copy.get(table.name, ())]
                if rows:
                    self._insert(driver, table, rows)
            driver.commit()
        self._count(copies)

    def _hurry(self, driver: Any) -> None:
        if self._is_sqlite:
            driver.execute("PRAGMA synchronous=OFF")
            driver.execute("BEGIN IMMEDIATE")
        else:
            driver.execute("SET synchronous_commit = off")

    def _insert(self, driver: Any, table: Table, rows: list[Row]) -> None:
        columns = tuple(rows[0])
        values = map(itemgetter(*columns), rows)
        names = ", ".join(f'"{name}"' for name in columns)
        if self._is_sqlite:
            marks = ", ".join("?" * len(columns))
            driver.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', list(values))  # noqa: S608
            return
        with driver.cursor().copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            for row in values:
                copy.write_row(row)

    def _count(self, copies: Sequence[Rows]) -> None:
        for copy in copies:
            (message,) = copy["messages"]
            day = message["received_at"] // DAY
            self._sheet.update((day, message["source"], state) for state in ("received", message["state"]))
            for effect in copy["effects"]:
                self._target_sheet.update(
                    (day, effect["target"], state) for state in ("written", effect["state"])
                )

    def lay_indexes(self, next_number: int) -> None:
        """Indexes again, totals and the next case number; what a database does by itself within an hour is done now."""
        with self._engine.begin() as connection:
            for table in TABLES:
                for index in table.indexes:
                    index.create(connection)
            connection.execute(update(numbers).values(next=next_number))
            _put_totals(connection, tally, "source", self._sheet)
            _put_totals(connection, target_tally, "target", self._target_sheet)
        if self._is_sqlite:
            self._engine.dispose()  # the last connection that closes copies the log into the file
            return
        with create_engine(self._engine.url, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("VACUUM (ANALYZE)"))
            connection.execute(text("CHECKPOINT"))


def _put_totals(
    connection: Connection, table: Table, name: str, counts: Counter[tuple[int, str, str]]
) -> None:
    connection.execute(
        table.insert(),
        [
            {"day": day, name: whose, "state": state, "shard": SHARD, "count": number}
            for (day, whose, state), number in counts.items()
        ],
    )


class Model:
    """The one contact of this journal, with all its rows."""

    def __init__(self, connection: Connection, keyring: Keyring, now: int) -> None:
        self._keyring = keyring
        self._now = now
        self._rows = {table.name: _all(connection, table) for table in COPIED}
        (message,) = self._rows["messages"]
        self._id, self._ref, self._at = message["id"], message["case_ref"], message["received_at"]
        self._prefix, _, digits = self._ref.rpartition("-")
        self.number = int(digits)
        (key,) = self._rows["data_keys"]
        self._key = keyring.unwrap(self._id, key["wrapped"])
        names = {self._id, self._ref, *(row["id"] for row in self._rows["effects"])}
        self._moulds = {
            name: [_Mould(row, names, self._ref, self._at) for row in rows]
            for name, rows in self._rows.items()
        }
        self._words = [
            (table, number, column, self._key.open(row[id_], column, row[column]))
            for table, id_, columns in (
                ("bodies", "owner", ("raw", "canonical")),
                ("cases", "ref", ("card",)),
            )
            for number, row in enumerate(self._rows[table])
            for column in columns
            if row[column] is not None
        ]

    def copy(self, number: int, count: int) -> Rows:
        """Its rows as another contact's: the `number`th of `count`, over a month until now."""
        at = self._now - MONTH + MONTH * number // count
        fate = Fate.of(number, self._now - at)
        key = self._keyring.new_key(new_id(at))
        ref = f"{self._prefix}-{self.number + 1 + number:06d}"
        names = {self._id: key.id, self._ref: ref}
        names |= {row["id"]: new_id(at) for row in self._rows["effects"]}
        copied = {
            table: [mould.cast(names, ref, at) for mould in moulds] for table, moulds in self._moulds.items()
        }
        self._seal(copied, key)
        identity = self._keyring.find_hash("identity/bench", f"seed-{number}")
        copied["messages"][0] |= {"source_ref": f"seed-{number}", "identity": identity}
        for row in copied["case_references"]:
            value = found_as(row["system"], number, ref)
            row["hash"] = self._keyring.find_hash(row["system"], value)
            row["shown"] = value if row["shown"] else ""
        self._suffer(copied, fate, number, ref, at)
        return copied

    def _seal(self, copied: Rows, key: DataKey) -> None:
        for table, number, column, plain in self._words:
            row = copied[table][number]
            row[column] = key.seal(row["ref" if table == "cases" else "owner"], column, plain)
        copied["data_keys"][0]["wrapped"] = key.wrapped

    def _suffer(self, copied: Rows, fate: Fate, number: int, ref: str, at: int) -> None:
        (message,), (case,) = copied["messages"], copied["cases"]
        if fate.quarantined:
            message |= {"state": "quarantined", "case_ref": None, "reason": "looks like spam: links"}
            copied["data_keys"][0]["case_ref"] = None
            its_body = [row for row in copied["bodies"] if row["owner"] == message["id"]]
            for table in copied.keys() - {"messages", "data_keys"}:
                copied[table].clear()
            copied["bodies"] = its_body
            return
        if fate.by_phone:
            message["channel"] = case["channel"] = "phone"
            case["answered_at_once"] = number % 20 == 0
        if fate.closed:
            ended = min(at + WEEK // 2, self._now)
            case |= {"status": "closed", "changed_at": ended}
            copied["case_history"].append({**copied["case_history"][0], "at": ended, "status": "closed"})
            copied["timers"].clear()
        if fate.late:
            case["due"] = at + DAY
        copied["standings"] = [
            self._standing(fate, system, number, ref, at) for system in ("customer", "dosis")
        ]
        if fate.work_item:
            copied["work_items"] = [
                {"case_ref": ref, "name": "silence", "what": "nobody told anything", "opened_at": at + DAY}
            ]
        if fate.parked:
            copied["effects"][-1] |= {
                "state": "parked",
                "error": "RejectedError",
                "reason": f"mailbox of customer {number} is full",
                "finished_at": None,
            }
            message |= {"state": "parked", "open_effects": 1, "parked_effects": 1}

    def _standing(self, fate: Fate, system: str, number: int, ref: str, at: int) -> Row:
        over = fate.closed and at < self._now - 2 * WEEK
        return {
            "case_ref": ref,
            "system": system,
            "state": "closed" if fate.closed else "received",
            "outside_id": f"{system}-{number}",
            "trip": 0,
            "at": at,
            "compare_at": None if over else self._now + number % 360 * HOURS // 60,
        }


class _Mould:
    """One row with the places where copies differ: times, names of rows, and the case's number in a text."""

    def __init__(self, row: Row, names: set[str], ref: str, at: int) -> None:
        self._row = row
        self._times = [
            (name, value - at)
            for name, value in row.items()
            if value and (name in ("at", "due") or name.endswith("_at"))
        ]
        texts = {name: value for name, value in row.items() if isinstance(value, str)}
        self._names = [(name, value) for name, value in texts.items() if value in names]
        self._texts = [
            (name, value.split(ref)) for name, value in texts.items() if ref in value and value not in names
        ]

    def cast(self, names: dict[str, str], ref: str, at: int) -> Row:
        row = self._row.copy()
        for name, later in self._times:
            row[name] = at + later
        for name, value in self._names:
            row[name] = names[value]
        for name, pieces in self._texts:
            row[name] = ref.join(pieces)
        return row


def _all(connection: Connection, table: Table) -> list[Row]:
    return [dict(row._mapping) for row in connection.execute(select(table))]

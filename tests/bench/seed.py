"""A journal that has been at work for a month: copies of one contact that the hub itself has dealt with.

Every row of that contact is copied table by table, under ids, times, numbers and hashes of its own, and sealed
anew with a key of its own; one in a thousand has an effect that somebody must look at.
"""

from collections import Counter
from typing import Any

from sqlalchemy import Connection, Engine, Table, select, text, update

from journal.crypto import DataKey, Keyring
from journal.instants import DAY, new_id
from journal.rows import InsertRows
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
    tally,
    timers,
)

Row = dict[str, Any]
TABLES = (messages, data_keys, cases, case_history, references, timers, effects, attempts, bodies)
MONTH = 30 * DAY
BATCH = 2_000
PARKED_ONE_IN = 1_000


def seed(engine: Engine, keyring: Keyring, count: int, now: int) -> None:
    """Add `count` contacts, the oldest a month before `now` (microseconds); case numbers follow each other."""
    with engine.connect() as connection:
        model = Model(connection, keyring)
    for start in range(0, count, BATCH):
        copies = range(start, min(start + BATCH, count))
        _write(engine, [model.copy(number, now - MONTH + MONTH * number // count) for number in copies])
    with engine.begin() as connection:
        connection.execute(update(numbers).values(next=model.number + count + 1))
        if engine.dialect.name == "postgresql":  # its own housekeeping does so within a minute
            connection.execute(text("ANALYZE"))


def _write(engine: Engine, copies: list[dict[str, list[Row]]]) -> None:
    with engine.begin() as connection:
        for table in TABLES:
            rows = [row for copy in copies for row in copy[table.name]]
            InsertRows(table).run(connection, rows)
        counts: Counter[tuple[int, str, str]] = Counter()
        for copy in copies:
            row = copy["messages"][0]
            for state in ("received", row["state"]):
                counts[row["received_at"] // DAY, row["source"], state] += 1
        _count(connection, counts, shard=f"seed-{copies[0]['messages'][0]['id'][:10]}")


def _count(connection: Connection, counts: Counter[tuple[int, str, str]], *, shard: str) -> None:
    names = ("day", "source", "state")
    rows = [dict(zip(names, key, strict=True), shard=shard, count=number) for key, number in counts.items()]
    InsertRows(tally).run(connection, rows)


class Model:
    """The one contact of this journal, with all its rows."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._keyring = keyring
        self._rows = {table.name: _all(connection, table) for table in TABLES}
        (message,) = self._rows["messages"]
        self._id, self._ref, self._at = message["id"], message["case_ref"], message["received_at"]
        self._prefix, _, digits = self._ref.rpartition("-")
        self.number = int(digits)
        (key,) = self._rows["data_keys"]
        self._key = keyring.unwrap(self._id, key["wrapped"])
        self._opened = {
            (row["owner"], column): self._key.open(row["owner"], column, row[column])
            for row in self._rows["bodies"]
            for column in ("raw", "canonical")
            if row[column] is not None
        }
        self._opened |= {
            (row["ref"], "card"): self._key.open(row["ref"], "card", row["card"])
            for row in self._rows["cases"]
        }

    def copy(self, number: int, at: int) -> dict[str, list[Row]]:
        """Its rows as another contact's: the `number`th, received `at`."""
        key = self._keyring.new_key(new_id(at))
        ref = f"{self._prefix}-{self.number + 1 + number:06d}"
        names = {self._id: key.id, self._ref: ref}
        names |= {row["id"]: new_id(at) for row in self._rows["effects"]}
        copied = {
            table: [self._row(row, names, at - self._at) for row in rows]
            for table, rows in self._rows.items()
        }
        self._reseal(copied, key, names)
        copied["messages"][0] |= {
            "source_ref": f"seed-{number}",
            "identity": self._keyring.find_hash("identity/bench", f"seed-{number}"),
        }
        for row in copied["case_references"]:
            value = found_as(row["system"], number, ref)
            row |= {
                "hash": self._keyring.find_hash(row["system"], value),
                "shown": value if row["shown"] else "",
            }
        if number % PARKED_ONE_IN == 0:
            _park(copied, number)
        return copied

    def _row(self, row: Row, names: dict[str, str], later: int) -> Row:
        return {column: self._value(column, value, names, later) for column, value in row.items()}

    def _value(self, column: str, value: Any, names: dict[str, str], later: int) -> Any:
        if column in _TIMES and value:
            return value + later
        if isinstance(value, str):
            return names.get(value) or value.replace(self._ref, names[self._ref])
        return value

    def _reseal(self, copied: dict[str, list[Row]], key: DataKey, names: dict[str, str]) -> None:
        for (owner, column), plain in self._opened.items():
            table, id_ = ("cases", "ref") if column == "card" else ("bodies", "owner")
            row = next(row for row in copied[table] if row[id_] == names[owner])
            row[column] = key.seal(names[owner], column, plain)
        copied["data_keys"][0]["wrapped"] = key.wrapped


def found_as(system: str, number: int, ref: str) -> str:
    """By which words the copy's reference in this system is found."""
    return {"email": f"an{number}@seed.example", "tracker": f"id-{ref}"}.get(system, f"{system}-{number}")


def _park(copied: dict[str, list[Row]], number: int) -> None:
    copied["effects"][-1] |= {
        "state": "parked",
        "error": "RejectedError",
        "reason": f"mailbox of customer {number} is full",
        "finished_at": None,
    }
    copied["messages"][0] |= {"state": "parked", "open_effects": 1, "parked_effects": 1}


def _all(connection: Connection, table: Table) -> list[Row]:
    return [dict(row._mapping) for row in connection.execute(select(table))]


_TIMES = {
    column.name
    for table in TABLES
    for column in table.columns
    if column.name in {"at", "due"} or column.name.endswith("_at")
}

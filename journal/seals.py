"""Opening what is sealed, for the code that reads it; for a person, see `journal/revealing.py`."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from journal.crypto import DataKey, Keyring
from journal.schema import bodies, data_keys


class Opener:
    """Opens the seals of one case; each key is fetched once."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring
        self._keys: dict[str, DataKey | None] = {}

    def open(self, owners: Sequence[str]) -> dict[str, tuple[bytes, int]]:
        """Canonical body and schema version of each owner whose key still exists."""
        rows = self._connection.execute(
            select(bodies.c.owner, bodies.c.key_id, bodies.c.canonical, bodies.c.schema_version).where(
                bodies.c.owner.in_(owners), bodies.c.canonical.is_not(None)
            )
        ).all()
        self.fetch({row.key_id for row in rows})
        opened: dict[str, tuple[bytes, int]] = {}
        for row in rows:
            if key := self._keys[row.key_id]:
                opened[row.owner] = (key.open(row.owner, "canonical", row.canonical), row.schema_version)
        return opened

    def open_one(self, key_id: str, owner: str, column: str, sealed: bytes | None) -> bytes | None:
        """One sealed column; None when it or its key was erased."""
        self.fetch({key_id})
        key = self._keys[key_id]
        return key.open(owner, column, sealed) if key and sealed is not None else None

    def fetch(self, key_ids: set[str]) -> None:
        """Get these keys in one go, before they are asked for one by one."""
        missing = key_ids - self._keys.keys()
        if not missing:
            return
        rows = self._connection.execute(
            select(data_keys.c.message_id, data_keys.c.wrapped).where(data_keys.c.message_id.in_(missing))
        ).all()
        self._keys |= dict.fromkeys(missing)
        for row in rows:
            self._keys[row.message_id] = self._keyring.unwrap(row.message_id, row.wrapped)

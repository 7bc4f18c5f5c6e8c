"""The journal's list of who does not want notifications: `ports.opt_outs.OptOuts`."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from canonical_model.decision import Reference
from journal.crypto import Keyring
from journal.database import Database, Transaction
from journal.schema import opt_outs


@dataclass(frozen=True, slots=True)
class Wish:
    """Whether somebody wants notifications, under one hash."""

    hash: str
    out: bool


class JournalOptOuts:
    """Keeps the last wish of each name as a keyed hash; not a case's, so no retention and no erasure touches it."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def opt_out(self, names: Sequence[Reference]) -> None:
        await self._keep(names, out=True)

    async def opt_in(self, names: Sequence[Reference]) -> None:
        await self._keep(names, out=False)

    async def opted_out(self, names: Sequence[Reference]) -> bool:
        query = select(func.count()).where(opt_outs.c.hash.in_(self._hashes(names)), opt_outs.c.out)
        return bool(await self._database.read(lambda connection: connection.execute(query).scalar_one()))

    async def _keep(self, names: Sequence[Reference], *, out: bool) -> None:
        for hash_ in self._hashes(names):
            await self._database.write(keep_wishes, Wish(hash_, out))

    def _hashes(self, names: Sequence[Reference]) -> list[str]:
        return [self._keyring.find_hash(name.system, name.value) for name in names]


def keep_wishes(tx: Transaction, wishes: list[Wish]) -> list[BaseException | None]:
    """The last one of each name counts."""
    insert = tx.upsert(opt_outs)
    last = {wish.hash: wish.out for wish in wishes}
    tx.connection.execute(
        insert.on_conflict_do_update(
            index_elements=["hash"], set_={"out": insert.excluded.out, "at": insert.excluded.at}
        ),
        [{"hash": hash_, "out": out, "at": tx.now} for hash_, out in last.items()],
    )
    return [None] * len(wishes)

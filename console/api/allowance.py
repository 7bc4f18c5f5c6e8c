"""How many requests a credential may still make this minute, over all processes.

The journal keeps what was handed out; a process takes a portion at a time, so most requests ask nobody. The limit is
never exceeded, however many processes there are.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from journal.database import Database, Transaction
from journal.instants import micros
from journal.schema import api_allowances
from ports.clock import Clock

PORTIONS: Final = 20
"""In how many portions a minute's requests are handed out."""
_MINUTE: Final = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A process wants a portion."""

    credential: str
    minute: int
    limit: int
    wanted: int


@dataclass(slots=True)
class _Left:
    minute: int
    requests: int = 0
    used_up: bool = False


class Allowance:
    """One process's portions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._left: dict[str, _Left] = {}

    async def take(self, credential: str, limit: int) -> int:
        """0 = go ahead, and one request less is left; otherwise the seconds to wait."""
        now = micros(self._clock.now())
        left = self._of(credential, now // _MINUTE)
        if not left.requests and not left.used_up:
            wanted = max(1, limit // PORTIONS)
            ask = Ask(credential=credential, minute=left.minute, limit=limit, wanted=wanted)
            portion = await self._database.write(hand_out_portions, ask)
            left.requests += portion
            left.used_up = portion == 0
        if not left.requests:
            return 1 + (_MINUTE - now % _MINUTE) // 1_000_000
        left.requests -= 1
        return 0

    def _of(self, credential: str, minute: int) -> _Left:
        left = self._left.get(credential)
        if left is None or left.minute != minute:
            left = self._left[credential] = _Left(minute)
        return left


def hand_out_portions(tx: Transaction, asks: list[Ask]) -> list[int | BaseException]:
    """How many requests each may make: what it wanted, or what is left of this minute."""
    return [_portion(tx, ask) for ask in asks]


def _portion(tx: Transaction, ask: Ask) -> int:
    table = api_allowances
    empty = {"credential": ask.credential, "minute": ask.minute, "taken": 0}
    tx.connection.execute(tx.insert_ignoring(table), empty)
    row = tx.connection.execute(
        select(table.c.minute, table.c.taken).where(table.c.credential == ask.credential).with_for_update()
    ).one()
    taken = row.taken if row.minute == ask.minute else 0
    portion = max(0, min(ask.wanted, ask.limit - taken))
    tx.connection.execute(
        table.update()
        .where(table.c.credential == ask.credential)
        .values(minute=ask.minute, taken=taken + portion)
    )
    return int(portion)

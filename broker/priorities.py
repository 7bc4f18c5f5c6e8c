"""Two hand-outs: what a citizen waits for goes first, however much of the rest there is."""

import asyncio
from collections.abc import Sequence

from broker.port import Broker


class TwoPriorities:
    """A `Broker` of two: `bulk` is taken from only where `urgent` leaves room. `hand_out` is for urgent ids."""

    def __init__(self, urgent: Broker, bulk: Broker) -> None:
        self._urgent = urgent
        self.bulk = bulk

    @property
    def reachable(self) -> bool:
        return self._urgent.reachable and self.bulk.reachable

    @property
    def dropped(self) -> int:
        return self._urgent.dropped + self.bulk.dropped

    async def start(self) -> None:
        await asyncio.gather(self._urgent.start(), self.bulk.start())

    async def hand_out(self, ids: Sequence[str]) -> None:
        await self._urgent.hand_out(ids)

    async def take(self, limit: int, seconds: float) -> Sequence[str]:
        ids = list(await self._urgent.take(limit, 0))
        if len(ids) < limit:
            ids += await self.bulk.take(limit - len(ids), 0)
        return ids or await self._first(limit, seconds)

    async def close(self) -> None:
        await asyncio.gather(self._urgent.close(), self.bulk.close())

    async def _first(self, limit: int, seconds: float) -> Sequence[str]:
        waiting = [asyncio.ensure_future(one.take(limit, seconds)) for one in (self._urgent, self.bulk)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return [id_ for one in waiting if one.done() for id_ in one.result()]
        finally:
            for one in waiting:
                one.cancel()

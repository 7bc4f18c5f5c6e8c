"""Hand-off within one process: a queue in memory. The default where one machine is enough."""

import asyncio
from collections import deque
from collections.abc import Sequence

ROOM = 200_000


class InProcessBroker:
    """Keeps each id once. When the room is full, more ids are left to the sweeper."""

    def __init__(self) -> None:
        self._ids: deque[str] = deque()
        self._known: set[str] = set()
        self._arrived = asyncio.Event()
        self._dropped = 0

    @property
    def reachable(self) -> bool:
        return True

    @property
    def dropped(self) -> int:
        return self._dropped

    async def start(self) -> None:
        """Nothing to connect to."""

    async def hand_out(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            if id_ in self._known:
                continue
            if len(self._ids) >= ROOM:
                self._dropped += 1
                continue
            self._ids.append(id_)
            self._known.add(id_)
        if self._ids:
            self._arrived.set()

    async def take(self, limit: int, seconds: float) -> Sequence[str]:
        if not self._ids:
            self._arrived.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return ()
        taken = [self._ids.popleft() for _ in range(min(limit, len(self._ids)))]
        self._known.difference_update(taken)
        return taken

    async def close(self) -> None:
        """Nothing to let go."""

"""So many at the same time: as `asyncio.Semaphore`, which needs ten times as long while there is room."""

import asyncio
from collections import deque


class Places:
    """Places for `free` tasks of one event loop; who must wait gets one in the order of arrival."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, patience: float | None) -> None:
        """Wait for a place, so many seconds at most (None: for ever). Raises `TimeoutError`."""
        if self._free:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(patience):
                await place
        except BaseException:
            if place.done() and not place.cancelled():
                self.give_back()  # it came at the same moment
            raise

    def give_back(self) -> None:
        """The place is for whoever has waited longest."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1

"""What a door hears and a source takes in, also when they are in different processes of the hub.

await letters.put(name, text)            # the door; durable, then it answers
for name, text in (await letters.all()).items(): ...
await letters.clear(names)               # the source, once it has them in its own keeping
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress

from ports.intake import Checkpoints

LOOK_EVERY = 1.0
"""Seconds between looks for what another process put in."""


class Letterbox:
    """The letters of one source. `name` is unique among those of its adapter. A letter may be read again until it is
    cleared away.
    """

    def __init__(self, checkpoints: Checkpoints, name: str) -> None:
        self._checkpoints = checkpoints
        self._prefix = f"letters/{name}/"
        self._arrived = asyncio.Event()

    async def put(self, name: str, letter: str) -> None:
        """Keep a letter, durably; the same name again is the same letter. Raises `TransientError`."""
        await self._checkpoints.save(f"{self._prefix}{name}", letter)
        self._arrived.set()

    async def all(self) -> Mapping[str, str]:
        """All letters by name, the oldest first."""
        self._arrived.clear()
        return await self._checkpoints.saved(self._prefix)

    async def clear(self, names: Iterable[str]) -> None:
        """Throw away what was taken in, under the names that `all` gave."""
        await self._checkpoints.forget(names)

    async def arrival(self) -> None:
        """Return when there are letters: at once for those of this process, for others within `LOOK_EVERY`.

        Raises `TransientError` when nobody can tell.
        """
        while not self._arrived.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._arrived.wait()
            if await self._checkpoints.saved(self._prefix):
                return

"""A system to fetch from that lives in memory and obeys the contract: for tests, training and what-if."""

import asyncio

from msgspec.structs import replace

from canonical_model.events import Event
from ports.errors import HubError, NotUnderstoodError, TransientError
from ports.intake import Accept, File, Inbound


class MemorySource:
    """All promises and errors of `ports.source.Source`. `waiting` is what is not confirmed, oldest first."""

    def __init__(self, name: str, accept: Accept) -> None:
        self._name = name
        self._accept = accept
        self._arrived = asyncio.Event()
        self._last_ref = 0
        self._failure: HubError | None = None
        self._confirms_left: int | None = None
        self.waiting: list[Inbound] = []

    def put(self, event: Event, raw: bytes = b"", files: tuple[File, ...] = ()) -> str:
        """A new message; its source reference."""
        return self._put(
            Inbound(
                source=self._name,
                source_ref=self._next_ref(),
                raw=raw,
                media_type="text/plain",
                event=event,
                files=files,
            )
        )

    def put_poison(self, raw: bytes = b"\x00") -> str:
        """A new message that nobody understands; its source reference."""
        problem = NotUnderstoodError("memory: poison")
        return self._put(
            Inbound(
                source=self._name,
                source_ref=self._next_ref(),
                raw=raw,
                media_type="text/plain",
                problem=problem,
            )
        )

    def put_again(self, inbound: Inbound) -> str:
        """The same content under a new reference, as when a colleague drags a mail back."""
        return self._put(replace(inbound, source_ref=self._next_ref()))

    def fail_with(self, error: HubError) -> None:
        """The next poll cannot read at all and raises this."""
        self._failure = error

    def lose_confirm_after(self, messages: int) -> None:
        """So many messages are confirmed; the one after them is handed over, and then the line is cut."""
        self._confirms_left = messages

    @property
    def name(self) -> str:
        return self._name

    async def poll(self) -> int:
        self._arrived.clear()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        new = 0
        for inbound in tuple(self.waiting):
            receipt = await self._accept(inbound)
            new += not receipt.duplicate
            self._confirm(inbound)
        return new

    async def wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._arrived.wait(), seconds)
        except TimeoutError:
            return

    async def close(self) -> None:
        """Nothing is held open."""

    def _next_ref(self) -> str:
        self._last_ref += 1
        return str(self._last_ref)

    def _put(self, inbound: Inbound) -> str:
        self.waiting.append(inbound)
        self._arrived.set()
        return inbound.source_ref

    def _confirm(self, inbound: Inbound) -> None:
        if self._confirms_left is not None:
            self._confirms_left -= 1
            if self._confirms_left < 0:
                self._confirms_left = None
                raise TransientError("the line to the source in memory was cut")
        self.waiting.remove(inbound)

"""What DOSIS took and refused afterwards, as a source: each refusal is handed over once.

The list has no pages, no positions and no promised order, so it is read whole. The checkpoint is what stood in it.
"""

import asyncio
from hashlib import sha256

from adapters.dosis.client import DosisClient
from adapters.dosis.translate import to_refused
from canonical_model.events import DeliveryRefused
from ports.adapter import Tools
from ports.errors import NotUnderstoodError
from ports.intake import Inbound


class Failures:
    """A `Source`. What stands in the checkpoint was handed over; what left the list leaves the checkpoint."""

    def __init__(self, client: DosisClient, tools: Tools, *, poll_seconds: float) -> None:
        self._client = client
        self._tools = tools
        self._poll_seconds = poll_seconds

    @property
    def name(self) -> str:
        return f"{self._tools.name}/failures"

    async def poll(self) -> int:
        """See `ports.source.Source`. A line that is not understood is handed over under a hash of its content."""
        seen = await self._seen()
        lines = {line.source_ref: line for line in map(self._line, await self._client.failures())}
        new = 0
        for ref, line in lines.items():
            if ref not in seen:
                receipt = await self._tools.accept(line)
                new += not receipt.duplicate
        if lines.keys() != seen:
            await self._tools.checkpoints.save(self.name, " ".join(sorted(lines)))
        return new

    async def wait(self, seconds: float) -> None:
        """DOSIS does not call, so time is the only sign."""
        await asyncio.sleep(min(seconds, self._poll_seconds))

    async def close(self) -> None:
        """The connections belong to the board of the same adapter."""

    async def _seen(self) -> set[str]:
        return set((await self._tools.checkpoints.load(self.name) or "").split())

    def _line(self, raw: bytes) -> Inbound:
        try:
            refused = to_refused(raw, self._tools.name)
        except NotUnderstoodError as problem:
            return self._inbound(f"unread/{sha256(raw).hexdigest()[:32]}", raw, problem)
        return self._inbound(refused.delivery, raw, refused)

    def _inbound(self, ref: str, raw: bytes, found: DeliveryRefused | NotUnderstoodError) -> Inbound:
        return Inbound(
            source=self.name,
            source_ref=ref,
            raw=raw,
            media_type="application/json",
            event=found if isinstance(found, DeliveryRefused) else None,
            problem=found if isinstance(found, NotUnderstoodError) else None,
        )

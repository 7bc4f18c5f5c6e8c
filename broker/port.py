"""What the hub asks of a broker: very little, so that losing it loses nothing."""

from collections.abc import Sequence
from typing import Protocol


class Broker(Protocol):
    """Carries ids of effects from whoever wrote them down to whoever has time.

    Everything here is a hint: an id may be lost, come twice, or come out of order. The journal's claim
    decides, and its sweeper hands out again what nobody took.
    """

    @property
    def reachable(self) -> bool:
        """Whether ids get through now, as far as is known. False is no disaster: the sweeper comes by."""
        ...

    @property
    def dropped(self) -> int:
        """How many ids were left to the sweeper because the broker did not (surely) get them."""
        ...

    async def start(self) -> None:
        """Connect and make sure that the queues exist. Raises `MisconfiguredError` when it never will."""
        ...

    async def hand_out(self, ids: Sequence[str]) -> None:
        """Tell that these can be done. Never raises for a broker that is away: the sweeper comes by."""
        ...

    async def take(self, limit: int, seconds: float) -> Sequence[str]:
        """Up to `limit` ids, as soon as there is one; () when there was none for this long."""
        ...

    async def close(self) -> None:
        """Let go; ids taken but not worked on come back by the sweeper."""
        ...

"""A system that we fetch from (Polling Consumer): a mailbox, a tracker's changes."""

from typing import Protocol


class Source(Protocol):
    """Hands over what is there when asked. One process polls it at a time; the hub sees to that."""

    @property
    def name(self) -> str:
        """Unique among all sources of the hub; stable, as it is part of every message's identity."""
        ...

    async def poll(self) -> int:
        """One round: hand what there is to `Accept`, then confirm it to the other side; how many were new.

        Of a long list it is the first part: `wait` then returns at once. So a source that catches up is seen to be
        well, and what it did stays done when it is cut off.

        May be repeated and may be cut off anywhere: what was handed over but not confirmed comes again and is
        recognised. A message that cannot be understood is handed over with its problem and never stops the
        round. Raises `TransientError` or `MisconfiguredError` when the system cannot be read at all.
        """
        ...

    async def wait(self, seconds: float) -> None:
        """Return when there may be something to poll, at the latest after this time. Only a hint."""
        ...

    async def close(self) -> None:
        """Let go of connections and of what is remembered; the next poll makes new ones, and reads anew where it stood.

        Called at the end, and when another process has taken the source over.
        """
        ...

"""A tracker of whatever product as an adapter of the hub."""

from collections.abc import Awaitable, Callable

from adapters.tracking.changes import ChangeSource, Feed
from ports.adapter import Adapter, Tools
from ports.errors import AdapterError
from ports.tracker import Tracker


def tracker_adapter(
    tracker: Tracker,
    feed: Feed,
    tools: Tools,
    *,
    poll_seconds: float,
    close: Callable[[], Awaitable[None]],
) -> Adapter:
    """The adapter; its self-test is the tracker's own. `close` lets go of the connections of both."""

    async def check() -> tuple[str, ...]:
        try:
            return await tracker.ensure_ready(())
        except AdapterError as error:
            return (error.what,)

    return Adapter(
        check=check, close=close, sources=(ChangeSource(feed, tools, poll_seconds),), tracker=tracker
    )

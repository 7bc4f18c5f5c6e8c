"""The systems in memory, as an adapter."""

from collections.abc import Mapping
from typing import Any

from adapters.memory.settings import Settings
from adapters.memory.tracker import MemoryChanges, MemoryTracker
from ports.adapter import Adapter, Tools
from ports.settings import parsed


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter's factory. Every call makes new, empty systems."""
    checked = parsed(Settings, settings, tools.name)
    tracker = MemoryTracker(checked.groups, tools.clock)
    return Adapter(
        check=_nothing_wrong,
        sources=(MemoryChanges(tracker, tools, checked.poll_seconds),),
        tracker=tracker,
    )


async def _nothing_wrong() -> tuple[str, ...]:
    return ()

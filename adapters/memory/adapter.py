"""The systems in memory, as an adapter."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from adapters.memory.settings import Settings
from adapters.memory.tracker import MemoryChanges, MemoryTracker
from ports.adapter import Adapter, Tools
from ports.errors import MisconfiguredError


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter's factory. Every call makes new, empty systems."""
    parsed = _parsed(settings)
    tracker = MemoryTracker(parsed.groups, tools.clock)
    return Adapter(
        check=_nothing_wrong,
        sources=(MemoryChanges(tracker, tools, parsed.poll_seconds),),
        tracker=tracker,
    )


async def _nothing_wrong() -> tuple[str, ...]:
    return ()


def _parsed(settings: Mapping[str, Any]) -> Settings:
    try:
        return Settings.model_validate(dict(settings))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_context=False, include_url=False)
        )
        raise MisconfiguredError(f"memory: {wrong}") from None

"""Finds the adapter that a section of `hub.toml` asks for by its `system`: ours by its folder, others outside."""

import importlib
import tomllib
from importlib import resources
from importlib.metadata import entry_points
from typing import Any

from ports.adapter import Build
from ports.errors import MisconfiguredError

ENTRY_POINTS = "wegwijzer.adapters"


def factory(system: str) -> Build:
    """The `build` of an adapter: ours by its folder, an outside one by its entry point or as `module:function`.

    `MisconfiguredError` when there is none; what importing it raises, for the caller to tell.
    """
    if ":" in system:
        return _named(system)
    for entry in entry_points(group=ENTRY_POINTS, name=system):
        loaded: Build = entry.load()
        return loaded
    ours = manifest(system)
    if ours is None:
        raise MisconfiguredError(f"no adapter is called {system!r}: see `system` in its section of hub.toml")
    return _named(ours["factory"])


def manifest(system: str) -> dict[str, Any] | None:
    """The `adapter.toml` of one of our own adapters; None when we have none of that name."""
    file = resources.files("adapters") / system / "adapter.toml"
    return tomllib.loads(file.read_text()) if system.isidentifier() and file.is_file() else None


def _named(path: str) -> Build:
    module, _, function = path.partition(":")
    build: Build = getattr(importlib.import_module(module), function)
    return build

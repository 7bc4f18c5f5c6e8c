"""Canonical values as JSON bytes and back, over the years.

Every stored body carries the schema version it was written with. When a field changes meaning, or its default, raise
`SCHEMA_VERSION` and add an upcaster from the version before: old bodies are lifted step by step when read. What stands at
its default is not written.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from canonical_model.case import CaseCard
from canonical_model.commands import COMMANDS, Command
from canonical_model.events import EVENTS, Event

SCHEMA_VERSION = 1

_T = TypeVar("_T")

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTERS: dict[tuple[str, int], Upcaster] = {}
"""(wire name, version) -> function that lifts a body of that version to the next one."""

_encoder = msgspec.json.Encoder()
_objects = msgspec.json.Decoder(dict[str, Any])
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}


class UnreadableError(ValueError):
    """A stored body does not fit the model, or comes from a newer version of the hub."""


def encode(value: Event | Command | CaseCard) -> bytes:
    """The value as UTF-8 JSON, without what stands at its default."""
    return _encoder.encode(value)


def event_name(event: Event) -> str:
    """The wire name of an event, as stored beside its body."""
    return _EVENT_NAMES[type(event)]


def command_name(command: Command) -> str:
    """The wire name of a command, as stored beside its body."""
    return _COMMAND_NAMES[type(command)]


def decode_event(name: str, data: bytes, version: int = SCHEMA_VERSION) -> Event:
    """The event that `encode` wrote under this name with this schema version."""
    return _decode(EVENTS, name, data, version)


def decode_command(name: str, data: bytes, version: int = SCHEMA_VERSION) -> Command:
    """The command that `encode` wrote under this name with this schema version."""
    return _decode(COMMANDS, name, data, version)


def decode_card(data: bytes, version: int = SCHEMA_VERSION) -> CaseCard:
    """The card that `encode` wrote with this schema version."""
    return _decode({"case_card": CaseCard}, "case_card", data, version)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of all events and commands, as published under `docs/schema/`."""
    types: list[type] = [*EVENTS.values(), *COMMANDS.values(), CaseCard]
    _, components = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Wegwijzer canonical model",
        "version": SCHEMA_VERSION,
        "events": {name: {"$ref": f"#/$defs/{cls.__name__}"} for name, cls in EVENTS.items()},
        "commands": {name: {"$ref": f"#/$defs/{cls.__name__}"} for name, cls in COMMANDS.items()},
        "$defs": components,
    }


def _decode(types: Mapping[str, type[_T]], name: str, data: bytes, version: int) -> _T:
    if name not in types:
        raise UnreadableError(f"no body is called {name!r}")
    if version > SCHEMA_VERSION:
        raise UnreadableError(f"{name} has schema version {version}, this hub reads up to {SCHEMA_VERSION}")
    wanted = types[name]
    try:
        if version == SCHEMA_VERSION:
            return _decoder(wanted).decode(data)
        return msgspec.convert(_lifted(name, _objects.decode(data), version), wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError(f"stored {name} does not fit the model: {error}") from error


def _lifted(name: str, body: dict[str, Any], version: int) -> dict[str, Any]:
    for step in range(version, SCHEMA_VERSION):
        body = UPCASTERS.get((name, step), _unchanged)(body)
    return body


def _unchanged(body: dict[str, Any]) -> dict[str, Any]:
    return body


def _decoder(wanted: type[_T]) -> "msgspec.json.Decoder[_T]":
    if wanted not in _decoders:
        _decoders[wanted] = msgspec.json.Decoder(wanted)
    return _decoders[wanted]


_EVENT_NAMES: dict[type, str] = {cls: name for name, cls in EVENTS.items()}
_COMMAND_NAMES: dict[type, str] = {cls: name for name, cls in COMMANDS.items()}

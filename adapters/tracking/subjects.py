"""Our key in the subject of a text or file: `inkomend, balie [<key>]`.

For products whose texts have no field for a key. The subject is written in the same step as the text, so there is
never one without its key, and it tells handlers what they see.
"""

import re
from dataclasses import dataclass

from adapters.tracking.words import CHANNEL_OF, CHANNELS, one_line
from canonical_model.contact import Channel
from ports.tracker import Note

_INCOMING, _OUTGOING, _FILE = "inkomend", "uitgaand", "bijlage"
_KEYED = re.compile(rf"({_INCOMING}|{_OUTGOING})(?:, ([a-z-]+))? \[(.+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """What the subject of a text of ours tells."""

    key: str
    incoming: bool
    channel: Channel | None


def of_note(note: Note) -> str:
    """The subject of this text."""
    by = f", {CHANNELS[note.channel]}" if note.channel else ""
    return f"{_INCOMING if note.incoming else _OUTGOING}{by} {tail(note.key)}"


def of_file(key: str) -> str:
    """The subject of a file of ours."""
    return f"{_FILE} {tail(key)}"


def tail(key: str) -> str:
    """How the subject of whatever has this key ends."""
    return f"[{one_line(key)}]"


def read(subject: str | None) -> Keyed | None:
    """What the subject tells; None when it is not that of a text of ours."""
    found = _KEYED.fullmatch(subject or "")
    if found is None:
        return None
    return Keyed(
        key=found[3], incoming=found[1] == _INCOMING, channel=CHANNEL_OF.get(found[2]) if found[2] else None
    )


def is_note_of(key: str, subject: str | None) -> bool:
    """Whether this is the subject of the text with this key."""
    ours = read(subject)
    return ours is not None and ours.key == one_line(key)


def is_file(subject: str | None) -> bool:
    """Whether this is the subject of a file of ours."""
    return (subject or "").startswith(f"{_FILE} [")

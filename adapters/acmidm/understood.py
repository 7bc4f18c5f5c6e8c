"""What a door's reader makes of a body, and what it is given for that. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.datastructures import Headers

from adapters.acmidm.persona import Persona
from canonical_model.events import ContactReceived
from ports.files import FileRules
from ports.intake import File


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A system with a valid token. `persona`: for whom it acts, when the token tells."""

    system: str
    persona: Persona | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A submission, and the sender's own id for it. `raw` is what is kept, and what tells a retry from another."""

    source_ref: str
    event: ContactReceived
    files: tuple[File, ...]
    raw: bytes = field(repr=False)


Read: TypeAlias = Callable[[bytes, Headers, Caller, FileRules], Understood]
"""From body and headers to a submission; pure. Raises `SubmissionError`, or `RefusedError` when nothing may be kept."""

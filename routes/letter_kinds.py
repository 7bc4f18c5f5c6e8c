"""Every letter that the hub writes: who reads it, and what may and must be filled in.

Texts stand under these names, their subjects under `<name>_subject`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from canonical_model.contact import Language


class Reader(StrEnum):
    """Who gets a letter."""

    CUSTOMER = "customer"
    COLLEAGUES = "colleagues"


_COMMON: Final = ("ref", "subject", "city", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterKind:
    """One letter. `blanks` may stand in its subject and text; `needed` must stand in its text.

    Only an `evidenced` letter, which the routes send with evidence alone, may say that something was mended.
    """

    name: str
    reader: Reader = Reader.CUSTOMER
    blanks: tuple[str, ...] = _COMMON
    needed: tuple[str, ...] = ()
    evidenced: bool = False

    @property
    def languages(self) -> tuple[Language, ...]:
        """In which languages it is sent: a customer's own, and Dutch among colleagues."""
        return tuple(Language) if self.reader is Reader.CUSTOMER else (Language.NL,)


_INTERNAL: Final = ("ref", "group", "city")
"""Letters to colleagues show nothing of the customer, whose subject may be personal."""

_ALL = (
    LetterKind(name="acknowledgement"),
    LetterKind(name="progress", blanks=(*_COMMON, "detail")),
    LetterKind(name="waiting", blanks=(*_COMMON, "question"), needed=("question",)),
    LetterKind(name="planned", blanks=(*_COMMON, "detail")),
    LetterKind(name="moved", blanks=(*_COMMON, "detail")),
    LetterKind(name="done", blanks=(*_COMMON, "evidence"), needed=("evidence",), evidenced=True),
    LetterKind(name="answer", blanks=(*_COMMON, "answer"), needed=("answer",)),
    LetterKind(name="closed"),
    LetterKind(name="reminder", reader=Reader.COLLEAGUES, blanks=_INTERNAL, needed=("ref",)),
    LetterKind(name="taken_back", reader=Reader.COLLEAGUES, blanks=_INTERNAL, needed=("ref",)),
    LetterKind(name="handed_over", reader=Reader.COLLEAGUES, blanks=_INTERNAL, needed=("ref",)),
    LetterKind(name="escalation", reader=Reader.COLLEAGUES, blanks=_INTERNAL, needed=("ref",)),
)
LETTERS: Final[Mapping[str, LetterKind]] = {kind.name: kind for kind in _ALL}
"""All letters by name, in the order of a case's life."""

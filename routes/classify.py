"""What a contact is about, as far as its own words tell: kind, category and area.

What the sender chose is never overruled. Words only fill what is empty; the first category in the table
with the most of its words in the text wins.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from canonical_model.contact import Contact, Kind
from routes.configuration import Area, Category, Dispatch

LONGEST_LABEL = 100
_KIND_WORDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.COMPLAINT, ("klacht", "complaint", "plainte", "beschwerde")),
    (Kind.SUGGESTION, ("suggestie", "voorstel", "idee", "suggestion", "proposition", "vorschlag")),
    (Kind.REPORT, ("melding", "melden", "report", "signaler", "signalement", "meldung")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What it is about."""

    kind: Kind
    category: str
    area: str


def classify(contact: Contact, dispatch: Dispatch) -> Subject:
    """Kind, category and area of a contact; a question about nothing in particular when nothing is known."""
    text = _Text(contact)
    category = _label(contact.category) or _category(text, dispatch.category)
    return Subject(
        kind=contact.kind or _kind_by_word(text) or _kind_of(category, dispatch.category) or Kind.QUESTION,
        category=category,
        area=_area(contact, text, dispatch.area),
    )


class _Text:
    """The words of a contact, prepared when somebody asks for them: most forms say themselves what they are."""

    def __init__(self, contact: Contact) -> None:
        self._contact = contact

    @cached_property
    def words(self) -> str:
        return _normal(f"{self._contact.subject}\n{self._contact.text}")

    @cached_property
    def place(self) -> str:
        location = self._contact.location
        return _normal(f"{location.address} {location.postcode}")


def _kind_by_word(text: _Text) -> Kind | None:
    for kind, names in _KIND_WORDS:
        if any(_needle(name) in text.words for name in names):
            return kind
    return None


def _kind_of(category: str, table: tuple[Category, ...]) -> Kind | None:
    return next((entry.kind for entry in table if entry.name == category), None)


def _category(text: _Text, table: tuple[Category, ...]) -> str:
    scores = [(sum(_needle(word) in text.words for word in entry.words), entry.name) for entry in table]
    best = max(scores, key=lambda score: score[0], default=(0, ""))
    return best[1] if best[0] else ""


def _area(contact: Contact, text: _Text, table: tuple[Area, ...]) -> str:
    if chosen := _label(contact.location.area):
        return chosen.casefold()
    return _named(text.place, table) or _named(text.words, table)


def _named(words: str, table: tuple[Area, ...]) -> str:
    for area in table:
        if any(_needle(name) in words for name in (*area.postcodes, *area.words)):
            return area.name
    return ""


def _label(text: str) -> str:
    """What a sender chose, as far as it can be a name: printable, and no longer than one."""
    printable = text if text.isprintable() else "".join(sign for sign in text if sign.isprintable())
    return printable.strip()[:LONGEST_LABEL]


@lru_cache(maxsize=4096)
def _needle(word: str) -> str:
    """A word of the table as it is looked for: from the start of a word on."""
    return _normal(word).rstrip()


def _normal(text: str) -> str:
    return " " + re.sub(r"[^\w]+", " ", text.casefold())

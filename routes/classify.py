"""What a contact is about, as far as its own words tell: kind, category and area.

What the sender chose is never overruled. Words only fill what is empty; the first category in the table
with the most of its words in the text wins.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from canonical_model.contact import Contact, Kind
from routes.configuration import Area, Category, Dispatch

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
    words = _normal(f"{contact.subject}\n{contact.text}")
    category = contact.category or _category(words, dispatch.category)
    return Subject(
        kind=contact.kind or _kind_by_word(words) or _kind_of(category, dispatch.category) or Kind.QUESTION,
        category=category,
        area=_area(contact, words, dispatch.area),
    )


def _kind_by_word(words: str) -> Kind | None:
    for kind, names in _KIND_WORDS:
        if any(_occurs(name, words) for name in names):
            return kind
    return None


def _kind_of(category: str, table: tuple[Category, ...]) -> Kind | None:
    return next((entry.kind for entry in table if entry.name == category), None)


def _category(words: str, table: tuple[Category, ...]) -> str:
    scores = [(sum(_occurs(word, words) for word in entry.words), entry.name) for entry in table]
    best = max(scores, key=lambda score: score[0], default=(0, ""))
    return best[1] if best[0] else ""


def _area(contact: Contact, words: str, table: tuple[Area, ...]) -> str:
    if contact.location.area:
        return contact.location.area.casefold()
    place = _normal(f"{contact.location.address} {contact.location.postcode}")
    for text in (place, words):
        for area in table:
            if any(_occurs(name, text) for name in (*area.postcodes, *area.words)):
                return area.name
    return ""


def _occurs(word: str, text: str) -> bool:
    return f" {_normal(word).strip()}" in text


@lru_cache(maxsize=4096)
def _normal(text: str) -> str:
    return " " + re.sub(r"[^\w]+", " ", text.casefold())

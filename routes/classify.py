"""What a contact is about, as far as its own words tell: kind, category and area.

What the sender chose is never overruled. Words only fill what is empty; the first category in the table
with the most of its words in the text wins.
"""

from typing import Final

import msgspec

from canonical_model.contact import Contact, Kind
from canonical_model.location import Location
from routes.configuration import Dispatch
from routes.words import spoken

LONGEST_LABEL = 100
_KIND_WORDS: Final[tuple[tuple[str, Kind], ...]] = tuple(
    (spoken(word), kind)
    for kind, words in (
        (Kind.COMPLAINT, ("klacht", "complaint", "plainte", "beschwerde")),
        (Kind.SUGGESTION, ("suggestie", "voorstel", "idee", "suggestion", "proposition", "vorschlag")),
        (Kind.REPORT, ("melding", "melden", "report", "signaler", "signalement", "meldung")),
    )
    for word in words
)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What it is about."""

    kind: Kind
    category: str
    area: str


def classify(contact: Contact, dispatch: Dispatch) -> Subject:
    """Kind, category and area of a contact; a question about nothing in particular when nothing is known."""
    text = _Text(contact)
    category = _label(contact.category) or _category(text, dispatch)
    return Subject(
        kind=contact.kind or _kind_by_word(text) or _kind_of(category, dispatch) or Kind.QUESTION,
        category=category,
        area=_area(contact.location, text, dispatch),
    )


class _Text:
    """The words of a contact, prepared once somebody asks for them: most forms say themselves what they are."""

    def __init__(self, contact: Contact) -> None:
        self._contact = contact
        self._words = ""

    def words(self) -> str:
        self._words = self._words or spoken(f"{self._contact.subject}\n{self._contact.text}")
        return self._words


def _kind_by_word(text: _Text) -> Kind | None:
    words = text.words()
    return next((kind for word, kind in _KIND_WORDS if word in words), None)


def _kind_of(category: str, dispatch: Dispatch) -> Kind | None:
    return next((entry.kind for entry in dispatch.category if entry.name == category), None)


def _category(text: _Text, dispatch: Dispatch) -> str:
    words = text.words()
    best, most = "", 0
    for named, name in dispatch.topics:
        score = sum(word in words for word in named)
        if score > most:
            best, most = name, score
    return best


def _area(location: Location, text: _Text, dispatch: Dispatch) -> str:
    if chosen := _label(location.area):
        return chosen.casefold()
    place = spoken(f"{location.address} {location.postcode}")
    return _named(place, dispatch) or _named(text.words(), dispatch)


def _named(words: str, dispatch: Dispatch) -> str:
    for word, area in dispatch.places:
        if word in words:
            return area
    return ""


def _label(text: str) -> str:
    """What a sender chose, as far as it can be a name: printable, and no longer than one."""
    printable = text if text.isprintable() else "".join(sign for sign in text if sign.isprintable())
    return printable.strip()[:LONGEST_LABEL]

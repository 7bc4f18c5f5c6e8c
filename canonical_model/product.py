"""A product of the city's catalogue, and which of its texts an answer was given from."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from canonical_model.contact import AnswerSource, Language
from canonical_model.value import Hidden, Value

_BRUSSELS = ZoneInfo("Europe/Brussels")
_NUMBER = re.compile(r"[0-9]{1,12}")
_VERSION = re.compile(r"[A-Za-z0-9:._+-]{1,100}")
_FALLBACK = (Language.NL, Language.EN)


class ProductText(Value, frozen=True, kw_only=True):
    """A product in one language, as plain text. `answer` is what every channel tells the customer."""

    name: str
    description: str = ""
    answer: str = ""
    keywords: tuple[str, ...] = ()


class Product(Value, frozen=True, kw_only=True):
    """Something that the city offers. `id` is its number in the catalogue (IPDC), `modified` the moment of this `version` (UTC).

    `valid_from` and `valid_until` (UTC) bound when it is offered. `withdrawn`: the catalogue took it away, its last
    texts are only good to recognise it by.
    """

    id: str
    version: str
    modified: datetime
    texts: Hidden[Mapping[Language, ProductText]]
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    withdrawn: bool = False

    def text(self, language: Language) -> ProductText:
        """In this language, else in Dutch, in English, or in whatever there is."""
        known = next((one for one in (language, *_FALLBACK) if one in self.texts), None)
        return self.texts[known] if known else next(iter(self.texts.values()))

    def is_offered(self, at: datetime) -> bool:
        """Whether customers can have it at this moment."""
        begun = self.valid_from is None or self.valid_from <= at
        return not self.withdrawn and begun and (self.valid_until is None or at < self.valid_until)

    @property
    def source(self) -> AnswerSource:
        """What an answer from this version's text must carry."""
        return AnswerSource(product=self.id, version=self.version, modified=self.modified)


def source_mark(source: AnswerSource) -> str:
    """The source as one short text, for a form or another system to bring back."""
    return f"{source.product}|{source.modified.astimezone(UTC).isoformat()}|{source.version}"


def marked_source(mark: str) -> AnswerSource | None:
    """What `source_mark` wrote; None when it did not write this."""
    product, _, rest = mark.partition("|")
    moment, _, version = rest.partition("|")
    if not (_NUMBER.fullmatch(product) and _VERSION.fullmatch(version)):
        return None
    try:
        modified = datetime.fromisoformat(moment)
        known = modified.astimezone(UTC) if modified.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return AnswerSource(product=product, version=version, modified=known) if known else None


def with_source(answer: str, source: AnswerSource | None) -> str:
    """An answer as handlers read it (in Dutch), with the text of the catalogue that it was given from."""
    if source is None:
        return answer
    day = source.modified.astimezone(_BRUSSELS)
    return (
        f"{answer}\n\nBron: productencatalogus, product {source.product}, "
        f"versie {source.version} van {day:%d/%m/%Y %H:%M}."
    )

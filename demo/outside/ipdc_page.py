"""The product catalogue for people to look at: what the city offers, which text of which date, and what was withdrawn."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from demo.outside.page import answer, rendered

BRUSSELS = ZoneInfo("Europe/Brussels")
_PARTS = ("voorwaarden", "procedures", "kosten", "websites")
_CATALOGUE = """
<p>Wat de stad aanbiedt. Balie, telefoon en diensten antwoorden met deze teksten: overal dezelfde, met versie en datum erbij.</p>
<p class="small">Zo vaak gaf de catalogus een bladzijde of product helemaal: {{ sent }}; zo vaak was er niets veranderd (304): {{ unchanged }}.</p>
{% for one in products %}<article id="{{ one.number }}"{% if one.withdrawn %} class="gone"{% endif %}>
<h3>{{ one.name }}</h3>
<p class="small">Product {{ one.number }}, tekst van {{ one.moment }}, versie {{ one.version }}{% if one.versions > 1 %} ({{ one.versions }} versies){% endif %}
{%- if not one.in_feed %}; niet in de stroom, alleen op nummer op te vragen{% endif %}</p>
{% if one.withdrawn %}<p class="turn">Ingetrokken: de stad biedt dit niet meer aan.</p>{% endif %}
{% for line in one.lines %}<p>{{ line }}</p>{% endfor %}
</article>{% else %}<p>De catalogus is leeg.</p>{% endfor %}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A product with its last version. `content` is that version in JSON-LD; of one that was withdrawn, the version before."""

    number: str
    version: str
    at: str
    versions: int
    withdrawn: bool
    in_feed: bool
    content: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """In Dutch."""
        return str(self.content["naam"]["nl"])

    @property
    def moment(self) -> str:
        """When this version came, in Brussels."""
        return f"{datetime.fromisoformat(self.at).astimezone(BRUSSELS):%d/%m/%Y %H:%M}"

    @property
    def lines(self) -> list[str]:
        """Its text without the HTML."""
        parts = [self.content, *(self.content.get(name, {}) for name in _PARTS)]
        return [line for part in parts for line in _texts(part)]


def catalogue_page(products: Sequence[Offered], *, sent: int, unchanged: int) -> Response:
    """The page; products in the order of their numbers."""
    ordered = sorted(products, key=lambda one: (one.withdrawn, int(one.number)))
    return answer(
        "Producten- en dienstencatalogus (IPDC)",
        "wie de catalogus van Vlaanderen leest",
        rendered(_CATALOGUE, products=ordered, sent=sent, unchanged=unchanged),
    )


def _texts(part: Any) -> list[str]:
    parts: list[Any] = [part] if hasattr(part, "get") else part
    return [plain for one in parts if (plain := _text(one))]


def _text(part: Mapping[str, Any]) -> str:
    texts: Mapping[str, str] = part.get("beschrijving", {})
    found = texts.get("nl-BE-x-formal") or texts.get("nl") or part.get("url", "")
    return re.sub(r"<[^>]+>", "", found)

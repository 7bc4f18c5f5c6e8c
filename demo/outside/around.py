"""Everything around the hub on one page, and what some of it has no page for by itself: letters, the report app, the parking machines."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.outside.page import answer, rendered

_PLACES = """
{% for group, places in groups.items() %}<h2>{{ group }}</h2>
<table><tr><th>Scherm</th><th>Wat ziet u er</th><th>Aanmelden</th></tr>
{% for one in places %}<tr><td><a href="{{ one.address }}">{{ one.title }}</a></td><td>{{ one.shows }}</td><td>{{ one.login }}</td></tr>
{% endfor %}</table>{% endfor %}
<p class="small">Wachtwoorden staan in het venster waarin de demo begon. Alles op deze lijst draait op deze machine en is van de demo.</p>"""

_ADDRESSES = """
<ul>{% for address, count in people %}<li><a href="/brieven/{{ address|urlencode }}">{{ address }}</a> ({{ count }} {{ "brief" if count == 1 else "brieven" }})</li>
{% else %}<li>Nog niemand kreeg een brief.</li>{% endfor %}</ul>"""

_LETTERS = """
<p><a href="/brieven">Alle postvakken</a></p>
{% for one in letters %}<article><h3>{{ one.subject }}</h3>
<p class="small">{{ "Automatisch bericht van de stad" if one.automatic else "Antwoord van een medewerker" }}</p>
<pre>{{ one.text }}</pre></article>{% else %}<p>Geen brieven.</p>{% endfor %}"""

_REPORTS = """
<table><tr><th>Nummer</th><th>Dienst</th><th>Stand</th><th>Uitleg</th></tr>
{% for one in reports %}<tr><td>{{ one.number }}</td><td>{{ one.service }}</td><td>{{ one.status }}</td><td>{{ one.note }}</td></tr>
{% else %}<tr><td colspan="4">Nog niets gemeld.</td></tr>{% endfor %}</table>"""

_RECEIPTS = """
<p>Het systeem van de parkeerautomaten geeft meldingen door met de API van de hub, en vraagt met het ontvangstbewijs wat ervan werd.</p>
<table><tr><th>Ontvangstbewijs</th><th>Wat ervan werd</th></tr>
{% for receipt, outcome in told.items() %}<tr><td>{{ receipt }}</td><td>{{ outcome }}</td></tr>
{% else %}<tr><td colspan="2">Nog niets doorgegeven.</td></tr>{% endfor %}</table>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A screen. `shows`: what somebody sees there; `login`: as whom."""

    group: str
    title: str
    address: str
    shows: str
    login: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report as the app finds it back."""

    number: str
    service: str
    status: str
    note: str = field(default="", repr=False)


class Letter(Protocol):
    """A mail that somebody received."""

    @property
    def subject(self) -> str: ...
    @property
    def automatic(self) -> bool: ...
    @property
    def text(self) -> str: ...


def places_page(places: Sequence[Place]) -> Response:
    """Links to all of them."""
    groups: dict[str, list[Place]] = {}
    for place in places:
        groups.setdefault(place.group, []).append(place)
    return answer("Rond de hub", "wie rondkijkt in de stad", rendered(_PLACES, groups=groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The pages. `letters` by address, oldest first; `reports` as the app sees them; `told`: receipt -> outcome."""

    places: Callable[[str], Sequence[Place]]
    letters: Callable[[], Awaitable[Mapping[str, Sequence[Letter]]]]
    reports: Callable[[], Awaitable[Sequence[Report]]]
    told: Callable[[], Mapping[str, str]]

    def app(self) -> Starlette:
        """As a web application."""
        return Starlette(
            routes=[
                Route("/", self._all),
                Route("/brieven", self._addresses),
                Route("/brieven/{address}", self._letters),
                Route("/app", self._reports),
                Route("/parkeren", self._receipts),
            ]
        )

    async def _all(self, request: Request) -> Response:
        return places_page(self.places(str(request.base_url)))

    async def _addresses(self, _request: Request) -> Response:
        people = [(address, len(letters)) for address, letters in (await self.letters()).items() if letters]
        return answer("Brieven", "wie burgers over de schouder kijkt", rendered(_ADDRESSES, people=people))

    async def _letters(self, request: Request) -> Response:
        address = str(request.path_params["address"])
        letters = (await self.letters()).get(address, ())
        return answer("Brieven", address, rendered(_LETTERS, letters=letters))

    async def _reports(self, _request: Request) -> Response:
        return answer(
            "Meldingen-app", "wie met de app meldt", rendered(_REPORTS, reports=await self.reports())
        )

    async def _receipts(self, _request: Request) -> Response:
        return answer("Parkeerautomaten", "het parkeersysteem", rendered(_RECEIPTS, told=self.told()))

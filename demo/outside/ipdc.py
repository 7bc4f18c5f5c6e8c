"""The product catalogue of Flanders with its bad days, on a free port of this machine.

Behaves as IPDC does: `x-api-key`, a feed of versions (LDES) in pages of which only the last changes, the newest version first
on each page, ETag and 304, one product by its number, errors with language maps. `/` shows people what it publishes, and how
often it was asked.

    python -m demo.outside.ipdc
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from demo.outside.ipdc_page import Offered, catalogue_page
from demo.outside.serving import LOOPBACK, serving

KEY = "catalogue-key"
HOST = "https://ipdc.vlaanderen.be"
"""What the catalogue calls itself in its pages, wherever it runs."""


@dataclass
class Ipdc:
    """`mood`: "well", "busy" (429), "broken" (500 with HTML), "closed" (401), "slow", "login page", "half", "other format", "loop",
    "elsewhere". `asked`: what it was asked; `whole`: how often each page or product of that content was sent whole, `unchanged`: how
    often 304 was answered instead. `redirects`: identities refer to their documents. `apart`: versions that the feed does not tell.
    """

    origin: str = ""
    key: str = KEY
    mood: str = "well"
    retry_after: str = "30"
    page_size: int = 3
    redirects: bool = False
    versions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    apart: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    asked: list[str] = field(default_factory=list[str])
    whole: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    unchanged: int = 0

    def publish(self, number: str, at: str, *, in_feed: bool = True, **fields: Any) -> dict[str, Any]:
        """A new version of a product; the feed tells it after those that were published before."""
        entity = f"{HOST}/id/concept/{uuid5(NAMESPACE_URL, number)}"
        snapshot = str(uuid5(NAMESPACE_URL, f"{number} {at} {json.dumps(fields, sort_keys=True)}"))
        version = {
            "id": snapshot,
            "generatedAtTime": at,
            "snapshotType": "Update",
            "creatie": "2020-01-01T09:00:00.123456789Z",
            "laatstGewijzigd": at,
            "productnummer": number,
            "gearchiveerd": False,
            "@id": f"{HOST}/id/conceptsnapshot/{snapshot}",
            "@type": "ConceptualPublicService",
            "isVersionOf": entity,
            **fields,
        }
        (self.versions if in_feed else self.apart).append(version)
        return version

    def bury(self, number: str, at: str) -> None:
        """A tombstone: the product is no more."""
        snapshot = str(uuid5(NAMESPACE_URL, f"{number} {at} gone"))
        self.versions.append(
            {
                "@id": f"{HOST}/id/conceptsnapshot/{snapshot}",
                "@type": "Tombstone",
                "formerType": "ConceptualPublicService",
                "deleted": at,
                "generatedAtTime": at,
                "isVersionOf": f"{HOST}/id/concept/{uuid5(NAMESPACE_URL, number)}",
            }
        )

    async def feed(self, request: Request) -> Response:
        """A page of the feed."""
        number = int(request.query_params.get("pageNumber", 0))
        members = self.versions[number * self.page_size : (number + 1) * self.page_size]
        if number and not members:
            return await self._answer(request, None)
        more = len(self.versions) > (number + 1) * self.page_size
        return await self._answer(request, self._page(number, members, more=more))

    async def product(self, request: Request) -> Response:
        """One product by its number."""
        number = request.path_params["number"]
        if self.redirects and request.url.path.startswith("/id/"):
            self.asked.append(request.url.path)
            return RedirectResponse(f"/doc/product/{number}", 303)
        newest = self.newest().get(f"{HOST}/id/concept/{uuid5(NAMESPACE_URL, number)}")
        if newest is None or newest["@type"] == "Tombstone":
            return await self._answer(request, None)
        left_out = ("generatedAtTime", "snapshotType", "isVersionOf")
        document = {key: value for key, value in newest.items() if key not in left_out}
        return await self._answer(request, document | {"@id": newest["isVersionOf"], "@type": "Concept"})

    def newest(self) -> dict[str, dict[str, Any]]:
        """The last version of everything that was ever published, by its address."""
        in_order = sorted([*self.versions, *self.apart], key=lambda one: one["generatedAtTime"])
        return {one["isVersionOf"]: one for one in in_order}

    def offered(self) -> tuple[Offered, ...]:
        """Every product as people see it: its last text, and how many versions there were."""
        counts = Counter(one["isVersionOf"] for one in [*self.versions, *self.apart])
        named = {one["isVersionOf"]: one for one in [*self.versions, *self.apart] if "productnummer" in one}
        return tuple(
            Offered(
                number=named[entity]["productnummer"],
                version=last["@id"].rpartition("/")[2],
                at=last["generatedAtTime"],
                versions=counts[entity],
                withdrawn=last["@type"] == "Tombstone",
                in_feed=last in self.versions,
                content=named[entity] if last["@type"] == "Tombstone" else last,
            )
            for entity, last in self.newest().items()
        )

    async def seen(self, _request: Request) -> Response:
        """What people see."""
        return catalogue_page(self.offered(), sent=self.whole.total(), unchanged=self.unchanged)

    def app(self) -> Starlette:
        """Its pages."""
        return Starlette(
            routes=[
                Route("/", self.seen),
                Route("/doc/conceptsnapshot", self.feed),
                Route("/id/product/{number}", self.product),
                Route("/doc/product/{number}", self.product),
            ]
        )

    def _page(self, number: int, members: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
        relations = [_relation("LessThanRelation", number - 1)] if number else []
        relations += [_relation("GreaterThanOrEqualToRelation", number + 1)] if more else []
        if self.mood == "loop":
            relations = [_relation("GreaterThanOrEqualToRelation", number)]
        if self.mood == "elsewhere":
            relations = [{"node": "https://evil.example/steal", "@type": "GreaterThanRelation"}]
        return {
            "timestampPath": "generatedAtTime",
            "versionOfPath": "isVersionOf",
            "view": {
                "@id": f"{HOST}/doc/conceptsnapshot?pageNumber={number}&limit={self.page_size}",
                "@type": "Node",
                "relation": relations,
            },
            "@context": f"{HOST}/ConceptJsonLdContext.jsonld",
            "@id": f"{HOST}/doc/conceptsnapshot?pageNumber={number}",
            "@type": "EventStream",
            "member": members[::-1],
        }

    async def _answer(self, request: Request, content: dict[str, Any] | None) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        self.asked.append(f"{request.url.path}{query}")
        if self.mood == "slow":
            await asyncio.sleep(3)
        if odd := self._odd_answer(content):
            return odd
        if self.mood == "closed" or request.headers.get("x-api-key") != self.key:
            return _problem(401, "Unauthorized", "Geen toegang")
        if content is None:
            return _problem(404, "Not found", "Niet gevonden")
        body = json.dumps(content, ensure_ascii=False).encode()
        etag = f'"{sha256(body).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == etag:
            self.unchanged += 1
            return Response(status_code=304, headers={"ETag": etag})
        self.whole[request.url.path + query, etag] += 1
        return Response(body, media_type="application/ld+json", headers={"ETag": etag})

    def _odd_answer(self, content: dict[str, Any] | None) -> Response | None:
        odd = {
            "busy": JSONResponse({"status": 429}, 429, headers={"Retry-After": self.retry_after}),
            "broken": HTMLResponse("<h1>Server Error</h1>", 500),
            "login page": HTMLResponse("<h1>Aanmelden</h1>"),
            "half": Response(json.dumps(content)[:200], media_type="application/ld+json"),
            "other format": JSONResponse(_in_other_words(content)),
        }
        return odd.get(self.mood)


def _in_other_words(content: dict[str, Any] | None) -> dict[str, Any] | None:
    if content is None:
        return None
    members: list[dict[str, Any]] = content.get("member", [])
    renamed = [
        {"@id": one["@id"], "modified": one["generatedAtTime"], "title": [{"@value": "?"}]} for one in members
    ]
    return {**content, "member": renamed}


def _relation(kind: str, number: int) -> dict[str, str]:
    return {
        "node": f"{HOST}/doc/conceptsnapshot?pageNumber={number}&limit=3",
        "path": "generatedAtTime",
        "@type": kind,
    }


def _problem(status: int, english: str, dutch: str) -> Response:
    texts = {"en": english, "nl": dutch}
    document = {"status": status, "type": f"error.{status}", "title": texts, "detail": texts, "instance": "x"}
    return JSONResponse(document, status)


def sample_catalogue() -> Ipdc:
    """What a small city offers: three products in several versions, one that is yet to come, and one that was withdrawn."""
    catalogue = Ipdc()
    catalogue.publish(
        "1446", "2026-01-05T10:00:00.358437413Z", naam={"nl": "Paspoort"}, beschrijving={"nl": "<p>Oud.</p>"}
    )
    catalogue.publish(
        "75270",
        "2026-01-06T10:00:00Z",
        naam={"nl": "Rijbewijs"},
        beschrijving={"nl": "<p>Breng uw reispas of identiteitskaart mee.</p>"},
    )
    catalogue.publish(
        "320",
        "2026-01-07T10:00:00Z",
        naam={"nl": "Geboorteaangifte"},
        beschrijving={"nl": "<p>Binnen 15 dagen.</p>"},
        startDienstVerlening="2020-01-01T00:00:00Z",
    )
    catalogue.publish("322", "2026-01-08T10:00:00Z", naam={"nl": "Reispas voor kinderen"})
    catalogue.publish(
        "1446",
        "2026-03-02T10:15:00.358437413Z",
        naam={"nl": "Reispas", "en": "Passport"},
        beschrijving={
            "nl": "<p>Om buiten de <b>Europese Unie</b> te reizen.</p>",
            "nl-BE-x-formal": "<p>U reist ermee buiten de Europese Unie.</p>",
            "nl-BE-x-informal": "<p>Je reist ermee buiten de Europese Unie.</p>",
            "en": "<p>For travelling outside the European Union.</p>",
        },
        zoektermen={"nl": ["reisdocument"]},
        procedures=[
            {"naam": {"nl": "Aanvragen"}, "beschrijving": {"nl": "<p>Maak een afspraak aan het loket.</p>"}}
        ],
        kosten={
            "naam": {"nl": "Prijs", "en": "Price"},
            "beschrijving": {"nl": "<p>65 euro</p>", "en": "65 euro"},
        },
        websites=[{"url": "https://www.leuven.be/reispas"}],
    )
    catalogue.publish(
        "321",
        "2026-03-03T10:00:00Z",
        naam={"nl": "Reispas aan huis"},
        startDienstVerlening="2030-01-01T00:00:00Z",
    )
    catalogue.bury("322", "2026-03-04T10:00:00Z")
    return catalogue


@asynccontextmanager
async def running_ipdc(
    catalogue: Ipdc | None = None, *, port: int = 0, host: str = LOOPBACK
) -> AsyncGenerator[Ipdc]:
    """A catalogue that serves until the block ends."""
    catalogue = catalogue or sample_catalogue()
    async with serving(catalogue.app(), port, host=host) as origin:
        catalogue.origin = origin
        yield catalogue


async def _serve() -> None:
    async with running_ipdc(port=8493) as catalogue:
        print(f"IPDC (nagebootst): {catalogue.origin}/ (x-api-key: {catalogue.key})")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())

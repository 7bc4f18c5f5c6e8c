"""Notificaties, bad days included, and what arrived in whose inbox.

Refuses what the real one refuses: a category or a brand that it does not know, a required key that is missing, contact data without a way
to opt out, a bundle that is over. An `Id` that it has is answered 409.

For a person: `python -m demo.outside.notifications`, then open the address that it prints.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from demo.outside.digitaal_vlaanderen import Provider, Weather, error_document, guarded
from demo.outside.portal_pages import Notice, inbox_page, overview_page
from demo.outside.serving import LOOPBACK, serving

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "DossierGerelateerdBerichtWijzigingDossier": ("DossierNummer", "StatusVlaamseCode", "StatusVlaamseFase"),
    "DossierGerelateerdBerichtActieVereist": ("DossierNummer", "StatusVlaamseCode", "DocumentLinkUri"),
}
BRAND = "LEUVEN"


@dataclass
class Notificaties:
    """`bundles` by id, in the order in which they came. `muted`: numbers whose owners want no mail of the service."""

    provider: Provider = field(default_factory=Provider)
    weather: Weather = field(default_factory=Weather)
    brands: tuple[str, ...] = (BRAND,)
    today: date | None = None
    muted: set[str] = field(default_factory=set[str])
    bundles: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    posted: int = 0
    origin: str = ""

    def app(self) -> FastAPI:
        """Its interface, its log-in, and the inboxes."""
        app = FastAPI(title="Notificaties (nagebootst)", openapi_url=None)
        self.provider.mount(app)
        for method, path, handler in (
            ("POST", "/api/v2/notificaties", self._send),
            ("DELETE", "/api/v2/notificaties/{id}", self._withdraw),
        ):
            app.add_api_route(
                path, guarded(self.provider, self.weather, handler), methods=[method], response_model=None
            )
        app.add_api_route("/", self._overview, response_class=HTMLResponse, response_model=None)
        app.add_api_route(
            "/berichten/{number}", self._inbox, response_class=HTMLResponse, response_model=None
        )
        return app

    def numbers(self) -> list[str]:
        """Who got something: a number, or a mail address."""
        return list(dict.fromkeys(_recipient(bundle) for bundle in self.bundles.values()))

    def counted(self) -> dict[str, int]:
        """How many notifications there are about each dossier."""
        return Counter(_keys(bundle)["DossierNummer"] for bundle in self.bundles.values())

    def shown_to(self, number: str) -> tuple[Notice, ...]:
        """What somebody got, the last one first."""
        got = [bundle for bundle in self.bundles.values() if _recipient(bundle) == number]
        return tuple(_notice(bundle, mailed=number not in self.muted) for bundle in reversed(got))

    async def _send(self, request: Request) -> Response:
        bundle = json.loads(await request.body())
        self.posted += 1
        errors = list(self._wrong(bundle))
        if errors:
            return error_document(400, *errors)
        if bundle["Id"] in self.bundles:
            return error_document(409, _error("Id", "BESTAAT_AL", "Deze notificatie is er al"))
        self.bundles[bundle["Id"]] = bundle
        return JSONResponse({"Id": bundle["Id"], "Status": "Ontvangen"}, 202)

    async def _withdraw(self, request: Request) -> Response:
        if self.bundles.pop(request.path_params["id"], None) is None:
            return error_document(404, _error("Id", "NIET_GEVONDEN", "Geen notificatie"))
        return Response(status_code=204)

    def _wrong(self, bundle: dict[str, Any]) -> Iterable[dict[str, str]]:
        for name in ("Id", "AanbiederUri", "Bestemmelingen", "Kanalen", "ProductId"):
            if not bundle.get(name):
                yield _error(name, "VERPLICHT", f"{name} is verplicht")
        if bundle.get("MerkCode") not in self.brands:
            yield _error("MerkCode", "MERK_ONBEKEND", "Dit merk is niet geregistreerd")
        required = REQUIRED.get(bundle.get("Categorie", ""))
        if required is None:
            yield _error("Categorie", "CATEGORIE_ONBEKEND", "Onbekende categorie")
        for key in sorted({*(required or ())} - _keys(bundle).keys()):
            yield _error(f"SleutelWaardeParen.{key}", "SLEUTEL_ONTBREEKT", f"{key} is verplicht")
        for recipient in bundle.get("Bestemmelingen", ()):
            if recipient.get("Type") != "RijksRegisterNummer" and not recipient.get("UitschrijfUri"):
                yield _error(
                    "Bestemmelingen", "UITSCHRIJVEN", "Contactgegevens zonder uitschrijfmogelijkheid"
                )
        expires = bundle.get("Vervaldatum")
        if expires and date.fromisoformat(expires) < (self.today or date.today()):  # noqa: DTZ011 - a day in Belgium
            yield _error("Vervaldatum", "VERVALLEN", "De vervaldatum is voorbij")

    async def _overview(self) -> HTMLResponse:
        counted = ((number, len(self.shown_to(number))) for number in self.numbers())
        return HTMLResponse(
            overview_page(counted, what=("bericht", "berichten"), path="/berichten", title="Berichten")
        )

    async def _inbox(self, number: str) -> HTMLResponse:
        return HTMLResponse(inbox_page(number, self.shown_to(number)))


def _error(field_: str, code: str, description: str) -> dict[str, str]:
    return {"code": code, "message": "Ongeldig", "description": description, "field": field_}


def _keys(bundle: dict[str, Any]) -> dict[str, str]:
    return {
        pair["Sleutel"]: pair["Waarde"] for pair in bundle.get("SleutelWaardeParen", ()) if pair["Waarde"]
    }


def _recipient(bundle: dict[str, Any]) -> str:
    recipient = bundle["Bestemmelingen"][0]
    return str(recipient.get("Waarde") or recipient.get("Email"))


def _notice(bundle: dict[str, Any], *, mailed: bool) -> Notice:
    keys = _keys(bundle)
    return Notice(
        id=bundle["Id"],
        number=keys["DossierNummer"],
        title=keys.get("DossierNaam", ""),
        code=keys["StatusVlaamseCode"],
        detail=keys.get("StatusDetail1", ""),
        link=keys.get("DocumentLinkUri", ""),
        sender=keys.get("DossierBeheerderNaam", ""),
        expires=bundle.get("Vervaldatum", ""),
        opt_out=bundle["Bestemmelingen"][0].get("UitschrijfUri", ""),
        mailed=mailed,
    )


@asynccontextmanager
async def running_notificaties(
    notificaties: Notificaties | None = None, *, port: int = 0, host: str = LOOPBACK
) -> AsyncGenerator[Notificaties]:
    """A Notificaties that serves until the block ends."""
    notificaties = notificaties or Notificaties()
    async with serving(notificaties.app(), port, host=host) as origin:
        notificaties.origin = origin
        yield notificaties


async def _serve() -> None:
    async with running_notificaties(port=8472) as notificaties:
        print(f"Notificaties (nagebootst): {notificaties.origin}/", file=sys.stderr)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())

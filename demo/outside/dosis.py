"""DOSIS, bad days included, and what customers see of it: Mijn Burgerprofiel, the e-loket, the Verenigingsloket.

Takes uploads at once and processes them `processing_seconds` later; until then their result is 404. What it can only find out then (a
number that nobody has, a dossier that somebody told it to refuse) fails afterwards. A version with an older change date than the one that
is shown is kept, marked as late, and not shown as the current one.

For a person: `python -m demo.outside.dosis`, then open the address that it prints.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from canonical_model.identifiers import InvalidIdentifierError, establishment, insz, kbo, vcode
from demo.outside.digitaal_vlaanderen import Provider, Weather, error_document, guarded
from demo.outside.notifications import Notificaties
from demo.outside.portal_pages import Dossier, Step, overview_page, portal_page
from demo.outside.serving import LOOPBACK, serving

SOURCE = "urn://leuven/contact"
PHASES = ("Samenstelling", "Behandeling", "Beslissing", "Uitvoering", "Afgerond")
CODES = (
    "Gepland", "Ingediend", "Ontvangen", "DossierOnvolledig", "InVerwerking", "InBehandeling", "InWacht", "Uitgevoerd",
    "Afgehandeld", "Aktename", "Overgedragen", "Stopgezet", "Onontvankelijk", "Geweigerd",
)  # fmt: skip
_NUMBERS = (insz, kbo, establishment, vcode)


@dataclass
class Version:
    """One upload of a dossier. `faults`: why it was refused when it was processed."""

    body: dict[str, Any]
    upload: str
    ready_at: float
    faults: tuple[str, ...] = ()
    late: bool = False


@dataclass
class Dosis:
    """`versions` by dossier, in the order in which they came. `refuse`: dossier -> why it fails when it is processed."""

    provider: Provider = field(default_factory=Provider)
    weather: Weather = field(default_factory=Weather)
    sources: tuple[str, ...] = (SOURCE, "urn://leuven/vergunningen")
    phases: list[str] = field(default_factory=lambda: list(PHASES))
    codes: list[str] = field(default_factory=lambda: list(CODES))
    processing_seconds: float = 0
    refuse: dict[str, str] = field(default_factory=dict[str, str])
    unknown_numbers: set[str] = field(default_factory=set[str])
    versions: dict[str, list[Version]] = field(default_factory=dict[str, list[Version]])
    uploads: int = 0
    notifications: Notificaties | None = None
    odd_failures: list[Any] = field(default_factory=list[Any])
    origin: str = ""

    def app(self) -> FastAPI:
        """Its interface, its log-in, and the portals."""
        app = FastAPI(title="DOSIS (nagebootst)", openapi_url=None)
        self.provider.mount(app)
        for method, path, handler in (
            ("POST", "/api/v2/dosis/dossiers", self._upload),
            ("DELETE", "/api/v1/dosis/dossiers", self._delete),
            ("GET", "/api/v2/dosis/bronnen/uris", self._sources),
            ("GET", "/api/v1/dosis/instellingen/validatie", self._validation),
            ("GET", "/api/v1/dosis/resultaten", self._result),
            ("GET", "/api/v1/dosis/resultaten/perUploadId", self._result_by_upload),
            ("GET", "/api/v1/dosis/resultaten/fouten", self._failures),
        ):
            app.add_api_route(
                path, guarded(self.provider, self.weather, handler), methods=[method], response_model=None
            )
        app.add_api_route("/", self._overview, response_class=HTMLResponse, response_model=None)
        app.add_api_route("/portaal/{number}", self._portal, response_class=HTMLResponse, response_model=None)
        return app

    def shown(self, dossier: str) -> list[Version]:
        """What was processed well, in the order in which it came."""
        return [
            one
            for one in self.versions.get(dossier, ())
            if one.ready_at <= time.monotonic() and not one.faults
        ]

    def current(self, dossier: str) -> Version | None:
        """What the customer sees now."""
        in_order = [one for one in self.shown(dossier) if not one.late]
        return in_order[-1] if in_order else None

    def codes_shown(self) -> dict[str, str]:
        """The code that each dossier shows now."""
        shown = {dossier: self.current(dossier) for dossier in self.versions}
        return {dossier: one.body["Status"]["VlaamsCode"] for dossier, one in shown.items() if one}

    def dossiers_of(self, number: str) -> list[Dossier]:
        """What somebody with this number sees, the last change first."""
        seen = [self._dossier(name) for name in self.versions if self._is_agent(name, number)]
        return sorted((one for one in seen if one), key=lambda one: one.steps[-1].at, reverse=True)

    def numbers(self) -> list[str]:
        """Who sees something."""
        agents = [agent for name in self.versions for agent in self._agents(name)]
        return list(dict.fromkeys(agents))

    async def _upload(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.uploads += 1
        errors = list(self._wrong(body))
        if errors:
            return error_document(400, *errors)
        name, upload = body["Identificatie"]["DossierNummer"], body["UploadId"].lower()
        known = {one.upload for one in self.versions.get(name, ())}
        if upload not in known:
            self._keep(name, upload, body)
        return JSONResponse({"Status": "OK", "UploadId": upload})

    def _keep(self, name: str, upload: str, body: dict[str, Any]) -> None:
        versions = self.versions.setdefault(name, [])
        latest = max((one.body["WijzigingsDatum"] for one in versions if not one.faults), default="")
        version = Version(
            body=body,
            upload=upload,
            ready_at=time.monotonic() + self.processing_seconds,
            faults=tuple(self._faults(name, body)),
            late=body["WijzigingsDatum"] < latest,
        )
        versions.append(version)

    def _wrong(self, body: dict[str, Any]) -> Iterable[dict[str, str]]:
        """What is found before it is taken."""
        if body.get("Identificatie", {}).get("Bron") not in self.sources:
            yield _error("Identificatie.Bron", "BRON_ONBEKEND", "U mag niet schrijven voor deze bron")
        if len(body.get("Producten", ())) != 1:
            yield _error("Producten", "PRODUCT_AANTAL", "Precies één product verwacht")
        if body.get("Status", {}).get("VlaamsCode") not in self.codes:
            yield _error("Status.VlaamsCode", "CODE_ONBEKEND", "Onbekende code")
        if body.get("Status", {}).get("VlaamsFase") not in self.phases:
            yield _error("Status.VlaamsFase", "FASE_ONBEKEND", "Onbekende fase")
        if not body.get("Naam"):
            yield _error("Naam", "VERPLICHT", "Naam is verplicht")
        if not body.get("Agenten"):
            yield _error("Agenten", "VERPLICHT", "Minstens één agent verwacht")
        for index, agent in enumerate(body.get("Agenten", ())):
            if not _is_number(agent.get("Identificatie", "")):
                told = f"{agent.get('Identificatie')} ({body.get('Naam')}) is geen geldig nummer"
                yield _error(f"Agenten[{index}].Identificatie", "AGENT_ONGELDIG", told)
            if not agent.get("Toegangsrechten"):
                yield _error(f"Agenten[{index}].Toegangsrechten", "VERPLICHT", "Recht verwacht")

    def _faults(self, name: str, body: dict[str, Any]) -> Iterable[str]:
        """What is only found while processing."""
        if name in self.refuse:
            yield self.refuse[name]
        for agent in body["Agenten"]:
            if agent["Identificatie"] in self.unknown_numbers:
                yield f"Agent {agent['Identificatie']} is niet gekend in KBO"

    async def _delete(self, request: Request) -> Response:
        if self.versions.pop(request.query_params["dossierNummer"], None) is None:
            return error_document(404, _error("dossierNummer", "NIET_GEVONDEN", "Geen dossier"))
        return Response(status_code=204)

    async def _sources(self, request: Request) -> Response:
        return JSONResponse(list(self.sources))

    async def _validation(self, request: Request) -> Response:
        return JSONResponse(
            {
                "StatusVlaamseFases": [{"Code": phase, "Naam": phase} for phase in self.phases],
                "StatusVlaamseCodes": [{"Code": code, "Naam": code} for code in self.codes],
                "MaximumAantalAgenten": 50,
            }
        )

    async def _result(self, request: Request) -> Response:
        versions = self.versions.get(request.query_params["dossierNummer"], [])
        return self._told(versions[-1] if versions else None)

    async def _result_by_upload(self, request: Request) -> Response:
        wanted = request.query_params["uploadId"].lower()
        return self._told(next((one for one in self._all() if one.upload == wanted), None))

    async def _failures(self, request: Request) -> Response:
        failed = [one for one in self._all() if one.faults and one.ready_at <= time.monotonic()]
        return JSONResponse([*[_result(one) for one in failed], *self.odd_failures])

    def _told(self, version: Version | None) -> Response:
        if version is None or version.ready_at > time.monotonic():
            return JSONResponse({"code": "404", "message": "Nog geen resultaat", "errors": []}, 404)
        return JSONResponse(_result(version))

    def _all(self) -> list[Version]:
        return [version for versions in self.versions.values() for version in versions]

    def _agents(self, name: str) -> list[str]:
        version = self.current(name)
        return [agent["Identificatie"] for agent in version.body["Agenten"]] if version else []

    def _is_agent(self, name: str, number: str) -> bool:
        return number in self._agents(name)

    def _dossier(self, name: str) -> Dossier | None:
        shown = [one for one in self.shown(name) if not one.late]
        if not shown:
            return None
        body = shown[-1].body
        return Dossier(
            number=name,
            title=body["Naam"],
            link=body.get("Doorverwijzing") or "",
            manager=body.get("DossierBeheerder", {}),
            steps=tuple(_step(one.body) for one in shown),
        )

    async def _overview(self) -> HTMLResponse:
        inboxes = self.notifications.numbers() if self.notifications else []
        numbers = list(dict.fromkeys([*self.numbers(), *inboxes]))
        return HTMLResponse(overview_page((number, len(self.dossiers_of(number))) for number in numbers))

    async def _portal(self, number: str) -> HTMLResponse:
        notices = self.notifications.shown_to(number) if self.notifications else ()
        return HTMLResponse(portal_page(number, self.dossiers_of(number), notices))


def _error(field_: str, code: str, description: str) -> dict[str, str]:
    return {"code": code, "message": "Ongeldig", "description": description, "field": field_}


def _result(version: Version) -> dict[str, Any]:
    return {
        "Identificatie": version.body["Identificatie"],
        "UploadId": version.upload,
        "Bestand": None,
        "TijdstipVerwerking": datetime.now(UTC).isoformat(),
        "Succes": not version.faults,
        "Fout": version.faults[0] if version.faults else None,
        "Fouten": [{"Omschrijving": fault, "LijnNummer": None} for fault in version.faults],
        "VerwerktVoorOpvraging": not version.faults,
    }


def _step(body: dict[str, Any]) -> Step:
    status = body["Status"]
    return Step(
        at=body["WijzigingsDatum"],
        phase=status["VlaamsFase"],
        code=status["VlaamsCode"],
        detail=status.get("Detail1") or "",
        action=(status["Actie"].get("Actie") or "") if status["Actie"]["ActieNodig"] else "",
        action_needed=status["Actie"]["ActieNodig"],
    )


def _is_number(text: str) -> bool:
    for parse in _NUMBERS:
        try:
            parse(text)
        except InvalidIdentifierError:
            continue
        return True
    return False


@asynccontextmanager
async def running_dosis(
    dosis: Dosis | None = None, *, port: int = 0, host: str = LOOPBACK
) -> AsyncGenerator[Dosis]:
    """A DOSIS that serves until the block ends."""
    dosis = dosis or Dosis()
    async with serving(dosis.app(), port, host=host) as origin:
        dosis.origin = origin
        yield dosis


async def _serve() -> None:
    async with running_dosis(Dosis(processing_seconds=3), port=8471) as dosis:
        print(f"DOSIS en Mijn Burgerprofiel (nagebootst): {dosis.origin}/", file=sys.stderr)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())

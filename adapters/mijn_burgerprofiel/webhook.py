"""The doors of Mijn Burgerprofiel: pages for citizens, and "Melding doen" with the schemas of its categories."""

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from adapters.acmidm.api import PostDoor, answered
from adapters.acmidm.persona import Capacity
from adapters.acmidm.problems import NOT_FOUND
from adapters.acmidm.settings import Pages
from adapters.acmidm.site import Portal, Site
from adapters.mijn_burgerprofiel.settings import Settings
from adapters.mijn_burgerprofiel.translate import ReportReader
from canonical_model.contact import Channel
from ports.adapter import Tools
from ports.problems import RefusedError

PORTAL = Portal(
    system="mijn_burgerprofiel",
    channel=Channel.MIJN_BURGERPROFIEL,
    capacities=frozenset({Capacity.CITIZEN}),
    scopes=("openid", "profile", "rrn", "vo"),
)


def site_of(pages: Pages, settings: Settings, tools: Tools) -> Site:
    """The pages for citizens."""
    return Site(PORTAL, pages, settings.limits, settings.categories, tools)


class ReportDoor:
    """`POST /meldingen`, and what a sender must know of the categories."""

    def __init__(self, settings: Settings, tools: Tools) -> None:
        if settings.reports is None:
            raise ValueError("the door is closed: `reports` is not set")
        self._reader = ReportReader(settings)
        self._settings = settings
        self.door = PostDoor(
            "/meldingen", settings.reports, PORTAL.capacities, settings.limits, self._reader, tools
        )

    def add_to(self, router: APIRouter) -> None:
        """Put the door on a router."""
        self.door.add_to(router)
        router.add_route("/categorieen", answered(self._categories), methods=["GET"], name="categories")
        router.add_route("/categorieen/{name}", answered(self._schema), methods=["GET"], name="schema")

    async def _categories(self, request: Request) -> Response:
        await self.door.caller(request)
        listed = [
            {"naam": name, "titel": category.title, "product": category.product}
            for name, category in self._settings.categories.items()
        ]
        return Response(msgspec.json.encode(listed), media_type="application/json")

    async def _schema(self, request: Request) -> Response:
        await self.door.caller(request)
        schema = self._reader.schemas.get(str(request.path_params["name"]))
        if schema is None:
            raise RefusedError(NOT_FOUND, "there is no such category")
        content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema.model_json_schema()}
        return Response(msgspec.json.encode(content), media_type="application/schema+json")

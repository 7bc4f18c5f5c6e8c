"""The feed for a connector that polls us and brings our statuses to DOSIS itself: changes in the order of their index.

The address and the JSON are those of the connector of VLAIO (github.com/Qmino/dosis-connector). What is in the feed is told by the
journal (`ports.feeds`): the feed has no copy of anything.
"""

import hmac
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from adapters.dosis.settings import Feed, Settings
from adapters.dosis.translate import Json, to_element
from canonical_model.commands import PublishStatus
from ports.adapter import Tools
from ports.errors import RejectedError, TransientError
from ports.feeds import Entry

PATH = "/dossierstatusveranderingen"
_HIGHEST = 2**63 - 1


class FeedDoor:
    """Stateless; who asks must bring a token."""

    def __init__(self, settings: Settings, feed: Feed, tools: Tools) -> None:
        self._settings = settings
        self._feed = feed
        self._tools = tools
        self._tokens = [token.get_secret_value().encode() for token in feed.tokens]

    def router(self) -> APIRouter:
        """The feed, to be mounted under `/in/<instance>`."""
        router = APIRouter()
        router.add_route(PATH, self.changes, methods=["GET"], name=f"{self._tools.name}{PATH}")
        return router

    async def changes(self, request: Request) -> Response:
        """Changes after `index` (0: from the beginning), at most `limiet`; the next question begins at `nieuweIndex`."""
        if not self._lets_in(request.headers.get("authorization", "")):
            return _json({"fout": "Authorization: Bearer ... ontbreekt of klopt niet"}, 401)
        index = _number(request.query_params.get("index", "0"))
        limit = _number(request.query_params.get("limiet", str(self._feed.most)))
        if index is None or not limit:
            return _json({"fout": "index en limiet zijn gehele getallen, limiet minstens 1"}, 400)
        try:
            page = await self._tools.feeds.read(
                feed_name(self._tools.name), index, min(limit, self._feed.most)
            )
        except TransientError as error:
            return _json({"fout": "nu niet beschikbaar"}, 503, retry_after=error.retry_after or 5)
        elements = [found for found in map(self._element, page.entries) if found]
        here = str(request.url.replace(query=""))
        body: Json = {
            "@type": "StatusVeranderingsVerzameling",
            "@id": _address(here, index, limit),
            "index": index,
            "limiet": limit,
            "nieuweIndex": page.next,
            "@volgendeVerzameling": _address(here, page.next, limit),
            "elementen": elements,
        }
        return _json(body, 200)

    def _lets_in(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        presented = given.strip().encode()
        fits = [hmac.compare_digest(known, presented) for known in self._tokens]
        return scheme.lower() == "bearer" and any(fits)

    def _element(self, entry: Entry) -> Json | None:
        """None where the case was erased, or cannot be shown by the settings as they are now."""
        if not isinstance(entry.command, PublishStatus):
            return None
        try:
            return to_element(entry.position, entry.command, self._settings)
        except RejectedError:
            return None


def feed_name(instance: str) -> str:
    """Under which name the publications of an instance are put up; no existing system has a name with a slash."""
    return f"in/{instance}"


def _number(text: str) -> int | None:
    """A whole number from 0 on, or None."""
    if not text.isascii() or not text.isdecimal() or len(text) > 19:
        return None
    return min(int(text), _HIGHEST)


def _address(here: str, index: int, limit: int) -> str:
    return f"{here}?{urlencode({'index': index, 'limiet': limit})}"


def _json(body: Json, status: int, *, retry_after: float | None = None) -> Response:
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if retry_after:
        headers["Retry-After"] = str(int(retry_after))
    return Response(
        msgspec.json.encode(body), status, headers=headers, media_type="application/json; charset=utf-8"
    )

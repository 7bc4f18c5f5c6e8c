"""The GeoReport v2 server: who asks, what is wanted, store it, and only then answer in the format asked."""

import asyncio
import hmac
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeAlias

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from adapters.open311.body import BodyReader
from adapters.open311.brought import brought
from adapters.open311.client import PhotoClient
from adapters.open311.documents import Format, Tree, rendered
from adapters.open311.photos import PhotoRules, to_files
from adapters.open311.posted import Posted, asked, read
from adapters.open311.problems import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    TRY_LATER,
    RefusedError,
    ReportError,
)
from adapters.open311.settings import App, ServiceType, Settings
from adapters.open311.source import PhotoSource, waiting
from adapters.open311.translate import (
    Identity,
    definition_of,
    identity,
    instant,
    is_echo,
    moment_asked,
    named,
    request_of,
    service_of,
    service_record,
    to_report,
    to_update,
    updates_of,
)
from adapters.open311.waiting import WaitingRoom
from canonical_model.case import CASE_REF, CaseRef
from canonical_model.events import ContactReceived
from ports.adapter import Tools
from ports.cases import CaseSummary, CaseView
from ports.errors import RejectedError, TransientError
from ports.intake import File, Inbound, Receipt

log = structlog.get_logger()

Door: TypeAlias = "Callable[[Request, Format], Awaitable[Response]]"

SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
_MOST = 1000
"""Records in one answer, as the standard has it."""
_FURTHEST = 5000
"""Cases that one question may walk over."""
_WINDOW = timedelta(days=90)
_UPDATE_WINDOW = timedelta(days=1)
_LARGE = 200_000
"""From this many bytes on, reading a report takes so long that it must not hold up the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The app behind a request, and under which source its messages stand."""

    name: str
    app: App
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What will be handed over."""

    identity: Identity
    event: ContactReceived
    files: tuple[File, ...]


class Open311:
    """One instance; stateless but for the bytes it is holding."""

    def __init__(
        self, settings: Settings, tools: Tools, room: WaitingRoom, client: PhotoClient, photos: PhotoSource
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._room = room
        self._client = client
        self._photos = photos
        self._keys = [
            (key.get_secret_value().encode(), name) for name, app in settings.apps.items() for key in app.keys
        ]
        self._rules = PhotoRules(max_files=settings.max_files, max_bytes=settings.max_file_bytes)
        self._reader = BodyReader(
            limit=settings.max_body_bytes,
            shared_limit=settings.max_held_bytes,
            seconds=settings.body_seconds,
        )

    def router(self) -> APIRouter:
        """The addresses, to be mounted under `/in/<instance>`; each with its format behind a dot, or without."""
        router = APIRouter()
        for path, method, door in (
            ("/discovery", "GET", self.discovery),
            ("/v2/discovery", "GET", self.discovery),
            ("/v2/services", "GET", self.services),
            ("/v2/services/{code}", "GET", self.definition),
            ("/v2/requests", "POST", self.report),
            ("/v2/requests", "GET", self.requests),
            ("/v2/requests/{id}", "GET", self.request),
            ("/v2/tokens/{token}", "GET", self.token),
            ("/v2/servicerequestupdates", "GET", self.updates),
            ("/v2/servicerequestupdates", "POST", self.update),
            ("/v2/update", "GET", self.updates),
            ("/v2/update", "POST", self.update),
        ):
            for full in (f"{path}.{{format}}", path):
                router.add_route(full, _answered(door), methods=[method], name=f"{self._tools.name}{full}")
        return router

    async def discovery(self, request: Request, format_: Format) -> Response:
        """Where we are and what we speak."""
        asked_at = str(request.url.replace(query="")).rpartition("/discovery")[0].removesuffix("/v2")
        base = self._settings.public_url.rstrip("/") or asked_at
        endpoint: Mapping[str, Tree] = {
            "specification": SPECIFICATION,
            "url": f"{base}/v2",
            "changeset": "2026-11-26T00:00:00+00:00",
            "type": "production",
            "formats": [known.media_type.partition(";")[0] for known in Format],
        }
        discovery: Mapping[str, Tree] = {
            "changeset": "2026-11-26T00:00:00+00:00",
            "contact": self._settings.contact,
            "key_service": self._settings.contact,
            "endpoints": [endpoint],
        }
        return _document(format_, "discovery", discovery)

    async def services(self, request: Request, format_: Format) -> Response:
        """What can be reported; open to everybody."""
        self._refuse_elsewhere(asked(request.query_params.multi_items()))
        return _document(format_, "services", [service_record(one) for one in self._settings.services])

    async def definition(self, request: Request, format_: Format) -> Response:
        """The extra questions of a service; open to everybody."""
        self._refuse_elsewhere(asked(request.query_params.multi_items()))
        chosen = asked([("service_code", request.path_params["code"])])
        return _document(
            format_, "service_definition", definition_of(service_of(chosen, self._settings.services))
        )

    async def report(self, request: Request, format_: Format) -> Response:
        """A new report: a case number when there is one, else a token."""
        async with self._reader.body(request) as body:
            posted = await self._posted(request, body)
            caller = self._caller(request, posted)
            self._refuse_elsewhere(posted)
            key = request.headers.get("idempotency-key", "").strip('" ')
            own_id = key or posted.own_id(caller.app.id_fields)
            receipt, source_ref = await self._take_in(
                caller, posted, lambda: self._understood_report(posted, caller, own_id), waits_under=None
            )
        service = service_of(posted, self._settings.services)
        ref = "" if service.type is ServiceType.BATCH else await self._case_of(caller, source_ref)
        record: Mapping[str, Tree] = (
            {"service_request_id": ref, "service_notice": None, "account_id": None}
            if ref
            else {"token": source_ref, "service_notice": None, "account_id": None}
        )
        new = 201 if ref else 202
        return _document(format_, "service_requests", [record], 200 if receipt.duplicate else new)

    async def requests(self, request: Request, format_: Format) -> Response:
        """How the reports go that this app brought: those asked for by number, or those of a window."""
        query = asked(request.query_params.multi_items())
        caller = self._caller(request, query)
        self._refuse_elsewhere(query)
        ids = query.one("service_request_id")
        records = await self._by_id(caller, ids) if ids else await self._in_window(caller, query)
        return _document(format_, "service_requests", _page(records, query))

    async def request(self, request: Request, format_: Format) -> Response:
        """One report of this app."""
        caller = self._caller(request, asked(request.query_params.multi_items()))
        records = await self._by_id(caller, request.path_params["id"])
        if not records:
            raise RefusedError(NOT_FOUND, "service_request_id was not found")
        return _document(format_, "service_requests", records)

    async def token(self, request: Request, format_: Format) -> Response:
        """The case number behind a token; without one as long as there is none."""
        caller = self._caller(request, asked(request.query_params.multi_items()))
        token = request.path_params["token"]
        outcome = await self._tools.cases.outcome(caller.source, token)
        if outcome is None:
            raise RefusedError(NOT_FOUND, "token was not found")
        record: Mapping[str, Tree] = {
            "service_request_id": outcome.case.ref if outcome.case else None,
            "token": token,
        }
        return _document(format_, "service_requests", [record])

    async def updates(self, request: Request, format_: Format) -> Response:
        """What changed between two moments, both included, the oldest first."""
        query = asked(request.query_params.multi_items())
        caller = self._caller(request, query)
        self._refuse_elsewhere(query)
        end = moment_asked(query.one("end_date"), "end_date") or self._tools.clock.now()
        start = moment_asked(query.one("start_date"), "start_date") or end - _UPDATE_WINDOW
        found: list[tuple[str, Mapping[str, Tree]]] = []
        async for summary in self._changed(caller, start - timedelta(seconds=1)):
            view = await self._tools.cases.view(summary.ref)
            told = updates_of(view, caller.app) if view else []
            found += [
                (instant(at), update) for at, update in told if instant(start) <= instant(at) <= instant(end)
            ]
        found.sort(key=lambda one: one[0])
        return _document(format_, "service_request_updates", _page([update for _, update in found], query))

    async def update(self, request: Request, format_: Format) -> Response:
        """What a reporter adds; it joins his case."""
        async with self._reader.body(request) as body:
            posted = await self._posted(request, body)
            caller = self._caller(request, posted)
            self._refuse_elsewhere(posted)
            view = await self._own(caller, posted.one("service_request_id"))
            own_id = request.headers.get("idempotency-key", "").strip('" ') or posted.own_id(
                ("update_id", "update_id_ext")
            )
            if view is None:
                raise RefusedError(NOT_FOUND, "service_request_id was not found")
            ref = view.summary.ref
            answer: Mapping[str, Tree] = {"update_id": own_id or sha256(posted.kept()).hexdigest()[:32]}
            if is_echo(own_id, ref):
                log.info("own_update_came_back", app=caller.name, case=ref)
                return _document(format_, "service_request_updates", [answer])
            receipt, _ = await self._take_in(
                caller, posted, lambda: self._understood_update(posted, caller, ref, own_id), waits_under=ref
            )
        return _document(format_, "service_request_updates", [answer], 200 if receipt.duplicate else 201)

    async def _posted(self, request: Request, body: bytes) -> Posted:
        """The body, taken apart. What can't be is kept too, when the key beside it tells whose it is."""
        type_ = request.headers.get("content-type", "")
        try:
            return await asyncio.to_thread(read, body, type_) if len(body) >= _LARGE else read(body, type_)
        except RefusedError as refused:
            caller = self._known(request, asked(()))
            if caller and refused.code == BAD_REQUEST:
                await self._keep(caller, body, _plain(type_), ReportError(refused.description))
            raise

    def _caller(self, request: Request, posted: Posted) -> Caller:
        caller = self._known(request, posted)
        if caller is None:
            raise RefusedError(FORBIDDEN, "api_key is missing or not known here")
        return caller

    def _known(self, request: Request, posted: Posted) -> Caller | None:
        """Whose key this is; every key is compared, in constant time."""
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        presented = (
            posted.one("api_key")
            or request.query_params.get("api_key", "")
            or request.headers.get("x-api-key", "")
            or (bearer.strip() if scheme.lower() == "bearer" else "")
        ).encode()
        fits = [name for known, name in self._keys if hmac.compare_digest(known, presented)]
        if not fits:
            return None
        name = fits[0]
        return Caller(name=name, app=self._settings.apps[name], source=f"{self._tools.name}/{name}")

    def _refuse_elsewhere(self, posted: Posted) -> None:
        """A report for another city is not ours; an app that names none means us."""
        ours, theirs = self._settings.jurisdiction, posted.one("jurisdiction_id")
        if ours and theirs and theirs.casefold() != ours.casefold():
            raise RefusedError(NOT_FOUND, "jurisdiction_id was not found: we are not that city")

    def _understood_report(self, posted: Posted, caller: Caller, own_id: str) -> Understood:
        service = service_of(posted, self._settings.services)
        files = to_files(posted.uploads, self._rules)
        identified = identity(
            posted,
            own_id,
            caller.source,
            self._tools.clock.now(),
            timedelta(hours=self._settings.repeat_hours),
        )
        attachments = tuple(file.attachment for file in files)
        event = to_report(posted, service, caller.app, attachments, identified.fingerprint)
        return Understood(identity=identified, event=event, files=files)

    def _understood_update(self, posted: Posted, caller: Caller, ref: CaseRef, own_id: str) -> Understood:
        files = to_files(posted.uploads, self._rules)
        id_ = f"{ref}/{own_id or sha256(posted.kept()).hexdigest()}"
        event = to_update(posted, ref, caller.app, tuple(file.attachment for file in files))
        return Understood(identity=Identity(source_ref=named("update", id_)), event=event, files=files)

    async def _take_in(
        self, caller: Caller, posted: Posted, understand: Callable[[], Understood], *, waits_under: str | None
    ) -> tuple[Receipt, str]:
        """Hand over; what can't be read is kept too, and then refused. The photos wait before anybody is answered."""
        try:
            understood = understand()
        except ReportError as problem:
            await self._keep(caller, posted.kept(), "application/json", problem)
            raise
        source_ref = understood.identity.source_ref
        await self._let_photos_wait(caller, posted, source_ref, waits_under or source_ref)
        receipt = await self._accept(
            Inbound(
                source=caller.source,
                source_ref=source_ref,
                raw=posted.kept(),
                media_type="application/json",
                event=understood.event,
                files=understood.files,
            )
        )
        self._photos.wake()
        return receipt, source_ref

    async def _keep(self, caller: Caller, raw: bytes, media_type: str, problem: ReportError) -> None:
        """What can't be understood waits for people, once however often it comes."""
        ref = f"unreadable-{sha256(raw).hexdigest()[:32]}"
        await self._accept(
            Inbound(source=caller.source, source_ref=ref, raw=raw, media_type=media_type, problem=problem)
        )
        log.info("report_not_understood", app=caller.name, code=problem.code)

    async def _let_photos_wait(self, caller: Caller, posted: Posted, source_ref: str, key: str) -> None:
        urls = posted.fields.get("media_url", ())
        photos = waiting(urls, self._client, self._rules, self._tools.clock.now())
        if len(photos) < len(urls):
            log.info("photos_not_fetched", app=caller.name, count=len(urls) - len(photos))
        if photos and await self._tools.cases.outcome(caller.source, source_ref) is None:
            before = await self._room.waiting(caller.name, key)
            known = {photo.url for photo in before}
            await self._room.put(
                caller.name, key, (*before, *(photo for photo in photos if photo.url not in known))
            )

    async def _accept(self, inbound: Inbound) -> Receipt:
        try:
            return await self._tools.accept(inbound)
        except RejectedError as error:
            raise RefusedError(
                CONFLICT, "another report came under this id before, and is kept: give each report its own"
            ) from error

    async def _case_of(self, caller: Caller, source_ref: str) -> str:
        outcome = await self._tools.cases.outcome(caller.source, source_ref)
        return outcome.case.ref if outcome and outcome.case else ""

    async def _own(self, caller: Caller, ref: str) -> CaseView | None:
        """A case, if this app brought it."""
        if not CASE_REF.fullmatch(ref.strip()):
            return None
        view = await self._tools.cases.view(CaseRef(ref.strip()))
        return view if view and view.summary.origin == caller.source else None

    async def _changed(self, caller: Caller, since: datetime) -> AsyncGenerator[CaseSummary]:
        """What this app brought and changed since then; a question that is too wide is refused, not cut off."""
        walked = 0
        async for summary in brought(self._tools.cases, caller.source, since):
            walked += 1
            if walked > _FURTHEST:
                raise RefusedError(
                    BAD_REQUEST, "too many reports changed since start_date: ask from a later one"
                )
            yield summary

    async def _by_id(self, caller: Caller, ids: str) -> list[Mapping[str, Tree]]:
        views = [await self._own(caller, one) for one in dict.fromkeys(ids.split(",")[:_MOST])]
        return [request_of(view.summary, self._settings, caller.app) for view in views if view]

    async def _in_window(self, caller: Caller, query: Posted) -> list[Mapping[str, Tree]]:
        """The newest first. Every case that was opened in the window has changed since its beginning."""
        end = moment_asked(query.one("end_date"), "end_date") or self._tools.clock.now()
        start = moment_asked(query.one("start_date"), "start_date") or end - _WINDOW
        after = moment_asked(query.one("updated_after"), "updated_after")
        codes, statuses = _listed(query.one("service_code")), _listed(query.one("status"))
        found = [
            (summary.opened_at, request_of(summary, self._settings, caller.app))
            async for summary in self._changed(caller, max(start, after or start))
            if start <= summary.opened_at <= end
        ]
        found.sort(key=lambda one: one[0], reverse=True)
        return [
            record
            for _, record in found
            if (not codes or str(record["service_code"]).casefold() in codes)
            and (not statuses or record["status"] in statuses)
        ]


def _listed(text: str) -> frozenset[str]:
    return frozenset(one.strip().casefold() for one in text.split(",") if one.strip())


def _page(records: Sequence[Mapping[str, Tree]], query: Posted) -> Sequence[Mapping[str, Tree]]:
    size = min(_whole(query.one("page_size"), "page_size") or _MOST, _MOST)
    page = _whole(query.one("page"), "page") or 1
    return records[(page - 1) * size : page * size]


def _whole(text: str, name: str) -> int:
    if text and not (text.isdecimal() and len(text) < 7 and int(text)):
        raise RefusedError(BAD_REQUEST, f"{name} is no number from 1 on")
    return int(text) if text else 0


def _plain(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()[:100] or "application/octet-stream"


def _answered(door: Door) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        format_ = _format(request)
        if format_ is None:
            return _refusal(RefusedError(NOT_FOUND, "there are .xml and .json"), Format.XML)
        try:
            return await door(request, format_)
        except ReportError as error:
            refused = RefusedError(error.code, error.what)
        except TransientError as error:
            refused = RefusedError(
                TRY_LATER, "not stored: send it again later", retry_after=error.retry_after or 5
            )
        except RefusedError as error:
            refused = error
        log.info("open311_refused", code=refused.code, method=request.method)
        return _refusal(refused, format_)

    return answer


def _format(request: Request) -> Format | None:
    """As the address says; without, as the Accept header prefers; XML is what the standard requires."""
    named_ = request.path_params.get("format")
    if named_ is None:
        return Format.JSON if "json" in request.headers.get("accept", "") else Format.XML
    return Format(named_.lower()) if named_.lower() in frozenset(Format) else None


def _refusal(error: RefusedError, format_: Format) -> Response:
    answer = _document(
        format_, "errors", [{"code": error.code, "description": error.description}], error.code
    )
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.code in (408, 413):
        answer.headers["Connection"] = "close"
    return answer


def _document(format_: Format, root: str, content: Tree, status: int = 200) -> Response:
    headers = {"Content-Type": format_.media_type, "Cache-Control": "no-store"}
    return Response(rendered(format_, root, content), status, headers=headers)

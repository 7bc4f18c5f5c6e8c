"""The doors: authenticate, read within limits, translate, store, and only then answer."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import TypeAlias
from zoneinfo import ZoneInfo

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.website.doors import Understood, read_drupal, read_form, read_json, read_open_formulieren
from adapters.website.problems import NOT_AUTHENTIC, kept_but_not_understood
from adapters.website.settings import Sender, Settings
from adapters.website.signature import NotAuthenticError, claimed
from adapters.website.translate import to_event
from ports.adapter import Tools
from ports.bodies import BodyReader, BodyRefusedError
from ports.errors import NotUnderstoodError, RejectedError, TransientError
from ports.intake import Inbound, Receipt
from ports.keyed_hash import KeyedHash
from ports.problems import CONFLICT, TRY_LATER, RefusedError, refusal, unread
from ports.replies import Reply

log = structlog.get_logger()

Door: TypeAlias = Callable[[Request], Awaitable[ASGIApp]]
Read: TypeAlias = Callable[[], Understood]

_BRUSSELS = ZoneInfo("Europe/Brussels")
_LARGE = 200_000
"""From this many bytes on, reading a submission takes so long that it must not hold up the others."""


class Website:
    """The four doors of one instance; stateless but for the bytes it is holding."""

    def __init__(self, settings: Settings, keys: tuple[bytes, ...], tools: Tools) -> None:
        self._settings = settings
        self._keys = tuple(map(KeyedHash, keys))
        self._tools = tools
        self._tokens = [
            (token.get_secret_value().encode(), name)
            for name, sender in settings.senders.items()
            for token in sender.tokens
        ]
        self._rules = settings.file_rules()
        self._reader = BodyReader(
            limit=settings.max_body_bytes,
            shared_limit=settings.max_held_bytes,
            seconds=settings.body_seconds,
        )
        self._json_source = f"{tools.name}/json"

    def router(self) -> APIRouter:
        """The doors, to be mounted under `/in/<instance>`."""
        router = APIRouter()
        for path, door in (
            ("/json", self.json),
            ("/form", self.form),
            ("/drupal", self.drupal),
            ("/open-formulieren", self.open_formulieren),
        ):
            router.routes.append(
                Route(path, _Answered(door), methods=["POST"], name=f"{self._tools.name}{path}")
            )
        return router

    async def json(self, request: Request) -> ASGIApp:
        """Our own contract, signed."""
        claim = claimed(request.scope["headers"], self._tools.clock.now().timestamp())
        async with self._reader.body(request) as body:
            id_ = claim.proven(body, self._keys)
            return await self._take_in(
                self._json_source,
                body,
                "application/json",
                lambda: read_json(body, id_, self._rules),
                unreadable_ref=id_,
            )

    async def form(self, request: Request) -> ASGIApp:
        """A form that a web server passes on."""
        name, sender = self._sender(request)
        type_ = request.headers.get("content-type", "")
        key = request.headers.get("idempotency-key", "").strip('" ')
        async with self._reader.body(request) as body:
            return await self._take_in(
                f"{self._tools.name}/form/{name}",
                body,
                type_,
                lambda: read_form(body, type_, key, sender, self._rules),
            )

    async def drupal(self, request: Request) -> ASGIApp:
        """Drupal Webform."""
        name, sender = self._sender(request)
        type_ = request.headers.get("content-type", "")
        day = self._tools.clock.now().astimezone(_BRUSSELS).date()
        async with self._reader.body(request) as body:
            return await self._take_in(
                f"{self._tools.name}/drupal/{name}",
                body,
                type_,
                lambda: read_drupal(body, type_, day, sender, self._rules),
            )

    async def open_formulieren(self, request: Request) -> ASGIApp:
        """Open Formulieren, generic JSON."""
        name, sender = self._sender(request)
        async with self._reader.body(request) as body:
            return await self._take_in(
                f"{self._tools.name}/open-formulieren/{name}",
                body,
                "application/json",
                lambda: read_open_formulieren(body, sender, self._rules),
            )

    def _sender(self, request: Request) -> tuple[str, Sender]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token if scheme.lower() == "bearer" else request.headers.get("x-wegwijzer-token", "")
        presented = given.strip().encode()
        fits = [name for known, name in self._tokens if hmac.compare_digest(known, presented)]
        if not fits:
            raise NotAuthenticError("send your token as `Authorization: Bearer ...` or `X-Wegwijzer-Token`")
        return fits[0], self._settings.senders[fits[0]]

    async def _take_in(
        self,
        source: str,
        body: bytes,
        media_type: str,
        read: Read,
        *,
        unreadable_ref: str = "",
    ) -> ASGIApp:
        understood = partial(self._inbound, source, read)
        try:
            inbound = understood() if len(body) < _LARGE else await asyncio.to_thread(understood)
        except NotUnderstoodError as problem:
            ref = unreadable_ref or f"unreadable:{sha256(body).hexdigest()}"
            unread = Inbound(
                source=source,
                source_ref=ref,
                raw=body,
                media_type=_plain(media_type),
                problem=problem,
            )
            receipt = await self._accept(unread)
            log.info("submission_not_understood", source=source, message_id=receipt.message_id)
            return kept_but_not_understood(problem, receipt.message_id)
        return _receipt(await self._accept(inbound))

    def _inbound(self, source: str, read: Read) -> Inbound:
        understood = read()
        event = to_event(
            understood.submission,
            tuple(file.attachment for file in understood.files),
            source=source,
            allow_test_numbers=self._settings.allow_test_numbers,
        )
        return Inbound(
            source=source,
            source_ref=understood.source_ref,
            raw=understood.raw,
            media_type="application/json",
            event=event,
            files=understood.files,
        )

    async def _accept(self, inbound: Inbound) -> Receipt:
        try:
            return await self._tools.accept(inbound)
        except TransientError as error:
            raise RefusedError(
                TRY_LATER, "send it again later, with the same id", retry_after=error.retry_after or 5
            ) from error
        except RejectedError as error:
            raise RefusedError(
                CONFLICT, "the first submission with this id is kept: give a new submission a new id"
            ) from error


class _Answered:
    """A door as an ASGI application: nothing stands between the server and it."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._door(Request(scope, receive))
        except (NotAuthenticError, BodyRefusedError, RefusedError) as error:
            refused = _refused(error)
            log.info("submission_refused", path=scope["path"], reason=refused.problem.name)
            reply = refusal(refused)
        await reply(scope, receive, send)


def _refused(error: NotAuthenticError | BodyRefusedError | RefusedError) -> RefusedError:
    if isinstance(error, NotAuthenticError):
        return RefusedError(NOT_AUTHENTIC, str(error))
    return unread(error) if isinstance(error, BodyRefusedError) else error


def _receipt(receipt: Receipt) -> Reply:
    address = f"/receipts/{receipt.message_id}"
    content: Mapping[str, str | bool] = {
        "id": receipt.message_id,
        "status_url": address,
        "duplicate": receipt.duplicate,
    }
    return Reply(200 if receipt.duplicate else 202, content, (b"location", address.encode()))


def _plain(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()[:100] or "application/octet-stream"

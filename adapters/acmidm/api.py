"""The doors for a portal's own systems: authenticate, read within limits, translate, store, and only then answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import TypeAlias
from urllib.parse import quote

import msgspec
import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from adapters.acmidm.bearer import Doorkeeper
from adapters.acmidm.persona import Capacity
from adapters.acmidm.problems import NOT_FOUND, NOT_SET_UP, SubmissionError, kept_but_not_understood
from adapters.acmidm.provider import Provider
from adapters.acmidm.settings import Door, Limits
from adapters.acmidm.transaction import as_json
from adapters.acmidm.understood import Caller, Read
from ports.adapter import Tools
from ports.bodies import BodyReader, BodyRefusedError
from ports.cases import Outcome
from ports.errors import MisconfiguredError, RejectedError, TransientError
from ports.intake import Inbound, Receipt
from ports.problems import CONFLICT, TRY_LATER, RefusedError, refusal, unread

log = structlog.get_logger()

Answer: TypeAlias = Callable[[Request], Awaitable[Response]]


class PostDoor:
    """`POST <path>` takes submissions, `GET <path>/<id>` tells how one stands: to the system that posted it only."""

    def __init__(
        self,
        path: str,
        door: Door,
        capacities: frozenset[Capacity],
        limits: Limits,
        read: Read,
        tools: Tools,
    ) -> None:
        self.provider = Provider(door, tools.clock)
        self._doorkeeper = Doorkeeper(door, self.provider, capacities, tools.clock)
        self._path = path
        self._read = read
        self._tools = tools
        self._rules = limits.file_rules()
        self._reader = BodyReader(
            limit=limits.max_body_bytes, shared_limit=limits.max_held_bytes, seconds=limits.body_seconds
        )

    def add_to(self, router: APIRouter) -> None:
        """Put the door on a router."""
        router.add_route(self._path, answered(self._post), methods=["POST"], name=f"POST{self._path}")
        router.add_route(
            f"{self._path}/{{id:path}}", answered(self._status), methods=["GET"], name=f"GET{self._path}"
        )

    async def caller(self, request: Request) -> Caller:
        """Which system is at the door. Raises `RefusedError`."""
        return await self._doorkeeper.caller(request.headers.get("authorization", ""))

    async def _post(self, request: Request) -> Response:
        caller = await self.caller(request)
        async with self._reader.body(request) as body:
            return await self._take_in(request, body, caller)

    async def _take_in(self, request: Request, body: bytes, caller: Caller) -> Response:
        source = self._source(caller)
        try:
            understood = await asyncio.to_thread(self._read, body, request.headers, caller, self._rules)
        except SubmissionError as problem:
            ref = f"unreadable:{sha256(body).hexdigest()}"
            unread = Inbound(
                source=source, source_ref=ref, raw=body, media_type="application/json", problem=problem
            )
            receipt = await self._accept(unread)
            log.info("submission_not_understood", source=source, message_id=receipt.message_id)
            return kept_but_not_understood(problem, receipt.message_id, request.url.path)
        inbound = Inbound(
            source=source,
            source_ref=understood.source_ref,
            raw=understood.raw,
            media_type="application/json",
            event=understood.event,
            files=understood.files,
        )
        return self._receipt(await self._accept(inbound), understood.source_ref)

    async def _status(self, request: Request) -> Response:
        caller = await self.caller(request)
        ref = str(request.path_params["id"])
        outcome = await self._tools.cases.outcome(self._source(caller), ref)
        if outcome is None:
            raise RefusedError(NOT_FOUND, "you posted nothing under this id")
        return _json(_told(ref, outcome), 200)

    async def _accept(self, inbound: Inbound) -> Receipt:
        try:
            return await self._tools.accept(inbound)
        except RejectedError as error:
            raise RefusedError(
                CONFLICT, "the first submission with this id is kept: give a new submission a new id"
            ) from error

    def _receipt(self, receipt: Receipt, ref: str) -> Response:
        address = f"/in/{self._tools.name}{self._path}/{quote(ref, safe='')}"
        content = {"id": ref, "receipt": receipt.message_id, "duplicate": receipt.duplicate}
        return _json(content, 200 if receipt.duplicate else 202, {"Location": address})

    def _source(self, caller: Caller) -> str:
        return f"{self._tools.name}{self._path}/{caller.system}"


def answered(answer: Answer) -> Answer:
    """The same, with every refusal as a problem document."""

    async def door(request: Request) -> Response:
        try:
            return await answer(request)
        except RefusedError as error:
            refused = error
        except BodyRefusedError as error:
            refused = unread(error)
        except TransientError as error:
            refused = RefusedError(TRY_LATER, "send it again later", retry_after=error.retry_after or 5)
        except MisconfiguredError as error:
            log.warning("portal_door_misconfigured", path=request.url.path, reason=error.what)
            refused = RefusedError(NOT_SET_UP, "tell the administrator of the hub", retry_after=300)
        log.info("submission_refused", path=request.url.path, reason=refused.problem.name)
        return refusal(refused, instance=request.url.path)

    return door


def _told(ref: str, outcome: Outcome) -> Mapping[str, object]:
    told: dict[str, object] = {
        "id": ref,
        "receipt": outcome.message_id,
        "state": outcome.state,
        "receivedAt": outcome.received_at,
    }
    if outcome.case:
        told["dossiernummer"] = outcome.case.ref
        told["status"] = as_json(outcome.case.status)
        told["gewijzigdOp"] = outcome.case.changed_at
    return told


def _json(content: Mapping[str, object], status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(content),
        status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type="application/json",
    )

"""The door at which CityControl tells how orders go: `POST /soap`, `actualiseerZaakstatus_Lk01` and `voegZaakdocumentToe_Lk01`.

Stored first, answered then: Bv03 whenever we have it safely, also when the case is not one that is out, or not ours at
all. A Fo03 says that we do not have it, and CityControl may send it again; that never makes it twice.
"""

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final
from uuid import uuid4

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.citycontrol import translate
from adapters.citycontrol.envelopes import Head, refused, taken
from adapters.citycontrol.ledger import Ledger
from adapters.citycontrol.settings import Settings
from adapters.citycontrol.tree import read
from canonical_model.events import WorkOrderChanged, WorkShown
from canonical_model.work_order import OrderState
from ports.adapter import Tools
from ports.bodies import BodyProblem, BodyReader, BodyRefusedError
from ports.errors import MessageError, NotSupportedError, NotUnderstoodError, RejectedError, TransientError
from ports.intake import File, Inbound

log = structlog.get_logger()

_ACTIONS: Final = "http://www.egem.nl/StUF/sector/zkn/0310/"
STATUS: Final = f"{_ACTIONS}actualiseerZaakstatus_Lk01"
DOCUMENT: Final = f"{_ACTIONS}voegZaakdocumentToe_Lk01"
_LARGE: Final = 200_000
_BODY_STATUS: Final = {
    BodyProblem.TOO_LARGE: 413,
    BodyProblem.TOO_SLOW: 408,
    BodyProblem.CUT_OFF: 400,
    BodyProblem.TOO_BUSY: 503,
}
_CLIENT, _SERVER = "client", "server"
_Told = tuple[WorkOrderChanged | WorkShown, tuple[File, ...]]
"""What CityControl tells, and the photos that came with it."""


class StatusDoor:
    """One instance's door; stateless but for the bytes it is holding."""

    def __init__(self, settings: Settings, tools: Tools, ledger: Ledger) -> None:
        self._settings = settings
        self._tools = tools
        self._ledger = ledger
        self._reader = BodyReader(
            limit=settings.max_body_bytes, shared_limit=settings.max_held_bytes, seconds=settings.body_seconds
        )

    def router(self) -> APIRouter:
        """The door, to be mounted under `/in/<instance>`."""
        router = APIRouter()
        router.routes.append(Route("/soap", self.soap, methods=["POST"], name=f"{self._tools.name}/soap"))
        return router

    async def soap(self, request: Request) -> Response:
        """A message of CityControl."""
        if not self._is_citycontrol(request):
            log.info("caller_not_authentic", adapter=self._tools.name)
            return Response(status_code=401, headers={"WWW-Authenticate": 'Basic realm="wegwijzer"'})
        try:
            async with self._reader.body(request) as body:
                return await self._take_in(request, body)
        except BodyRefusedError as error:
            where = _SERVER if error.problem is BodyProblem.TOO_BUSY else _CLIENT
            return self._refused(where, error.what, "", status=_BODY_STATUS[error.problem])

    async def _take_in(self, request: Request, body: bytes) -> Response:
        action = request.headers.get("soapaction")
        try:
            told = await _apart_if_large(len(body), lambda: self._read(body, action))
        except MessageError as problem:
            return await self._keep_problem(body, problem)
        news, files = told
        inbound = Inbound(
            source=self._tools.name,
            source_ref=f"{news.outside_id}/{news.update}",
            raw=body,
            media_type="text/xml",
            event=news,
            files=files,
        )
        try:
            if not await self._is_echo(news):
                await self._stored(inbound)
            if news.case:
                await self._ledger.heard_of(news.case, news.trip)
        except TransientError:
            return self._refused(_SERVER, "not stored: send it again", news.outside_id)
        return self._answer(taken(self._head(news.outside_id)), 200)

    def _read(self, body: bytes, action: str | None) -> _Told:
        """With or without quotes around the action: SOAP 1.1 wants them, many leave them out. Some begin it with a capital."""
        if action is None:
            raise NotUnderstoodError("the header SOAPAction is missing")
        wanted, now = action.strip().strip("\"'").casefold(), self._tools.clock.now()
        if wanted == STATUS.casefold():
            return translate.to_change(read(body), self._settings, system=self._tools.name, now=now), ()
        if wanted == DOCUMENT.casefold():
            return translate.to_photos(read(body), self._settings, system=self._tools.name, now=now)
        raise NotSupportedError(
            "only actualiseerZaakstatus_Lk01 and voegZaakdocumentToe_Lk01 are taken here (SOAPAction)"
        )

    async def _is_echo(self, news: WorkOrderChanged | WorkShown) -> bool:
        """Whether CityControl only repeats what we told it."""
        if isinstance(news, WorkShown):
            return not news.evidence
        return news.state is OrderState.CANCELLED and await self._ledger.is_taken_back(news.outside_id)

    async def _stored(self, inbound: Inbound) -> None:
        """The same content in another envelope, at a second try, is what we have already."""
        try:
            await self._tools.accept(inbound)
        except RejectedError:
            log.info("status_came_again", adapter=self._tools.name)

    async def _keep_problem(self, body: bytes, problem: MessageError) -> Response:
        """Kept for people, and refused: when it is mended (here or there), CityControl's next try gets in."""
        inbound = Inbound(
            source=self._tools.name,
            source_ref=f"unreadable/{sha256(body).hexdigest()}",
            raw=body,
            media_type="text/xml",
            problem=problem,
        )
        try:
            await self._tools.accept(inbound)
        except TransientError:
            return self._refused(_SERVER, "not stored: send it again", "")
        log.info("status_not_understood", adapter=self._tools.name)
        return self._refused(_CLIENT, problem.what, "")

    def _is_citycontrol(self, request: Request) -> bool:
        caller = self._settings.caller
        proofs: list[bool] = []
        if caller.username:
            accepted = [f"{caller.username}:{one.get_secret_value()}" for one in caller.passwords]
            proofs.append(_is_one_of(_basic(request.headers.get("authorization", "")), accepted))
        if caller.certificate_header:
            told = request.headers.getlist(caller.certificate_header)
            certificate = told[0].strip().encode() if len(told) == 1 else b""
            proofs.append(_is_one_of(certificate, caller.certificates))
        return bool(proofs) and all(proofs)

    def _head(self, reference: str) -> Head:
        """`reference`: the case's identification, as CityControl is used to; our own when we don't know it."""
        return Head(
            sender=self._settings.sender,
            receiver=self._settings.receiver,
            reference=reference or str(uuid4()),
            at=self._tools.clock.now(),
        )

    def _refused(self, where: str, why: str, reference: str, *, status: int = 500) -> Response:
        return self._answer(refused(self._head(reference), where=where, why=why), status)

    def _answer(self, body: bytes, status: int) -> Response:
        return Response(body, status, media_type="text/xml; charset=utf-8")


async def _apart_if_large(size: int, work: Callable[[], _Told]) -> _Told:
    return await asyncio.to_thread(work) if size >= _LARGE else work()


def _basic(authorization: str) -> bytes:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_one_of(presented: bytes, accepted: Iterable[str]) -> bool:
    """Compares with all of them, so that the time it takes tells nothing."""
    return sum(hmac.compare_digest(presented, one.encode()) for one in accepted) > 0

"""The endpoints of `/api/v1`."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BeforeValidator
from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from canonical_model.case import CASE_REF, CaseRef
from console.api import intake
from console.api.description import CHECK_BODY, EVENTS_BODY, FEED_ANSWER, PROBLEMS, PROBLEMS_OF_READING
from console.api.door import Anybody, Back, Behind, Caller, Reader, Sender, body_of
from console.api.feed import MOST
from console.api.problems import NOT_FOUND, RefusedError
from console.api.words import (
    BatchAnswer,
    CaseDetail,
    CaseList,
    Receipt,
    Rehearsal,
    State,
    change_of,
    detail_of,
    receipt_of,
)
from journal.schema import messages
from ports.submission.cloudevents import BATCH, Ref, encoded

router = APIRouter()

LONGEST_WAIT = 50
"""Seconds that a caller may let us wait for news."""
_LOOK = 0.5
"""Seconds between two looks while a caller waits."""
_LAST = 2**53


def _no_number(text: object) -> object:
    """Seconds since 1970 are no date here."""
    if isinstance(text, str) and not re.match(r"\d{4}-\d{2}-\d{2}[Tt ]", text):
        raise ValueError("expected a date and time such as 2026-11-26T09:30:00Z")
    return text


Wait = Annotated[
    float, Query(ge=0, le=LONGEST_WAIT, description="Wait so many seconds at most until there is news.")
]


@router.post(
    "/events",
    status_code=202,
    response_model=Receipt | BatchAnswer,
    summary="Submit a contact, or a batch of them",
    responses={200: {"model": Receipt, "description": "The event had come before."}, **PROBLEMS},
    openapi_extra=EVENTS_BODY,
)
async def submit(request: Request, caller: Sender, back: Behind, response: Response) -> Receipt | BatchAnswer:
    """Stored before you get an answer. The same `source` and `id` again gives the same receipt and nothing else.

    Structured mode, binary mode, or a batch in which every event is taken by itself.
    """
    body = await body_of(request, back)
    if intake.is_batch(request):
        return await intake.all_taken(body, caller, back)
    receipt = await intake.taken(intake.one_sent(request, body), caller, back)
    response.headers["Location"] = receipt.status_url
    if receipt.duplicate:
        response.status_code = 200
    return receipt


@router.post(
    "/events/check",
    summary="Would you accept this?",
    responses=PROBLEMS,
    openapi_extra=CHECK_BODY,
)
async def check(request: Request, caller: Sender, back: Behind) -> Rehearsal:
    """What would become of an event, by the same rules; nothing is stored and nothing follows.

    What could not be understood is refused here as it would be there.
    """
    body = await body_of(request, back)
    return await intake.rehearsed(intake.one_sent(request, body), caller, back)


@router.get(
    "/events",
    summary="Read your news",
    response_class=Response,
    responses={200: FEED_ANSWER, **PROBLEMS_OF_READING},
)
async def feed(
    caller: Reader,
    back: Behind,
    after: Annotated[int, Query(ge=0, le=_LAST, description="The position you read up to; 0: all.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
    wait: Wait = 0,
) -> Response:
    """A batch of CloudEvents in an order that never changes. Go on with the header `Feed-Position`."""
    page = await back.feed.read(caller.system, after, limit)
    end = asyncio.get_running_loop().time() + wait
    while not page.events and page.next == after and _may_wait(end, back):
        await asyncio.sleep(_LOOK)
        page = await back.feed.read(caller.system, after, limit)
    body = b"[" + b",".join(encoded(event) for event in page.events) + b"]"
    headers = {"Feed-Position": str(page.next), "Feed-More": "true" if page.more else "false"}
    return Response(body, headers=headers, media_type=BATCH)


@router.get(
    "/receipts",
    summary="How far is my event?",
    responses=PROBLEMS_OF_READING,
)
async def receipt_by_name(
    caller: Reader,
    back: Behind,
    source: Annotated[str, Query(min_length=1, max_length=500, description="Your CloudEvents `source`.")],
    id_: Annotated[
        str, Query(alias="id", min_length=1, max_length=200, description="Your CloudEvents `id`.")
    ],
    wait: Wait = 0,
) -> Receipt:
    """By the name that you gave it."""
    return await _settled(Ref(source=source, id=id_), caller, back, wait)


@router.get(
    "/receipts/{receipt}",
    summary="How far is the matter of this receipt?",
    responses=PROBLEMS_OF_READING,
)
async def receipt_by_number(
    caller: Reader,
    back: Behind,
    receipt: Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The receipt's number.")],
    wait: Wait = 0,
) -> Receipt:
    """By the hub's number."""

    def ask(connection: Connection) -> str | None:
        mine = (messages.c.id == receipt) & (messages.c.source == caller.source)
        return connection.execute(select(messages.c.source_ref).where(mine)).scalar()

    own = await back.journal.database.read(ask)
    if own is None:
        raise RefusedError(NOT_FOUND, "you have no receipt of this number")
    return await _settled(Ref.parse(own), caller, back, wait)


@router.get("/cases", summary="Your cases", responses=PROBLEMS_OF_READING)
async def cases(
    caller: Reader,
    back: Behind,
    since: Annotated[
        datetime | None, BeforeValidator(_no_number), Query(description="Only what changed since then.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
) -> CaseList:
    """Cases that you brought, the oldest change first. Go on with `since` = the last `changed_at`."""
    found = await back.journal.cases.brought_by(caller.source, since=_utc(since), limit=limit)
    return CaseList(cases=[change_of(summary) for summary in found])


@router.get("/cases/{ref}", summary="One case of yours", responses=PROBLEMS_OF_READING)
async def case(
    caller: Reader,
    back: Behind,
    ref: Annotated[
        str, Path(pattern=f"^{CASE_REF.pattern.strip(chr(92) + 'b')}$", description="Its number.")
    ],
) -> CaseDetail:
    """How it went, with the answers that were given."""
    view = await back.journal.cases.view(CaseRef(ref))
    if view is None or view.summary.origin != caller.source:
        raise RefusedError(NOT_FOUND, "you have no case of this number")
    return detail_of(view)


@router.get("/openapi.json", include_in_schema=False)
async def description(request: Request, _caller: Anybody) -> Response:
    """The OpenAPI description of all this."""
    described: dict[str, Any] = request.app.openapi()
    return JSONResponse(described)


async def _settled(own: Ref, caller: Caller, back: Back, wait: float) -> Receipt:
    end = asyncio.get_running_loop().time() + wait
    while True:
        outcome = await back.journal.cases.outcome(caller.source, str(own))
        if outcome is None:
            raise RefusedError(NOT_FOUND, "you have no receipt of this name")
        found = receipt_of(outcome, own, caller.source)
        if found.state is not State.WAITING or not _may_wait(end, back):
            return found
        await asyncio.sleep(_LOOK)


def _may_wait(end: float, back: Back) -> bool:
    return asyncio.get_running_loop().time() < end and not back.stopping()


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

"""Replay plans for programs: the same as the pages, in JSON.

A program logs in with an account of its own (`POST /api/session`) and carries the token that it gets as
`Authorization: Bearer`; the token ends as a session does. Every answer that is no success is a problem
document (RFC 9457).
"""

from typing import Annotated

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from console.access import Right, requires
from console.accounts import Refusal
from console.desk import SHORTEST_REASON, ProblemError, Visit, Visiting
from console.pages.replays import existing, frozen, row_filters
from console.selections import FIELDS, SelectionError, selection_from
from journal.replay_reading import newest_plans, plan_rows
from journal.replays import FASTEST, MOST_IDS

router = APIRouter()

Text = Annotated[str, Field(max_length=400)]
Reason = Annotated[str, Field(min_length=SHORTEST_REASON, max_length=500)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LogIn(_Document):
    """An account of the console."""

    name: Text
    password: Text = Field(repr=False)


class NewPlan(_Document):
    """What is to be replayed; the names are those of the form."""

    reason: Reason
    target: Text = ""
    remedy: Text = ""
    error: Text = ""
    like: Text = ""
    source: Text = ""
    since: Text = ""
    until: Text = ""
    case: Text = ""
    ids: list[Text] = Field(default_factory=list, max_length=MOST_IDS)
    done: bool = False


class Start(_Document):
    """How it is carried out."""

    canary: int = Field(default=0, ge=0, le=100_000_000)
    pace: int = Field(default=0, ge=0, le=FASTEST)


class Why(_Document):
    """The reason of an act."""

    reason: Reason


class Nothing(_Document):
    """Nothing needs to be said."""


@router.post("/api/session")
@requires(Right.PUBLIC)
async def log_in(visit: Visiting) -> Response:
    """A token for this account. Wrong and unknown names are told the same."""
    asked = visit.asked(LogIn)
    name = asked.name.strip().lower()[:100]
    answer = await visit.desk.accounts.log_in(name, asked.password)
    if isinstance(answer, Refusal):
        await visit.desk.journal.audit(name or "-", "log_in_refused", answer.value)
        raise ProblemError(401, "log_in_first", answer.value)
    await visit.desk.journal.audit(name, "logged_in", name)
    return _json({"token": answer}, status=201)


@router.delete("/api/session")
@requires(Right.SIGNED_IN)
async def log_out(visit: Visiting) -> Response:
    """The token is worth nothing from now on."""
    if visit.session:
        await visit.desk.accounts.log_out(visit.session)
        await visit.desk.journal.audit(visit.actor, "logged_out", visit.actor)
    return Response(status_code=204)


@router.get("/api/replays")
@requires(Right.LOOK)
async def plans(visit: Visiting) -> Response:
    """Plans, the newest first; `before` an id gets the next page."""
    before = visit.query("before")[:32]
    return _json(await visit.desk.read(lambda connection: newest_plans(connection, before=before)))


@router.post("/api/replays")
@requires(Right.REPLAY)
async def make(visit: Visiting) -> Response:
    """Freeze a list. A long one is still `freezing` in the answer: look again."""
    asked = visit.asked(NewPlan)
    texts = {name: str(getattr(asked, name)) for name in FIELDS}
    texts |= {"ids": " ".join(asked.ids), "done": "yes" if asked.done else ""}
    try:
        selection = selection_from(texts, visit.wording.zone)
    except SelectionError as error:
        raise ProblemError(422, "not_a_form", error.field) from error
    plan_id = await visit.desk.journal.replays.plan(selection, visit.actor, asked.reason)
    await frozen(visit.desk, plan_id)
    return await _plan(visit, plan_id, status=201)


@router.get("/api/replays/{plan_id}")
@requires(Right.LOOK)
async def one(plan_id: str, visit: Visiting) -> Response:
    """A plan with its totals."""
    return await _plan(visit, plan_id)


@router.get("/api/replays/{plan_id}/rows")
@requires(Right.LOOK)
async def rows(plan_id: str, visit: Visiting) -> Response:
    """Rows in order, of one `verdict` or `state`; `after` the number that the page before gave."""
    await existing(visit, plan_id)
    verdict, state, after = row_filters(visit)
    return _json(
        await visit.desk.read(
            lambda connection: plan_rows(
                connection, plan_id, after=after, verdict=verdict, state=state, size=500
            )
        )
    )


@router.post("/api/replays/{plan_id}/rows/{number}/decide")
@requires(Right.REPLAY)
async def decide(plan_id: str, number: int, visit: Visiting) -> Response:
    """Send a row of which nobody can tell whether it was done."""
    await existing(visit, plan_id)
    why = visit.asked(Why).reason
    await visit.desk.journal.replays.decide(plan_id, number, visit.actor, why)
    return await _plan(visit, plan_id)


@router.post("/api/replays/{plan_id}/approve")
@requires(Right.APPROVE)
async def approve(plan_id: str, visit: Visiting) -> Response:
    """A second person agrees that citizens get mail."""
    await existing(visit, plan_id)
    visit.asked(Nothing)
    await visit.desk.journal.replays.approve(plan_id, visit.actor)
    return await _plan(visit, plan_id)


@router.post("/api/replays/{plan_id}/start")
@requires(Right.REPLAY)
async def start(plan_id: str, visit: Visiting) -> Response:
    """Let it be carried out."""
    await existing(visit, plan_id)
    how = visit.asked(Start)
    await visit.desk.journal.replays.start(plan_id, visit.actor, canary=how.canary, pace=how.pace)
    return await _plan(visit, plan_id)


@router.post("/api/replays/{plan_id}/pause")
@requires(Right.REPLAY)
async def pause(plan_id: str, visit: Visiting) -> Response:
    """Send nothing more for now."""
    await existing(visit, plan_id)
    await visit.desk.journal.replays.pause(plan_id, visit.actor, visit.asked(Why).reason)
    return await _plan(visit, plan_id)


@router.post("/api/replays/{plan_id}/resume")
@requires(Right.REPLAY)
async def resume(plan_id: str, visit: Visiting) -> Response:
    """Go on after a pause or the canary."""
    await existing(visit, plan_id)
    visit.asked(Nothing)
    await visit.desk.journal.replays.resume(plan_id, visit.actor)
    return await _plan(visit, plan_id)


@router.post("/api/replays/{plan_id}/cancel")
@requires(Right.REPLAY)
async def cancel(plan_id: str, visit: Visiting) -> Response:
    """Send nothing more for good."""
    await existing(visit, plan_id)
    await visit.desk.journal.replays.cancel(plan_id, visit.actor, visit.asked(Why).reason)
    return await _plan(visit, plan_id)


async def _plan(visit: Visit, plan_id: str, *, status: int = 200) -> Response:
    return _json(await existing(visit, plan_id), status=status)


def _json(value: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")

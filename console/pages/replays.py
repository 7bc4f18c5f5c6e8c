"""Replay plans: what is tried again is looked at first, approved by a second person, and watched."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from console import replay_words
from console.access import Right, requires
from console.desk import Desk, ProblemError, Visit, Visiting
from console.pages.live import CHECK_EVERY, EVERY, LONGEST, still_in
from console.selections import CARDS, FIELDS, SelectionError, selection_from
from journal.instants import is_id
from journal.reading.messages import recent_sources
from journal.reading.systems import systems_board
from journal.replay_ledger import ROW_STATES
from journal.replay_reading import PlanView, newest_plans, one_plan, plan_rows
from journal.verdicts import VERDICTS

router = APIRouter()

FREEZE_FOR: Final = 2.0
"""Seconds that somebody waits for a list; a longer one is finished by the scheduler."""
CANARY: Final = 10
"""What the form to start proposes."""


@router.get("/replays")
@requires(Right.LOOK)
async def plans(visit: Visiting) -> Response:
    """Plans, the newest first."""
    before = visit.query("before") if is_id(visit.query("before")) else ""
    found = await visit.desk.read(lambda connection: newest_plans(connection, before=before))
    return visit.page("replays.html", plans=found)


@router.get("/replays/new")
@requires(Right.REPLAY)
async def new(visit: Visiting) -> Response:
    """What shall be tried again? The address may fill the form in, as the failures do."""
    return await _form(visit, {name: visit.query(name) for name in FIELDS})


@router.post("/replays")
@requires(Right.REPLAY)
async def make(visit: Visiting) -> Response:
    """Freeze the list and show it. Nothing is sent."""
    try:
        selection = selection_from(visit.form, visit.wording.zone)
    except SelectionError as error:
        return await _form(visit, visit.form, wrong=error.field)
    plan_id = await visit.desk.journal.replays.plan(selection, visit.actor, visit.reason())
    await frozen(visit.desk, plan_id)
    return visit.go(f"/replays/{plan_id}")


@router.get("/replays/{plan_id}")
@requires(Right.LOOK)
async def one(plan_id: str, visit: Visiting) -> Response:
    """The list in plain words, what became of it, and what can be done now."""
    return visit.page("replay_plan.html", **_said(visit, await existing(visit, plan_id)))


@router.get("/replays/{plan_id}/rows")
@requires(Right.LOOK)
async def rows(plan_id: str, visit: Visiting) -> Response:
    """The rows, each with its verdict and its result."""
    view = await existing(visit, plan_id)
    verdict, state, after = row_filters(visit)
    page = await visit.desk.read(
        lambda connection: plan_rows(connection, plan_id, after=after, verdict=verdict, state=state)
    )
    return visit.page(
        "replay_rows.html",
        view=view,
        page=page,
        verdict=verdict,
        state=state,
        verdicts=VERDICTS,
        states=ROW_STATES,
    )


@router.get("/replays/{plan_id}/live")
@requires(Right.LOOK)
async def live(plan_id: str, visit: Visiting) -> Response:
    """How far it is, as server-sent events. Watching does not keep a session alive."""
    await existing(visit, plan_id)
    return StreamingResponse(_progress(visit, plan_id), media_type="text/event-stream")


@router.post("/replays/{plan_id}/approve")
@requires(Right.APPROVE)
async def approve(plan_id: str, visit: Visiting) -> Response:
    """A second person agrees; the journal sees to it that it is one."""
    await existing(visit, plan_id)
    await visit.desk.journal.replays.approve(plan_id, visit.actor)
    return visit.go(f"/replays/{plan_id}", done="plan_approved")


@router.post("/replays/{plan_id}/start")
@requires(Right.REPLAY)
async def start(plan_id: str, visit: Visiting) -> Response:
    """Let it be carried out."""
    await existing(visit, plan_id)
    how = {"canary": _whole(visit, "canary"), "pace": _whole(visit, "pace")}
    await visit.desk.journal.replays.start(plan_id, visit.actor, **how)
    return visit.go(f"/replays/{plan_id}", done="plan_started")


@router.post("/replays/{plan_id}/pause")
@requires(Right.REPLAY)
async def pause(plan_id: str, visit: Visiting) -> Response:
    """Send nothing more for now."""
    await existing(visit, plan_id)
    await visit.desk.journal.replays.pause(plan_id, visit.actor)
    return visit.go(f"/replays/{plan_id}", done="plan_paused")


@router.post("/replays/{plan_id}/resume")
@requires(Right.REPLAY)
async def resume(plan_id: str, visit: Visiting) -> Response:
    """Go on after a pause or the canary."""
    await existing(visit, plan_id)
    await visit.desk.journal.replays.resume(plan_id, visit.actor)
    return visit.go(f"/replays/{plan_id}", done="plan_resumed")


@router.post("/replays/{plan_id}/cancel")
@requires(Right.REPLAY)
async def cancel(plan_id: str, visit: Visiting) -> Response:
    """Send nothing more for good."""
    await existing(visit, plan_id)
    await visit.desk.journal.replays.cancel(plan_id, visit.actor, visit.reason())
    return visit.go(f"/replays/{plan_id}", done="plan_cancelled")


@router.post("/replays/{plan_id}/rows/{number}/decide")
@requires(Right.REPLAY)
async def decide(plan_id: str, number: int, visit: Visiting) -> Response:
    """Send a row of which nobody can tell whether it was done."""
    await existing(visit, plan_id)
    await visit.desk.journal.replays.decide(plan_id, number, visit.actor, visit.reason())
    return visit.go(f"/replays/{plan_id}", done="plan_decided")


async def frozen(desk: Desk, plan_id: str) -> None:
    """Freeze a new plan, for as long as somebody can be kept waiting."""
    clock = desk.journal.clock
    end = clock.monotonic() + FREEZE_FOR
    while clock.monotonic() <= end and await desk.journal.replays.freeze(plan_id):
        pass


async def existing(visit: Visit, plan_id: str) -> PlanView:
    """The plan, or a page that says there is none."""
    found = None
    if is_id(plan_id):
        found = await visit.desk.read(lambda connection: one_plan(connection, plan_id))
    if found is None:
        raise ProblemError(404, "not_found")
    return found


def row_filters(visit: Visit) -> tuple[str, str, int]:
    """Verdict, state and number of the address; what is none counts as nothing."""
    verdict, state, after = visit.query("verdict"), visit.query("state"), visit.query("after")
    return (
        verdict if verdict in VERDICTS else "",
        state if state in ROW_STATES else "",
        int(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0,
    )


async def _form(visit: Visit, fields: Mapping[str, str], wrong: str = "") -> Response:
    def look(connection: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
        board = systems_board(connection, visit.now)
        return tuple(system.name for system in board), recent_sources(connection, visit.now)

    targets, sources = await visit.desk.read(look)
    return visit.page(
        "replay_new.html",
        status=422 if wrong else 200,
        fields={name: fields.get(name, "") for name in FIELDS},
        cards=CARDS,
        targets=targets,
        sources=sources,
        wrong=wrong,
        reason=fields.get("reason", ""),
    )


def _said(visit: Visit, view: PlanView) -> dict[str, Any]:
    """What the page says of a plan."""
    wording = visit.wording
    return {
        "view": view,
        "plan": view.plan,
        "selected": replay_words.selected(view.plan.selection, wording),
        "verdicts": replay_words.by_verdict(view),
        "results": replay_words.by_result(view),
        "will": replay_words.will_do(view, wording),
        "done": replay_words.has_done(view, wording),
        "citizens_will": replay_words.citizens_will_get(view, wording),
        "citizens_done": replay_words.citizens_got(view, wording),
        "canary": min(CANARY, view.plan.waiting),
    }


async def _progress(visit: Visit, plan_id: str) -> AsyncIterator[str]:
    template = visit.desk.templates.get_template("replay_progress.html")
    shown = ""
    yield "retry: 3000\n\n"
    for look in range(1, LONGEST):
        view = await existing(visit, plan_id)
        html = template.render(**visit.words(), **_said(visit, view))
        if html != shown:
            shown = html
            yield f"event: progress\ndata: {json.dumps({'state': view.plan.state, 'html': html})}\n\n"
        ended = view.plan.over and not view.plan.in_flight
        if ended or (look % CHECK_EVERY == 0 and not await still_in(visit)):
            yield "event: over\ndata: {}\n\n"
            return
        if look % CHECK_EVERY == 0:
            yield ": still here\n\n"
        if visit.desk.stopping():
            return
        await asyncio.sleep(EVERY)


def _whole(visit: Visit, name: str) -> int:
    text = visit.form.get(name, "").strip() or "0"
    if not text.isascii() or not text.isdigit() or len(text) > 8:
        raise ProblemError(422, "not_a_number")
    return int(text)

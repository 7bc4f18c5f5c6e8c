"""Take a case back and give it to another group: first what that brings about, then the deed."""

import json
import secrets

from fastapi import APIRouter
from starlette.responses import Response

from canonical_model.case import CaseRef
from canonical_model.events import CaseRedispatched
from console.access import Right, requires
from console.desk import ProblemError, Visit, Visiting
from journal import reading
from ports.intake import Inbound

router = APIRouter()
SOURCE = "console"


@router.get("/cases/{ref}/move")
@requires(Right.DISPATCH)
async def ask(ref: str, visit: Visiting) -> Response:
    """What happened outside already, and to whom it may go."""
    return await _page(visit, ref, None)


@router.post("/cases/{ref}/move/preview")
@requires(Right.DISPATCH)
async def preview(ref: str, visit: Visiting) -> Response:
    """What this move will bring about in every system; nothing happens yet."""
    return await _page(visit, ref, _move(visit, ref))


@router.post("/cases/{ref}/move")
@requires(Right.DISPATCH)
async def move(ref: str, visit: Visiting) -> Response:
    """Do it, once, however often the form is sent."""
    accepted = await visit.desk.journal.accept(_move(visit, ref))
    await visit.desk.hand_out(accepted.effects)
    await visit.desk.journal.audit(visit.actor, "case_moved", ref, visit.form.get("group", ""))
    return visit.go(f"/cases/{ref}", done="moved")


async def _page(visit: Visit, ref: str, asked: Inbound | None) -> Response:
    journal = visit.desk.journal
    found = await visit.desk.read(
        lambda connection: reading.passport(connection, journal.keyring, ref, visit.now)
    )
    if found is None:
        raise ProblemError(404, "not_found")
    decision, problem = await journal.foresee(asked) if asked else (None, "")
    return visit.page(
        "move.html",
        passport=found,
        groups=[group for group in visit.desk.groups() if group.name != found.case.group],
        asked=visit.form if asked else {},
        decision=decision,
        problem=problem,
        once=visit.form.get("once") or secrets.token_hex(16),
    )


def _move(visit: Visit, ref: str) -> Inbound:
    group, once = visit.form.get("group", ""), visit.form.get("once", "")
    if group not in {one.name for one in visit.desk.groups()} or not once.isalnum():
        raise ProblemError(422, "not_a_form")
    event = CaseRedispatched(
        case=CaseRef(ref),
        group=group,
        reason=visit.reason(),
        by=visit.actor,
        tell_customer=visit.form.get("tell") == "yes",
    )
    return Inbound(
        source=SOURCE,
        source_ref=f"{ref}/move/{once[:32]}",
        raw=json.dumps({"case": ref, "group": group, "by": visit.actor}).encode(),
        media_type="application/json",
        event=event,
    )

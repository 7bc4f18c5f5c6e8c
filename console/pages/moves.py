"""Take a case back and give it to another group: first what that brings about, then the deed."""

import json
import secrets
from dataclasses import dataclass

import structlog
from fastapi import APIRouter
from starlette.responses import Response

from canonical_model.case import CaseRef
from canonical_model.contact import Language
from canonical_model.events import CaseRedispatched
from console.access import Right, requires
from console.desk import ProblemError, Visit, Visiting
from journal.reading.passports import passport_of
from ports.errors import AdapterError
from ports.intake import Inbound
from ports.products import Offer, offer

log = structlog.get_logger()

router = APIRouter()
SOURCE = "console"
SHOWN = 8
"""Products in one answer, as at the counter."""


@router.get("/cases/{ref}/move")
@requires(Right.DISPATCH)
async def ask(ref: str, visit: Visiting) -> Response:
    """What happened outside already, to whom it may go, and whose product it is when words of one are searched for."""
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
    found = await visit.desk.read(lambda connection: passport_of(connection, journal.keyring, ref, visit.now))
    if found is None:
        raise ProblemError(404, "not_found")
    decision, problem = await journal.foresee(asked) if asked else (None, "")
    return visit.page(
        "move.html",
        passport=found,
        labels={group.name: group.label for group in visit.desk.groups()},
        groups=[group for group in visit.desk.groups() if group.name != found.case.group],
        asked=visit.form if asked else {"group": visit.query("group")},
        search=await _search(visit),
        decision=decision,
        problem=problem,
        once=visit.form.get("once") or secrets.token_hex(16),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What the product catalogue has for these words; `found` is None when nothing was asked, or it is `away`."""

    words: str = ""
    found: tuple[tuple[Offer, str], ...] | None = None
    away: bool = False


async def _search(visit: Visit) -> _Search:
    """Products, each with the group that the dispatch table names for it."""
    words = visit.query("q").strip()
    if not words:
        return _Search()
    language = Language(visit.wording.language)
    try:
        products = await visit.desk.products.search(words, language, SHOWN)
    except AdapterError as error:
        log.warning("catalogue_away", reason=error.what)
        return _Search(words=words, away=True)
    found = ((offer(one, language), visit.desk.group_of_product(one.id)) for one in products)
    return _Search(words=words, found=tuple(found))


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

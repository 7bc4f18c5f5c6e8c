"""The case passport: all that is known of one case, over all systems."""

from fastapi import APIRouter
from starlette.responses import Response

from console.access import Right, requires
from console.desk import ProblemError, Visit, Visiting
from console.sealed import shown
from journal.reading.audit import AuditRow, audit_of
from journal.reading.passports import passport_of

router = APIRouter()


@router.get("/cases/{ref}")
@requires(Right.LOOK)
async def one(ref: str, visit: Visiting) -> Response:
    """The passport, the citizen masked. Who looked is written down."""
    return await _passport(visit, ref, None)


@router.post("/cases/{ref}/reveal")
@requires(Right.REVEAL)
async def reveal(ref: str, visit: Visiting) -> Response:
    """Who the citizen is, this once, with a reason."""
    revealed = await visit.desk.journal.reveal(ref, visit.actor, visit.reason())
    return await _passport(visit, ref, shown(revealed))


async def _passport(visit: Visit, ref: str, revealed: object) -> Response:
    journal = visit.desk.journal
    found = await visit.desk.read(lambda connection: passport_of(connection, journal.keyring, ref, visit.now))
    if found is None:
        raise ProblemError(404, "not_found")
    if revealed is None:
        await journal.audit(visit.actor, "case_viewed", found.case.ref)
    looked: tuple[AuditRow, ...] = ()
    if visit.may(Right.AUDIT):
        looked = await visit.desk.read(lambda connection: audit_of(connection, ref))
    return visit.page("case.html", passport=found, revealed=revealed, looked=looked)

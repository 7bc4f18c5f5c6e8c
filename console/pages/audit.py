"""The audit trail: who did and who saw what."""

from fastapi import APIRouter
from starlette.responses import Response

from console.access import Right, requires
from console.desk import Visiting
from journal.reading.audit import audit_page

router = APIRouter()


@router.get("/audit")
@requires(Right.AUDIT)
async def audit(visit: Visiting) -> Response:
    """The newest entries."""
    before = (
        int(visit.query("before"))
        if visit.query("before").isascii() and visit.query("before").isdigit()
        else 0
    )
    page = await visit.desk.read(lambda connection: audit_page(connection, before=min(before, 2**53)))
    return visit.page("audit.html", page=page, checked=False, broken=None)


@router.post("/audit/verify")
@requires(Right.AUDIT)
async def verify(visit: Visiting) -> Response:
    """Recompute the whole chain."""
    broken = await visit.desk.journal.verify_audit()
    await visit.desk.journal.audit(visit.actor, "audit_verified", "audit", "broken" if broken else "whole")
    page = await visit.desk.read(audit_page)
    return visit.page("audit.html", page=page, checked=True, broken=broken)

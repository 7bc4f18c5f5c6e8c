"""The systems board: what stands, what is down, what is held."""

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from console.access import Right, requires
from console.desk import Visiting
from journal.reading.bounds import LOOK_BACK
from journal.reading.systems import LATELY, IncidentRow, SystemRow, recent_incidents, systems_board

router = APIRouter()


@router.get("/systems")
@requires(Right.LOOK)
async def systems(visit: Visiting) -> Response:
    """Every target with what waits for it, and the latest outages."""

    def look(
        connection: Connection,
    ) -> tuple[tuple[SystemRow, ...], tuple[IncidentRow, ...]]:
        return systems_board(connection, visit.now), recent_incidents(connection)

    board, incidents = await visit.desk.read(look)
    return visit.page("systems.html", board=board, incidents=incidents, look_back=LOOK_BACK, lately=LATELY)


@router.post("/systems/{name:path}/pause")
@requires(Right.HOLD)
async def pause(name: str, visit: Visiting) -> Response:
    """Hold a system until somebody resumes it; nothing is lost meanwhile."""
    await visit.desk.journal.pause(name, visit.actor, visit.reason())
    return visit.go("/systems", done="paused")


@router.post("/systems/{name:path}/resume")
@requires(Right.HOLD)
async def resume(name: str, visit: Visiting) -> Response:
    """Let a system go on."""
    await visit.desk.journal.resume(name, visit.actor)
    return visit.go("/systems", done="resumed")

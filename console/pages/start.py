"""The start page: what is late, what needs somebody, and whether a system is down."""

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from console.access import Right, requires
from console.desk import Visiting
from journal import reading
from journal.first_line import DAYS, GOAL, FirstLine, first_line, together

router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One look at the journal."""

    late: tuple[reading.LateCase, ...]
    needing: reading.Needing
    systems: tuple[reading.SystemRow, ...]
    incidents: tuple[reading.IncidentRow, ...]
    first_line: FirstLine


@router.get("/")
@requires(Right.LOOK)
async def start(visit: Visiting) -> Response:
    """Late cases first: they are the ones people will call about."""

    def look(connection: Connection) -> Overview:
        return Overview(
            late=reading.late_cases(connection, visit.now),
            needing=reading.needing(connection),
            systems=reading.systems_board(connection, visit.now),
            incidents=reading.recent_incidents(connection, size=10),
            first_line=together(first_line(connection, visit.now)),
        )

    overview = await visit.desk.read(look)
    return visit.page(
        "start.html",
        overview=overview,
        most=reading.MOST,
        look_back=reading.LOOK_BACK,
        page_size=reading.PAGE,
        goal=GOAL,
        days=DAYS,
    )

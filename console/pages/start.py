"""The start page: what is late, what needs somebody, and whether a system is down."""

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from console.access import Right, requires
from console.desk import Visiting
from journal.first_line import DAYS, GOAL, FirstLine, first_line, together
from journal.reading.bounds import LOOK_BACK, MOST, PAGE
from journal.reading.cases import LateCase, late_cases
from journal.reading.failures import Needing, needing_somebody
from journal.reading.systems import IncidentRow, SystemRow, recent_incidents, systems_board

router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One look at the journal."""

    late: tuple[LateCase, ...]
    needing: Needing
    systems: tuple[SystemRow, ...]
    incidents: tuple[IncidentRow, ...]
    first_line: FirstLine


@router.get("/")
@requires(Right.LOOK)
async def start(visit: Visiting) -> Response:
    """Late cases first: they are the ones people will call about."""

    def look(connection: Connection) -> Overview:
        return Overview(
            late=late_cases(connection, visit.now),
            needing=needing_somebody(connection),
            systems=systems_board(connection, visit.now),
            incidents=recent_incidents(connection, size=10),
            first_line=together(first_line(connection, visit.now)),
        )

    overview = await visit.desk.read(look)
    return visit.page(
        "start.html",
        overview=overview,
        most=MOST,
        look_back=LOOK_BACK,
        page_size=PAGE,
        goal=GOAL,
        days=DAYS,
    )

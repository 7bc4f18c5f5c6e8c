"""The balance sheet: nothing lost, day by day."""

from fastapi import APIRouter
from starlette.responses import Response

from console.access import Right, requires
from console.desk import Visiting
from journal import reading

router = APIRouter()


@router.get("/balance")
@requires(Right.BALANCE)
async def balance(visit: Visiting) -> Response:
    """Received = done + waiting + parked + dropped, for each day and source."""
    rows = await visit.desk.read(lambda connection: reading.balance(connection, visit.now))
    return visit.page("balance.html", rows=rows, difference=sum(abs(row.difference) for row in rows))

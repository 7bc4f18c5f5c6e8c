"""The balance sheet: nothing lost, day by day."""

from datetime import date
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from console.access import Right, requires
from console.desk import ProblemError, Visit, Visiting
from console.exports import MEDIA_TYPE, balance_csv
from journal.balance import BalanceSheet, balance_sheet
from journal.first_line import GOAL, first_line

router = APIRouter()

_FILE: Final = {"Content-Disposition": 'attachment; filename="wegwijzer-balance.csv"'}


@router.get("/balance")
@requires(Right.BALANCE)
async def balance(visit: Visiting) -> Response:
    """Received = done + waiting + parked + quarantined + dropped, for each day and source; so for each target."""
    return visit.page(
        "balance.html",
        sheet=await _sheet(visit),
        day_asked=visit.query("day"),
        first_line=await visit.desk.read(lambda connection: first_line(connection, visit.now)),
        goal=GOAL,
    )


@router.get("/balance.csv")
@requires(Right.BALANCE)
async def export(visit: Visiting) -> Response:
    """The same figures for a spreadsheet."""
    return Response(balance_csv(await _sheet(visit)), media_type=MEDIA_TYPE, headers=_FILE)


async def _sheet(visit: Visit) -> BalanceSheet:
    day = _day(visit.query("day"))
    return await visit.desk.read(lambda connection: balance_sheet(connection, visit.now, day=day))


def _day(asked: str) -> date | None:
    try:
        return date.fromisoformat(asked) if asked else None
    except ValueError as error:
        raise ProblemError(422, "not_a_day") from error

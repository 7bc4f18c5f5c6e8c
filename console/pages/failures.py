"""What failed, grouped by what helps."""

from fastapi import APIRouter
from starlette.responses import Response

from console.access import Right, requires
from console.desk import Visiting
from console.remedies import by_remedy
from journal.reading.failures import failure_cards

router = APIRouter()


@router.get("/failures")
@requires(Right.LOOK)
async def failures(visit: Visiting) -> Response:
    """Error cards: who must do what."""
    found = await visit.desk.read(failure_cards)
    return visit.page("failures.html", groups=by_remedy(found.cards), complete=found.complete)

"""What the contact centre must look into: silence, differences, work that was not done."""

from fastapi import APIRouter
from starlette.responses import Response

from console.access import Right, requires
from console.desk import Visiting
from journal.work_items import open_items

router = APIRouter()


@router.get("/worklist")
@requires(Right.LOOK)
async def work(visit: Visiting) -> Response:
    """All that is open, the oldest first."""
    after = visit.query("after")[:200]
    page = await visit.desk.read(lambda connection: open_items(connection, after=after))
    return visit.page("work.html", page=page)


@router.post("/worklist/{ref}/{name}/finish")
@requires(Right.DISPATCH)
async def finish(ref: str, name: str, visit: Visiting) -> Response:
    """Somebody looked into it, and says what came of it."""
    await visit.desk.journal.finish_item(ref, name, visit.actor, visit.reason())
    return visit.go("/worklist", done="item_finished")

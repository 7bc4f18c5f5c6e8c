"""What looks like spam, for a person to judge."""

from fastapi import APIRouter
from starlette.responses import Response

from console.access import Right, requires
from console.desk import ProblemError, Visit, Visiting
from console.pages.messages import existing
from journal.reading.messages import newest_messages

router = APIRouter()


@router.get("/quarantine")
@requires(Right.LOOK)
async def quarantine(visit: Visiting) -> Response:
    """Everything in quarantine, newest first."""
    before = visit.query("before")[:32]
    page = await visit.desk.read(
        lambda connection: newest_messages(connection, before=before, state="quarantined")
    )
    return visit.page("quarantine.html", page=page)


@router.post("/quarantine/{message_id}/release")
@requires(Right.JUDGE)
async def release(message_id: str, visit: Visiting) -> Response:
    """Not spam: it goes on as any other message."""
    await _quarantined(visit, message_id)
    await visit.desk.hand_out(
        await visit.desk.journal.replay_message(message_id, visit.actor, visit.reason())
    )
    return visit.go("/quarantine", done="released")


@router.post("/quarantine/{message_id}/drop")
@requires(Right.JUDGE)
async def drop(message_id: str, visit: Visiting) -> Response:
    """Spam indeed."""
    await _quarantined(visit, message_id)
    await visit.desk.journal.drop_message(message_id, visit.actor, visit.reason())
    return visit.go("/quarantine", done="dropped")


async def _quarantined(visit: Visit, message_id: str) -> None:
    if (await existing(visit, message_id)).row.state != "quarantined":
        raise ProblemError(409, "changed_meanwhile")

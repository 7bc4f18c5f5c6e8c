"""The flow of messages, and one message."""

from typing import Final

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from console.access import Right, requires
from console.desk import ProblemError, Visit, Visiting
from console.sealed import shown
from journal.instants import is_id
from journal.reading.messages import MessageDetail, MessagePage, newest_messages, one_message, recent_sources

router = APIRouter()

STATES: Final = ("waiting", "done", "parked", "quarantined", "dropped")


@router.get("/messages")
@requires(Right.LOOK)
async def newest(visit: Visiting) -> Response:
    """A page of messages; the filters stand in the address."""
    source, state = filters(visit)
    before = visit.query("before") if is_id(visit.query("before")) else ""

    def look(connection: Connection) -> tuple[MessagePage, tuple[str, ...]]:
        page = newest_messages(connection, before=before, source=source, state=state)
        return page, recent_sources(connection, visit.now)

    page, sources = await visit.desk.read(look)
    return visit.page(
        "messages.html", page=page, sources=sources, states=STATES, source=source, state=state, before=before
    )


@router.get("/messages/{message_id}")
@requires(Right.LOOK)
async def one(message_id: str, visit: Visiting) -> Response:
    """What came in and what was decided about it; its text stays sealed."""
    return visit.page("message.html", message=await existing(visit, message_id), revealed=None)


@router.post("/messages/{message_id}/reveal")
@requires(Right.REVEAL)
async def reveal(message_id: str, visit: Visiting) -> Response:
    """The text of a message, this once, with a reason."""
    message = await existing(visit, message_id)
    revealed = await visit.desk.journal.reveal(message_id, visit.actor, visit.reason())
    return visit.page("message.html", message=message, revealed=shown(revealed))


@router.get("/messages/{message_id}/replay")
@requires(Right.REPLAY)
async def preview(message_id: str, visit: Visiting) -> Response:
    """What each system will see when this message is tried again."""
    message = await existing(visit, message_id)
    parked = [effect for effect in message.effects if effect.state == "parked"]
    verdicts = [await visit.desk.journal.preview_replay(effect.id) for effect in parked]
    return visit.page("replay.html", message=message, verdicts=verdicts, effect=None)


@router.post("/messages/{message_id}/replay")
@requires(Right.REPLAY)
async def replay(message_id: str, visit: Visiting) -> Response:
    """Try again what is parked of a message; one without effects is decided again."""
    message, reason, journal = await existing(visit, message_id), visit.reason(), visit.desk.journal
    parked = [effect for effect in message.effects if effect.state == "parked"]
    started = [
        id_ for effect in parked for id_ in await journal.replay_effect(effect.id, visit.actor, reason)
    ]
    if not message.row.case_ref:
        started += await journal.replay_message(message_id, visit.actor, reason)
    await visit.desk.hand_out(started)
    return visit.go(f"/messages/{message_id}", done="replayed")


@router.post("/messages/{message_id}/drop")
@requires(Right.REPLAY)
async def drop(message_id: str, visit: Visiting) -> Response:
    """Put a parked message aside for good."""
    await existing(visit, message_id)
    await visit.desk.journal.drop_message(message_id, visit.actor, visit.reason())
    return visit.go(f"/messages/{message_id}", done="dropped")


def filters(visit: Visit) -> tuple[str, str]:
    """Source and state of the address; what is no state counts as none."""
    state = visit.query("state")
    return visit.query("source")[:200], state if state in STATES else ""


async def existing(visit: Visit, message_id: str) -> MessageDetail:
    """The message, or a page that says there is none."""
    found = await visit.desk.read(lambda connection: one_message(connection, message_id))
    if found is None:
        raise ProblemError(404, "not_found")
    return found

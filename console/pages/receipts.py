"""Receipts for the systems that send: how far a message is, without anything personal."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from console.access import Right, requires
from console.desk import ProblemError, Visiting
from journal.instants import is_id
from journal.reading.messages import receipt_of

router = APIRouter()

PUBLIC_STATE: Final = {
    "waiting": "in_progress",
    "parked": "in_progress",
    "quarantined": "in_progress",
    "done": "processed",
    "dropped": "closed",
}
"""A sender is not told that its message looks like spam, nor what goes wrong inside."""


@router.get("/receipts/{message_id}")
@requires(Right.PUBLIC)
async def receipt(message_id: str, visit: Visiting) -> Response:
    """Who knows the id (80 random bits) sent the message: no log-in is asked."""
    found = None
    if is_id(message_id):
        found = await visit.desk.read(lambda connection: receipt_of(connection, message_id))
    if found is None:
        raise ProblemError(404, "not_found")
    return JSONResponse(
        {
            "message_id": found.message_id,
            "received_at": found.received_at.isoformat(),
            "state": PUBLIC_STATE[found.state],
            "case": found.case_ref or None,
            "case_status": found.case_status or None,
        }
    )

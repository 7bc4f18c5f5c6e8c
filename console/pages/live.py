"""The live flow: rows that changed, as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from console.access import Right, requires
from console.desk import Visit, Visiting
from console.pages.messages import filters
from journal.reading.messages import MessageRow, newest_messages

router = APIRouter()

EVERY: Final = 1.0
CHECK_EVERY: Final = 15
"""After how many looks the stream asks whether its reader is still logged in (and shows signs of life)."""
LONGEST: Final = 900
"""Looks after which the browser must come again, so that no stream outlives a session for long."""


@router.get("/live")
@requires(Right.LOOK)
async def live(visit: Visiting) -> Response:
    """Changed rows of the newest page, once a second. Watching does not keep a session alive."""
    return StreamingResponse(_changes(visit), media_type="text/event-stream")


async def _changes(visit: Visit) -> AsyncIterator[str]:
    source, state = filters(visit)
    sent: dict[str, MessageRow] = {}
    yield "retry: 3000\n\n"
    for look in range(1, LONGEST):
        page = await visit.desk.read(
            lambda connection: newest_messages(connection, source=source, state=state)
        )
        changed = [row for row in page.rows if sent.get(row.id) != row]
        sent = {row.id: row for row in page.rows}
        if changed:
            yield f"event: rows\ndata: {json.dumps(_rows(visit, changed))}\n\n"
        if look % CHECK_EVERY == 0:
            if not await still_in(visit):
                yield "event: over\ndata: {}\n\n"
                return
            yield ": still here\n\n"
        if visit.desk.stopping():
            return
        await asyncio.sleep(EVERY)


def _rows(visit: Visit, rows: list[MessageRow]) -> list[dict[str, str]]:
    template = visit.desk.templates.get_template("message_row.html")
    return [{"id": row.id, "html": template.render(**visit.words(), row=row)} for row in reversed(rows)]


async def still_in(visit: Visit) -> bool:
    """Whether the reader of a stream is still logged in."""
    token = visit.request.cookies.get(visit.desk.settings.cookie, "")
    return await visit.desk.accounts.session(token, use=False) is not None

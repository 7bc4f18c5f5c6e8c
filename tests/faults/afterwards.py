"""What must be so when a fault is over: asked of the journal and of the tracker, from outside."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, select

from adapters.roundup.client import RoundupClient
from adapters.roundup.records import ISSUE
from demo.roundup import RunningTracker
from journal.database import open_engine
from journal.schema import effects, incidents, messages
from tests.servers.roundup import settings


async def cases_in(tracker: RunningTracker) -> int:
    """How many cases there are over there: one that was opened twice counts twice."""
    client = RoundupClient(settings(tracker))
    found = (await client.rows(ISSUE)).items
    await client.close()
    return len(found)


async def everything_done(url: str, forms: int) -> None:
    """Return when the case of each form is opened."""
    query = select(effects.c.state).where(effects.c.action == "open_case")
    await until(lambda: look(url, query) == [("applied",)] * forms, "every case is opened")


async def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
    """Return when it is so."""
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, what
        await asyncio.sleep(0.2)


def stored(url: str) -> set[str]:
    """The ids of the forms in the journal."""
    return {
        id_ for (id_,) in look(url, select(messages.c.id).where(messages.c.source.startswith("website/")))
    }


def told(url: str) -> list[tuple[str, int | None]]:
    """What the incidents about the journal say, and when they ended."""
    return look(url, select(incidents.c.what, incidents.c.closed_at).where(incidents.c.system == "journal"))


def look(url: str, query: Select[Any]) -> list[Any]:
    """Rows of the journal, beside the hub."""
    engine = open_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(query)]
    engine.dispose()
    return found

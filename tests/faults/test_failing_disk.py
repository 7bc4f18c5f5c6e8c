"""The disk under the journal says that it could not keep what it was given (fsync: EIO), for real.

What Linux then still has in memory counts as written, though it is not, so nobody may try that fsync again:
the hub ends on SQLite, PostgreSQL panics by itself. Nothing that was promised may be lost, nothing may be promised
that is not durable, and no case may be opened twice.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import TypeAlias

import httpx

from tests.faults.afterwards import cases_in, everything_done, stored, told, until
from tests.faults.lone_hub import LoneHub, begun, receipts, running, statuses
from tests.servers import postgres
from tests.servers.strace import failing_syncs

BEFORE, DURING = range(10), range(100, 120)
SENDERS = 2

Answer: TypeAlias = httpx.Response | httpx.TransportError


async def test_a_disk_that_fails_under_sqlite_ends_the_hub_and_costs_nothing(tmp_path, tracker):
    journal = f"sqlite:///{tmp_path / 'var' / 'journal.db'}"
    answers: list[Answer] = []
    with begun(tmp_path, tracker=tracker) as hub:
        posting = asyncio.create_task(_post_until_it_ends(hub, answers))
        await until(lambda: answers, "it stores")
        async with entered(failing_syncs(hub.process.pid)):
            before = len(answers) + SENDERS  # some are on their way
            code = await hub.ended()
        await posting
        assert receipts(answers[before:]) == set()
        assert set(statuses(answers)) <= {202, 503, 0}
        assert 503 in statuses(answers), "somebody must hear why"
        assert code == 1, hub.last_words()
        assert "journal_disk_failed" in events(hub.log)

    promised = receipts(answers)
    with running(tmp_path, tracker=tracker) as hub:
        later = receipts(await hub.flood(range(len(answers))))
        await everything_done(journal, len(answers))

    assert promised <= later
    assert stored(journal) == later
    assert await cases_in(tracker) == len(answers)
    assert [what for what, closed in told(journal) if "disk" in what and closed] != []


async def test_a_disk_that_fails_under_postgresql_costs_nothing(tmp_path, tracker):
    with (
        postgres.breakable() as server,
        running(tmp_path, journal=server.address, tracker=tracker) as hub,
    ):
        promised = receipts(await hub.flood(BEFORE))
        with failing_syncs(*backends(server.process.pid)):
            during = await hub.flood(DURING)
        assert re.search("PANIC: +could not f(data)?sync", (server.folder / "server.log").read_text())
        assert set(statuses(during)) <= {202, 503}
        await hub.until_accepted(DURING[0])
        again = receipts(await hub.flood(BEFORE))
        later = receipts(await hub.flood(DURING))
        await everything_done(server.address, len(BEFORE) + len(DURING))
        await until(lambda: told(server.address), "the outage is an incident")

        assert again == promised
        assert receipts(during) <= later
        assert stored(server.address) == promised | later
        assert await cases_in(tracker) == len(BEFORE) + len(DURING)


async def _post_until_it_ends(hub: LoneHub, answers: list[Answer]) -> None:
    """Each sender posts its next form once it was told about the last, so that somebody always waits; numbered from 0."""
    numbers = count()
    async with hub.client() as client:

        async def send() -> None:
            while hub.process.poll() is None:
                answers.append(answer := await hub.post(client, next(numbers)))
                if isinstance(answer, httpx.TransportError):
                    await asyncio.sleep(0.1)

        await asyncio.gather(*(send() for _ in range(SENDERS)))


@asynccontextmanager
async def entered(fault: AbstractContextManager[None]) -> AsyncGenerator[None]:
    """Beginning and ending it takes a while, which others go on in."""
    await asyncio.to_thread(fault.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(fault.__exit__, None, None, None)


def backends(postmaster: int) -> list[int]:
    """The processes that serve connections; those that PostgreSQL starts afterwards are not among them."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [int(pid) for pid in children]


def events(log: Path) -> set[str]:
    return {json.loads(line)["event"] for line in log.read_text().splitlines() if line.startswith("{")}

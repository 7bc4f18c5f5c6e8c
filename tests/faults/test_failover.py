"""The machine with the database is lost, and its standby takes over: nothing that was promised is gone."""

import asyncio

from tests.faults.afterwards import cases_in, everything_done, stored, told, until
from tests.faults.lone_hub import receipts, running, statuses
from tests.servers import postgres
from tests.servers.standby import following, promote, whichever_writes

BEFORE, DURING = range(10), range(100, 160)


async def test_what_was_promised_is_on_the_standby_too(tmp_path, tracker):
    with postgres.breakable() as first, following(first) as second:
        journal = whichever_writes(first, second)
        with running(tmp_path, journal=journal, tracker=tracker) as hub:
            promised = receipts(await hub.flood(BEFORE))
            flooding = asyncio.create_task(hub.flood(DURING))
            await asyncio.sleep(0.2)
            first.stop()
            during = await flooding
            assert set(statuses(during)) <= {202, 503}
            await asyncio.to_thread(promote, second)
            await hub.until_accepted(DURING[0])
            later = receipts(await hub.flood(DURING))
            await everything_done(second.address, len(BEFORE) + len(DURING))
            await until(lambda: told(second.address), "the outage is an incident")

        assert receipts(during) <= later
        assert stored(second.address) == promised | later
        assert await cases_in(tracker) == len(BEFORE) + len(DURING)

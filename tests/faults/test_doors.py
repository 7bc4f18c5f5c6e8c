"""The doors of a real process while it is told to end, and under a request that never ends."""

import asyncio
import signal

from tests.faults.lone_hub import receipts, running, statuses
from tests.faults.test_back_pressure import MEGABYTE, stored


async def test_who_was_answered_before_the_end_is_kept_and_nobody_hears_of_a_failure(tmp_path):
    with running(tmp_path) as hub:
        flood = asyncio.create_task(hub.flood(range(200), patience=30))
        await asyncio.sleep(0.3)
        hub.process.send_signal(signal.SIGTERM)

        answers = await flood

        assert set(statuses(answers)) <= {0, 202, 503}
        assert await asyncio.to_thread(hub.process.wait, 60) == 0
    assert receipts(answers) <= stored(f"sqlite:///{tmp_path / 'var' / 'journal.db'}")


async def test_a_head_without_end_is_cut_off(tmp_path):
    with running(tmp_path) as hub:
        before = hub.memory
        host, _, port = hub.address.partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /in/website/form HTTP/1.1\r\nHost: hub\r\n")
        ended = False
        try:
            for number in range(200_000):
                writer.write(b"X-%d: %s\r\n" % (number, b"a" * 200))
                await asyncio.wait_for(writer.drain(), 10)
        except ConnectionError:
            ended = True
        writer.close()

        assert ended
        assert hub.memory - before < 20 * MEGABYTE
        await hub.until_accepted(1)

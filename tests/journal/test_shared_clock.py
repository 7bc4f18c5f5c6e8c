"""Several machines on one database: what the clock of one of them says does not matter."""

from datetime import UTC, datetime, timedelta

from journal.journal import Journal
from journal.shared_clock import SharedClock
from ports.clock import SystemClock
from tests.journal.scene import KEYS, PlannedRoutes


async def test_machines_whose_clocks_differ_share_the_time_of_their_database(
    postgres_journal_url, monkeypatch
):
    wrong = [timedelta(seconds=90), timedelta(days=-1)]
    journals = [await _on_a_machine_that_is(postgres_journal_url, by, monkeypatch) for by in wrong]

    told = [journal.clock.now() for journal in journals]

    real = datetime.now(UTC)
    assert all(abs(real - one) < timedelta(seconds=1) for one in told)
    assert await journals[0].lease("source/mailbox", "ahead", 5)
    assert not await journals[1].lease("source/mailbox", "behind", 5)
    for journal in journals:
        await journal.close()


def test_the_shared_time_does_not_jump_with_the_machine(monkeypatch):
    clock = SharedClock()
    before = clock.now()

    monkeypatch.setattr("journal.shared_clock.datetime", _Shifted(timedelta(hours=1)))

    assert clock.now() - before < timedelta(seconds=1)


async def _on_a_machine_that_is(url, by, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("journal.shared_clock.datetime", _Shifted(by))
        clock = SharedClock()
        assert abs(clock.now() - SystemClock().now() - by) < timedelta(seconds=1)
        journal = Journal(url, router=PlannedRoutes(), keys=KEYS, clock=clock, shard="1")
        await journal.start()
    return journal


class _Shifted:
    """The time of day of a machine that is wrong by so much."""

    def __init__(self, by):
        self._by = by

    def now(self, zone):
        return datetime.now(zone) + self._by

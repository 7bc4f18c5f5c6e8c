"""Listening: one process per source, outages told once, and others take over."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import structlog

from journal.database import StoreUnavailableError
from journal.operations import Health
from ports.errors import MisconfiguredError, RejectedError, TransientError
from tests.worker.stage import until
from worker import listeners
from worker.listeners import LEASE, Listener

NAME = "mailbox/info"


class PretendedSource:
    """A mailbox that says what the test wants."""

    def __init__(self) -> None:
        self.polls = 0
        self.answers: list = []
        self.always = None
        self.at_once = 0
        self.most_at_once = 0
        self.closed = 0
        self.gate: asyncio.Event | None = None

    @property
    def name(self) -> str:
        return NAME

    async def poll(self) -> int:
        self.polls += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gate:
                await self.gate.wait()
            answer = self.answers.pop(0) if self.answers else self.always
            if answer:
                raise answer
        finally:
            self.at_once -= 1
        return 1

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(0.001)

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
def waits(monkeypatch):
    """How long was waited; it takes no time."""
    asked = []
    sleep = asyncio.sleep

    async def quick(seconds):
        if seconds > 0:  # otherwise others are let go first, which is no waiting
            asked.append(seconds)
        await sleep(min(seconds, 0.001))

    monkeypatch.setattr(listeners.asyncio, "sleep", quick)
    return asked


@asynccontextmanager
async def listening(listener):
    task = asyncio.create_task(listener.run())
    try:
        yield
    finally:
        listener.stop()
        async with asyncio.timeout(5):
            await task


@pytest.fixture
async def journal(stage):
    await stage.journal.know_systems([NAME])
    return stage.journal


async def test_a_source_is_polled_until_told_to_stop(journal):
    source = PretendedSource()
    async with listening(Listener(source, journal, owner="p/1")):
        await until(lambda: source.polls > 3)
    assert source.closed == 1
    assert await journal.lease(f"source/{NAME}", "p/2", 15)


async def test_one_process_polls_and_another_takes_over_when_it_stops(journal, waits):
    source = PretendedSource()
    first, second = (Listener(source, journal, owner=f"p/{n}") for n in (1, 2))
    async with listening(second):
        async with listening(first):
            await until(lambda: source.polls > 20)
        polls = source.polls
        await until(lambda: source.polls > polls + 5)
    assert source.most_at_once == 1


async def test_a_source_moves_when_its_process_died(journal, stage, waits):
    assert await journal.lease(f"source/{NAME}", "dead", LEASE)
    source = PretendedSource()
    async with listening(Listener(source, journal, owner="p/1")):
        await until(lambda: len(waits) > 3)
        assert source.polls == 0
        stage.clock.advance(timedelta(seconds=LEASE))
        await until(lambda: source.polls > 0)


async def test_who_lost_a_source_to_another_lets_go_of_it_once(journal, waits):
    source, elsewhere = PretendedSource(), False
    lease = journal.lease

    async def contested(*arguments):
        return False if elsewhere else await lease(*arguments)

    journal.lease = contested
    async with listening(Listener(source, journal, owner="p/1")):
        await until(lambda: source.polls > 3)
        elsewhere = True
        await until(lambda: source.closed == 1)
        polls, rounds = source.polls, len(waits)
        await until(lambda: len(waits) > rounds + 5)
        assert (source.closed, source.polls) == (1, polls)
        elsewhere = False
        await until(lambda: source.polls > polls)


async def test_a_long_poll_keeps_its_lease(journal, stage, waits):
    source = PretendedSource()
    source.gate = asyncio.Event()
    async with listening(Listener(source, journal, owner="p/1")):
        await until(lambda: source.at_once == 1)
        for _ in range(5):
            stage.clock.advance(timedelta(seconds=LEASE / 2))
            renewed = len(waits)
            await until(lambda renewed=renewed: len(waits) > renewed + 2)
            assert not await journal.lease(f"source/{NAME}", "p/2", LEASE)
        source.gate.set()


async def test_an_outage_is_told_once_and_its_end_once(journal, stage, waits):
    source = PretendedSource()
    source.always = TransientError("connection refused")
    with structlog.testing.capture_logs() as logs:
        async with listening(Listener(source, journal, owner="p/1")):
            await until(lambda: source.polls > 8)
            (incident,) = await stage.incidents()
            assert (incident.system, incident.closed_at) == (NAME, None)
            source.always = None
            polls = source.polls
            await until(lambda: source.polls > polls + 3)
    told = [log["event"] for log in logs]
    assert (told.count("source_is_away"), told.count("source_is_back")) == (1, 1)
    (incident,) = await stage.incidents()
    assert incident.closed_at is not None
    elsewhere = (LEASE / 3, 0.001, 0.1)  # renewing, this test, and web servers of other tests
    away = [seconds for seconds in waits if seconds not in elsewhere]
    assert away[:6] == [2, 4, 8, 16, 32, 60]


async def test_an_incident_that_a_dead_process_left_open_is_closed(journal, stage, waits):
    await journal.report(Health(NAME, ok=False, what="refused", failures=3, open_for=8_000_000))
    source = PretendedSource()
    async with listening(Listener(source, journal, owner="p/2")):
        await until(lambda: source.polls > 2)
    (incident,) = await stage.incidents()
    assert incident.closed_at is not None


async def test_a_source_that_is_well_does_not_end_the_outage_of_the_target_of_its_name(journal, stage, waits):
    source = PretendedSource()
    listener = Listener(source, journal, owner="p/2", behind=NAME)
    await journal.know_systems([listener.system])
    await journal.report(Health(NAME, ok=False, what="the queue is full", failures=5, open_for=8_000_000))
    async with listening(listener):
        await until(lambda: source.polls > 2)
    (incident,) = await stage.incidents()
    assert (incident.system, incident.closed_at) == (NAME, None)

    source.answers = [TransientError("connection refused")] * 3
    async with listening(Listener(source, journal, owner="p/3", behind=NAME)):
        await until(lambda: source.polls > 6)
        await journal.report(Health(NAME, ok=True))
    (incident,) = await stage.incidents()
    assert incident.closed_at is not None


async def test_an_outage_through_many_short_lives_is_one_incident(journal, stage):
    source = PretendedSource()
    source.always = TransientError("connection refused")
    for life in range(1, 5):
        async with listening(Listener(source, journal, owner=f"p/{life}")):
            await until(lambda life=life: source.polls == life)
        assert len(await stage.incidents()) == (life > 2)
    source.always = None
    async with listening(Listener(source, journal, owner="p/5")):
        await until(lambda: source.polls > 5)
    (incident,) = await stage.incidents()
    assert incident.closed_at is not None


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (MisconfiguredError("the password is refused"), 60),
        (TransientError("busy", retry_after=300), 300),
        (TransientError("busy", retry_after=0.5), 2),
        (RejectedError("an odd answer"), 2),
    ],
)
async def test_errors_are_waited_for_as_they_ask(journal, stage, waits, error, wait):
    source = PretendedSource()
    source.answers = [error]
    async with listening(Listener(source, journal, owner="p/1")):
        await until(lambda: source.polls > 1)
    assert wait in waits
    assert len(await stage.incidents()) == isinstance(error, MisconfiguredError)


async def test_what_a_source_stumbles_over_is_an_outage_of_that_source_and_no_end_of_the_process(
    journal, stage, waits
):
    source = PretendedSource()
    source.always = IndexError("Jan Peeters, Naamsestraat 12")
    with structlog.testing.capture_logs() as logs:
        async with listening(Listener(source, journal, owner="p/1")):
            await until(lambda: source.polls > 4)
            (incident,) = await stage.incidents()
            source.always = None
            polls = source.polls
            await until(lambda: source.polls > polls + 2)
    (closed,) = await stage.incidents()
    assert incident.closed_at is None
    assert closed.closed_at is not None
    assert [log["event"] for log in logs].count("source_stumbled") == 1
    assert "Peeters" not in f"{[log for log in logs if log['event'] != 'source_stumbled']}{incident}"


async def test_stopping_does_not_wait_for_the_end_of_a_pause(journal):
    source = PretendedSource()
    source.always = TransientError("busy", retry_after=3600)
    async with listening(Listener(source, journal, owner="p/1")):
        await until(lambda: source.polls == 1)
        await asyncio.sleep(0.02)
    assert source.polls == 1


async def test_a_journal_that_is_away_is_waited_for(journal, stage, waits):
    lease, failures = journal.lease, iter([True, True])

    async def unavailable(*arguments):
        if next(failures, False):
            raise StoreUnavailableError("database away")
        return await lease(*arguments)

    journal.lease = unavailable
    source = PretendedSource()
    async with listening(Listener(source, journal, owner="p/1")):
        await until(lambda: source.polls > 2)

"""How every source must behave. Subclass `SourceContract` and give it a source and the system behind it."""

import asyncio
from typing import Protocol

import pytest

from ports.errors import TransientError
from ports.intake import Inbound, Receipt
from ports.source import Source


class RecordingIntake:
    """An `Accept` that keeps what it is given, once per (source, source_ref), and can be full."""

    def __init__(self) -> None:
        self.accepted: dict[tuple[str, str], Inbound] = {}
        self.calls = 0
        self.arrived = asyncio.Event()
        self._room: int | None = None

    def room_for(self, messages: int | None) -> None:
        """Take so many new messages and then no more; None = as many as come."""
        self._room = messages

    async def __call__(self, inbound: Inbound) -> Receipt:
        self.calls += 1
        await asyncio.sleep(0)
        key = (inbound.source, inbound.source_ref)
        if key in self.accepted:
            return Receipt(message_id=_id_of(key), duplicate=True)
        if self._room is not None:
            if not self._room:
                raise TransientError("the intake is full")
            self._room -= 1
        assert (inbound.event is None) != (inbound.problem is None)
        self.accepted[key] = inbound
        self.arrived.set()
        return Receipt(message_id=_id_of(key))

    @property
    def understood(self) -> list[Inbound]:
        """What came with an event."""
        return [inbound for inbound in self.accepted.values() if inbound.event is not None]

    @property
    def problems(self) -> list[Inbound]:
        """What came with a problem."""
        return [inbound for inbound in self.accepted.values() if inbound.problem is not None]


class SystemUnderTest(Protocol):
    """The system that is fetched from, as the suite needs it."""

    async def put(self, text: str) -> None:
        """A new message with this word in it."""
        ...

    async def put_poison(self) -> None:
        """A new message that no translator understands."""
        ...

    async def unconfirmed(self) -> int:
        """How many messages wait there that the source has not confirmed."""
        ...


class SourceContract:
    """Override `source` and `system`; each test needs an empty system. The source hands over to `intake`."""

    @pytest.fixture
    def intake(self) -> RecordingIntake:
        return RecordingIntake()

    @pytest.fixture
    def source(self, intake: RecordingIntake) -> Source:
        raise NotImplementedError("return the source under test, handing over to this intake")

    @pytest.fixture
    def system(self) -> SystemUnderTest:
        raise NotImplementedError("return the empty system behind the source")

    async def test_nothing_there_is_nothing_new(self, source: Source, intake: RecordingIntake) -> None:
        assert await source.poll() == 0
        assert not intake.accepted

    async def test_everything_is_handed_over_and_confirmed(
        self, source: Source, system: SystemUnderTest, intake: RecordingIntake
    ) -> None:
        for word in ("eerste", "tweede", "derde"):
            await system.put(word)

        assert await source.poll() == 3

        raws = [inbound.raw for inbound in intake.understood]
        assert all(word in raw for word, raw in zip((b"eerste", b"tweede", b"derde"), raws, strict=True))
        assert {inbound.source for inbound in intake.understood} == {source.name}
        assert await system.unconfirmed() == 0

    async def test_a_second_poll_brings_nothing_new(
        self, source: Source, system: SystemUnderTest, intake: RecordingIntake
    ) -> None:
        await system.put("eerste")
        await source.poll()

        assert await source.poll() == 0
        assert len(intake.accepted) == 1

    async def test_what_was_not_accepted_is_not_confirmed(
        self, source: Source, system: SystemUnderTest, intake: RecordingIntake
    ) -> None:
        for word in ("eerste", "tweede", "derde"):
            await system.put(word)
        intake.room_for(1)

        with pytest.raises(TransientError):
            await source.poll()

        assert await system.unconfirmed() >= 2
        intake.room_for(None)
        await source.poll()
        assert len(intake.accepted) == 3
        assert await system.unconfirmed() == 0

    async def test_poison_is_handed_over_with_its_problem_and_does_not_stop_the_round(
        self, source: Source, system: SystemUnderTest, intake: RecordingIntake
    ) -> None:
        await system.put("eerste")
        await system.put_poison()
        await system.put("tweede")

        assert await source.poll() == 3

        assert len(intake.understood) == 2
        assert len(intake.problems) == 1
        assert await system.unconfirmed() == 0
        assert await source.poll() == 0

    async def test_a_round_that_is_cut_off_is_made_good_by_the_next(
        self, source: Source, system: SystemUnderTest, intake: RecordingIntake
    ) -> None:
        for word in ("eerste", "tweede"):
            await system.put(word)
        round_ = asyncio.create_task(source.poll())
        await asyncio.wait_for(intake.arrived.wait(), 30)
        round_.cancel()
        await asyncio.gather(round_, return_exceptions=True)

        await source.poll()

        assert len(intake.accepted) == 2
        assert await system.unconfirmed() == 0

    async def test_a_closed_source_can_be_polled_again(self, source: Source, system: SystemUnderTest) -> None:
        await system.put("eerste")
        await source.poll()
        await source.close()
        await source.close()
        await system.put("tweede")

        assert await source.poll() == 1

    async def test_waiting_ends_in_time(self, source: Source) -> None:
        await source.poll()

        async with asyncio.timeout(10):
            await source.wait(0.2)

    async def test_waiting_can_be_given_up(self, source: Source, system: SystemUnderTest) -> None:
        await source.poll()
        waiting = asyncio.create_task(source.wait(60))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await system.put("eerste")

        async with asyncio.timeout(10):
            assert await source.poll() == 1


def _id_of(key: tuple[str, str]) -> str:
    return "/".join(key)

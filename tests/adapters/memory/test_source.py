"""The source in memory keeps the promises of its port, so tests may lean on it."""

import asyncio

import pytest

from adapters.memory.source import MemorySource
from canonical_model.contact import Channel, Contact
from canonical_model.events import ContactReceived
from ports.contracts.source import SourceContract
from ports.errors import MisconfiguredError, TransientError


def a_contact(text: str) -> ContactReceived:
    return ContactReceived(contact=Contact(channel=Channel.MAIL, subject="Vraag", text=text))


class MemorySystem:
    """The memory's own queue, in the words of the suite."""

    def __init__(self, source: MemorySource) -> None:
        self._source = source

    async def put(self, text: str) -> None:
        self._source.put(a_contact(text), raw=text.encode())

    async def put_poison(self) -> None:
        self._source.put_poison()

    async def unconfirmed(self) -> int:
        return len(self._source.waiting)


class TestMemorySource(SourceContract):
    @pytest.fixture
    def source(self, intake):
        return MemorySource("memory/test", intake)

    @pytest.fixture
    def system(self, source):
        return MemorySystem(source)

    async def test_a_lost_confirmation_brings_the_message_again(self, source, intake):
        source.put(a_contact("eerste"))
        source.lose_confirm_after(0)

        with pytest.raises(TransientError):
            await source.poll()

        assert len(source.waiting) == 1
        assert await source.poll() == 0
        assert (len(intake.accepted), intake.calls) == (1, 2)

    async def test_a_failure_is_raised_once(self, source):
        source.fail_with(MisconfiguredError("no such system"))

        with pytest.raises(MisconfiguredError):
            await source.poll()
        assert await source.poll() == 0

    async def test_content_can_come_again_under_a_new_reference(self, source, intake):
        source.put(a_contact("eerste"))
        await source.poll()

        source.put_again(next(iter(intake.accepted.values())))

        assert await source.poll() == 1

    async def test_waiting_ends_when_something_comes(self, source):
        waiting = asyncio.create_task(source.wait(60))
        await asyncio.sleep(0)
        source.put(a_contact("eerste"))

        await asyncio.wait_for(waiting, 5)

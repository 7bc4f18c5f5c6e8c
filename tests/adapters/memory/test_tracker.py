"""The tracker in memory behaves as every tracker must, and misbehaves when told to."""

import asyncio

import pytest

from adapters.memory.tracker import BATCH, MemoryChanges, MemoryTracker
from canonical_model.status import CaseStatus
from ports.contracts.tracker import GROUPS, TrackerContract, a_case, a_file, a_note
from ports.errors import TransientError, UncertainError
from ports.intake import Receipt
from ports.tracker import CaseChange
from tests.adapters.given import given


class TestMemoryTracker(TrackerContract):
    @pytest.fixture
    def tracker(self):
        return MemoryTracker(GROUPS)

    @pytest.fixture
    def handler(self, tracker):
        return tracker


@pytest.fixture
def tracker():
    return MemoryTracker()


async def test_a_call_that_fails_does_nothing(tracker):
    tracker.fail_with(TransientError("away"), times=2)

    for _ in range(2):
        with pytest.raises(TransientError):
            await tracker.create_if_absent(a_case())

    assert tracker.cases == ()
    assert (await tracker.create_if_absent(a_case())).created


async def test_a_case_whose_answer_was_lost_is_there(tracker):
    case = a_case()
    tracker.lose_answer_after(0)

    with pytest.raises(UncertainError):
        await tracker.create_if_absent(case)

    assert len(await tracker.find(case.ref)) == 1
    assert not (await tracker.create_if_absent(case)).created


async def test_only_the_named_write_loses_its_answer(tracker):
    id_ = (await tracker.create_if_absent(a_case())).id
    tracker.lose_answer_after(2)

    await tracker.add_note(id_, a_note("one"))
    await tracker.add_attachment(id_, "two", a_file(b"2"), b"2")
    with pytest.raises(UncertainError):
        await tracker.update(id_, CaseChange(status=CaseStatus.CLOSED))

    assert (await tracker.get(id_)).status is CaseStatus.CLOSED
    assert await tracker.add_note(id_, a_note("three"))


async def test_without_a_list_every_group_exists(tracker):
    assert await tracker.ensure_ready(("wat dan ook",)) == ()
    assert (await tracker.create_if_absent(a_case(group="wat dan ook"))).created


async def test_a_handler_moves_a_case(tracker):
    case = a_case(group="kcc")
    id_ = (await tracker.create_if_absent(case)).id

    await tracker.move(case.ref, "burgerzaken")

    assert (await tracker.get(id_)).group == "burgerzaken"


class Inbox:
    """Accepts and remembers; fails once when told to."""

    def __init__(self):
        self.inbound = {}
        self.saved = {}
        self.error = None

    async def __call__(self, inbound):
        if self.error:
            error, self.error = self.error, None
            raise error
        key = (inbound.source, inbound.source_ref)
        known = key in self.inbound
        self.inbound.setdefault(key, inbound)
        return Receipt(message_id=inbound.source_ref, duplicate=known)

    async def load(self, name):
        return self.saved.get(name)

    async def save(self, name, value):
        self.saved[name] = value


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def source(tracker, inbox):
    tools = given(
        name="tracker",
        accept=inbox,
        checkpoints=inbox,
    )
    return MemoryChanges(tracker, tools)


async def test_every_change_is_handed_over_once(tracker, inbox, source):
    case = a_case()
    await tracker.create_if_absent(case)
    await tracker.answer(case.ref, "Klaar")

    assert await source.poll() == 2
    assert await source.poll() == 0

    last = inbox.inbound["tracker/changes", f"{case.ref}/2"]
    assert [answer.text for answer in last.event.answers] == ["Klaar"]


async def test_a_long_list_is_read_in_parts_that_stay_read(tracker, inbox, source):
    case = a_case()
    await tracker.create_if_absent(case)
    for number in range(2 * BATCH):
        await tracker.answer(case.ref, f"{number}")

    assert await source.poll() == BATCH
    assert inbox.saved
    async with asyncio.timeout(5):
        await source.wait(3600)
        assert [await source.poll(), await source.poll()] == [BATCH, 1]


async def test_a_change_that_was_not_accepted_comes_again(tracker, inbox, source):
    await tracker.create_if_absent(a_case())
    inbox.error = TransientError("disk full")

    with pytest.raises(TransientError):
        await source.poll()

    assert inbox.saved == {}
    assert await source.poll() == 1

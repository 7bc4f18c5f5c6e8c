"""The process dies between any two steps and starts again: one order, one photo, one message."""

from contextlib import nullcontext

import pytest

from adapters.field_open311.adapter import Planning
from adapters.field_open311.orders import Orders
from adapters.field_open311.source import Updates
from adapters.memory.checkpoints import SuddenDeathError
from canonical_model.commands import OrderWork
from canonical_model.work_order import OrderState, order_id
from ports.contracts.crew import AFTER, BEFORE, a_photo, cancelled, key_of, no_files, photo_bytes, some_work


@pytest.fixture
async def started(settings, client, checkpoints, clock, tools):
    """A new process: nothing is left of the old one but what it had saved."""

    sources = []

    def started():
        orders = Orders(checkpoints)
        sources.append(Updates(tools, settings, client, orders))
        return Planning(settings, client, orders, None, clock), sources[-1]

    yield started
    for source in sources:
        await source.close()


@pytest.mark.parametrize("saves", range(3))
async def test_ordering(started, planning, checkpoints, field, saves):
    work = some_work(attachments=(a_photo(BEFORE), a_photo(AFTER)))
    command = OrderWork(order=work)
    checkpoints.die_after(saves)
    died = False
    try:
        await started()[0].apply(key_of(work), command, photo_bytes)
    except SuddenDeathError:
        died = True
    checkpoints.die_after(None)

    crew = started()[0]
    found = await crew.find(key_of(work), command)
    applied = await crew.apply(key_of(work), command, photo_bytes)

    assert died is (saves < 2)
    assert found in (None, applied)
    assert list(planning.jobs) == [applied]
    assert await field.photos(order_id(work.case, work.trip)) == (BEFORE, AFTER)


@pytest.mark.parametrize("saves", range(4))
async def test_hearing(started, planning, checkpoints, intake, saves):
    work = some_work()
    job = await started()[0].apply(key_of(work), OrderWork(order=work), photo_bytes)
    planning.report(job, OrderState.IN_PROGRESS, "begonnen")
    planning.report(job, OrderState.DONE, "klaar", [AFTER])
    checkpoints.die_after(saves)
    with pytest.raises(SuddenDeathError) if saves < 3 else nullcontext():
        await started()[1].poll()
    checkpoints.die_after(None)

    await started()[1].poll()

    assert [inbound.event.text for inbound in intake.understood] == ["begonnen", "klaar"]
    assert [inbound.event.state for inbound in intake.understood] == [OrderState.IN_PROGRESS, OrderState.DONE]


async def test_taking_back(started, planning, checkpoints):
    work = some_work()
    job = await started()[0].apply(key_of(work), OrderWork(order=work), photo_bytes)

    for _ in range(2):
        await started()[0].apply("k", cancelled(work, job), no_files)

    assert [step.status for step in planning.steps] == ["cancelled"]

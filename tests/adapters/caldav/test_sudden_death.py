"""The process dies between any two steps and starts again: one task, and each step of the crew once."""

from contextlib import nullcontext

import pytest

from adapters.caldav.adapter import TaskList
from adapters.caldav.memory import Memory
from adapters.caldav.source import Tasks
from adapters.memory.checkpoints import SuddenDeathError
from canonical_model.commands import OrderWork
from canonical_model.work_order import OrderState
from ports.contracts.crew import AFTER, BEFORE, a_photo, cancelled, key_of, no_files, photo_bytes, some_work


@pytest.fixture
async def started(settings, client, checkpoints, clock, tools):
    """A new process: nothing is left of the old one but what it had saved."""

    sources = []

    def started():
        memory = Memory(checkpoints)
        sources.append(Tasks(tools, settings, client, memory))
        return TaskList(settings, client, memory, clock), sources[-1]

    yield started
    for source in sources:
        await source.close()


@pytest.mark.parametrize("saves", range(2))
async def test_ordering(started, checkpoints, app, saves):
    work = some_work(attachments=(a_photo(BEFORE),))
    command = OrderWork(order=work)
    checkpoints.die_after(saves)
    with pytest.raises(SuddenDeathError) if saves < 1 else nullcontext():
        await started()[0].apply(key_of(work), command, photo_bytes)
    checkpoints.die_after(None)

    applied = await started()[0].apply(key_of(work), command, photo_bytes)

    assert [(task.name, task.photos) for task in await app.tasks()] == [(applied, [BEFORE])]


@pytest.mark.parametrize("saves", range(5))
async def test_hearing(started, checkpoints, app, intake, saves):
    works = [some_work(), some_work()]
    names = [await started()[0].apply(key_of(work), OrderWork(order=work), photo_bytes) for work in works]
    await started()[1].poll()
    await app.report(names[0], OrderState.DONE, "klaar", AFTER)
    await app.delete(names[1])
    checkpoints.die_after(saves)
    with pytest.raises(SuddenDeathError):
        await started()[1].poll()
    checkpoints.die_after(None)

    await started()[1].poll()
    await started()[1].poll()

    assert sorted(inbound.event.state for inbound in intake.understood) == [
        OrderState.CANCELLED,
        OrderState.DONE,
    ]


@pytest.mark.parametrize("saves", range(2))
async def test_taking_back(started, checkpoints, app, intake, saves):
    work = some_work()
    name = await started()[0].apply(key_of(work), OrderWork(order=work), photo_bytes)
    checkpoints.die_after(saves)
    with pytest.raises(SuddenDeathError) if saves < 1 else nullcontext():
        await started()[0].apply("k", cancelled(work, name), no_files)
    checkpoints.die_after(None)

    await started()[0].apply("k", cancelled(work, name), no_files)
    await started()[1].poll()

    assert (await app.task(name)).state is OrderState.CANCELLED
    assert not intake.accepted

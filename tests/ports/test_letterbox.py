"""Letters between a door and a source, in one process and in two."""

import asyncio

import pytest

from adapters.memory.checkpoints import MemoryCheckpoints
from ports import letterbox
from ports.errors import TransientError
from ports.letterbox import Letterbox


@pytest.fixture
def checkpoints():
    return MemoryCheckpoints()


@pytest.fixture
def door(checkpoints):
    return Letterbox(checkpoints, "kcc")


@pytest.fixture
def source(checkpoints, monkeypatch):
    monkeypatch.setattr(letterbox, "LOOK_EVERY", 0.01)
    return Letterbox(checkpoints, "kcc")


async def test_what_is_put_in_here_is_taken_out_there(door, source):
    await door.put("1", "one")
    await door.put("2", "two")
    await door.put("1", "one")

    letters = await source.all()
    await door.put("3", "three")
    await source.clear(letters)

    assert list(letters.values()) == ["one", "two"]
    assert list((await source.all()).values()) == ["three"]


async def test_the_letters_of_another_source_are_not_ours(checkpoints, source):
    await Letterbox(checkpoints, "kcc-2").put("1", "one")
    assert not await source.all()


async def test_a_letter_of_this_process_arrives_at_once(door):
    waiting = asyncio.create_task(door.arrival())
    await asyncio.sleep(0)
    await door.put("1", "one")
    async with asyncio.timeout(0.5):  # before anybody looks
        await waiting


async def test_a_letter_of_another_process_is_noticed(door, source):
    waiting = asyncio.create_task(source.arrival())
    await asyncio.sleep(0.03)
    assert not waiting.done()
    await door.put("1", "one")
    async with asyncio.timeout(2):
        await waiting


async def test_a_letter_that_could_not_be_kept_is_not_announced(door, checkpoints):
    checkpoints.failure = TransientError("database away")
    with pytest.raises(TransientError):
        await door.put("1", "one")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await door.arrival()

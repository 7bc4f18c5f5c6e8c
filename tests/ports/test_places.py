"""Places for so many at the same time."""

import asyncio

import pytest

from ports.places import Places


async def test_who_comes_when_all_places_are_taken_waits_in_line() -> None:
    places, order = Places(1), list[int]()
    await places.take(None)

    async def wait(number: int) -> None:
        await places.take(None)
        order.append(number)
        places.give_back()

    waiting = [asyncio.create_task(wait(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert order == []
    places.give_back()
    await asyncio.gather(*waiting)

    assert order == [0, 1, 2]


async def test_nobody_gets_in_before_those_who_wait() -> None:
    places = Places(1)
    await places.take(None)
    first = asyncio.create_task(places.take(None))
    await asyncio.sleep(0)
    places.give_back()

    with pytest.raises(TimeoutError):
        await places.take(0.001)
    assert first.done()


async def test_patience_ends() -> None:
    places = Places(1)
    await places.take(None)

    with pytest.raises(TimeoutError):
        await places.take(0.001)

    places.give_back()
    await places.take(0.001)


@pytest.mark.parametrize("given_back", ["before", "after"])
async def test_the_place_of_who_went_away_meanwhile_is_not_lost(given_back: str) -> None:
    places = Places(1)
    await places.take(None)
    impatient = asyncio.create_task(places.take(None))
    await asyncio.sleep(0)
    if given_back == "before":
        places.give_back()
    impatient.cancel()
    if given_back == "after":
        places.give_back()
    with pytest.raises(asyncio.CancelledError):
        await impatient

    await places.take(0.001)

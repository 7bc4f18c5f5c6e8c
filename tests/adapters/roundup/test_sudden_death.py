"""Roundup is killed at work: what it confirmed is there, what it did not can be asked for again."""

import asyncio
import random

import pytest

from adapters.roundup.client import RoundupClient
from demo.roundup import Group, start
from ports.contracts.tracker import GROUPS, a_case, a_note, drained
from ports.errors import TransientError, UncertainError
from tests.servers import roundup


@pytest.fixture
def mortal():
    """A tracker of our own to kill."""
    with roundup.running() as tracker:
        mortal = Mortal(tracker)
        yield mortal
        mortal.tracker.stop()


class Mortal:
    def __init__(self, tracker):
        self.tracker = tracker

    def die_and_rise(self):
        self.tracker.kill()
        groups = [Group(name=name) for name in GROUPS]
        self.tracker = start(self.tracker.home, groups, port=self.tracker.port, workers=3)


async def test_killed_under_load_nothing_confirmed_is_lost_and_nothing_is_twice(mortal):
    client = RoundupClient(roundup.settings(mortal.tracker))
    tracker = roundup.tracker_on(client)
    cases = [a_case() for _ in range(60)]
    confirmed, in_doubt = {}, []

    async def write(waiting):
        for case in waiting:
            try:
                confirmed[case.ref] = (await tracker.create_if_absent(case)).id
                await tracker.add_note(confirmed[case.ref], a_note(f"{case.ref}/note"))
            except (TransientError, UncertainError):
                in_doubt.append(case)
                await asyncio.sleep(0.1)

    waiting = iter(cases)
    writers = asyncio.gather(*(write(waiting) for _ in range(6)))
    for _ in range(2):
        await asyncio.sleep(0.4 + random.random() * 0.3)
        await asyncio.to_thread(mortal.die_and_rise)
    await writers

    assert in_doubt
    for ref, id_ in confirmed.items():
        assert [found.id for found in await tracker.find(ref)] == [id_]
    for case in cases:
        id_ = (await tracker.create_if_absent(case)).id
        await tracker.add_note(id_, a_note(f"{case.ref}/note"))
        assert len(await tracker.find(case.ref)) == 1
        assert [note.key for note in (await tracker.get(id_)).notes] == [
            f"{case.ref}/description",
            f"{case.ref}/note",
        ]
    changes, _ = await drained(tracker)
    assert {change.case for change in changes} == {case.ref for case in cases}
    await client.close()


async def test_a_cursor_survives_the_tracker(mortal):
    client = RoundupClient(roundup.settings(mortal.tracker))
    tracker, handler = roundup.tracker_on(client), roundup.RoundupHandler(mortal.tracker)
    case = a_case()
    await tracker.create_if_absent(case)
    _, cursor = await drained(tracker)
    await handler.answer(case.ref, "Net voor de val")

    await asyncio.to_thread(mortal.die_and_rise)

    changes, _ = await drained(tracker, cursor)
    assert [answer.text for answer in changes[-1].answers] == ["Net voor de val"]
    await handler.client.close()
    await client.close()


async def test_while_it_is_away_calls_are_transient(mortal):
    client = RoundupClient(roundup.settings(mortal.tracker))
    tracker = roundup.tracker_on(client)
    mortal.tracker.stop()

    with pytest.raises(TransientError):
        await tracker.create_if_absent(a_case())
    with pytest.raises(TransientError):
        await tracker.changes(None)
    with pytest.raises(TransientError):
        await tracker.ensure_ready(GROUPS)

    await client.close()

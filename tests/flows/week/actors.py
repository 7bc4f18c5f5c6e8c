"""Who acts in a simulated week: citizens, tills, field teams, handlers, and the moods of systems."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import pika.exceptions
from sqlalchemy import Connection, select

from adapters.memory import MemoryTracker
from canonical_model.status import CaseStatus
from canonical_model.work_order import OrderState
from demo.outside import citycontrol, planning
from journal import schema
from tests.flows.week.script import HOUR, LATE, Story
from tests.flows.week.world import WEBHOOK, World
from tests.simulators.website import Website

GONE = {CaseStatus.ANSWERED, CaseStatus.CLOSED}
OMITTED = 2 * HOUR
"""So long the planning leaves an order out of its answers."""


def fail_if_failed(jobs: list["asyncio.Task[None]"]) -> None:
    for error in [one.exception() for one in jobs if one.done() and one.exception()]:
        raise AssertionError("an actor failed") from error


async def contact(around: World, story: Story) -> None:
    """A citizen writes; the sender tries until the hub took it, and perhaps once more."""
    await around.until(story.hour)
    if story.kind == "garage":
        await _message_of(around, story)
        return
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        post = _event_of if story.kind == "system" else _form_of
        for _ in range(story.times):
            while not around.over:
                try:
                    answer = await post(around, client, story)
                except httpx.HTTPError:
                    await asyncio.sleep(0.3)
                    continue
                if answer.status_code in (429, 502, 503, 504):
                    await asyncio.sleep(0.3)
                    continue
                assert answer.status_code in (200, 202), answer.text
                break


async def _form_of(around: World, client: httpx.AsyncClient, story: Story) -> httpx.Response:
    website = Website(client=client, address=f"http://{around.address}/in/website", secret=WEBHOOK, token="")
    return await website.post_json(story.submission, at=around.clock.now().timestamp())


async def _event_of(around: World, client: httpx.AsyncClient, story: Story) -> httpx.Response:
    submission = story.submission
    event = {
        "specversion": "1.0",
        "id": submission.pop("id"),
        "source": "/kassa",
        "type": "be.wegwijzer.contact.submitted.v1",
        "data": submission,
    }
    headers = {"Content-Type": "application/cloudevents+json", "Authorization": f"Bearer {around.token}"}
    return await client.post(f"http://{around.address}/api/v1/events", json=event, headers=headers)


async def _message_of(around: World, story: Story) -> None:
    """The garage publishes until its broker confirms."""
    submission = story.submission
    id_ = submission.pop("id")
    for _ in range(story.times):
        while not around.over:
            try:
                await asyncio.to_thread(
                    around.systems.garage.submit, json.dumps(submission).encode(), message_id=id_
                )
            except (
                pika.exceptions.AMQPError
            ):  # also before the hub, in its first life, has declared its exchange
                await asyncio.sleep(0.3)
            else:
                break


async def teams(around: World) -> None:
    """The field teams work off their lists, each order for itself."""
    begun: set[str] = set()
    jobs: list[asyncio.Task[None]] = []
    while not around.over:
        for team, name, story in around.orders():
            if name not in begun:
                begun.add(name)
                jobs.append(asyncio.create_task(work(around, team, name, story)))
        fail_if_failed(jobs)
        await asyncio.sleep(0.1)
    await asyncio.gather(*jobs)


Step = Callable[[World, str, Story], Awaitable[None]]


async def work(around: World, team: str, name: str, story: Story) -> None:
    """An order is planned, and later done."""
    for wait, step in zip(story.waits, STEPS[team], strict=True):
        await around.clock.sleep(wait * HOUR)
        await around.present(team)
        await step(around, name, story)


async def plan_road(around: World, name: str, story: Story) -> None:
    """It pushes every step twice; sometimes in the wrong order, and then this one is only told by `finish_road`."""
    roads = around.systems.roads
    if not story.reordered:
        await roads.step(name, citycontrol.Step.PLANNED, at=_belgian(around))


async def finish_road(around: World, name: str, story: Story) -> None:
    """Sometimes nobody is told."""
    roads, case = around.systems.roads, around.systems.roads.cases[name]
    case.status, case.result = citycontrol.WORDS[citycontrol.Step.PLANNED]
    case.status_at = (_belgian(around) - HOUR / 4).strftime("%Y%m%d%H%M%S")
    held = roads.heard_of(name) if story.reordered else b""
    roads.lose_pushes, story.done_at = int(story.lost != ""), around.clock.now()
    await roads.step(name, citycontrol.Step.DONE, story.done, at=_belgian(around))
    if held:
        await roads.push(held)


def _belgian(around: World) -> Any:
    return around.clock.now().astimezone(citycontrol.BRUSSELS)


async def plan_lamp(around: World, name: str, story: Story) -> None:
    around.systems.lighting.tell(name, planning.WORDS[OrderState.PLANNED])


async def finish_lamp(around: World, name: str, story: Story) -> None:
    """Sometimes the planning does not show the order for a while, just when it was done."""
    story.done_at = around.clock.now()
    around.systems.lighting.tell(name, planning.WORDS[OrderState.DONE], story.done)
    if story.lost:
        around.systems.lighting.omitted.add(name)
        await around.clock.sleep(OMITTED)
        around.systems.lighting.omitted.discard(name)


async def plan_cleaning(around: World, name: str, story: Story) -> None:
    cleaning = around.systems.cleaning
    cleaning.report(cleaning.job_of(name).id, OrderState.PLANNED)


async def finish_cleaning(around: World, name: str, story: Story) -> None:
    """Sometimes the update gets lost, sometimes a device tells it so late that nobody looks there any more."""
    cleaning, at = around.systems.cleaning, around.clock.now()
    if story.lost == "late":
        await around.clock.sleep(LATE * HOUR)
        await around.present("reiniging")
    cleaning.bad_days.swallow, story.done_at = int(story.lost == "swallowed"), around.clock.now()
    cleaning.report(cleaning.job_of(name).id, OrderState.DONE, story.done, [story.photo], at=at)


async def plan_tree(around: World, name: str, story: Story) -> None:
    await _on_the_phone(around, name, OrderState.PLANNED)


async def finish_tree(around: World, name: str, story: Story) -> None:
    """Sometimes the server forgets to tell that the task changed."""
    if story.lost:
        around.systems.calendar.untold.add(f"{name}.ics")
    story.done_at = around.clock.now()
    await _on_the_phone(around, name, OrderState.DONE, story.done, story.photo)


async def _on_the_phone(
    around: World, name: str, state: OrderState, note: str = "", photo: bytes = b""
) -> None:
    """Whoever does not see it saved tries again."""
    phone = around.systems.green
    while True:
        try:
            if (await phone.task(f"{name}.ics")).state is not state:
                await phone.report(f"{name}.ics", state, note, photo)
        except httpx.HTTPError:
            await asyncio.sleep(0.5)
        else:
            return


STEPS: Mapping[str, tuple[Step, Step]] = {
    "wegen": (plan_road, finish_road),
    "verlichting": (plan_lamp, finish_lamp),
    "reiniging": (plan_cleaning, finish_cleaning),
    "groen": (plan_tree, finish_tree),
}


async def pushing_again(around: World) -> None:
    """What the hub did not confirm is pushed again by CityControl."""
    while not around.over:
        if "wegen" not in around.away:
            await around.systems.roads.push_again()
        await asyncio.sleep(0.4)


async def handlers(around: World) -> None:
    """They take up questions and answer them."""
    begun: set[str] = set()
    jobs: list[asyncio.Task[None]] = []
    while not around.over:
        for case in around.systems.tracker.cases:
            if case.ref not in begun:
                begun.add(case.ref)
                story = around.story_of(case.ref)
                if not story.is_work:
                    jobs.append(asyncio.create_task(_answer(around, case.ref, story)))
        fail_if_failed(jobs)
        await asyncio.sleep(0.2)
    await asyncio.gather(*jobs)


async def _answer(around: World, case: Any, story: Story) -> None:
    tracker: MemoryTracker = around.systems.tracker
    while story.kind == "silent" and case not in around.look_up(silences):  # noqa: ASYNC110 - the journal tells nobody
        await asyncio.sleep(1)
    for wait, status in zip(story.waits, (CaseStatus.IN_PROGRESS, CaseStatus.ANSWERED), strict=True):
        await around.clock.sleep(wait * HOUR)
        await around.present("tracker")
        if status is CaseStatus.ANSWERED:
            await tracker.answer(case, "Dat kan aan het loket.")
        await tracker.set_status(case, status)
    story.done_at = around.clock.now()


def silences(connection: Connection) -> set[str]:
    """Cases of which somebody was told that nothing happened."""
    items = schema.work_items.c
    return set(connection.scalars(select(items.case_ref).where(items.name == "silence")))


async def bad_moods(around: World) -> None:
    """Now and then an answer is lost on its way, though the work was done; and a calendar server forgets where we were."""
    systems = around.systems
    while not around.over:
        match around.dice.randrange(8):
            case 0:
                systems.roads.moods = [citycontrol.Mood.BV03_LOST]
            case 1:
                systems.lighting.moods = [planning.Mood.ANSWER_LOST]
            case 2:
                systems.cleaning.bad_days.answer_500_after_making = 1
            case 3:
                systems.calendar.losing = 1
            case 4:
                systems.calendar.stale = 1
            case 5:
                systems.till.losing = 1
            case 6:
                systems.dosis.weather.losing = 1
            case _:
                systems.notificaties.weather.losing = 1
        await around.clock.sleep(HOUR)

"""Visits of the queue system: lost, doubled and late callbacks, and reminders of what nobody registered."""

import itertools
import json
import random
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from adapters.counter import build
from canonical_model.contact import Channel
from ports.cases import CaseSummary, CaseView, Outcome
from ports.contracts.source import RecordingIntake, SourceContract
from ports.errors import MisconfiguredError, TransientError
from tests.adapters.counter.conftest import CALLBACK, DOOR, PRODUCTS, TOKEN
from tests.simulators.queue_system import Visitor

WORDS = ("eerste", "tweede", "derde")


class System:
    """The queue system as the suite needs it: every message is a whole visit."""

    def __init__(self, queue_system, client, checkpoints):
        self._queue = queue_system
        self._client = client
        self._checkpoints = checkpoints
        self._tickets = itertools.count(1)

    async def put(self, text):
        await self._queue.serve(f"A{next(self._tickets):03}", service=text)

    async def put_poison(self):
        await self._client.post(f"/queue/{TOKEN}", content=b"\x00")

    async def unconfirmed(self):
        room = self._checkpoints.room()
        return len(room["seen"]) + len(room["unreadable"])


class TestSource(SourceContract):
    @pytest.fixture
    def intake(self):
        return RecordingIntake()

    @pytest.fixture
    def queue_settings(self, queue_settings):
        return {**queue_settings, "services": dict.fromkeys(WORDS, "1234"), "registration_minutes": 0}

    @pytest.fixture
    def source(self, adapter):
        return adapter.sources[0]

    @pytest.fixture
    def system(self, queue_system, client, checkpoints):
        queue_system.callbacks.add(CALLBACK)
        return System(queue_system, client, checkpoints)


@pytest.fixture
def listening(source, queue_system):
    """The source, after its first round: callbacks come."""

    async def begin():
        await source.poll()
        assert queue_system.callbacks == {CALLBACK}
        return source

    return begin


def later(clock, minutes=31):
    clock.advance(timedelta(minutes=minutes))


def verdicts(checkpoints):
    return sorted(one["verdict"] for one in checkpoints.room()["settled"].values())


async def test_a_visit_that_nobody_registered_becomes_a_reminder_after_its_term(
    listening, queue_system, intake, clock
):
    source = await listening()
    await queue_system.serve("A012")

    assert await source.poll() == 0
    later(clock)
    assert await source.poll() == 1

    contact = intake.stored[0].event.contact
    assert contact.channel is Channel.COUNTER
    assert contact.subject == "Niet geregistreerd bezoek: Rijbewijs, ticket A012"
    assert (contact.product, contact.category) == ("1234", "burgerzaken")
    assert "Stadhuis" in contact.text


async def test_a_visit_that_a_clerk_registered_is_not_doubled(
    listening, queue_system, client, form, intake, clock, checkpoints
):
    source = await listening()
    await queue_system.serve("A012")
    await client.post("/", data=form(ticket=" a012 "))
    later(clock)

    assert await source.poll() == 0
    assert [one.source for one in intake.stored] == ["counter/desk"]
    assert verdicts(checkpoints) == ["registered"]


async def test_a_registration_before_the_visit_ends_counts_too(
    listening, queue_system, client, form, intake, clock
):
    source = await listening()
    visit = await queue_system.arrive("A012")
    await queue_system.call(visit)
    await client.post("/", data=form(ticket="A012"))
    await queue_system.end(visit)
    later(clock)

    assert await source.poll() == 0
    assert len(intake.stored) == 1


async def test_the_page_and_the_queue_may_be_in_two_processes(
    listening, queue_system, settings, tools, form, intake, clock, checkpoints
):
    source = await listening()
    await queue_system.serve("A012")
    await queue_system.serve("A013")
    page = build(settings, tools)
    doors = FastAPI()
    doors.include_router(page.webhook, prefix="/in/counter")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(doors), base_url=DOOR) as clerk:
        await clerk.post("/", data=form(ticket="A012"))
        later(clock)
        assert await source.poll() == 1
        assert "1 geregistreerd" in (await clerk.get("/")).text
    await page.close()

    assert [one.source for one in intake.stored] == ["counter/desk", "counter/queue"]
    assert verdicts(checkpoints) == ["registered", "reminded"]


async def test_a_registration_waits_for_the_reminder_that_is_on_its_way(
    listening, queue_system, client, form, intake, clock, cases
):
    source = await listening()
    visit = await queue_system.serve("A012")
    later(clock)
    during = []

    async def accept(inbound):
        during.append(await client.post("/", data=form(ticket="A012")))
        return await intake(inbound)

    source._room._tools = replace(source._room._tools, accept=accept)
    assert await source.poll() == 1
    assert during[0].status_code == 503
    assert [one.source for one in intake.stored] == ["counter/queue"]

    cases.settle("counter/queue", f"1/{visit}", outcome("LEU-2026-000123", clock))
    assert (await client.post("/", data=form(ticket="A012"))).status_code == 303
    assert intake.stored[-1].event.contact.thread.verified_case == "LEU-2026-000123"


async def test_a_reminder_that_was_cut_off_holds_no_clerk_up(
    listening, queue_system, client, form, intake, clock, checkpoints
):
    source = await listening()
    await queue_system.serve("A012")
    later(clock)
    intake.failure = TransientError("killed at this moment")
    with pytest.raises(TransientError):
        await source.poll()
    intake.failure = None
    assert (await client.post("/", data=form(ticket="A012"))).status_code == 503
    later(clock, 2)

    assert (await client.post("/", data=form(ticket="A012"))).status_code == 303
    assert await source.poll() == 0
    assert verdicts(checkpoints) == ["registered"]


async def test_a_source_that_was_asleep_overwrites_nothing_of_the_one_that_took_over(
    listening, queue_system, settings, tools, intake, clock
):
    asleep = await listening()
    awake = build(settings, tools)
    await queue_system.serve("A012")
    await awake.sources[0].poll()
    await queue_system.serve("A013")
    with pytest.raises(TransientError, match="another process"):
        await asleep.poll()
    later(clock)

    assert await asleep.poll() == 2
    assert sorted(one.source_ref for one in intake.stored) == ["1/1", "1/2"]
    await awake.close()


async def test_claims_of_days_that_are_over_are_forgotten(listening, client, form, clock, checkpoints):
    source = await listening()
    await client.post("/", data=form(ticket="A" * 300))
    assert [name for name in checkpoints.kept if name.startswith("ticket/") and len(name) < 100]
    later(clock, 4 * 24 * 60)
    await source.close()
    await source.poll()
    assert not [name for name in checkpoints.kept if name.startswith("ticket/")]


async def test_two_questions_under_one_ticket_are_two_contacts(client, form, intake):
    await client.post("/", data=form(ticket="A012", text="Een vraag."))
    await client.post("/", data=form(ticket="A012", text="Nog een vraag."))

    assert [one.event.contact.text for one in intake.stored] == ["Een vraag.", "Nog een vraag."]
    assert not any(one.event.contact.fingerprint for one in intake.stored)


async def test_a_registration_that_could_not_be_stored_does_not_silence_the_reminder(
    listening, queue_system, client, form, intake, clock
):
    source = await listening()
    await queue_system.serve("A012")
    intake.failure = TransientError("full")
    await client.post("/", data=form(ticket="A012"))
    intake.failure = None
    later(clock)

    assert await source.poll() == 1


async def test_who_registers_after_the_reminder_adds_to_its_case(
    listening, queue_system, client, form, intake, clock, cases
):
    source = await listening()
    visit = await queue_system.serve("A012")
    later(clock)
    await source.poll()
    cases.settle("counter/queue", f"1/{visit}", outcome("LEU-2026-000123", clock))

    await client.post("/", data=form(ticket="A012", answered="1", answer="Uitgelegd."))

    contact = intake.stored[-1].event.contact
    assert contact.thread.verified_case == "LEU-2026-000123"
    assert (contact.answered, contact.answer) == (True, "Uitgelegd.")


async def test_the_same_ticket_number_is_another_visit_tomorrow(
    listening, queue_system, client, form, intake, clock
):
    source = await listening()
    await client.post("/", data=form(ticket="A012"))
    later(clock, 24 * 60)
    await queue_system.serve("A012")
    later(clock)

    assert await source.poll() == 1


async def test_no_shows_and_services_without_a_product_are_counted_and_need_nobody(
    listening, queue_system, client, intake, clock, checkpoints
):
    source = await listening()
    await queue_system.no_show(await queue_system.arrive("A013"))
    await queue_system.serve("B001", service="99")
    later(clock)

    assert await source.poll() == 0
    assert not intake.stored
    assert verdicts(checkpoints) == ["no_product", "no_show"]
    page = (await client.get("/")).text
    assert "1 kwam niet opdagen" in page
    assert "1 voor een dienst die niet geregistreerd wordt" in page


async def test_doubled_callbacks_are_one_visit(listening, queue_system, intake, clock):
    source = await listening()
    queue_system.twice = True
    await queue_system.serve("A012")
    later(clock)

    assert await source.poll() == 1
    assert await source.poll() == 0


@pytest.mark.parametrize("seed", range(5))
async def test_callbacks_in_any_order_make_the_same_visit(
    listening, queue_system, client, intake, clock, seed
):
    source = await listening()
    visitor = Visitor("77", "A077", "12")
    events = [queue_system.event(name, visitor) for name in ("VISIT_CREATE", "VISIT_CALL", "VISIT_END")] * 2
    random.Random(seed).shuffle(events)
    for event in events:
        await client.post(f"/queue/{TOKEN}", json=event)
    later(clock)

    assert await source.poll() == 1
    assert intake.stored[0].source_ref == "1/77"


async def test_a_queue_system_that_forgot_us_is_asked_again(listening, queue_system):
    source = await listening()
    queue_system.restart()

    await source.poll()

    assert queue_system.callbacks == {CALLBACK}


async def test_an_end_that_nobody_heard_is_noticed_when_reading_back(
    listening, queue_system, intake, clock, checkpoints
):
    source = await listening()
    called = await queue_system.arrive("A012")
    await queue_system.call(called)
    waiting = await queue_system.arrive("A013")
    queue_system.lose = 2
    await queue_system.end(called)
    await queue_system.no_show(waiting)

    await source.poll()
    later(clock)

    assert await source.poll() == 1
    assert verdicts(checkpoints) == ["left", "reminded"]


async def test_a_visit_whose_callbacks_were_all_lost_is_read_back(listening, queue_system, intake, clock):
    source = await listening()
    queue_system.lose = 3
    visit = await queue_system.arrive("A014")
    await source.poll()
    await queue_system.call(visit)
    await source.poll()
    await queue_system.end(visit)
    await source.poll()
    later(clock)

    assert await source.poll() == 1
    assert "A014" in intake.stored[0].event.contact.subject


async def test_what_was_heard_is_handed_over_although_the_queue_system_is_away(
    listening, queue_system, intake, clock
):
    source = await listening()
    await queue_system.serve("A012")
    queue_system.away = True
    later(clock)

    with pytest.raises(TransientError, match="503"):
        await source.poll()

    assert len(intake.stored) == 1


async def test_an_error_page_is_not_taken_for_an_empty_hall(listening, queue_system, checkpoints):
    source = await listening()
    await queue_system.arrive("A012")
    queue_system.html = True

    with pytest.raises(TransientError, match="JSON"):
        await source.poll()

    assert len(checkpoints.room()["seen"]["1/1"]) == 1


async def test_a_wrong_password_stops_the_source_with_a_remedy(source, queue_system):
    queue_system.password = "een ander"

    with pytest.raises(MisconfiguredError, match="password"):
        await source.poll()


async def test_a_callback_that_nobody_understands_is_handed_over_with_the_reason(listening, client, intake):
    source = await listening()
    event = {"eventName": "VISIT_END", "eventTime": "ooit", "unitId": 1, "parameters": {"visitId": 1}}
    await client.post(f"/queue/{TOKEN}", json=event)
    await client.post(f"/queue/{TOKEN}", json={**event, "parameters": {}})

    assert await source.poll() == 2
    assert sorted(one.problem.what.split(":")[0] for one in intake.stored) == [
        "$.eventTime",
        "$.parameters.visitId",
    ]


async def test_the_waiting_room_survives_a_crash(listening, queue_system, settings, tools, intake, clock):
    await (await listening()).poll()
    await queue_system.serve("A012")
    later(clock)

    second = build(settings, tools)

    assert await second.sources[0].poll() == 1
    await second.close()


async def test_of_a_visit_nothing_is_kept_about_the_customer(listening, client, checkpoints, queue_system):
    await listening()
    event = queue_system.event("VISIT_CREATE", Visitor("5", "A005", "12"))
    event["parameters"]["customerName"] = "An van Dijck"

    await client.post(f"/queue/{TOKEN}", json=event)

    assert checkpoints.kept
    assert "Dijck" not in "".join(checkpoints.kept.values())


async def test_a_visit_without_an_end_is_let_go_in_the_end(listening, queue_system, clock, checkpoints):
    source = await listening()
    await queue_system.arrive("A012")
    later(clock, 15 * 60)

    assert await source.poll() == 0
    assert verdicts(checkpoints) == ["never_ended"]


async def test_naive_times_around_the_end_of_summer_time_do_not_reorder_a_day(client, checkpoints):
    event = {"eventName": "VISIT_CREATE", "unitId": 1, "parameters": {"visitId": 9, "ticket": "A1"}}
    await client.post(f"/queue/{TOKEN}", json={**event, "eventTime": "2026-10-25T02:30:00"})

    (letter,) = checkpoints.kept.values()
    assert json.loads(letter)["seen"]["at"] == "2026-10-25T00:30:00Z"


def outcome(ref, clock):
    view = CaseView(summary=summary(ref, clock), language="nl")
    return Outcome(message_id="m", state="done", reason="", received_at=clock.now(), case=view.summary)


def summary(ref, clock):
    now = clock.now()
    return CaseSummary(
        ref=ref,
        kind="question",
        channel=Channel.COUNTER,
        group="burgerzaken",
        status="new",
        category=PRODUCTS["1234"]["category"],
        area="",
        origin="counter/queue",
        origin_ref="1/1",
        opened_at=now,
        changed_at=now,
        due=None,
    )

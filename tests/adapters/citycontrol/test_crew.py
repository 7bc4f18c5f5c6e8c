"""CityControl keeps the promises of a crew, as far as its profile can."""

import pytest
from fastapi import FastAPI

from adapters.citycontrol import build
from canonical_model.commands import OrderWork
from canonical_model.events import WorkShown
from canonical_model.work_order import OrderState
from demo.outside.citycontrol import CityControl, Mood, Step
from ports.contracts.crew import (
    AFTER,
    BEFORE,
    CrewContract,
    a_photo,
    cancelled,
    no_files,
    photo_bytes,
    some_work,
)
from tests.adapters.citycontrol.conftest import settings_for
from tests.adapters.given import given
from tests.servers.shut_door import ShutDoor

STEPS = {
    OrderState.PLANNED: Step.PLANNED,
    OrderState.IN_PROGRESS: Step.IN_PROGRESS,
    OrderState.DONE: Step.DONE,
    OrderState.CANCELLED: Step.CANCELLED,
    OrderState.NOT_FOUND: Step.NOT_FOUND,
}


class CityControlField:
    """The people behind it, in the words of the suite. A gate of its own stands before it: closed, nobody is there."""

    def __init__(self, system: CityControl, gate: ShutDoor) -> None:
        self._system = system
        self._gate = gate

    def go_away(self):
        self._gate.shut()

    def come_back(self):
        self._gate.open()

    def lose_answer(self):
        self._system.moods.append(Mood.BV03_LOST)

    async def on_the_list(self):
        return tuple(
            case.identification
            for case in self._system.cases.values()
            if case.is_open
            for _ in range(case.created)
        )

    async def card(self, order):
        case = self._system.cases[order]
        return f"{case.title}\n{case.text}\n{case.place}"

    async def photos(self, order):
        case = self._system.cases[order]
        assert case.document_sendings == len(case.documents)
        return tuple(content for _, content in case.documents.values())

    async def report(self, order, state, text="", photo=b""):
        await self._system.step(order, STEPS[state], text, photo=photo)


@pytest.fixture
def gate(citycontrol):
    gate = ShutDoor(int(citycontrol.origin.rpartition(":")[2]))
    yield gate
    gate.shut()


@pytest.fixture
async def adapter(gate, intake):
    tools = given(
        name="wegen",
        accept=intake,
    )
    adapter = build(settings_for(f"http://127.0.0.1:{gate.port}"), tools)
    yield adapter
    await adapter.close()


@pytest.fixture
def hub(adapter, citycontrol, hub_host):
    """The hub's door, on a real port, where CityControl pushes to."""
    app = FastAPI()
    app.include_router(adapter.webhook, prefix="/in/wegen")
    hub_host.app = app
    citycontrol.hub = f"{hub_host.address}/in/wegen/soap"


class TestCityControl(CrewContract):
    forgets = False

    @pytest.fixture
    def crew(self, adapter, hub):
        return adapter.crew

    @pytest.fixture
    def field(self, citycontrol, gate):
        return CityControlField(citycontrol, gate)

    @pytest.fixture
    def bring_in(self):
        async def nothing():
            """CityControl calls."""

        return nothing

    async def test_evidence_comes_along(self, crew, field, intake, bring_in):
        """The status message has no place for photos: they come as documents of the case, before or after it."""
        work = some_work(attachments=(a_photo(BEFORE),))
        outside_id = await crew.apply("k", OrderWork(order=work), photo_bytes)

        await field.report(outside_id, OrderState.DONE, "Hersteld", AFTER)

        photo, status = intake.understood
        assert (status.event.state, status.event.text, status.event.evidence) == (
            OrderState.DONE,
            "Hersteld",
            (),
        )
        shown = photo.event
        assert isinstance(shown, WorkShown)
        assert (shown.case, shown.trip, shown.outside_id) == (work.case, work.trip, outside_id)
        assert [file.content for file in photo.files] == [AFTER]
        assert shown.evidence == tuple(file.attachment for file in photo.files)

    async def test_its_echo_of_our_cancelling_is_no_news(self, crew, citycontrol, intake):
        work = some_work()
        outside_id = await crew.apply("k", OrderWork(order=work), no_files)
        citycontrol.echoes = True

        await crew.apply("k", cancelled(work, outside_id), no_files)
        await citycontrol.echo()

        assert [answer.status_code for answer in citycontrol.answers] == [200]
        assert intake.understood == intake.problems == []

    async def test_what_comes_twice_and_late_comes_in_once(self, crew, field, citycontrol, intake):
        work = some_work()
        outside_id = await crew.apply("k", OrderWork(order=work), no_files)
        citycontrol.push_times = 3

        await field.report(outside_id, OrderState.PLANNED)
        early = citycontrol.heard_of(outside_id)
        await field.report(outside_id, OrderState.DONE, "Hersteld")
        await citycontrol.push(early)

        assert [change.event.state for change in intake.understood] == [OrderState.PLANNED, OrderState.DONE]
        assert citycontrol.refusals == []

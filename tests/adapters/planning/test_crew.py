"""The planning keeps the promises of a crew and of a source, as far as its WSDL can."""

from dataclasses import replace

import pytest

from adapters.planning import build
from canonical_model.commands import OrderWork
from canonical_model.work_order import ENDED, OrderState, order_id
from demo.outside.planning import Mood
from ports.clock import SystemClock
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
from ports.contracts.source import RecordingIntake, SourceContract
from ports.errors import NotOfferedError
from tests.adapters.planning.conftest import settings_for
from tests.servers.shut_door import ShutDoor

WORDS = {
    OrderState.PLANNED: "Gepland",
    OrderState.IN_PROGRESS: "In uitvoering",
    OrderState.DONE: "Uitgevoerd",
    OrderState.CANCELLED: "Geannuleerd",
    OrderState.NOT_FOUND: "Niet gevonden",
}


class PlanningField:
    """The people behind it, in the words of the suite."""

    def __init__(self, system, door):
        self._system = system
        self.go_away, self.come_back = door.shut, door.open

    def lose_answer(self):
        self._system.moods.append(Mood.ANSWER_LOST)

    async def on_the_list(self):
        return tuple(order.name for order in self._system.orders if order.state not in ENDED)

    async def card(self, order):
        held = self._system.order(order)
        return f"{held.title}\n{held.text}"

    async def photos(self, order):
        photo = self._system.order(order).photo
        return (photo,) if photo else ()

    async def report(self, order, state, text="", photo=b""):
        self._system.tell(order, WORDS[state], text)


@pytest.fixture
def door(planning_host):
    door = ShutDoor(int(planning_host.address.rpartition(":")[2]))
    yield door
    door.shut()


@pytest.fixture
async def adapter(planning, door, tools):
    adapter = build(settings_for(f"http://127.0.0.1:{door.port}"), replace(tools, clock=SystemClock()))
    yield adapter
    await adapter.close()


class TestPlanning(CrewContract):
    forgets = False

    @pytest.fixture
    def intake(self):
        return RecordingIntake()

    @pytest.fixture
    def crew(self, adapter):
        return adapter.crew

    @pytest.fixture
    def field(self, planning, door):
        return PlanningField(planning, door)

    @pytest.fixture
    def bring_in(self, adapter):
        return adapter.sources[0].poll

    async def test_photos_go_along(self, crew, field):
        """The WSDL has room for one; the text says where the others are."""
        work = some_work(attachments=(a_photo(BEFORE), a_photo(AFTER, "detail.jpg")))

        await crew.apply("key", OrderWork(order=work), photo_bytes)
        await crew.apply("key", OrderWork(order=work), photo_bytes)

        order = order_id(work.case, work.trip)
        assert await field.photos(order) == (BEFORE,)
        assert f"Nog 1 bijlage(n) in zaak {work.case}." in await field.card(order)

    async def test_a_cancelled_order_leaves_the_list(self, crew, field):
        """The WSDL can't cancel: a person is told what to do, and the order stays."""
        work = some_work()
        outside_id = await crew.apply("key", OrderWork(order=work), no_files)

        with pytest.raises(NotOfferedError, match=f"cancel {outside_id}"):
            await crew.apply("key", cancelled(work, outside_id), no_files)

        assert await field.on_the_list() == (outside_id,)

    async def test_evidence_comes_along(self, crew, field, intake, bring_in):
        """GetStatus tells words only."""
        work = some_work()
        outside_id = await crew.apply("key", OrderWork(order=work), no_files)

        await field.report(outside_id, OrderState.DONE, "Hersteld", AFTER)
        await bring_in()

        (inbound,) = intake.understood
        assert (inbound.event.text, inbound.event.evidence, inbound.files) == ("Hersteld", (), ())

    async def test_what_we_did_ourselves_is_no_news(self, crew, intake, bring_in):
        work = some_work()
        await crew.apply("key", OrderWork(order=work), no_files)

        await bring_in()
        await bring_in()

        assert intake.understood == intake.problems == []


class OrdersUnderTest:
    """Orders that are out, whose statuses hold the words of the suite."""

    def __init__(self, system, crew):
        self._system = system
        self._crew = crew

    async def put(self, text):
        await self._new("Gepland", text)

    async def put_poison(self):
        await self._new("Zoekgeraakt", "")

    async def unconfirmed(self):
        heard = await self._crew._watch.open()
        return sum(not one.last for one in heard.values())

    async def _new(self, status, remark):
        work = some_work()
        await self._crew.apply("key", OrderWork(order=work), no_files)
        self._system.tell(order_id(work.case, work.trip), status, remark)


class TestOrders(SourceContract):
    @pytest.fixture
    def source(self, adapter):
        return adapter.sources[0]

    @pytest.fixture
    def intake(self):
        return RecordingIntake()

    @pytest.fixture
    def system(self, planning, adapter):
        return OrdersUnderTest(planning, adapter.crew)

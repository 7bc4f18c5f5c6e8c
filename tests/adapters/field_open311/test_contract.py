"""The planning behind Open311 keeps the promises of a crew: strict, loose, in batches, in XML, with photos by address."""

import pytest

from canonical_model.commands import OrderWork
from canonical_model.work_order import OrderState, order_id
from demo.field_planning import FieldPlanning, Manners
from ports.contracts.crew import CrewContract, key_of, photo_bytes, some_work
from ports.contracts.source import SourceContract
from tests.adapters.field_open311.conftest import KEY


class TestStrictInJson(CrewContract):
    forgets = False

    @pytest.fixture
    def crew(self, crew):
        return crew

    @pytest.fixture
    def field(self, field):
        return field

    @pytest.fixture
    def bring_in(self, bring_in):
        return bring_in


class TestStrictInXml(TestStrictInJson):
    @pytest.fixture
    def more_settings(self):
        return {"format": "xml"}


class TestByAddress(TestStrictInJson):
    @pytest.fixture
    def more_settings(self, door):
        return {"photos": "media_url", "photo_door": door}

    @pytest.fixture(autouse=True)
    def door_is_open(self, open_door):
        return open_door


class TestLooseInXml(TestByAddress):
    """Files are dropped in silence by such servers: photos find their way by address."""

    @pytest.fixture
    def manners(self):
        return Manners.LOOSE

    @pytest.fixture
    def more_settings(self, door):
        return {"format": "xml", "photos": "multipart", "photo_door": door, "photos_at_once": 2}


class TestInBatches(TestStrictInJson):
    @pytest.fixture
    def planning(self, clock):
        return FieldPlanning(api_key=KEY, batch=True, now=clock.now)


class PlanningWithNews:
    """The planning, in the words of the sources' suite."""

    def __init__(self, planning, crew, source):
        self._planning = planning
        self._crew = crew
        self._source = source
        self._orders = []

    async def put(self, text):
        work = some_work()
        await self._crew.apply(key_of(work), OrderWork(order=work), photo_bytes)
        job = self._planning.job_of(order_id(work.case, work.trip))
        self._orders.append(self._planning.report(job.id, OrderState.PLANNED, text))

    async def put_poison(self):
        await self.put("?")
        self._orders[-1].status = "zzz-onbekend"

    async def unconfirmed(self):
        return sum(f"{step.job}/{step.id}" not in self._source._seen for step in self._orders)


class TestSource(SourceContract):
    @pytest.fixture
    def source(self, source):
        return source

    @pytest.fixture
    def system(self, planning, crew, source):
        return PlanningWithNews(planning, crew, source)

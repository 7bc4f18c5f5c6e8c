"""A task list on a real Radicale keeps the promises of a crew and of a source."""

import pytest

from canonical_model.commands import OrderWork
from canonical_model.work_order import OrderState
from ports.contracts.crew import CrewContract, key_of, photo_bytes, some_work
from ports.contracts.source import SourceContract


class TestOnRadicale(CrewContract):
    @pytest.fixture
    def crew(self, crew):
        return crew

    @pytest.fixture
    def field(self, field):
        return field

    @pytest.fixture
    def bring_in(self, bring_in):
        return bring_in


class ListWithNews:
    """The list, in the words of the sources' suite."""

    def __init__(self, app, crew, memory):
        self._app = app
        self._crew = crew
        self._memory = memory

    async def put(self, text):
        work = some_work()
        name = await self._crew.apply(key_of(work), OrderWork(order=work), photo_bytes)
        await self._app.report(name, OrderState.PLANNED, text)

    async def put_poison(self):
        work = some_work()
        name = await self._crew.apply(key_of(work), OrderWork(order=work), photo_bytes)
        task = await self._app.task(name)
        task.todo["status"] = "OPGEBLAZEN"
        await self._app.save(task)

    async def unconfirmed(self):
        if not await self._memory.token():
            return len(await self._app.tasks())
        return 0


class TestSource(SourceContract):
    @pytest.fixture
    def source(self, source):
        return source

    @pytest.fixture
    def system(self, app, crew, memory):
        return ListWithNews(app, crew, memory)

"""The crew in memory keeps the promises of its port, so tests may lean on it."""

import pytest

from adapters.memory.crew import MemoryCrew, MemoryCrewChanges
from canonical_model.work_order import ENDED, OrderState
from ports.contracts.crew import CrewContract
from ports.errors import TransientError
from tests.adapters.given import given


class MemoryField:
    """The people of the crew in memory, in the words of the suite."""

    def __init__(self, crew: MemoryCrew) -> None:
        self._crew = crew
        self.come_back = crew.resume

    def go_away(self) -> None:
        self._crew.fail_with(TransientError("away"))

    def lose_answer(self) -> None:
        self._crew.lose_answer_after(0)

    async def on_the_list(self) -> tuple[str, ...]:
        return tuple(name for name, job in self._crew.jobs.items() if job.state not in ENDED)

    async def card(self, order: str) -> str:
        job = self._crew.jobs[order].order
        return f"{job.subject}\n{job.description}\n{job.location.address}"

    async def photos(self, order: str) -> tuple[bytes, ...]:
        return self._crew.jobs[order].photos

    async def report(self, order: str, state: OrderState, text: str = "", photo: bytes = b"") -> None:
        self._crew.report(order, state, text, photo)


class TestMemoryCrew(CrewContract):
    @pytest.fixture
    def crew(self):
        return MemoryCrew("wegen")

    @pytest.fixture
    def field(self, crew):
        return MemoryField(crew)

    @pytest.fixture
    def bring_in(self, crew, intake):
        tools = given(
            name="wegen",
            accept=intake,
        )
        return MemoryCrewChanges(crew, tools).poll

"""The field teams of the demo city: what lies on each list, and how the crew tells how it goes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from canonical_model.work_order import OrderState
from demo.field_planning import FieldPlanning
from demo.outside.citycontrol import STEPS, CityControl
from demo.outside.planning import WORDS, Planning
from demo.task_app import TaskApp

_SIGNED = re.compile(r"\[([A-Z]+-[0-9]+-[0-9]+\.[0-9]+)\]\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An order (`LEU-2026-000123.01`) as it lies on a crew's list."""

    order: str
    state: OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a crew tells. `lost`: its system changes, and the city never hears of it."""

    state: OrderState
    remark: str = ""
    photo: bytes = b""
    lost: bool = False


class Crew(Protocol):
    """A crew with its list, which is a page at `page`."""

    @property
    def page(self) -> str: ...

    async def orders(self) -> Sequence[Listed]:
        """Everything that was ever put on the list: what was put on it twice is there twice."""
        ...

    async def tell(self, order: str, news: News) -> None:
        """Tell how an order goes, as the crew does with its buttons."""
        ...


class RoadsCrew:
    """Works from CityControl, which tells the city by itself; photos of the work go as documents of the case."""

    def __init__(self, system: CityControl) -> None:
        self.system = system

    @property
    def page(self) -> str:
        return f"{self.system.origin}/ploeg"

    async def orders(self) -> Sequence[Listed]:
        return [
            Listed(order=case.identification, state=case.state)
            for case in self.system.cases.values()
            for _ in range(case.created)
        ]

    async def tell(self, order: str, news: News) -> None:
        self.system.lose_pushes = (1 + bool(news.photo)) * news.lost
        await self.system.step(order, STEPS[news.state], news.remark, photo=news.photo)


class LightingCrew:
    """Works from a planning behind a WSDL, which the hub asks."""

    def __init__(self, system: Planning, origin: str) -> None:
        self._system = system
        self.page = f"{origin}/ploeg"

    async def orders(self) -> Sequence[Listed]:
        return [Listed(order=order.name, state=order.state) for order in self._system.orders]

    async def tell(self, order: str, news: News) -> None:
        self._system.tell(order, WORDS[news.state], news.remark)


class CleaningCrew:
    """Works from a planning that speaks Open311."""

    def __init__(self, system: FieldPlanning, origin: str) -> None:
        self._system = system
        self.page = f"{origin}/ploeg"

    async def orders(self) -> Sequence[Listed]:
        signed = [
            (_SIGNED.search(job.fields["description"]), job.state) for job in self._system.jobs.values()
        ]
        return [Listed(order=found[1], state=state) for found, state in signed if found]

    async def tell(self, order: str, news: News) -> None:
        self._system.bad_days.swallow = int(news.lost)
        photos = [news.photo] if news.photo else []
        self._system.report(self._system.job_of(order).id, news.state, news.remark, photos)


class GreenCrew:
    """Works from a task list on a phone."""

    def __init__(self, app: TaskApp, origin: str) -> None:
        self._app = app
        self.page = f"{origin}/ploeg"

    async def orders(self) -> Sequence[Listed]:
        return [
            Listed(order=task.name.removesuffix(".ics"), state=task.state) for task in await self._app.tasks()
        ]

    async def tell(self, order: str, news: News) -> None:
        await self._app.report(f"{order}.ics", news.state, news.remark, news.photo)

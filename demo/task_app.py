# icalendar's values are of any type: this app believes what it wrote itself
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The phone of a crew: an app that shows and edits the tasks of a CalDAV list, and the same list as a page.

It knows nothing of the hub: it sets what such apps set (status, start, note, category, a photo in the task) and names
the version that it read.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import httpx
from icalendar import Calendar, vBinary
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from canonical_model.work_order import OrderState
from demo.crew_page import Card, crew_page

NOT_FOUND = "niet gevonden"
_STATUSES = {
    OrderState.ORDERED: "NEEDS-ACTION",
    OrderState.PLANNED: "NEEDS-ACTION",
    OrderState.IN_PROGRESS: "IN-PROCESS",
    OrderState.DONE: "COMPLETED",
    OrderState.CANCELLED: "CANCELLED",
    OrderState.NOT_FOUND: "CANCELLED",
}
_STATES = {
    "NEEDS-ACTION": OrderState.ORDERED,
    "IN-PROCESS": OrderState.IN_PROGRESS,
    "COMPLETED": OrderState.DONE,
    "CANCELLED": OrderState.CANCELLED,
}
_QUERY = """<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VTODO"/></C:comp-filter></C:filter></C:calendar-query>"""


@dataclass(kw_only=True)
class Task:
    """A task as it was read; `calendar` holds it, `todo` is it."""

    name: str
    etag: str
    calendar: Any
    todo: Any

    @property
    def state(self) -> OrderState:
        """As the app shows it."""
        if NOT_FOUND in self.categories:
            return OrderState.NOT_FOUND
        state = _STATES[str(self.todo.get("status", "NEEDS-ACTION"))]
        return OrderState.PLANNED if state is OrderState.ORDERED and "dtstart" in self.todo else state

    @property
    def categories(self) -> list[str]:
        """Its labels."""
        found = self.todo.get("categories")
        return [str(word) for word in getattr(found, "cats", [])]

    @property
    def photos(self) -> list[bytes]:
        """The photos in it."""
        found = self.todo.get("attach", [])
        attached = found if isinstance(found, list) else [found]
        return [base64.b64decode(one.to_ical()) for one in attached if isinstance(one, vBinary)]


class TaskApp:
    """One list, as whoever is logged in sees it."""

    def __init__(
        self,
        address: str,
        user: str,
        password: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._address = address
        self._now = now
        self._http = httpx.AsyncClient(auth=(user, password), trust_env=False, timeout=20)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def tasks(self) -> list[Task]:
        """All tasks of the list."""
        answer = await self._http.request(
            "REPORT",
            self._address,
            content=_QUERY.encode(),
            headers={"Depth": "1", "Content-Type": "application/xml"},
        )
        answer.raise_for_status()
        names = [unquote(href).rpartition("/")[2] for href in _hrefs(answer.content)]
        return [await self.task(name) for name in names]

    async def task(self, name: str) -> Task:
        """One task."""
        answer = await self._http.get(f"{self._address}{name}")
        answer.raise_for_status()
        calendar = Calendar.from_ical(answer.content)
        return Task(name=name, etag=answer.headers["etag"], calendar=calendar, todo=calendar.walk("VTODO")[0])

    async def report(self, name: str, state: OrderState, note: str = "", photo: bytes = b"") -> None:
        """Set how it stands, write below what is there, add a photo."""
        task = await self.task(name)
        now = self._now()
        _set(task.todo, "status", _STATUSES[state])
        _set(task.todo, "last-modified", now)
        _set(task.todo, "dtstamp", now)
        if state is OrderState.PLANNED:
            _set(task.todo, "dtstart", (now + timedelta(days=1)).replace(microsecond=0))
        if state is OrderState.DONE:
            _set(task.todo, "completed", now)
        if state is OrderState.NOT_FOUND:
            _set(task.todo, "categories", [*task.categories, NOT_FOUND])
        if note:
            _set(task.todo, "description", f"{str(task.todo.get('description', '')).rstrip()}\n{note}\n")
        if photo:
            attached = vBinary(photo)
            attached.params["FMTTYPE"] = "image/jpeg"
            task.todo.add("attach", attached)
        await self.save(task)

    async def save(self, task: Task) -> None:
        """Put it back, unless somebody changed it meanwhile."""
        answer = await self._http.put(
            f"{self._address}{task.name}",
            content=task.calendar.to_ical(),
            headers={"If-Match": task.etag, "Content-Type": "text/calendar; charset=utf-8"},
        )
        answer.raise_for_status()

    async def delete(self, name: str) -> None:
        """Throw it away."""
        (await self._http.delete(f"{self._address}{name}")).raise_for_status()


def crew_list(app: TaskApp, crew: str) -> Starlette:
    """The list as a page at `/ploeg`, with buttons that do what the app does."""

    async def shown(_: Request) -> Response:
        tasks = await app.tasks()
        return crew_page(crew, [_card(task) for task in tasks], action="/ploeg")

    async def pressed(request: Request) -> Response:
        async with request.form() as form:
            state, photo = form.get("state"), form.get("photo")
            if state not in tuple(OrderState):
                return Response(status_code=404)
            content = await photo.read() if isinstance(photo, UploadFile) else b""
            name = request.path_params["name"]
            await app.report(name, OrderState(str(state)), str(form.get("note") or ""), content)
        return RedirectResponse(f"/ploeg#{name}", 303)

    async def photo(request: Request) -> Response:
        photos = (await app.task(request.path_params["name"])).photos
        number = request.path_params["number"]
        return (
            Response(photos[number], media_type="image/jpeg")
            if number < len(photos)
            else Response(status_code=404)
        )

    return Starlette(
        routes=[
            Route("/ploeg", shown),
            Route("/ploeg/{name}", pressed, methods=["POST"]),
            Route("/photos/{name}/{number:int}.jpg", photo),
        ]
    )


def _card(task: Task) -> Card:
    return Card(
        id=task.name,
        title=str(task.todo.get("summary", "")),
        text=str(task.todo.get("description", "")),
        place=str(task.todo.get("location", "")),
        state=task.state,
        photos=tuple(f"/photos/{task.name}/{number}.jpg" for number in range(len(task.photos))),
    )


def _set(todo: Any, name: str, value: object) -> None:
    todo.pop(name, None)
    todo.add(name, value)


def _hrefs(content: bytes) -> Iterator[str]:
    for href in ET.fromstring(content).iter("{DAV:}href"):  # noqa: S314 - our own server on this machine
        yield href.text or ""

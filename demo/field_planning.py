"""A field team's planning that speaks Open311 GeoReport v2: as the standard has it, or as loosely as real servers do.

    planning = FieldPlanning(api_key="...")
    uvicorn.run(planning.app, ...)          # /v2/... for the hub, /ploeg for the crew

What the crew does, it does on its page (`/ploeg`) or by `report`. `bad_days` are what really happened to the hub's
colleagues: orders made with an error for an answer, photos dropped in silence, tokens that never resolve.

Facts: <https://wiki.open311.org/GeoReport_v2/>; mySociety's open311-adapter for the updates; a Django server of the
6Aika project for how loose it gets (201, other roots, errors as an object, HTML, pages by `x-next-page-url`).
"""

import itertools
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias
from xml.etree.ElementTree import Element, SubElement, tostring
from zoneinfo import ZoneInfo

import httpx
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from canonical_model.work_order import OrderState
from demo.crew_page import WORDS, Card, crew_page

NOT_FOUND_CODE = "NIET_GEVONDEN"
STATUSES = {
    OrderState.ORDERED: "open",
    OrderState.PLANNED: "action_scheduled",
    OrderState.IN_PROGRESS: "in_progress",
    OrderState.DONE: "fixed",
    OrderState.CANCELLED: "no_further_action",
    OrderState.NOT_FOUND: "closed",
}
_CLOSED = frozenset({"fixed", "closed", "no_further_action", "cancelled", "duplicate"})
_KNOWN = frozenset({*STATUSES.values(), *_CLOSED, "planned", "investigating", "unchanged", "reopen"})
_FIELDS = frozenset(
    {"api_key", "jurisdiction_id", "service_code", "lat", "long", "address_string", "address_id", "email", "device_id",
     "account_id", "first_name", "last_name", "phone", "description", "media_url", "media"}
)  # fmt: skip
_SPAN = timedelta(days=90)
BRUSSELS = ZoneInfo("Europe/Brussels")


class Manners(StrEnum):
    """How it keeps to the standard."""

    STRICT = "strict"
    LOOSE = "loose"


@dataclass
class BadDays:
    """What goes wrong from now on; numbers count down, the rest stays until it is set back."""

    answer_500_after_making: int = 0
    """So many posts are done, and answered with a page of HTML."""
    call_it_a_duplicate: bool = False
    """A second request with the same account is a 400 "is a duplicate"."""
    lose_photos: bool = False
    """Files in a form are dropped in silence."""
    lose_addresses: bool = False
    """Addresses of photos are dropped in silence."""
    nothing_older: bool = False
    """An update that is not newer than what is there is refused."""
    hide: bool = False
    """What was made does not show yet."""
    hide_lists: int = 0
    """So many lists of orders are empty."""
    token_lookups: int | None = 0
    """So often a token has no number yet; None = it never gets one."""
    nobody_home: int = 0
    """So many questions are answered 503."""
    breaks_over: frozenset[str] = frozenset()
    """Whoever asks for one of these requests gets a page of HTML and a 500."""
    breaks_on: frozenset[str] = frozenset()
    """A list that holds one of these steps of the crew (by their words) is a page of HTML and a 500."""
    swallow: int = 0
    """So many steps of the crew change the order and are never told as an update."""
    repeat_and_shuffle: bool = False
    """Every update is told twice, in any order."""


@dataclass
class Job:
    """An order. `state` in the crew's words; `status` as the interface tells it."""

    id: str
    fields: dict[str, str]
    made_at: datetime
    changed_at: datetime
    token: str = ""
    lookups: int = 0
    status: str = "open"
    state: OrderState = OrderState.ORDERED
    media: list[str] = field(default_factory=list[str])
    notes: str = ""


@dataclass
class Step:
    """An update, by the crew or posted; `own` is the poster's id of it."""

    id: str
    job: str
    status: str
    external: str
    at: datetime
    text: str
    own: str = ""
    media: list[str] = field(default_factory=list[str])


Tree: TypeAlias = "str | int | Sequence[Tree] | Mapping[str, Tree] | None"
Answer = dict[str, Tree]


class RefusedError(Exception):
    """What the poster did wrong."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class FieldPlanning:
    """The server and the crew behind it, in memory."""

    def __init__(
        self,
        *,
        api_key: str = "",
        services: Sequence[str] = ("voetpad", "straatverlichting", "afval"),
        manners: Manners = Manners.STRICT,
        batch: bool = False,
        crew: str = "Ploeg wegen",
        limit: int = 1000,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.jobs: dict[str, Job] = {}
        self.steps: list[Step] = []
        self.photos: dict[str, bytes] = {}
        self.bad_days = BadDays()
        self.asked: list[str] = []
        self.now = now
        self._key, self._services, self._manners, self._batch = api_key, tuple(services), manners, batch
        self._crew, self._limit = crew, limit
        self._numbers = itertools.count(1)
        self.app = Starlette(
            routes=[
                Route("/v2/services.{form}", self._guarded(self._offered)),
                Route("/v2/requests.{form}", self._guarded(self._listed)),
                Route("/v2/requests.{form}", self._guarded(self._ordered), methods=["POST"]),
                Route("/v2/requests/{id}.{form}", self._guarded(self._one)),
                Route("/v2/tokens/{token}.{form}", self._guarded(self._by_token)),
                Route("/v2/servicerequestupdates.{form}", self._guarded(self._told)),
                Route("/v2/servicerequestupdates.{form}", self._guarded(self._posted), methods=["POST"]),
                Route("/media/{name}", self._photo),
                Route("/ploeg", self._page),
                Route("/ploeg/{id}", self._pressed, methods=["POST"]),
            ]
        )

    # What the crew does

    def report(
        self, job: str, state: OrderState, text: str = "", photos: Sequence[bytes] = (), **more: Any
    ) -> Step:
        """The crew tells how a job (its number here) goes; `more` replaces fields of the update."""
        held, now = self.jobs[job], self.now()
        step = Step(
            id=f"U-{next(self._numbers)}",
            job=job,
            status=STATUSES[state],
            external=NOT_FOUND_CODE if state is OrderState.NOT_FOUND else "",
            at=now,
            text=text,
            media=[self.keep(photo) for photo in photos],
        )
        for name, value in more.items():
            setattr(step, name, value)
        if self.bad_days.swallow:
            self.bad_days.swallow -= 1
        else:
            self.steps.append(step)
        held.state, held.changed_at = state, max(step.at, held.changed_at)
        held.status, held.notes = self._coarse(step.status), text
        return step

    def keep(self, photo: bytes) -> str:
        """Keep a photo; its path."""
        name = f"/media/{len(self.photos) + 1}.jpg"
        self.photos[name] = photo
        return name

    def job_of(self, order: str) -> Job:
        """The job with this number of ours."""
        return next(job for job in self.jobs.values() if f"[{order}]" in job.fields["description"])

    # What the interface does

    def _guarded(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            self.asked.append(f"{request.method} {request.url.path}")
            if self.bad_days.nobody_home:
                self.bad_days.nobody_home -= 1
                return HTMLResponse("<html><body>Even niet</body></html>", 503)
            try:
                return await answer(request)
            except RefusedError as error:
                return self._refusal(request, error)

        return guarded

    def _refusal(self, request: Request, error: RefusedError) -> Response:
        if self._manners is Manners.LOOSE:
            if error.code != 404:
                return _rendered(request, "error", {"code": error.code, "detail": [error.words]}, error.code)
            return HTMLResponse("<!DOCTYPE html><html><body><h1>Not Found</h1></body></html>", 404)
        return _rendered(request, "errors", [{"code": error.code, "description": error.words}], error.code)

    async def _offered(self, request: Request) -> Response:
        services = [
            {"service_code": code, "service_name": code, "type": self._type} for code in self._services
        ]
        return _rendered(request, "services", services)

    @property
    def _type(self) -> str:
        return "batch" if self._batch else "realtime"

    async def _ordered(self, request: Request) -> Response:
        async with request.form() as form:
            fields = {name: str(value) for name, value in form.multi_items() if isinstance(value, str)}
            self._check_key(fields)
            self._check_order(fields)
            if self.bad_days.call_it_a_duplicate and self._is_there(fields):
                raise RefusedError(400, "Invalid service request: base is a duplicate.")
            job = self._made(fields, await self._brought(request, form))
        if self.bad_days.answer_500_after_making:
            self.bad_days.answer_500_after_making -= 1
            return HTMLResponse("<html><body><h1>Server Error (500)</h1></body></html>", 500)
        if self._manners is Manners.LOOSE and not self._batch:
            return _rendered(request, "requests", [self._shown(request, job)], 201)
        told = {"token": job.token} if self._batch else {"service_request_id": job.id, "service_notice": ""}
        return _rendered(request, self._root, [told])

    def _made(self, fields: dict[str, str], media: list[str]) -> Job:
        now = self.now()
        number = next(self._numbers)
        job = Job(id=f"SR-{number}", fields=fields, made_at=now, changed_at=now, media=media)
        if self._batch:
            job.token = f"T-{number}"
        self.jobs[job.id] = job
        return job

    @property
    def _root(self) -> str:
        return "requests" if self._manners is Manners.LOOSE else "service_requests"

    def _check_key(self, fields: Mapping[str, str]) -> None:
        if self._key and fields.get("api_key") != self._key:
            if self._manners is Manners.LOOSE and "api_key" not in fields:
                raise RefusedError(500, "KeyError")
            raise RefusedError(403, "Invalid api_key received")

    def _check_order(self, fields: Mapping[str, str]) -> None:
        if fields.get("service_code") not in self._services:
            raise RefusedError(400, f"service_code {fields.get('service_code')} was not found")
        if not ({"lat", "long"} <= fields.keys() or {"address_string", "address_id"} & fields.keys()):
            raise RefusedError(400, "a location is required: lat and long, address_string or address_id")
        unknown = {name for name in fields if name not in _FIELDS and not name.startswith("attribute[")}
        if self._manners is Manners.STRICT and unknown:
            raise RefusedError(400, f"unknown parameter {min(unknown)}")

    def _is_there(self, fields: Mapping[str, str]) -> bool:
        return any(job.fields.get("account_id") == fields.get("account_id") for job in self.jobs.values())

    async def _brought(self, request: Request, form: FormData) -> list[str]:
        """Photos that came as files, or that we fetch from their address; the loose one drops files in silence."""
        media: list[str] = []
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if not self.bad_days.lose_photos and self._manners is Manners.STRICT:
                    media.append(self.keep(await value.read()))
            elif name == "media_url" and not self.bad_days.lose_addresses:
                media.append(self.keep(await _fetched(value)))
        return media

    async def _listed(self, request: Request) -> Response:
        asked = request.query_params
        self._check_key(asked)
        start, end = self._stretch(asked)
        if self.bad_days.hide_lists:
            self.bad_days.hide_lists -= 1
            return _rendered(request, self._root, [])
        found = [
            job
            for job in self.jobs.values()
            if start <= job.made_at.replace(microsecond=0) <= end
            and asked.get("service_code", job.fields["service_code"]) == job.fields["service_code"]
            and not self.bad_days.hide
            and not (self._batch and self._is_pending(job))
        ]
        shown = [self._shown(request, job) for job in reversed(found)]
        if self._manners is Manners.LOOSE:
            return self._paged(request, shown)
        return _rendered(request, "service_requests", shown[: self._limit])

    def _paged(self, request: Request, shown: Sequence[Answer]) -> Response:
        number, size = int(request.query_params.get("page", "1")), 20
        answer = _rendered(request, "requests", shown[(number - 1) * size : number * size])
        if number * size < len(shown):
            query = f"page={number + 1}&" + "&".join(
                f"{name}={value}"
                for name, value in request.query_params.items()
                if name in ("start_date", "end_date")
            )
            answer.headers["x-next-page-url"] = f"{request.url.path}?{query}"
        return answer

    def _stretch(self, asked: Mapping[str, str]) -> tuple[datetime, datetime]:
        now = self.now()
        try:
            start = datetime.fromisoformat(asked["start_date"]) if "start_date" in asked else now - _SPAN
            end = datetime.fromisoformat(asked["end_date"]) if "end_date" in asked else now
        except ValueError:
            raise RefusedError(400, "dates are ISO 8601, in UTC") from None
        if end - start > _SPAN:
            raise RefusedError(400, "start_date and end_date can't span more than 90 days")
        return start, end

    async def _one(self, request: Request) -> Response:
        self._check_key(request.query_params)
        if request.path_params["id"] in self.bad_days.breaks_over:
            return HTMLResponse("<html><body><h1>Server Error (500)</h1></body></html>", 500)
        job = self.jobs.get(request.path_params["id"])
        if job is None or self.bad_days.hide:
            raise RefusedError(404, "service_request_id not found")
        return _rendered(request, self._root, [self._shown(request, job)])

    async def _by_token(self, request: Request) -> Response:
        self._check_key(request.query_params)
        job = next((job for job in self.jobs.values() if job.token == request.path_params["token"]), None)
        if job is None:
            raise RefusedError(404, "token not found")
        job.lookups += 1
        id_ = "" if self._is_pending(job) else job.id
        return _rendered(request, self._root, [{"token": job.token, "service_request_id": id_}])

    def _is_pending(self, job: Job) -> bool:
        wait = self.bad_days.token_lookups
        return wait is None or (wait > 0 and job.lookups <= wait)

    def _shown(self, request: Request, job: Job) -> Answer:
        more = {"account_id": job.fields.get("account_id", "")} if self._manners is Manners.LOOSE else {}
        media = [_address(request, path) for path in job.media]
        return {
            "service_request_id": job.id,
            "status": "closed" if job.status in _CLOSED else "open",
            "status_notes": job.notes or None,
            "service_name": job.fields["service_code"],
            "service_code": job.fields["service_code"],
            "description": job.fields["description"],
            "requested_datetime": _stamp(job.made_at),
            "updated_datetime": _stamp(job.changed_at),
            "address": job.fields.get("address_string", ""),
            "lat": job.fields.get("lat", ""),
            "long": job.fields.get("long", ""),
            "media_url": media[0] if len(media) == 1 else media or "",
            **more,
        }

    async def _told(self, request: Request) -> Response:
        self._check_key(request.query_params)
        start, end = self._stretch(request.query_params)
        found = [step for step in self.steps if start <= step.at.replace(microsecond=0) <= end]
        if any(step.text in self.bad_days.breaks_on for step in found):
            return HTMLResponse("<html><body><h1>Server Error (500)</h1></body></html>", 500)
        if self.bad_days.repeat_and_shuffle:
            found = random.sample(found * 2, len(found) * 2)
        return _rendered(
            request, "service_request_updates", [_update(request, step) for step in found[: self._limit]]
        )

    async def _posted(self, request: Request) -> Response:
        async with request.form() as form:
            fields = {name: str(value) for name, value in form.multi_items() if isinstance(value, str)}
            self._check_key(fields)
            job, status = (
                self.jobs.get(fields.get("service_request_id", "")),
                fields.get("status", "").lower(),
            )
            if job is None:
                raise RefusedError(404, "service_request_id not found")
            if status not in _KNOWN or not fields.get("status", "").isupper():
                raise RefusedError(400, f"status {fields.get('status')} is not known")
            at = (
                datetime.fromisoformat(fields["updated_datetime"])
                if "updated_datetime" in fields
                else self.now()
            )
            if self.bad_days.nothing_older and "updated_datetime" in fields and at <= job.changed_at:
                raise RefusedError(
                    400, "Logged Date must be greater than the Effective Date of the last update"
                )
            self._note(job, status, at, fields, await self._brought(request, form))
        if self.bad_days.answer_500_after_making:
            self.bad_days.answer_500_after_making -= 1
            return HTMLResponse("<html><body><h1>Server Error (500)</h1></body></html>", 500)
        return _rendered(request, "service_request_updates", [{"update_id": self.steps[-1].id}])

    def _note(self, job: Job, status: str, at: datetime, fields: Mapping[str, str], media: list[str]) -> None:
        step = Step(
            id=f"U-{next(self._numbers)}", job=job.id, status=status, external="", at=at,
            text=fields.get("description", ""), own=fields.get("update_id", ""), media=media,
        )  # fmt: skip
        self.steps.append(step)
        job.changed_at = max(job.changed_at, at)
        if status in _CLOSED:
            job.status, job.state = self._coarse(status), OrderState.CANCELLED

    def _coarse(self, status: str) -> str:
        return "closed" if status in _CLOSED else "open"

    # What people see

    async def _photo(self, request: Request) -> Response:
        content = self.photos.get(request.url.path)
        return Response(content, media_type="image/jpeg") if content else Response(status_code=404)

    async def _page(self, _: Request) -> Response:
        return crew_page(self._crew, map(self._card, reversed(self.jobs.values())), action="/ploeg")

    def _card(self, job: Job) -> Card:
        steps = [step for step in self.steps if step.job == job.id]
        return Card(
            id=job.id,
            title=f"{job.id}: {job.fields['service_code']}",
            text=job.fields["description"],
            place=job.fields.get("address_string", ""),
            state=job.state,
            photos=(*job.media, *(path for step in steps if step.own for path in step.media)),
            notes=tuple(f"{_words(step)} {step.text}".strip() for step in steps),
            evidence=tuple(path for step in steps if not step.own for path in step.media),
        )

    async def _pressed(self, request: Request) -> Response:
        job = self.jobs.get(request.path_params["id"])
        async with request.form() as form:
            state = form.get("state")
            if job is None or state not in tuple(OrderState):
                return Response(status_code=404)
            photo = form.get("photo")
            content = await photo.read() if isinstance(photo, UploadFile) else b""
            self.report(
                job.id, OrderState(str(state)), str(form.get("note") or ""), [content] if content else []
            )
        return RedirectResponse(f"/ploeg#{job.id}", 303)


async def _fetched(address: str) -> bytes:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        answer = await client.get(address)
    answer.raise_for_status()
    return answer.content


def _update(request: Request, step: Step) -> Answer:
    return {
        "update_id": step.id,
        "service_request_id": step.job,
        "status": step.status,
        "updated_datetime": _stamp(step.at),
        "description": step.text,
        "media_url": _address(request, step.media[0]) if len(step.media) == 1 else [_address(request, path) for path in step.media],
        **({"external_status_code": step.external} if step.external else {}),
    }  # fmt: skip


def _words(step: Step) -> str:
    state = next((state for state, status in STATUSES.items() if status == step.status), None)
    word = WORDS[state or OrderState.CANCELLED] if state or step.status in _CLOSED else step.status
    return f"{step.at.astimezone(BRUSSELS):%H:%M} {word}:"


def _address(request: Request, path: str) -> str:
    return path if "://" in path else f"{request.base_url}".rstrip("/") + path


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_EACH = {
    "services": "service",
    "service_requests": "request",
    "requests": "request",
    "service_request_updates": "request_update",
    "errors": "error",
    "detail": "item",
    "media_url": "url",
}


def _rendered(request: Request, root: str, content: Tree, status: int = 200) -> Response:
    """The document in the format that was asked for; in JSON a list has no root."""
    if request.path_params["form"] == "json":
        return Response(json.dumps(content), status, media_type="application/json")
    document = Element(root)
    _fill(document, content)
    return Response(tostring(document, encoding="utf-8", xml_declaration=True), status, media_type="text/xml")


def _fill(element: Element, content: Tree) -> None:
    if isinstance(content, Mapping):
        for name, value in content.items():
            _fill(SubElement(element, name), value)
    elif isinstance(content, Sequence) and not isinstance(content, str):
        for value in content:
            _fill(SubElement(element, _EACH[element.tag]), value)
    else:
        element.text = "" if content is None else str(content)

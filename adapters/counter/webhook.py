"""The doors: the registration page of clerks, and the queue system's callbacks."""

import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from adapters.counter.appointments import Appointment, AppointmentClient
from adapters.counter.callbacks import Callbacks, Told
from adapters.counter.catalogue import Shelf
from adapters.counter.pages import HEADERS, STATIC, Pages, Sheet, own_file
from adapters.counter.registration import (
    InvalidFormError,
    Registration,
    occurred_at,
    read_form,
    registration,
)
from adapters.counter.room import visits_of_today
from adapters.counter.settings import Queue, Settings
from adapters.counter.tickets import Tickets
from adapters.counter.translate import to_event
from adapters.counter.visits import read_callback, ticket_key
from canonical_model.contact import Language
from ports.adapter import Tools
from ports.bodies import BodyProblem, BodyReader, BodyRefusedError
from ports.errors import AdapterError, NotUnderstoodError, RejectedError, TransientError
from ports.intake import Inbound, Receipt
from ports.products import Offer
from ports.staff import Employee

log = structlog.get_logger()

MAY_REGISTER = frozenset({"kcc_viewer", "kcc_dispatcher", "administrator"})
PURPOSE = "counter-appointment"
_CODE = re.compile(r"[A-Za-z0-9-]{1,60}")
_FORM = "application/x-www-form-urlencoded"
_BODY_PROBLEMS: Mapping[BodyProblem, tuple[int, str]] = {
    BodyProblem.TOO_LARGE: (413, "size"),
    BodyProblem.TOO_SLOW: (408, "size"),
    BodyProblem.CUT_OFF: (408, "size"),
    BodyProblem.TOO_BUSY: (503, "later"),
}
Door = Callable[[Request], Awaitable[Response]]


class _RefusedError(Exception):
    """The request ends here; nothing was stored. `code` is a text of the page."""

    def __init__(
        self, status: int, code: str, employee: Employee | None, fields: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.employee = employee
        self.fields = fields or {}


class Counter:
    """The doors of one instance. `appointments` is None where there is no such system."""

    def __init__(
        self,
        settings: Settings,
        tools: Tools,
        callbacks: Callbacks,
        tickets: Tickets,
        appointments: AppointmentClient | None,
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._callbacks = callbacks
        self._tickets = tickets
        self._appointments = appointments
        self._reader = BodyReader(
            limit=settings.max_body_bytes,
            shared_limit=settings.max_held_bytes,
            seconds=settings.body_seconds,
        )
        self._base = f"/in/{tools.name}"
        self._shelf = Shelf(settings, tools.products)
        self._pages = Pages(self._base, settings, self._shelf)
        self.source = f"{tools.name}/desk"

    def router(self) -> APIRouter:
        """The doors, to be mounted under `/in/<instance>`."""
        doors: list[tuple[str, str, Door]] = [
            ("GET", "/", self.page),
            ("POST", "/", self.register),
            ("GET", "/session", self.session),
            ("GET", "/products", self.products),
            ("GET", "/offline", self.offline),
            ("GET", "/sw.js", self.file),
            ("GET", "/static/{file}", self.file),
            ("POST", "/appointment", self.appointment),
            ("POST", "/queue/{token}", self.queue),
        ]
        router = APIRouter()
        for method, path, door in doors:
            name = f"{self._tools.name} {method} {path}"
            router.routes.append(Route(path, self._answered(door), methods=[method], name=name))
        return router

    async def page(self, request: Request) -> Response:
        """An empty form, or the receipt of the last one above it."""
        employee = await self._tools.staff.who(request)
        if employee is None:
            return RedirectResponse(f"/login?next={quote(f'{self._base}/', safe='')}", 303, headers=HEADERS)
        self._admit(employee, {})
        asked = request.query_params
        if asked.get("q") or asked.get("product"):
            return self._pages.show(employee, await self._found(asked, employee))
        done = asked.get("done", "")
        outcome = await self._tools.cases.outcome(self.source, done) if done else None
        case = outcome.case.ref if outcome and outcome.case else ""
        sheet = Sheet(done=done if outcome else "", done_case=case, visits=await self._visits())
        return self._pages.show(employee, sheet)

    async def register(self, request: Request) -> Response:
        """Take a registration in. The page's script asks for JSON, a plain form gets pages."""
        employee, fields = await self._form_of_employee(request)
        try:
            product = await self._shelf.code(fields.get("product", ""))
            given = registration(fields, employee.name, self._settings, product)
        except InvalidFormError as invalid:
            return self._invalid(request, employee, fields, invalid)
        try:
            receipt = await self._take_in(given)
        except RejectedError:
            raise _RefusedError(409, "conflict", employee, fields) from None
        except TransientError:
            raise _RefusedError(503, "later", employee, fields) from None
        log.info("counter_registration", source=self.source, message_id=receipt.message_id)
        if not _wants_json(request):
            return RedirectResponse(f"{self._base}/?done={given.id}", 303, headers=HEADERS)
        answer = {"id": receipt.message_id, "duplicate": receipt.duplicate}
        return JSONResponse(answer, 200 if receipt.duplicate else 201, headers=HEADERS)

    async def session(self, request: Request) -> Response:
        """Who is logged in, and the token for what waits on their machine."""
        employee = await self._tools.staff.who(request)
        if employee is None or not employee.roles & MAY_REGISTER:
            return Response(status_code=401, headers=HEADERS)
        return JSONResponse({"name": employee.name, "csrf": employee.csrf}, headers=HEADERS)

    async def products(self, request: Request) -> Response:
        """What the product catalogue has for these words, for the page's script."""
        employee = await self._tools.staff.who(request)
        if employee is None or not employee.roles & MAY_REGISTER:
            return Response(status_code=401, headers=HEADERS)
        asked = request.query_params
        try:
            offers = await self._shelf.search(asked.get("q", ""), _language(asked, employee))
        except AdapterError as error:
            log.warning("counter_catalogue_away", source=self._tools.name, reason=error.what)
            return JSONResponse({"problem": "away"}, 503, headers=HEADERS)
        return JSONResponse({"products": msgspec.to_builtins(offers)}, headers=HEADERS)

    async def offline(self, request: Request) -> Response:
        """The form without anybody's data, for the browser to keep."""
        employee = await self._tools.staff.who(request)
        if employee is None:
            return Response(status_code=401, headers=HEADERS)
        return self._pages.show(employee, Sheet(offline=True))

    async def file(self, request: Request) -> Response:
        """The page's style and scripts."""
        name = request.path_params.get("file", "sw.js")
        if name not in (*STATIC, "sw.js"):
            return Response(status_code=404)
        return own_file(name)

    async def appointment(self, request: Request) -> Response:
        """The form, filled in from an appointment."""
        employee, fields = await self._form_of_employee(request)
        if self._appointments is None:
            return Response(status_code=404)
        try:
            found = await self._look_up(self._appointments, fields.get("code", ""), employee)
        except AdapterError as error:
            log.warning("counter_appointment_failed", source=self._tools.name, reason=error.what)
            return self._pages.show(employee, Sheet(found="away", visits=await self._visits()))
        if found is None:
            return self._pages.show(employee, Sheet(found="none", visits=await self._visits()))
        known = {
            "product": found.product,
            "name": found.name,
            "email": found.email,
            "phone": found.phone,
            "appointment": found.code,
        }
        return self._pages.show(employee, Sheet(found="found", fields=known, visits=await self._visits()))

    async def queue(self, request: Request) -> Response:
        """A callback: kept before it is answered. Anything but an answer makes the queue system forget us."""
        queue = self._settings.queue
        token = queue.token.get_secret_value() if queue else ""
        given = request.path_params["token"]
        known = hmac.compare_digest(token.encode(), given.encode()) and self._is_allowed(request)
        if queue is None or not known:
            return Response(status_code=404, headers={"Connection": "close"})
        async with self._reader.body(request) as body:
            told = _told(body, queue)
        try:
            if told:
                await self._callbacks.put(told)
        except TransientError as error:
            return Response(status_code=503, headers={"Retry-After": str(int(error.retry_after or 5))})
        return Response(status_code=204)

    async def _found(self, asked: Mapping[str, str], employee: Employee) -> Sheet:
        """The page without a script: products that were searched, or the form with one product's answer filled in."""
        language, visits = _language(asked, employee), await self._visits()
        try:
            if number := asked.get("product", ""):
                chosen = await self._shelf.offer(number, language)
                return Sheet(fields=_chosen(chosen, language) if chosen else {}, visits=visits)
            offers = await self._shelf.search(asked["q"], language)
        except AdapterError as error:
            log.warning("counter_catalogue_away", source=self._tools.name, reason=error.what)
            return Sheet(search=asked.get("q", ""), catalogue_away=True, visits=visits)
        return Sheet(search=asked["q"], offers=offers, visits=visits)

    async def _take_in(self, given: Registration) -> Receipt:
        at = occurred_at(given, self._tools.clock.now())
        key = self._ticket(at, given)
        async with self._tickets.registering(key) if key else nullcontext("") as joins:
            event = to_event(given, self._settings, at=at, joins=joins)
            return await self._tools.accept(
                Inbound(
                    source=self.source,
                    source_ref=given.id,
                    raw=msgspec.json.encode(given),
                    media_type="application/json",
                    event=event,
                )
            )

    async def _look_up(
        self, appointments: AppointmentClient, code: str, employee: Employee
    ) -> Appointment | None:
        """An appointment, after the look was written down; what is no code at all is not asked for."""
        found = await appointments.find(code, employee.language) if _CODE.fullmatch(code) else None
        if found:
            await self._tools.looks.note(employee.name, f"appointment {code}", PURPOSE)
        return found

    async def _form_of_employee(self, request: Request) -> tuple[Employee, dict[str, str]]:
        employee = await self._tools.staff.who(request)
        if not request.headers.get("content-type", "").startswith(_FORM):
            raise _RefusedError(415, "size", employee)
        async with self._reader.body(request) as body:
            fields = read_form(body)
        if employee is None:
            raise _RefusedError(401, "signed_out", None, fields)
        self._admit(employee, fields)
        if not hmac.compare_digest(employee.csrf.encode(), fields.pop("csrf", "").encode()):
            raise _RefusedError(403, "csrf", employee, fields)
        return employee, fields

    def _admit(self, employee: Employee, fields: Mapping[str, str]) -> None:
        if not employee.roles & MAY_REGISTER:
            raise _RefusedError(403, "refused", employee, fields)

    def _is_allowed(self, request: Request) -> bool:
        queue, client = self._settings.queue, request.client
        if queue is None or client is None:
            return False
        try:
            address = ip_address(client.host)
        except ValueError:
            return False
        return any(address in network for network in queue.allowed)

    def _ticket(self, at: datetime, given: Registration) -> str:
        """The key of the ticket that the clerk names; "" without one."""
        queue = self._settings.queue
        if not given.ticket or queue is None:
            return ""
        day = at.astimezone(ZoneInfo(queue.time_zone)).date().isoformat()
        return ticket_key(day, given.branch or next(iter(queue.branches)), given.ticket)

    async def _visits(self) -> Mapping[str, int]:
        if self._settings.queue is None:
            return {}
        return await visits_of_today(self._tools)

    def _invalid(
        self, request: Request, employee: Employee, fields: Mapping[str, str], invalid: InvalidFormError
    ) -> Response:
        if _wants_json(request):
            return JSONResponse({"errors": sorted(invalid.errors)}, 422, headers=HEADERS)
        sheet = Sheet(fields=fields, errors=invalid.errors, fresh_id="id" in invalid.errors)
        return self._pages.show(employee, sheet, 422)

    def _answered(self, door: Door) -> Door:
        async def answer(request: Request) -> Response:
            try:
                return await door(request)
            except _RefusedError as refused:
                return self._refusal(request, refused)
            except BodyRefusedError as refused:
                return self._refusal(request, _RefusedError(*_BODY_PROBLEMS[refused.problem], None))
            except TransientError:
                return self._refusal(request, _RefusedError(503, "later", None))

        return answer

    def _refusal(self, request: Request, refused: _RefusedError) -> Response:
        if _wants_json(request):
            return JSONResponse({"problem": refused.code}, refused.status, headers=HEADERS)
        sheet = Sheet(fields=refused.fields, problem=refused.code, fresh_id=refused.code == "conflict")
        response = self._pages.show(refused.employee, sheet, refused.status)
        if refused.status == 503:
            response.headers["Retry-After"] = "5"
        return response


def _told(body: bytes, queue: Queue) -> Told | None:
    """What a callback says; None for events that are none of ours."""
    try:
        seen = read_callback(body, queue)
    except NotUnderstoodError as problem:
        return Told(unreadable=body, why=problem.what)
    return Told(seen=seen) if seen else None


def _language(asked: Mapping[str, str], employee: Employee) -> Language:
    """The customer's, when the clerk chose one; else the clerk's."""
    chosen = asked.get("language", "") or employee.language
    return Language(chosen) if chosen in set(Language) else Language.NL


def _chosen(chosen: Offer, language: Language) -> dict[str, str]:
    return {
        "product": f"{chosen.name} ({chosen.id})",
        "subject": chosen.name,
        "answered": "1",
        "answer": chosen.answer,
        "source": chosen.source,
        "language": language.value,
    }


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")

"""A planning of work orders behind the WSDL, with its bad days; `GET /ploeg` shows what the crew sees on its list.

Written with FastAPI and lxml, apart from the adapter and from zeep: answers may be cut, late, doubled or wrong.

    python -m demo.outside.planning --port 18131
"""

import argparse
import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from canonical_model.work_order import OrderState
from demo.crew_page import Card, crew_page
from demo.outside.serving import HangUp, serving
from demo.outside.soap import SOAP, Document, lets_in, plain, xml

NS = {"soap": SOAP, "wo": "http://leuven.test/planning/v1"}
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
USERNAME, PASSWORD = "wegwijzer", "het-wachtwoord-van-de-planning"
WORDS: Mapping[OrderState, str] = {
    OrderState.ORDERED: "Ontvangen",
    OrderState.PLANNED: "Gepland",
    OrderState.IN_PROGRESS: "In uitvoering",
    OrderState.DONE: "Uitgevoerd",
    OrderState.CANCELLED: "Geannuleerd",
    OrderState.NOT_FOUND: "Niet gevonden",
}


_EMPTY_BODY = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/><s:Body/></s:Envelope>'
)


class Mood(StrEnum):
    """How it behaves towards the next call."""

    WELL = "well"
    ANSWER_LOST = "does it, and hangs up"
    LATE = "does it, and answers too late"
    DRIPPING = "does it, and answers drop by drop"
    TRUNCATED = "does it, and sends half an answer"
    EMPTY = "does it, and answers 202 without a word"
    EMPTY_BODY = "does it, and answers with an empty envelope"
    OTHER_ROOT = "does it, and answers something else"
    HTML_500 = "an error page, status 500"
    LOGIN_PAGE = "a log-in page, status 200"
    CLIENT_FAULT = "a fault: the order is wrong"
    SERVER_FAULT = "a fault: it has a problem of its own"
    SOAP12_FAULT = "a fault of SOAP 1.2"
    BOMB = "an answer with entities"
    XXE = "an answer that names a file"
    DTD = "an answer with a document type"
    HUGE = "an answer of many megabytes"
    CLOSED = "status 401"
    MOVED = "a redirect"
    BUSY = "status 429"
    TOO_LARGE = "status 413"
    NOT_WELL = "status 503 without a word"


@dataclass
class Order:
    """An order on the list."""

    name: str
    number: str
    title: str
    text: str
    lat: str
    lon: str
    reported: str
    photo: bytes
    status: str = "Ontvangen"
    remark: str = ""

    @property
    def told(self) -> str:
        """What GetStatus says."""
        return f"{self.status}: {self.remark}" if self.remark else self.status

    @property
    def state(self) -> OrderState:
        """How it stands; a word that nobody knows is as good as none."""
        return next((state for state, word in WORDS.items() if word == self.status), OrderState.ORDERED)


@dataclass
class Planning:
    """`moods` are those of the next calls, oldest first. `orders` holds every order that was made, doubles too; those that are
    `omitted` are not shown when their status is asked.
    """

    crew: str = "Ploeg openbare verlichting"
    password: str = field(default=PASSWORD, repr=False)
    moods: list[Mood] = field(default_factory=list[Mood])
    orders: list[Order] = field(default_factory=list[Order])
    omitted: set[str] = field(default_factory=set[str])
    actions: list[str] = field(default_factory=list[str])
    headers: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    late: float = 1.0

    def app(self) -> FastAPI:
        """The service, and the page for the crew."""
        app = FastAPI(openapi_url=None)
        app.post("/planning")(self.call)
        app.get("/ploeg")(self.page)
        app.post("/ploeg/{name}")(self.press)
        app.get("/ploeg/{name}/foto")(self.photo)
        return app

    def order(self, name: str) -> Order | None:
        """The order of this name."""
        return next((one for one in self.orders if one.name == name), None)

    def tell(self, name: str, status: str, remark: str = "") -> None:
        """The crew tells how it stands."""
        order = next(one for one in self.orders if one.name == name)
        order.status, order.remark = status, remark

    async def call(self, request: Request) -> Response:
        """One of the two operations."""
        body = await request.body()
        self.headers.append(dict(request.headers))
        self.actions.append(request.headers.get("soapaction", "").strip('"'))
        if not lets_in(request, USERNAME, self.password):
            return Response(status_code=401)
        mood = self.moods.pop(0) if self.moods else Mood.WELL
        if mood in _EARLY:
            return _EARLY[mood]()
        return await self._late(mood, self._do(body))

    def _do(self, body: bytes) -> Response:
        root = Document(body, NS)
        if self.actions[-1] == "GetStatus":
            order = self.order(root.text("//wo:GetStatus/wo:id"))
            is_shown = order is not None and order.name not in self.omitted
            return _result("GetStatus", order.told if order and is_shown else None)
        name = root.text("//wo:extern_id")
        if self.order(name):
            return _fault("soap:Client.Duplicate", "Jan Peeters heeft dit al gemeld")
        order = Order(
            name=name,
            number=f"WO-{len(self.orders) + 1}",
            title=root.text("//wo:titel"),
            text=root.text("//wo:omschrijving"),
            lat=root.text("//wo:lat"),
            lon=root.text("//wo:lon"),
            reported=root.text("//wo:gemeld"),
            photo=base64.b64decode(root.text("//wo:foto")),
        )
        self.orders.append(order)
        return _result("CreateWorkOrder", order.number)

    async def _late(self, mood: Mood, answer: Response) -> Response:
        """What becomes of an answer when the work was done."""
        if mood is Mood.LATE:
            await asyncio.sleep(self.late)
        changed: Mapping[Mood, Callable[[], Response]] = {
            Mood.ANSWER_LOST: HangUp,
            Mood.DRIPPING: lambda: _Dripping(bytes(answer.body)),
            Mood.TRUNCATED: lambda: xml(bytes(answer.body)[:-40]),
            Mood.EMPTY: lambda: Response(status_code=202),
            Mood.EMPTY_BODY: lambda: xml(_EMPTY_BODY),
            Mood.OTHER_ROOT: lambda: xml(b"<resultaat>ok</resultaat>"),
        }
        return changed[mood]() if mood in changed else answer

    async def page(self) -> Response:
        """What the crew sees on its list."""
        return crew_page(self.crew, map(_card, self.orders), action="/ploeg", photos=False)

    async def press(self, name: str, request: Request) -> Response:
        """A button on the list."""
        form = await request.form()
        status = next((word for state, word in WORDS.items() if state == form.get("state")), "")
        if self.order(name) is None or not status:
            return Response("Niet gevonden", 404)
        self.tell(name, status, str(form.get("note", "")))
        return RedirectResponse(f"/ploeg#{name}", 303)

    async def photo(self, name: str) -> Response:
        """The photo of an order; nothing that could run in a browser."""
        order = self.order(name)
        if order is None or not order.photo:
            return Response("Niet gevonden", 404)
        return Response(order.photo, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


def _card(order: Order) -> Card:
    return Card(
        id=order.name,
        title=f"{order.number}: {order.title}",
        text=order.text,
        place=f"{order.lat} {order.lon}".strip(),
        state=order.state,
        photos=(f"/ploeg/{order.name}/foto",) if order.photo else (),
        notes=(order.told,) if order.state is not OrderState.ORDERED else (),
    )


class _Dripping(Response):
    """A byte at a time, for ever: each of them within the time-out of a socket."""

    def __init__(self, start: bytes) -> None:
        super().__init__()
        self._start = start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/xml")]}
        )
        await send({"type": "http.response.body", "body": self._start, "more_body": True})
        for _ in range(200):
            await asyncio.sleep(0.05)
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _enveloped(content: str, before: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<s:Envelope xmlns:s="{NS["soap"]}"><s:Body>{content}'
        "</s:Body></s:Envelope>"
    ).encode()


def _result(operation: str, value: str | None, before: str = "") -> Response:
    inner = "" if value is None else f"<{operation}Result>{plain(value)}</{operation}Result>"
    answer = f'<{operation}Response xmlns="{NS["wo"]}">{inner}</{operation}Response>'
    return xml(_enveloped(answer, before))


def _fault(code: str, text: str) -> Response:
    fault = f"<s:Fault><faultcode>{code.replace('soap:', 's:')}</faultcode><faultstring>{text}</faultstring></s:Fault>"
    return xml(_enveloped(fault), 500)


def _with_entity(before: str) -> Response:
    answer = f'<CreateWorkOrderResponse xmlns="{NS["wo"]}"><CreateWorkOrderResult>&x;</CreateWorkOrderResult></CreateWorkOrderResponse>'
    return xml(_enveloped(answer, before))


_EARLY: Mapping[Mood, Callable[[], Response]] = {
    Mood.HTML_500: lambda: HTMLResponse("<html><p>Fout bij Jan Peeters<br></html>", 500),
    Mood.LOGIN_PAGE: lambda: HTMLResponse("<html><body><form><input name='w'/></form></body></html>"),
    Mood.CLIENT_FAULT: lambda: _fault("soap:Client", "Jan Peeters is geen straat"),
    Mood.SERVER_FAULT: lambda: _fault("soap:Server", "Jan Peeters"),
    Mood.SOAP12_FAULT: lambda: xml(
        f'<s:Envelope xmlns:s="{SOAP12}"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason>'
        "<s:Text>Jan Peeters</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>".encode(),
        500,
    ),
    Mood.BOMB: lambda: _with_entity('<!DOCTYPE s [<!ENTITY a "Jan Peeters"><!ENTITY x "&a;&a;&a;&a;">]>'),
    Mood.XXE: lambda: _with_entity('<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/hostname">]>'),
    Mood.DTD: lambda: _result("CreateWorkOrder", "1", '<!DOCTYPE s SYSTEM "http://127.0.0.1:9/x.dtd">'),
    Mood.HUGE: lambda: _result("CreateWorkOrder", "x" * 3_000_000),
    Mood.CLOSED: lambda: Response(status_code=401),
    Mood.MOVED: lambda: RedirectResponse("http://127.0.0.1:9/", 302),
    Mood.BUSY: lambda: Response(status_code=429, headers={"Retry-After": "30"}),
    Mood.TOO_LARGE: lambda: Response(status_code=413),
    Mood.NOT_WELL: lambda: Response(status_code=503),
}
"""Answers of a planning that did nothing."""


async def _serve(port: int) -> None:
    async with serving(Planning().app(), port) as origin:
        print(f"Werkplanning (nagebootst): {origin}/ploeg")
        await asyncio.Event().wait()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=18131)
    asyncio.run(_serve(arguments.parse_args().port))

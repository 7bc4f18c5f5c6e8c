"""A planning of work orders behind the WSDL, with its bad days; `GET /` shows what the crew sees on its list.

Written with FastAPI and lxml, apart from the adapter and from zeep: answers may be cut, late, doubled or wrong.

    python -m tests.simulators.planning --port 18131
"""

import argparse
import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from lxml import etree

NS = {"soap": "http://schemas.xmlsoap.org/soap/envelope/", "wo": "http://leuven.test/planning/v1"}
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
USERNAME, PASSWORD = "wegwijzer", "het-wachtwoord-van-de-planning"
STATUSES = ("Ontvangen", "Gepland", "In uitvoering", "Uitgevoerd", "Geannuleerd", "Niet gevonden")
ENDED = ("Uitgevoerd", "Geannuleerd", "Niet gevonden")


class Mood(StrEnum):
    """How it behaves towards the next call."""

    WELL = "well"
    ANSWER_LOST = "does it, and hangs up"
    LATE = "does it, and answers too late"
    DRIPPING = "does it, and answers drop by drop"
    TRUNCATED = "does it, and sends half an answer"
    EMPTY = "does it, and answers 202 without a word"
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
    def is_open(self) -> bool:
        return self.status not in ENDED


@dataclass
class Planning:
    """`moods` are those of the next calls, oldest first. `orders` holds every order that was made, doubles too."""

    moods: list[Mood] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    late: float = 1.0

    def app(self) -> FastAPI:
        """The service, and the page for the crew."""
        app = FastAPI(openapi_url=None)
        app.post("/planning")(self.call)
        app.get("/")(self.page)
        app.post("/opdrachten/{name}")(self.press)
        return app

    def order(self, name: str) -> Order | None:
        """The order of this name."""
        return next((one for one in self.orders if one.name == name), None)

    def tell(self, name: str, status: str, remark: str = "") -> None:
        """The crew tells how it stands."""
        order = self.order(name)
        assert order is not None
        order.status, order.remark = status, remark

    async def call(self, request: Request) -> Response:
        """One of the two operations."""
        body = await request.body()
        self.headers.append(dict(request.headers))
        self.actions.append(request.headers.get("soapaction", "").strip('"'))
        expected = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return Response(status_code=401)
        mood = self.moods.pop(0) if self.moods else Mood.WELL
        if mood in _EARLY:
            return _EARLY[mood]()
        return await self._late(mood, self._do(body))

    def _do(self, body: bytes) -> Response:
        root = etree.fromstring(
            body, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
        )
        if self.actions[-1] == "GetStatus":
            order = self.order(_one(root, "//wo:GetStatus/wo:id"))
            return _result("GetStatus", order.told if order else None)
        name = _one(root, "//wo:extern_id")
        if self.order(name):
            return _fault("soap:Client.Duplicate", "Jan Peeters heeft dit al gemeld")
        order = Order(
            name=name,
            number=f"WO-{len(self.orders) + 1}",
            title=_one(root, "//wo:titel"),
            text=_one(root, "//wo:omschrijving"),
            lat=_one(root, "//wo:lat"),
            lon=_one(root, "//wo:lon"),
            reported=_one(root, "//wo:gemeld"),
            photo=base64.b64decode(_one(root, "//wo:foto")),
        )
        self.orders.append(order)
        return _result("CreateWorkOrder", order.number)

    async def _late(self, mood: Mood, answer: Response) -> Response:
        """What becomes of an answer when the work was done."""
        if mood is Mood.LATE:
            await asyncio.sleep(self.late)
        changed = {
            Mood.ANSWER_LOST: _HangUp,
            Mood.DRIPPING: lambda: _Dripping(bytes(answer.body)),
            Mood.TRUNCATED: lambda: _xml(bytes(answer.body)[:-40]),
            Mood.EMPTY: lambda: Response(status_code=202),
            Mood.OTHER_ROOT: lambda: _xml(b"<resultaat>ok</resultaat>"),
        }
        return changed[mood]() if mood in changed else answer

    async def page(self) -> Response:
        """What the crew sees on its list."""
        cards = "".join(map(_card, self.orders)) or "<p>Er staat niets op de lijst.</p>"
        return HTMLResponse(
            '<!doctype html><html lang="nl"><head><meta charset="utf-8"><title>Werkplanning (nagebootst)</title>'
            "<style>body{font:16px/1.5 sans-serif;margin:2rem auto;max-width:60rem}article{border:1px solid #777;"
            "margin:1rem 0;padding:0 1rem 1rem}pre{white-space:pre-wrap;font:inherit}</style></head><body><main>"
            f"<h1>Werkplanning van de ploeg</h1>{cards}</main></body></html>",
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )

    async def press(self, name: str, request: Request) -> Response:
        """A button on the list."""
        form = await request.form()
        status = str(form.get("status", ""))
        if self.order(name) is None or status not in STATUSES:
            return Response("Niet gevonden", 404)
        self.tell(name, status, str(form.get("opmerking", "")))
        return RedirectResponse("/", 303)


def _card(order: Order) -> str:
    buttons = "".join(f'<button name="status" value="{status}">{status}</button> ' for status in STATUSES[1:])
    form = (
        f'<form method="post" action="/opdrachten/{escape(order.name)}"><label>Opmerking <input name="opmerking">'
        f"</label><div>{buttons}</div></form>"
    )
    return (
        f"<article><h2>{escape(order.title)}</h2><p>{escape(order.name)} ({order.number}), "
        f"<strong>{escape(order.told)}</strong></p><pre>{escape(order.text)}</pre>"
        f"<p>{escape(order.lat)} {escape(order.lon)}{', met foto' if order.photo else ''}</p>"
        f"{form if order.is_open else ''}</article>"
    )


class HangUpError(Exception):
    """Ends a connection without the rest of an answer."""


class _HangUp(Response):
    async def __call__(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"500")]})
        raise HangUpError


class _Dripping(Response):
    """A byte at a time, for ever: each of them within the time-out of a socket."""

    def __init__(self, start: bytes) -> None:
        super().__init__()
        self._start = start

    async def __call__(self, scope, receive, send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/xml")]}
        )
        await send({"type": "http.response.body", "body": self._start, "more_body": True})
        for _ in range(200):
            await asyncio.sleep(0.05)
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _one(root: "etree._Element", path: str) -> str:
    found = root.xpath(path, namespaces=NS)
    return (found[0].text or "") if found else ""


def _xml(content: bytes, status: int = 200) -> Response:
    return Response(content, status, media_type="text/xml; charset=utf-8")


def _enveloped(content: str, before: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<s:Envelope xmlns:s="{NS["soap"]}"><s:Body>{content}'
        "</s:Body></s:Envelope>"
    ).encode()


def _result(operation: str, value: str | None, before: str = "") -> Response:
    inner = "" if value is None else f"<{operation}Result>{escape(value, quote=False)}</{operation}Result>"
    answer = f'<{operation}Response xmlns="{NS["wo"]}">{inner}</{operation}Response>'
    return _xml(_enveloped(answer, before))


def _fault(code: str, text: str) -> Response:
    fault = f"<s:Fault><faultcode>{code.replace('soap:', 's:')}</faultcode><faultstring>{text}</faultstring></s:Fault>"
    return _xml(_enveloped(fault), 500)


def _with_entity(before: str) -> Response:
    answer = f'<CreateWorkOrderResponse xmlns="{NS["wo"]}"><CreateWorkOrderResult>&x;</CreateWorkOrderResult></CreateWorkOrderResponse>'
    return _xml(_enveloped(answer, before))


_EARLY: Mapping[Mood, Callable[[], Response]] = {
    Mood.HTML_500: lambda: HTMLResponse("<html><p>Fout bij Jan Peeters<br></html>", 500),
    Mood.LOGIN_PAGE: lambda: HTMLResponse("<html><body><form><input name='w'/></form></body></html>"),
    Mood.CLIENT_FAULT: lambda: _fault("soap:Client", "Jan Peeters is geen straat"),
    Mood.SERVER_FAULT: lambda: _fault("soap:Server", "Jan Peeters"),
    Mood.SOAP12_FAULT: lambda: _xml(
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


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=18131)
    uvicorn.run(Planning().app(), host="127.0.0.1", port=arguments.parse_args().port)

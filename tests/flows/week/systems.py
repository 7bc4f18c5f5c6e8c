"""The systems of a week that stand behind a door which can be shut: a web application, a calendar server, a mail relay."""

import asyncio
import re
from collections import Counter
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx
from standardwebhooks.webhooks import Webhook
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.memory import MemoryTracker
from canonical_model.case import CanonicalCase, CaseRef
from demo.outside.serving import HangUp, Tls, serving
from ports.clock import Clock
from ports.tracker import Created
from tests.servers.private import free_port


class Place:
    """A web application that can go away; whoever calls then is refused at the door."""

    def __init__(self, app: ASGIApp, tls: Tls | None = None) -> None:
        self.app, self.port, self._tls = app, free_port(), tls
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._open = AsyncExitStack()
        self._is_away = True

    async def come(self) -> None:
        self._is_away = False
        await self._open.enter_async_context(serving(self, self.port, tls=self._tls))

    async def leave(self) -> None:
        self._is_away = True
        await self._open.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Who still has a line from before hears that nobody is there."""
        answer = Response(status_code=503, headers={"Connection": "close"}) if self._is_away else self.app
        await answer(scope, receive, send)


class Tracker(MemoryTracker):
    """`opened`: every case as it was handed over."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(None, clock)
        self.opened: dict[CaseRef, CanonicalCase] = {}

    async def create_if_absent(self, case: CanonicalCase) -> Created:
        self.opened.setdefault(case.ref, case)
        return await super().create_if_absent(case)


class Gate:
    """A port in front of a server of any kind."""

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.StreamWriter] = set()

    async def come(self) -> None:
        """Let everybody in."""
        self._server = await asyncio.start_server(self._let_in, "127.0.0.1", self.port)

    async def leave(self) -> None:
        """Let nobody in, and whoever is there out."""
        assert self._server
        self._server.close()
        for line in list(self._lines):
            line.transport.abort()

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        lines = {writer, inner_writer}
        self._lines |= lines
        try:
            await asyncio.gather(_pumped(reader, inner_writer), _pumped(inner_reader, writer))
        finally:
            self._lines -= lines


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while said := await reader.read(65536):
            writer.write(said)
            await writer.drain()
    writer.close()


class CalendarLine:
    """The way to a real CalDAV server, with its bad days.

    `untold`: tasks that are left out of what changed. `losing`: so many writes are done and get no answer. `stale`: so many questions
    name a token that is not known any more. `made`: how often each task was made.
    """

    def __init__(self, server: str) -> None:
        self.untold: set[str] = set()
        self.losing = 0
        self.stale = 0
        self.made: Counter[str] = Counter()
        self.texts: dict[str, str] = {}
        self._http = httpx.AsyncClient(base_url=server, trust_env=False, timeout=20)

    async def close(self) -> None:
        await self._http.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self._answer(Request(scope, receive)))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        asks = b"sync-collection" in body and request.method == "REPORT"
        has_token = asks and b"<d:sync-token></d:sync-token>" not in body
        if has_token and self.stale:
            self.stale -= 1
            return Response(
                '<d:error xmlns:d="DAV:"><d:valid-sync-token/></d:error>', 403, media_type="text/xml"
            )
        kept = ("authorization", "content-type", "depth", "if-match", "if-none-match")
        headers = {name: value for name, value in request.headers.items() if name in kept}
        answer = await self._http.request(request.method, request.url.path, content=body, headers=headers)
        if request.method == "PUT" and answer.is_success:
            self._note(unquote(request.url.path).rpartition("/")[2], request, body)
            if self.losing:
                self.losing -= 1
                return HangUp()
        content = answer.content
        if has_token:
            content = self._without_untold(content)
        shown = {name: answer.headers[name] for name in ("content-type", "etag") if name in answer.headers}
        return Response(content, answer.status_code, headers=shown)

    def _note(self, name: str, request: Request, body: bytes) -> None:
        if "if-none-match" in request.headers:
            self.made[name] += 1
            self.texts[name] = body.replace(b"\r\n ", b"").decode()

    def _without_untold(self, content: bytes) -> bytes:
        for name in self.untold:
            content = re.sub(
                rb"<(\w*:?)response>(?:(?!</\1response>).)*"
                + re.escape(name.encode())
                + rb".*?</\1response>",
                b"",
                content,
                flags=re.DOTALL,
            )
        return content


class Till:
    """An existing system that takes news at its webhook. `events`: by id, as they first came. `losing`: so many answers are errors, of each event
    the first only: with its agreed pace the hub waits half a day for another try.
    """

    def __init__(self, secret: str) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.forged = 0
        self.losing = 0
        self._webhook = Webhook(secret)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        body, id_ = await request.body(), request.headers["webhook-id"]
        at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
        if self._webhook.sign(id_, at, body.decode()) != request.headers["webhook-signature"]:
            self.forged += 1
            return Response(status_code=401)
        is_new = id_ not in self.events
        self.events.setdefault(id_, await request.json())
        if self.losing and is_new:
            self.losing -= 1
            return Response(status_code=500)
        return Response(status_code=204)

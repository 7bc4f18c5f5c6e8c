"""The server of the doors, on loopback: what it adds to uvicorn."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ports.server import LONGEST_HEAD, DoorsFirst, server
from ports.tracing import told
from tests.servers.private import free_port


async def _door(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"door of {request.url.path}")


async def _behind(request: Request) -> PlainTextResponse:
    return PlainTextResponse("behind")


async def _stream(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d" % number * PART
            await asyncio.sleep(0.01)

    return StreamingResponse(parts())


PART = 16_384
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
DOOR = Route("/in/website/json", _door, methods=["POST"])
APP = DoorsFirst(
    [DOOR],
    Router([DOOR, Route("/behind", _behind), Route("/stream", _stream)]),
)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    number = free_port()
    one = server(APP, f"127.0.0.1:{number}")
    serving = asyncio.create_task(one.serve())
    while not one.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.01)
    yield number
    one.should_exit = True
    await serving


@pytest.fixture
async def client(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield client


async def test_a_door_is_found_by_method_and_path(client: httpx.AsyncClient) -> None:
    assert (await client.post("/in/website/json")).text == "door of /in/website/json"


async def test_everything_else_is_for_the_application_behind(client: httpx.AsyncClient) -> None:
    assert (await client.get("/behind")).text == "behind"
    assert (await client.get("/in/website/json")).status_code == 405
    assert (await client.get("/nowhere")).status_code == 404


async def test_long_answers_come_whole_and_in_order(client: httpx.AsyncClient) -> None:
    assert (await client.get("/stream")).content == b"0" * PART + b"1" * PART + b"2" * PART


async def test_head_and_body_of_an_answer_leave_in_one_piece() -> None:
    pieces = await _pieces(APP, b"POST /in/website/json HTTP/1.1\r\nHost: hub\r\nContent-Length: 0\r\n\r\n")

    assert len(pieces) == 1
    assert pieces[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert pieces[0].endswith(b"door of /in/website/json")


async def test_a_trace_is_that_of_its_own_request_only() -> None:
    async def trace(_request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"trace: {told()}.")

    ask = b"GET /trace HTTP/1.1\r\nHost: hub\r\n"
    traced = ask + b"Traceparent: " + TRACEPARENT.encode() + b"\r\n\r\n"
    odd = ask + b"Traceparent: 00-xyz\r\n\r\n"
    doors = DoorsFirst([Route("/trace", trace)], Router([]))

    answers = b"".join(await _pieces(doors, traced + ask + b"\r\n" + traced + odd))

    told_then = [one.partition(b".")[0] for one in answers.split(b"trace: ")[1:]]
    assert told_then == [TRACEPARENT.encode(), b"", TRACEPARENT.encode(), b""]


async def test_a_head_that_does_not_end_is_cut_off(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * (LONGEST_HEAD + 1))
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_every_head_of_a_connection_has_its_own_limit(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    long = b"X: " + b"x" * (LONGEST_HEAD * 2 // 3) + b"\r\n"
    for _ in range(2):
        writer.write(b"POST /in/website/json HTTP/1.1\r\nHost: hub\r\nContent-Length: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(long + b"\r\nx")
        assert (await reader.readuntil(b"json")).startswith(b"HTTP/1.1 200 ")
    writer.write(b"POST /in/website/json HTTP/1.1\r\n" + long + long)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")


GET = b"GET / HTTP/1.1\r\nHost: hub\r\n"
REQUESTS = {
    "usual": GET + b"\r\n",
    "twice": (GET + b"\r\n") * 2,
    "the last": GET + b"Connection: close\r\n\r\n",
    "head": GET.replace(b"GET", b"HEAD") + b"\r\n",
    "http 1.0": b"GET / HTTP/1.0\r\n\r\n",
    "expectant": GET + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
}


def _start(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def _part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


TWO = (b"content-length", b"2")
ANSWERS: dict[str, tuple[Message, ...]] = {
    "usual": (_start(TWO, (b"x-name", b"a\tb")), _part(b"ok")),
    "empty": (_start((b"content-length", b"0"), status=202), {"type": "http.response.body"}),
    "two cookies": (_start(TWO, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")), _part(b"ok")),
    "unknown status": (_start(TWO, status=299), _part(b"ok")),
    "in parts": (_start(TWO), _part(b"o", more=True), _part(b"k")),
    "without length": (_start(), _part(b"ok")),
    "chunked": (_start((b"transfer-encoding", b"chunked")), _part(b"o", more=True), _part(b"k")),
    "large letters": (_start((b"Content-Length", b"2"), (b"X-Name", b"a")), _part(b"ok")),
    "the last": (_start(TWO, (b"connection", b"close")), _part(b"ok")),
    "nothing": (_start(status=204), _part(b"")),
    "too short": (_start(TWO), _part(b"o")),
    "too long": (_start(TWO), _part(b"okay")),
    "line break in a value": (_start(TWO, (b"x-name", b"a\r\nx-other: 1")), _part(b"ok")),
    "control character in a value": (_start(TWO, (b"x-name", b"a\x00b")), _part(b"ok")),
    "line break in a name": (_start(TWO, (b"x-name\r\nx-other", b"1")), _part(b"ok")),
    "colon in a name": (_start(TWO, (b"x-name:", b"1")), _part(b"ok")),
    "body first": (_part(b"ok"),),
    "more than the answer": (_start(TWO), _part(b"ok"), _part(b"ok")),
    "two heads": (_start(TWO), _start(TWO)),
    "two heads and no body": (_start((b"content-length", b"0")), _start((b"content-length", b"0"))),
    "no content": (_start((b"content-length", b"2"), status=304), _part(b"")),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("messages", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_is_that_of_uvicorn_to_the_byte(
    request_: bytes, messages: tuple[Message, ...]
) -> None:
    async def answering(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        for message in messages:
            await send(message)

    async def answering_at_once(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    for app in (answering, answering_at_once):
        ours = await _pieces(app, request_)
        theirs = await _pieces(app, request_, HttpToolsProtocol)
        assert b"".join(ours) == b"".join(theirs)


async def test_who_fails_between_head_and_body_gives_a_whole_answer_that_says_so() -> None:
    async def failing(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(_start(TWO))
        raise LookupError

    answer = b"".join(await _pieces(failing, GET + b"\r\n"))

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.endswith(b"Internal Server Error(closed)")


async def _pieces(
    app: ASGIApp, request: bytes, protocol_class: type[HttpToolsProtocol] | None = None
) -> list[bytes]:
    """What one connection writes in answer to a request, write by write, and when it is closed."""
    config = server(app, "127.0.0.1:0").config
    config.load()

    state = ServerState()
    state.default_headers = [(b"date", b"Thu, 26 Nov 2026 12:00:00 GMT")]
    protocol = (protocol_class or config.http_protocol_class)(config=config, server_state=state, app_state={})
    written: list[bytes] = []

    class Transport(asyncio.Transport):
        def write(self, data: bytes) -> None:
            written.append(bytes(data))

        def is_closing(self) -> bool:
            return False

        def pause_reading(self) -> None: ...

        def resume_reading(self) -> None: ...

        def close(self) -> None:
            written.append(b"(closed)")

    protocol.connection_made(Transport())
    protocol.data_received(request)
    for _ in range(20):
        await asyncio.sleep(0)
    protocol.connection_lost(ConnectionResetError())
    return written

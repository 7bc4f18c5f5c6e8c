"""The server of the doors, on loopback: what it adds to uvicorn."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from ports.server import LARGE, LONGEST_HEAD, DoorsFirst, server
from ports.tracing import told
from tests.servers.private import free_port


async def _door(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"door of {request.url.path}")


async def _behind(request: Request) -> PlainTextResponse:
    return PlainTextResponse("behind")


async def _stream(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d" % number * LARGE
            await asyncio.sleep(0.01)

    return StreamingResponse(parts())


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
    assert (await client.get("/stream")).content == b"0" * LARGE + b"1" * LARGE + b"2" * LARGE


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


async def _pieces(app: ASGIApp, request: bytes) -> list[bytes]:
    """What one connection writes in answer to a request, write by write."""
    config = server(app, "127.0.0.1:0").config
    config.load()

    protocol = config.http_protocol_class(config=config, server_state=ServerState(), app_state={})
    written: list[bytes] = []

    class Transport(asyncio.Transport):
        def write(self, data: bytes) -> None:
            written.append(bytes(data))

        def is_closing(self) -> bool:
            return False

        def pause_reading(self) -> None: ...

        def resume_reading(self) -> None: ...

        def close(self) -> None: ...

    protocol.connection_made(Transport())
    protocol.data_received(request)
    await asyncio.sleep(0.05)
    protocol.connection_lost(None)
    return written

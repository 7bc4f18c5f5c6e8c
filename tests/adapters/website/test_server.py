"""The doors behind a real server: a second, independent sender, and bodies that want to hurt."""

import asyncio
import base64
import gc
import http.client
import json
import resource
import shutil
import socket
import subprocess
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest

from adapters.website import build
from demo.outside.serving import serving
from ports.clock import SystemClock
from tests.adapters.website.conftest import tools
from tests.servers.missing import missing
from tests.simulators.website import Website, report, signed_headers

MEGABYTE = 1_000_000


@pytest.fixture
def serve(secret, token, intake):
    """Serves the doors on a free port of this machine, with settings on top of the usual ones."""

    @asynccontextmanager
    async def doors(**settings):
        from fastapi import FastAPI

        app = FastAPI()
        usual = {"secrets": [secret], "senders": {"webteam": {"tokens": [token]}}}
        adapter = build(usual | settings, tools(intake, SystemClock()))
        app.include_router(adapter.webhook, prefix="/in/website")
        async with serving(app) as origin:
            yield urlsplit(origin).port

    return doors


async def test_openssl_and_plain_http_get_in(serve, secret, intake):
    if not shutil.which("openssl"):
        missing("openssl")
    body = json.dumps(report(), ensure_ascii=False).encode()
    timestamp = int(datetime.now(UTC).timestamp())
    async with serve() as port:
        headers = {
            "webhook-id": "openssl-1",
            "webhook-timestamp": str(timestamp),
            "webhook-signature": "v1," + await asyncio.to_thread(openssl, secret, timestamp, body),
        }

        status, answer = await asyncio.to_thread(post, port, body, headers)

    assert (status, answer["duplicate"]) == (202, False)
    assert intake.stored[0].raw == body


async def test_the_simulator_gets_in_by_every_door(serve, secret, token, intake):
    async with serve() as port, httpx.AsyncClient(trust_env=False) as client:
        website = Website(
            client=client, address=f"http://127.0.0.1:{port}/in/website", secret=secret, token=token
        )
        answers = [
            await website.post_json(report()),
            await website.post_form({"id": "1", "subject": "Lamp", "message": "stuk"}),
            await website.post_drupal({"uuid": "1", "message": "stuk", "hinder": ["a", "b"]}),
            await website.post_drupal({"uuid": "2", "message": "stuk"}, as_json=True),
            await website.post_open_formulieren({"message": "stuk"}, "OF-1"),
        ]

    assert [answer.status_code for answer in answers] == [202] * 5
    assert intake.stored[2].event.contact.text == "stuk\n\nhinder: a, b"


async def test_a_body_that_drips_is_cut_off(serve, secret):
    async with serve(body_seconds=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(announcement(secret, b"Content-Length: 1000"))
        started = asyncio.get_running_loop().time()
        dripping = asyncio.create_task(drip(writer))
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        took = asyncio.get_running_loop().time() - started
        with suppress(ConnectionResetError):  # what dripped after the end is refused
            await asyncio.wait_for(reader.read(), 5)
        dripping.cancel()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert took < 2


async def test_three_hundred_megabytes_do_not_fill_the_memory(serve, secret, intake):
    async with serve() as port:
        gc.collect()
        before = peak_memory()
        sent, answer = await asyncio.to_thread(flood, port, secret, 300 * MEGABYTE)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sent < 100 * MEGABYTE
    assert peak_memory() - before < 50 * MEGABYTE
    assert intake.stored == []


def openssl(secret, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary"],
        input=b"openssl-1.%d.%b" % (timestamp, body),
        capture_output=True,
        check=True,
    ).stdout
    return base64.b64encode(digest).decode()


def post(port, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/in/website/json", body, headers)
        answer = connection.getresponse()
        return answer.status, json.load(answer)
    finally:
        connection.close()


def announcement(secret, length):
    """The head of a signed post."""
    headers = signed_headers(b"", "msg_1", [secret])
    lines = [f"{name}: {value}".encode() for name, value in headers.items()]
    return b"\r\n".join([b"POST /in/website/json HTTP/1.1", b"Host: hub", length, *lines, b"", b""])


async def drip(writer):
    while not writer.is_closing():
        writer.write(b" ")
        await asyncio.sleep(0.05)


def flood(port, secret, size):
    """How much went out before the server had enough, and what it said."""
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(announcement(secret, b"Transfer-Encoding: chunked"))
        with suppress(ConnectionError):
            while sent < size:
                connection.sendall(piece)
                sent += len(piece)
        return sent, connection.recv(1000)


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

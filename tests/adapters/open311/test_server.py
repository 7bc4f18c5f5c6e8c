"""The server on the wire: other senders than our own, and connections that break."""

import asyncio
import http.client
import json
import shutil
import subprocess
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from fastapi import FastAPI

from demo.outside.serving import serving
from tests.adapters.open311.conftest import KEY
from tests.servers.missing import missing
from tests.simulators.photo_host import JPEG

BODY = f"api_key={KEY}&service_code=lamp-1&lat=50,88&long=4,70&description=Lamp+stuk".encode()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def serve(adapter):
    """Serves on a free port of this machine."""

    @asynccontextmanager
    async def doors():
        app = FastAPI()
        app.include_router(adapter.webhook, prefix="/in/open311")
        async with serving(app) as origin:
            yield urlsplit(origin).port

    return doors


async def test_plain_http_posts_and_reads_in_xml(serve):
    async with serve() as port:
        status, posted = await asyncio.to_thread(call, port, "POST", "requests.xml", BODY)
        number = ET.fromstring(posted).findtext("request/service_request_id")  # noqa: S314 - our own answer
        _, listed = await asyncio.to_thread(call, port, "GET", f"requests/{number}.xml?api_key={KEY}")

    assert (status, number) == (201, "LEU-2026-000001")
    assert ET.fromstring(listed).findtext("request/status") == "open"  # noqa: S314 - our own answer


async def test_curl_uploads_a_photo(serve, city, tmp_path):
    if not shutil.which("curl"):
        missing("curl")
    photo = tmp_path / "stoep.jpg"
    photo.write_bytes(JPEG)
    async with serve() as port:
        answer = await asyncio.to_thread(curl, port, photo)

    assert json.loads(answer)[0]["service_request_id"] == "LEU-2026-000001"
    assert [file.content for file in city.stored[0].files] == [JPEG]


async def test_hazard_51_a_connection_that_breaks_halfway_stores_nothing_and_the_next_try_all(serve, city):
    async with serve() as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /in/open311/v2/requests.xml HTTP/1.1\r\nHost: hub\r\nContent-Length: {len(BODY)}\r\n"
        writer.write(f"{head}Content-Type: {FORM['Content-Type']}\r\n\r\n".encode() + BODY[:-10])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.1)
        stored_before = len(city.stored)
        status, _ = await asyncio.to_thread(call, port, "POST", "requests.xml", BODY)

    assert stored_before == 0
    assert (status, len(city.stored)) == (201, 1)


def call(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, f"/in/open311/v2/{path}", body, FORM if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def curl(port, photo):
    form = {
        "api_key": KEY,
        "service_code": "lamp-1",
        "lat": "50.88",
        "long": "4.7",
        "description": "Lamp stuk",
    }
    fields = [part for name, value in form.items() for part in ("-F", f"{name}={value}")]
    address = f"http://127.0.0.1:{port}/in/open311/v2/requests.json"
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--noproxy", "*", *fields, "-F", f"photo=@{photo}", address],
        capture_output=True,
        check=True,
        timeout=20,
    ).stdout

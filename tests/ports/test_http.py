"""Our transport under httpx, against servers that behave and servers that do not."""

import asyncio
import gzip
import ssl
from contextlib import asynccontextmanager

import httpx
import pytest

from ports import http, tracing
from ports.http import Endpoint, PooledTransport
from tests.broker import certificates

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers the requests of each connection with the next of its answers; None cuts the connection."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.connections = 0
        self.closed = asyncio.Event()

    async def __call__(self, reader, writer):
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length")
                    ),
                    0,
                )
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0) if self.answers else OK
                if answer is None:
                    break
                if answer == "silence":
                    await reader.read()
                    break
                writer.write(answer)
                if b"Connection: close" in answer:
                    await writer.drain()
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()


@asynccontextmanager
async def serving(server, **options):
    """The server's address."""
    running = await asyncio.start_server(server, "127.0.0.1", 0, **options)
    scheme = "https" if options else "http"
    yield f"{scheme}://127.0.0.1:{running.sockets[0].getsockname()[1]}"
    running.close()


def client(transport=None, **timeouts):
    return httpx.AsyncClient(
        transport=transport or PooledTransport(), timeout=httpx.Timeout(5, **timeouts), trust_env=False
    )


async def test_connections_are_used_again():
    server = Server()
    async with serving(server) as url, client() as http_:
        answers = [await http_.post(f"{url}/{n}", json={"n": n}) for n in range(5)]

    assert [(one.status_code, one.text) for one in answers] == [(200, "ok")] * 5
    assert server.connections == 1
    assert server.requests[3].startswith(b"POST /3 HTTP/1.1\r\n")
    assert server.requests[3].endswith(b'\r\n\r\n{"n":3}')


async def test_no_more_connections_than_agreed():
    server = Server()
    async with serving(server) as url, client(PooledTransport(connections=3)) as http_:
        await asyncio.gather(*(http_.get(url) for _ in range(40)))

    assert server.connections <= 3
    assert len(server.requests) == 40


async def test_who_waits_too_long_for_a_connection_has_sent_nothing():
    server = Server("silence")
    async with serving(server) as url, client(PooledTransport(connections=1), pool=0.05) as http_:
        first = asyncio.create_task(http_.get(url))
        while not server.requests:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        with pytest.raises(httpx.PoolTimeout):
            await http_.get(url)
        first.cancel()

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, "abc"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", 200, "until the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, "ok"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nlost", 500, "lost"),
    ],
)
async def test_answers_of_every_shape_are_read_whole(answer, status, text):
    server = Server(answer)
    async with serving(server) as url, client() as http_:
        response = await http_.get(url)

        assert (response.status_code, response.text) == (status, text)
        assert (await http_.get(url)).text == "ok"


async def test_an_answer_to_head_has_no_body():
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    async with serving(server) as url, client() as http_:
        response = await http_.head(url)

    assert (response.status_code, response.headers["content-length"], response.content) == (200, "500", b"")


async def test_a_body_of_unknown_length_gets_its_length():
    async def parts():
        yield b"one"
        yield b"two"

    server = Server()
    async with serving(server) as url, client() as http_:
        await http_.post(url, content=parts())

    assert b"Content-Length: 6\r\n" in server.requests[0]
    assert b"chunked" not in server.requests[0].lower()


async def test_nothing_was_sent_when_nobody_listens(free_port):
    async with client() as http_:
        with pytest.raises(httpx.ConnectError):
            await http_.post(f"http://127.0.0.1:{free_port}", content=b"x")


@pytest.mark.parametrize(
    "answer", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\nhalf"]
)
async def test_a_connection_that_is_cut_may_have_done_its_work(answer):
    server = Server(answer, answer)
    async with serving(server) as url, client() as http_:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await http_.post(url, content=b"x")

    assert len(server.requests) == 1


async def test_silence_has_an_end_and_may_have_done_its_work():
    server = Server("silence")
    async with serving(server) as url, client(read=0.1) as http_:
        with pytest.raises(httpx.ReadTimeout):
            await http_.post(url, content=b"x")

    assert len(server.requests) == 1


async def test_a_slow_answer_is_not_silence(monkeypatch):
    async def slow(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        for _ in range(4):
            await asyncio.sleep(0.15)
            writer.write(b"x")
            await writer.drain()
        writer.close()

    async with serving(slow) as url, client(read=0.3) as http_:
        assert (await http_.get(url)).text == "xxxx"


@pytest.mark.parametrize(
    "more", [OK, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwro", b"HTTP/1.1 20", b"and so on"]
)
async def test_a_connection_on_which_more_came_than_was_asked_for_is_not_used_again(more):
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine" + more)
    async with serving(server) as url, client() as http_:
        assert (await http_.get(url)).text == "mine"
        assert (await http_.post(url)).text == "ok"

    assert server.connections == 2


async def test_who_gives_up_closes_the_connection():
    server = Server("silence")
    async with serving(server) as url, client() as http_:
        asking = asyncio.create_task(http_.get(url))
        while not server.requests:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.wait_for(server.closed.wait(), 2)


async def test_a_question_is_asked_again_when_the_kept_connection_was_gone():
    server = Server(OK, None, OK)
    async with serving(server) as url, client() as http_:
        await http_.get(url)

        assert (await http_.get(url)).text == "ok"

    assert len(server.requests) == 3


async def test_what_changes_something_is_never_sent_again():
    server = Server(OK, None, OK)
    async with serving(server) as url, client() as http_:
        await http_.get(url)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await http_.post(url, content=b"x")

    assert len(server.requests) == 2


async def test_a_connection_that_lay_idle_too_long_is_not_used(monkeypatch):
    monkeypatch.setattr(http, "IDLE_SECONDS", 0.0)
    server = Server()
    async with serving(server) as url, client() as http_:
        await http_.get(url)
        await http_.get(url)

    assert server.connections == 2


async def test_what_is_not_http_is_told():
    async with serving(Server(b"220 mail.example.be ESMTP\r\n")) as url, client() as http_:
        with pytest.raises(httpx.RemoteProtocolError, match="not HTTP"):
            await http_.post(url)


async def test_an_answer_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(http, "MOST_BYTES", 1000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    async with serving(Server(answer)) as url, client() as http_:
        with pytest.raises(httpx.RemoteProtocolError, match="more than 1000 bytes"):
            await http_.post(url)


@pytest.mark.parametrize("value", ["a\r\nX-Other: 1", "a\nb", "a\rb"])
async def test_a_line_break_in_a_header_is_refused(value):
    server = Server()
    async with serving(server) as url, client() as http_:
        with pytest.raises(httpx.LocalProtocolError):
            await http_.get(url, headers={"X-Name": value})

    assert server.requests == []


def packed(content):
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    return head % len(content) + content


async def test_a_packed_answer_is_unpacked():
    server = Server(packed(gzip.compress(b"made")), packed(gzip.compress(b"made")))
    async with serving(server) as url, client() as http_:
        answer = await http_.get(url)
        sent = await sending_to(url, PooledTransport()).send(b"body")

    assert answer.content == sent.content == b"made"
    assert b"content-encoding" not in [name.lower() for name, _ in sent.headers]


async def test_what_cannot_be_unpacked_is_no_answer():
    server = Server(packed(b"no gzip"), packed(b"no gzip"))
    async with serving(server) as url, client() as http_:
        with pytest.raises(httpx.RemoteProtocolError, match="unpacked"):
            await http_.get(url)
        with pytest.raises(httpx.RemoteProtocolError, match="unpacked"):
            await sending_to(url, PooledTransport()).send(b"body")


async def test_other_schemes_are_refused():
    async with client() as http_:
        with pytest.raises(httpx.UnsupportedProtocol):
            await http_.get("ftp://127.0.0.1/")


class Noted(httpx.AsyncBaseTransport):
    """Sends nothing."""

    async def handle_async_request(self, request):
        self.request = request
        return httpx.Response(201, content=b"made")


def sending_to(url, transport):
    return Endpoint(
        "POST",
        url,
        transport=transport,
        headers={"Accept": "text/plain", "Host": "tracker.example"},
        timeout=httpx.Timeout(5),
    )


async def test_an_endpoint_sends_over_any_transport_the_same():
    server, noted = Server(), Noted()
    async with serving(server) as url:
        ours = sending_to(f"{url}/cases?a=1", PooledTransport())
        other = sending_to(f"{url}/cases?a=1", noted)
        with tracing.within("00-" + "1" * 32 + "-" + "2" * 16 + "-01"):
            for one in (ours, ours, other):
                answer = await one.send(b"body", {"If-Match": '"3"'})

    assert (answer.status_code, answer.content) == (201, b"made")
    first, second = server.requests
    assert first == second
    assert server.connections == 1
    head, _, body = first.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert (line, body) == (b"POST /cases?a=1 HTTP/1.1", b"body")
    assert sorted(headers) == sorted(b"%b: %b" % pair for pair in noted.request.headers.raw)
    assert (noted.request.method, noted.request.url.raw_path) == ("POST", b"/cases?a=1")
    assert noted.request.content == b"body"
    assert noted.request.extensions["timeout"]["read"] == 5
    assert noted.request.headers["traceparent"].startswith("00-1111")


@pytest.mark.parametrize("name", ["X-Name", "X\r\nX"])
async def test_an_endpoint_refuses_a_line_break_in_a_header(name):
    server = Server()
    async with serving(server) as url:
        with pytest.raises(httpx.LocalProtocolError):
            await sending_to(url, PooledTransport()).send(b"", {name: "a\r\nX-Other: 1"})

    assert server.requests == []


async def test_an_endpoint_says_when_nothing_was_sent(free_port):
    with pytest.raises(httpx.ConnectError):
        await sending_to(f"http://127.0.0.1:{free_port}", PooledTransport()).send(b"x")


@pytest.fixture
def free_port(unused_tcp_port):
    return unused_tcp_port


@pytest.fixture
def issued(tmp_path):
    """The files of a certificate for 127.0.0.1 and of its authority."""
    files = {name: tmp_path / f"{name}.pem" for name in ("authority", "certificate", "key")}
    certificates.issue("127.0.0.1", **files)
    return files


async def test_tls_trusts_the_authority_that_it_was_given(issued):
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secure.load_cert_chain(issued["certificate"], issued["key"])
    trusting = ssl.create_default_context(cafile=str(issued["authority"]))
    server = Server()
    async with serving(server, ssl=secure) as url:
        async with client(PooledTransport(tls=trusting)) as http_:
            assert (await http_.get(url)).text == "ok"
        async with client() as http_:
            with pytest.raises(httpx.ConnectError):
                await http_.post(url, content=b"secret")

    assert len(server.requests) == 1


def test_what_goes_over_the_wire_is_not_shown():
    question = http._question(httpx.Request("POST", "http://tracker.test/cases"), b"An Peeters")

    assert "Peeters" not in repr(question)

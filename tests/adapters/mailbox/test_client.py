"""The wires: every way in which IMAP, SMTP and token servers fail becomes the error that says what is next."""

import asyncio
import ssl
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import respx

from adapters.mailbox.client import Folder, Login, Server
from adapters.mailbox.compose import Envelope
from adapters.mailbox.settings import OAuth
from adapters.mailbox.smtp import Relay
from adapters.mailbox.tokens import Tokens
from ports.clock import ManualClock
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError
from tests.adapters.mailbox.conftest import a_mail
from tests.servers import smtp_sink, wiretap
from tests.servers.dovecot import PASSWORD, access_token

CONTEXT = ssl.create_default_context()
ENVELOPE = Envelope(
    sender="meldingen@leuven.test",
    recipient="an@example.be",
    content=b"From: meldingen@leuven.test\r\nMessage-ID: <1@x>\r\n\r\n.Beste\r\n.\r\nGroeten\r\n",
)
TOKEN_URL = "https://login.example/token"


# --- IMAP ---------------------------------------------------------------------------------------------


def server_at(port, **changes):
    given = {"host": "127.0.0.1", "port": port, "tls": "none", "timeout": 5, "context": CONTEXT, **changes}
    return Server(**given)


@pytest.fixture
def folder(imap_server, address):
    """The inbox of a new mailbox, connected."""
    opened = Folder(server_at(imap_server.port), "INBOX")
    opened.connect(Login(user=address, password=PASSWORD))
    yield opened
    opened.close()


def test_mail_is_listed_measured_and_fetched_without_being_marked_as_read(imap_server, folder, address):
    imap_server.deliver(a_mail("een"), address)
    imap_server.deliver(a_mail("twee"), address)

    uids = folder.waiting()

    assert uids == (1, 2)
    bodies = folder.bodies(uids)
    assert {uid: len(body) for uid, body in bodies.items()} == folder.sizes(uids)
    assert folder.head(1) == bodies[1].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert imap_server.seen(address) == 0


def test_what_is_gone_is_left_out(folder):
    assert folder.waiting() == ()
    assert folder.sizes([7]) == {}
    assert folder.bodies([7]) == {}
    assert folder.head(7) is None


def test_moving_what_is_gone_does_no_harm(folder):
    folder.ensure("Verwerkt")

    folder.move([7, 8], "Verwerkt")
    folder.move([], "Verwerkt")


def test_moving_into_nowhere_is_an_error(imap_server, folder, address):
    imap_server.deliver(a_mail(), address)
    folder.waiting()

    with pytest.raises(TransientError):
        folder.move([1], "Bestaat niet")


def test_folders_are_made_once_with_any_name(imap_server, folder, address):
    for _ in range(2):
        folder.ensure("Verwerkt/één & ander")

    with imap_server.colleague(address) as colleague:
        assert colleague.folder_exists("Verwerkt/één & ander")


def test_a_folder_name_that_the_server_refuses_is_a_matter_for_the_administrator(folder):
    with pytest.raises(MisconfiguredError, match="make the folder"):
        folder.ensure("a" * 500)


@pytest.mark.parametrize("hidden", [[], ["AUTH=PLAIN"]])
def test_a_wrong_password_is_a_matter_for_the_administrator(imap_server, address, hidden):
    with wiretap.before(imap_server.port, hidden=hidden) as tap:
        opened = Folder(server_at(tap.port), "INBOX")

        with pytest.raises(MisconfiguredError, match="log-in"):
            opened.connect(Login(user=address, password="geheim!"))
        with pytest.raises(MisconfiguredError, match="log-in"):
            opened.connect(Login(user=address, password="géhèim"))


def test_xoauth2_takes_a_token_and_refuses_an_expired_or_foreign_one(imap_server, address):
    opened = Folder(server_at(imap_server.port), "INBOX")
    opened.connect(Login(user=address, token=access_token(address)))
    opened.close()

    for token in (access_token(address, timedelta(seconds=-5)), access_token("ander@leuven.test"), "rommel"):
        with pytest.raises(MisconfiguredError):
            opened.connect(Login(user=address, token=token))


def test_a_missing_folder_is_named(imap_server, address):
    opened = Folder(server_at(imap_server.port), "Postvak")

    with pytest.raises(MisconfiguredError, match="Postvak"):
        opened.connect(Login(user=address, password=PASSWORD))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"* BYE te druk\r\n", TransientError),
        (b"", TransientError),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", TransientError),
        (b"\x00\xff\r\n" * 50, TransientError),
        (b"* OK\r\nA NO [UNAVAILABLE] later\r\n", TransientError),
    ],
)
def test_a_server_that_speaks_something_else_is_tried_again(answer, error):
    with serving(answer) as port:
        opened = Folder(server_at(port, timeout=1), "INBOX")

        with pytest.raises(error):
            opened.connect(Login(user="a", password="b"))


def test_a_server_that_takes_no_log_ins_now_is_tried_again():
    def answer(line):
        tag = line.split(b" ")[0]
        if b"CAPABILITY" in line:
            return b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n"
        return tag + b" NO [UNAVAILABLE] try later\r\n"

    with talking(b"* OK hello\r\n", answer) as port:
        opened = Folder(server_at(port), "INBOX")

        with pytest.raises(TransientError, match="just now"):
            opened.connect(Login(user="a", password="b"))


def test_a_server_that_does_not_answer_is_given_up_in_time(imap_server, address):
    with wiretap.before(imap_server.port) as tap:
        opened = Folder(server_at(tap.port, timeout=0.5), "INBOX")
        opened.connect(Login(user=address, password=PASSWORD))
        tap.go_deaf()

        with pytest.raises(TransientError):
            opened.waiting()
        assert not opened.is_alive(60)


def test_without_a_connection_there_is_nothing_to_read():
    with pytest.raises(TransientError, match="lost"):
        Folder(server_at(1), "INBOX").waiting()


def test_idling_ends_when_asked(folder):
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()

    assert folder.idle(30, stop) is False
    assert folder.waiting() == ()


def test_a_server_without_starttls_gets_no_password():
    said = []

    def answer(line):
        said.append(line)
        tag = line.split(b" ")[0]
        return (
            b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n"
            if b"CAPABILITY" in line
            else tag + b" BAD no\r\n"
        )

    with talking(b"* OK hello\r\n", answer) as port:
        opened = Folder(server_at(port, tls="starttls"), "INBOX")

        with pytest.raises(TransientError):
            opened.connect(Login(user="gebruiker", password=PASSWORD))
    assert not [line for line in said if b"LOGIN" in line or b"AUTHENTICATE" in line]


# --- SMTP ---------------------------------------------------------------------------------------------


def relay_at(port, **changes):
    given = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "timeout": 2,
        "context": CONTEXT,
        "hostname": "leuven.test",
        **changes,
    }
    return Relay(**given)


@pytest.fixture
def sink(tmp_path):
    with smtp_sink.running(tmp_path) as running:
        yield running


async def test_a_mail_arrives_as_it_was_written(sink):
    await relay_at(sink.port).hand_over(ENVELOPE)

    (got,) = sink.mails
    assert (got.sender, got.recipient) == (ENVELOPE.sender, ENVELOPE.recipient)
    assert got.content == ENVELOPE.content


async def test_an_empty_envelope_sender_stays_empty(sink):
    await relay_at(sink.port).hand_over(
        Envelope(sender="", recipient="an@example.be", content=ENVELOPE.content)
    )

    assert sink.mails[0].sender == ""


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("421 4.3.2 closing", TransientError),
        ("450 4.2.0 greylisted", TransientError),
        ("451 4.3.0 local error", TransientError),
        ("452 4.2.2 mailbox full", TransientError),
        ("550 5.1.1 user unknown", RejectedError),
        ("551 5.1.6 moved", RejectedError),
        ("552 5.2.2 mailbox full", RejectedError),
        ("553 5.1.3 bad address", RejectedError),
        ("554 5.7.1 refused", RejectedError),
        ("530 5.7.0 authentication required", MisconfiguredError),
    ],
)
@pytest.mark.parametrize("moment", ["sender", "recipient", "data"])
async def test_hazard_23_a_4xx_is_tried_again_and_a_5xx_is_not(sink, answer, error, moment):
    if moment == "sender":
        sink.sender_answer = answer
    elif moment == "recipient":
        sink.recipient_answers["an@example.be"] = answer
    else:
        sink.data_answer = answer

    with pytest.raises(error) as raised:
        await relay_at(sink.port).hand_over(ENVELOPE)

    assert type(raised.value) is error
    assert "an@example.be" not in f"{raised.value.what} {raised.value.detail}"
    assert sink.mails == []


async def test_hazard_22_a_line_that_is_cut_while_the_mail_goes_out_is_uncertain(sink):
    with wiretap.before(sink.port) as tap:
        tap.cut_at(b"Groeten", delivered=True)

        with pytest.raises(UncertainError):
            await relay_at(tap.port).hand_over(ENVELOPE)

    await asyncio.to_thread(sink.wait_for_mail)
    assert len(sink.mails) == 1


@pytest.mark.parametrize("moment", [b"EHLO", b"MAIL FROM", b"RCPT TO"])
async def test_a_line_that_is_cut_before_the_mail_went_out_is_harmless(sink, moment):
    with wiretap.before(sink.port) as tap:
        tap.cut_at(moment, delivered=True)

        with pytest.raises(TransientError):
            await relay_at(tap.port).hand_over(ENVELOPE)
    assert sink.mails == []


async def test_a_line_that_is_cut_at_the_good_bye_changes_nothing(sink):
    with wiretap.before(sink.port) as tap:
        tap.cut_at(b"QUIT", delivered=False)

        await relay_at(tap.port).hand_over(ENVELOPE)
    assert len(sink.mails) == 1


async def test_the_relay_may_be_away_or_speak_something_else():
    with pytest.raises(TransientError):
        await relay_at(1).hand_over(ENVELOPE)
    for answer in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"421 busy\r\n"):
        with serving(answer) as port, pytest.raises(TransientError):
            await relay_at(port).hand_over(ENVELOPE)
    with serving(b"554 go away\r\n") as port, pytest.raises(RejectedError):
        await relay_at(port).hand_over(ENVELOPE)


async def test_log_in_at_the_relay(tmp_path):
    with smtp_sink.running(tmp_path, login=("hub", "geheim")) as sink:
        await relay_at(sink.port, user="hub", password="geheim").hand_over(ENVELOPE)
        await relay_at(sink.port, user="hub", password="geheim").check()

        with pytest.raises(MisconfiguredError, match="smtp_user"):
            await relay_at(sink.port, user="hub", password="fout").hand_over(ENVELOPE)
    assert len(sink.mails) == 1


async def test_a_relay_without_starttls_gets_no_mail_when_tls_is_asked(sink):
    with pytest.raises(MisconfiguredError, match="STARTTLS"):
        await relay_at(sink.port, tls="starttls", user="hub", password="geheim").hand_over(ENVELOPE)
    assert sink.mails == []


async def test_checking_the_relay_sends_nothing(sink):
    await relay_at(sink.port).check()

    assert sink.mails == []


# --- access tokens ------------------------------------------------------------------------------------


def client_credentials():
    return OAuth(token_url=TOKEN_URL, client_id="hub", client_secret="geheim", scope="mail/.default")


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 23, tzinfo=UTC))


@respx.mock
async def test_a_fetched_token_is_kept_until_shortly_before_its_end(clock):
    route = respx.post(TOKEN_URL).mock(
        side_effect=[
            httpx.Response(200, json={"access_token": "een", "expires_in": 3600}),
            httpx.Response(200, json={"access_token": "twee", "expires_in": 3600}),
        ]
    )
    tokens = Tokens(client_credentials(), clock, CONTEXT)

    assert [await tokens.get(), await tokens.get()] == ["een", "een"]
    clock.advance(timedelta(seconds=3541))
    assert await tokens.get() == "twee"
    form = dict(httpx.QueryParams(route.calls[0].request.content.decode()))
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "hub",
        "client_secret": "geheim",
        "scope": "mail/.default",
    }


@respx.mock
async def test_a_refused_token_is_fetched_anew(clock):
    respx.post(TOKEN_URL).mock(
        side_effect=[
            httpx.Response(200, json={"access_token": name, "expires_in": 3600}) for name in ("een", "twee")
        ]
    )
    tokens = Tokens(client_credentials(), clock, CONTEXT)
    await tokens.get()
    tokens.forget()

    assert await tokens.get() == "twee"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(500), TransientError),
        (httpx.Response(429), TransientError),
        (httpx.Response(401, json={"error": "invalid_client"}), MisconfiguredError),
        (httpx.Response(400, json={"error": "invalid_scope"}), MisconfiguredError),
        (httpx.Response(200, text="<html>"), TransientError),
        (httpx.Response(200, json=["geen"]), TransientError),
        (httpx.Response(200, json={"expires_in": "straks"}), TransientError),
        (httpx.ConnectError("away"), TransientError),
        (httpx.ReadTimeout("slow"), TransientError),
    ],
)
@respx.mock
async def test_every_answer_of_the_token_server_says_what_is_next(clock, answer, error):
    respx.post(TOKEN_URL).mock(side_effect=[answer])

    with pytest.raises(error) as raised:
        await Tokens(client_credentials(), clock, CONTEXT).get()

    assert "geheim" not in f"{raised.value.what} {raised.value.detail}"


async def test_a_token_may_be_printed_by_a_program(clock):
    assert await Tokens(OAuth(token_command=("echo", "een-token")), clock, CONTEXT).get() == "een-token"

    with pytest.raises(TransientError):
        await Tokens(OAuth(token_command=("false",)), clock, CONTEXT).get()
    with pytest.raises(MisconfiguredError):
        await Tokens(OAuth(token_command=("/bestaat/niet",)), clock, CONTEXT).get()


async def test_a_program_that_hangs_is_ended(clock, monkeypatch):
    monkeypatch.setattr("adapters.mailbox.tokens.TIMEOUT", 0.2)

    with pytest.raises(TransientError, match="too long"):
        await Tokens(OAuth(token_command=("sleep", "60")), clock, CONTEXT).get()


# --- small servers ------------------------------------------------------------------------------------


def serving(greeting):
    """A server that says this to whoever connects, and hangs up."""
    return talking(greeting, None)


def talking(greeting, answer):
    """A server that says this, and then answers line by line; a context manager giving its port."""
    return _Talking(greeting, answer)


class _Talking:
    def __init__(self, greeting, answer):
        self._greeting = greeting
        self._answer = answer

    def __enter__(self):
        started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait(5)
        return self._port

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        self._loop.close()

    def _run(self, started):
        self._loop.run_until_complete(self._serve(started))

    async def _serve(self, started):
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()

    async def _talk(self, reader, writer):
        writer.write(self._greeting)
        while self._answer and (line := await reader.readline()):
            writer.write(self._answer(line))
            await writer.drain()
        writer.close()

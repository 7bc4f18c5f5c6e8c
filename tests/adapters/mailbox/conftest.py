"""What the tests of the group mailboxes share: one Dovecot for all, and adapters with empty mailboxes."""

import itertools
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.mailbox import build
from ports.contracts.source import RecordingIntake
from tests.adapters.given import given
from tests.servers import dovecot, smtp_sink
from tests.servers.dovecot import PASSWORD

SECRET = "s" * 32
_numbers = itertools.count(1)


class NoCheckpoints:
    """Mailboxes need none: what is taken leaves the inbox."""

    async def load(self, name):
        raise AssertionError(f"a mailbox asked for the checkpoint {name}")

    async def save(self, name, value):
        raise AssertionError(f"a mailbox saved the checkpoint {name}")


@pytest.fixture(scope="session")
def imap_server():
    """A Dovecot; use addresses of your own."""
    with dovecot.running() as server:
        yield server


@pytest.fixture
def address():
    return new_address()


@pytest.fixture
def intake():
    return RecordingIntake()


@pytest.fixture
def tools(intake):
    return given(
        name="groepsmail",
        accept=intake,
        checkpoints=NoCheckpoints(),
    )


@pytest.fixture
def sink(tmp_path, imap_server):
    """A relay that brings mail for leuven.test into the mailboxes and keeps the rest."""
    folder = tmp_path / "citizens"
    folder.mkdir()
    with smtp_sink.running(folder, domain="leuven.test", lmtp_port=imap_server.lmtp_port) as running:
        yield running


def new_address(name="box"):
    """A mailbox that no test used before."""
    return f"{name}{next(_numbers)}@leuven.test"


def imap_settings(server, *addresses, port=0, **changes):
    """Settings for these mailboxes."""
    return {
        "imap_host": "127.0.0.1",
        "imap_port": port or server.port,
        "imap_tls": "none",
        "imap_timeout": 10,
        "mailboxes": [{"address": address, "password": PASSWORD} for address in addresses],
        **changes,
    }


def smtp_settings(server, sink, sent="", **changes):
    """Settings for mail out, with the sent mailbox if given."""
    copy = {"sent_mailbox": {"address": sent, "password": PASSWORD}} if sent else {}
    return {
        "imap_host": "127.0.0.1",
        "imap_port": server.port,
        "imap_tls": "none",
        "smtp_host": "127.0.0.1",
        "smtp_port": sink.port,
        "smtp_tls": "none",
        "smtp_timeout": 5,
        "sent_patience": 1,
        "sender": {"address": "meldingen@leuven.test", "name": "Stad Leuven"},
        "reply_base": "meldingen@leuven.test",
        "reply_secret": SECRET,
        **copy,
        **changes,
    }


@asynccontextmanager
async def adapter(settings, tools):
    """A running adapter, closed afterwards."""
    running = build(settings, tools)
    try:
        yield running
    finally:
        await running.close()


def a_mail(text="Er ligt afval op straat.", subject="Zwerfvuil", message_id="", sender="An <an@example.be>"):
    """A simple mail as raw bytes, CRLF."""
    lines = [
        f"From: {sender}",
        "To: openbaardomein@leuven.test",
        f"Subject: {subject}",
        "Date: Mon, 23 Nov 2026 10:00:00 +0100",
        *([f"Message-ID: <{message_id}>"] if message_id else []),
        "Content-Type: text/plain; charset=utf-8",
        "",
        text,
        "",
    ]
    return "\r\n".join(lines).encode()


def fixture(name):
    """A captured mail."""
    return (Path(__file__).parent / "fixtures" / name).read_bytes()

"""Bounces: genuine ones written by Exim, and what other mail servers write."""

import asyncio
import re
import time

import pytest

from adapters.mailbox.translate import Mailroom, translation
from canonical_model.contact import Automatic
from canonical_model.events import ContactReceived, MailBounced
from ports.contracts.mail import a_mail as a_mail_out
from ports.errors import NotSupportedError
from tests.adapters.mailbox.conftest import (
    adapter,
    fixture,
    imap_settings,
    new_address,
    smtp_settings,
)
from tests.servers import exim, smtp_sink

ROOM = Mailroom(address="openbaardomein@leuven.test")


@pytest.fixture
def outside(tmp_path):
    """The mail server of the citizens' provider."""
    folder = tmp_path / "provider"
    folder.mkdir()
    with smtp_sink.running(folder) as running:
        yield running


@pytest.fixture
def mail_server(imap_server, outside):
    """The city's own mail server."""
    with exim.running(
        domain="leuven.test", lmtp_port=imap_server.lmtp_port, elsewhere_port=outside.port
    ) as running:
        yield running


async def bounced(imap_server, mail_server, tools, mail):
    """Send a mail through Exim and return what comes back into the mailbox of the sender."""
    sender = new_address("afzender")
    settings = {
        **smtp_settings(imap_server, mail_server, sender={"address": sender}),
        "mailboxes": imap_settings(imap_server, sender)["mailboxes"],
    }
    async with adapter(settings, tools) as running:
        await running.mail.send(mail)
        end = time.monotonic() + 40
        while not await running.sources[0].poll():
            assert time.monotonic() < end, mail_server.log
            await asyncio.sleep(0.2)
    return tools.accept.understood


async def test_hazard_21_a_genuine_bounce_by_exim_names_our_mail(imap_server, mail_server, outside, tools):
    mail = a_mail_out(to="weg@example.be", automatic=False)
    outside.recipient_answers["weg@example.be"] = "550 5.1.1 User unknown"

    (inbound,) = await bounced(imap_server, mail_server, tools, mail)

    assert inbound.event.message_id == mail.message_id
    assert inbound.event.permanent
    assert "User unknown" in inbound.event.diagnosis
    assert "weg@" not in inbound.event.diagnosis
    assert re.search(rb"^References: <.*test@leuven\.test>", inbound.raw, re.MULTILINE)
    assert b"In-Reply-To" not in inbound.raw.partition(b"\r\n\r\n")[0]


async def test_an_automatic_mail_that_cannot_be_delivered_bounces_to_nobody(
    imap_server, mail_server, outside, tools
):
    outside.recipient_answers["weg@example.be"] = "550 5.1.1 User unknown"
    sender = new_address("afzender")
    settings = {
        **smtp_settings(imap_server, mail_server, sender={"address": sender}),
        "mailboxes": imap_settings(imap_server, sender)["mailboxes"],
    }
    async with adapter(settings, tools) as running:
        await running.mail.send(a_mail_out(to="weg@example.be", automatic=True))
        end = time.monotonic() + 20
        while "550 5.1.1" not in mail_server.log:
            assert time.monotonic() < end, mail_server.log
            await asyncio.sleep(0.2)

        assert await running.sources[0].poll() == 0


@pytest.mark.parametrize("name", ["dsn-exim.eml", "dsn-postfix.eml", "dsn-exchange.eml", "bounce-qmail.eml"])
def test_hazard_21_bounces_name_our_mail_and_are_permanent(name):
    event = translation(fixture(name), ROOM).event

    assert isinstance(event, MailBounced)
    assert event.message_id == "4711.abc@wegwijzer.leuven.test"
    assert event.permanent
    assert "@" not in event.diagnosis


def test_hazard_21_a_bounce_with_nothing_but_references_names_our_mail():
    raw = fixture("dsn-exim.eml")
    head, _, body = raw.partition(b"\n\n")
    without_original = body.partition(b"Content-type: message/rfc822")[0].rstrip().rpartition(b"\n")[0]

    event = translation(head + b"\n\n" + without_original, ROOM).event

    assert event.message_id == "4711.abc@wegwijzer.leuven.test"


def test_the_diagnostic_of_the_refusing_server_counts_more_than_the_status():
    raw = fixture("dsn-exim.eml")
    assert b"Status: 5.0.0" in raw

    full = translation(raw.replace(b"550 5.1.1 User unknown", b"552 5.2.2 Mailbox full"), ROOM).event
    later = translation(raw.replace(b"550 5.1.1 User unknown", b"451 4.3.0 Try later"), ROOM).event

    assert (full.permanent, later.permanent) == (False, False)


@pytest.mark.parametrize("action", [b"delayed", b"delivered", b"relayed"])
def test_reports_that_need_no_action_are_known_and_not_handled(action):
    raw = fixture("dsn-exim.eml").replace(b"Action: failed", b"Action: " + action)

    with pytest.raises(NotSupportedError):
        translation(raw, ROOM)


def test_a_read_receipt_is_known_and_not_handled():
    raw = fixture("dsn-exim.eml").replace(
        b"report-type=delivery-status", b"report-type=disposition-notification"
    )

    with pytest.raises(NotSupportedError):
        translation(raw, ROOM)


async def test_a_report_that_needs_no_action_is_taken_without_alarm(imap_server, address, tools):
    imap_server.deliver(fixture("dsn-exim.eml").replace(b"Action: failed", b"Action: delayed"), address)
    async with adapter(imap_settings(imap_server, address), tools) as running:
        await running.sources[0].poll()

    (inbound,) = tools.accept.problems
    assert isinstance(inbound.problem, NotSupportedError)
    assert len(imap_server.mails(address, "Verwerkt")) == 1


def test_a_bounce_that_does_not_tell_of_which_mail_is_shown_to_people():
    raw = (
        b"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.be\nSubject: failure notice\n"
        b"Date: Mon, 23 Nov 2026 10:00:00 +0100\n\nHet is niet gelukt.\n"
    )

    event = translation(raw, ROOM).event

    assert isinstance(event, ContactReceived)
    assert event.contact.automatic is Automatic.AUTO_REPLY


def test_a_bounce_that_a_citizen_forwards_is_a_contact():
    bounce = fixture("dsn-exim.eml")
    raw = (
        b"From: An <an@example.be>\nSubject: Fwd: mislukt\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: text/plain\n\nIk kreeg dit terug.\n"
        b"--q\nContent-Type: message/rfc822\n\n" + bounce + b"\n--q--\n"
    )

    found = translation(raw, ROOM)

    assert isinstance(found.event, ContactReceived)
    assert found.event.contact.text == "Ik kreeg dit terug."
    assert [file.attachment.media_type for file in found.files] == ["message/rfc822"]

"""The mail servers that other tests lean on do what those believe."""

import smtplib

from tests.servers import dovecot, relay

MAIL = b"From: meldingen@leuven.test\r\nMessage-ID: <1@leuven.test>\r\n\r\nBeste\r\n"


def test_the_relay_keeps_citizens_mail_and_fills_the_citys_mailboxes(tmp_path):
    citizens = ["an@example.be", "jo@example.be"]
    with (
        dovecot.running() as mailboxes,
        relay.running(tmp_path, domain="leuven.test", lmtp_port=mailboxes.lmtp_port) as port,
    ):
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("", [*citizens, "meldingen+LEU-2026-000001-x@leuven.test"], MAIL)

        (copy,) = mailboxes.mails("meldingen@leuven.test")

    assert copy.endswith(MAIL)
    assert {(one.sender, one.recipient) for one in relay.recorded(tmp_path)} == {("", to) for to in citizens}
    assert {one.message_id for one in relay.recorded(tmp_path)} == {"1@leuven.test"}


def test_the_relay_takes_nothing_on_itself_while_the_mailboxes_are_away(tmp_path):
    with (
        relay.running(tmp_path, domain="leuven.test", lmtp_port=1) as port,
        smtplib.SMTP("127.0.0.1", port) as client,
    ):
        client.ehlo()
        client.mail("x@example.be")
        client.rcpt("meldingen@leuven.test")

        assert client.data(MAIL)[0] == 451

"""The group mailboxes on a real Dovecot, and what happened to others with theirs.

Tests called `hazard_<n>` each cover one thing that went wrong somewhere:

Mail in: 1 cut between fetch and move; 2 folder made anew; 3 `7:*` finds an old mail; 4 mail moved away meanwhile;
5 mail dragged back; 6 one mail to three mailboxes; 7 delivered twice; 8 no Message-ID; 9 IDLE says nothing;
10 a refused claim is answered with OK; 11 two workers; 12 token expires; 13 server without MOVE, IDLE, UIDPLUS;
14 too big, too deep; 15 broken MIME; 16 winmail.dat, mail in mail, S/MIME; 17 deep HTML; 18 Microsoft Graph (not
used, see the adapter's docstring).
Mail out: 19 machines answering machines; 20 `Auto-Submitted: no`; 21 bounces with References only; 22 delivered but
the answer was lost; 23 4xx and 5xx alike; 24 one of two recipients refused; 25 forged case in the subject; 26 reply
to a closed case; 27 provider replaces the Message-ID.
Numbers that are missing here are in `test_translate.py`, `test_client.py` and `test_bounces.py`.
"""

import asyncio
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from adapters.mailbox import build
from canonical_model.contact import Automatic, Kind
from canonical_model.reply_address import signed
from ports.contracts.mail import MailOutContract, Taken
from ports.contracts.mail import a_mail as a_mail_out
from ports.contracts.source import RecordingIntake, SourceContract
from ports.errors import MisconfiguredError, NotUnderstoodError, RejectedError, TransientError, UncertainError
from ports.target import Idempotency
from tests.adapters.mailbox.conftest import (
    SECRET,
    a_mail,
    adapter,
    imap_settings,
    new_address,
    smtp_settings,
)
from tests.servers import wiretap
from tests.servers.dovecot import PASSWORD, access_token

POISON = b"Subject: geen afzender\r\n\r\nVan wie is dit?\r\n"


class DovecotSystem:
    """A mailbox on the server, in the words of the suite."""

    def __init__(self, server, address):
        self._server = server
        self._address = address

    async def put(self, text):
        await asyncio.to_thread(
            self._server.deliver, a_mail(text, message_id=f"{text}@example.be"), self._address
        )

    async def put_poison(self):
        await asyncio.to_thread(self._server.deliver, POISON, self._address)

    async def unconfirmed(self):
        return len(await asyncio.to_thread(self._server.mails, self._address))


class TestMailboxSource(SourceContract):
    @pytest.fixture
    async def source(self, imap_server, address, tools):
        async with adapter(imap_settings(imap_server, address), tools) as running:
            yield running.sources[0]

    @pytest.fixture
    def system(self, imap_server, address):
        return DovecotSystem(imap_server, address)


class TestMailboxSourceOnAWeakServer(TestMailboxSource):
    """hazard_13: a server without MOVE, IDLE and UIDPLUS; taken mail stays, marked as deleted."""

    @pytest.fixture
    async def source(self, imap_server, address, tools):
        with wiretap.before(imap_server.port, hidden=["MOVE", "IDLE", "UIDPLUS"]) as tap:
            settings = imap_settings(imap_server, address, port=tap.port)
            async with adapter(settings, tools) as running:
                yield running.sources[0]
            assert b" MOVE " not in tap.said
            assert b"EXPUNGE" not in tap.said
            assert b"IDLE" not in tap.said

    @pytest.fixture
    def system(self, imap_server, address):
        return WeakSystem(imap_server, address)


class WeakSystem(DovecotSystem):
    async def unconfirmed(self):
        return await asyncio.to_thread(self._undeleted)

    def _undeleted(self):
        with self._server.colleague(self._address) as client:
            client.select_folder("INBOX", readonly=True)
            return len(client.search("UNDELETED"))


class SinkRelay:
    """The sink, in the words of the suite."""

    def __init__(self, sink):
        self._sink = sink
        self.come_back = sink.behave

    def refuse(self, recipient):
        self._sink.recipient_answers[recipient] = "550 5.1.1 User unknown"

    def postpone(self, recipient):
        self._sink.recipient_answers[recipient] = "452 4.2.2 Mailbox full"

    def lose_answer(self):
        self._sink.drop_after_data = True

    def go_away(self):
        self._sink.drop_before_data = True

    def taken(self):
        return tuple(Taken(recipient=one.recipient, message_id=one.message_id) for one in self._sink.mails)


class TestRelayOut(MailOutContract):
    @pytest.fixture
    async def mail_out(self, imap_server, sink, address, tools):
        async with adapter(smtp_settings(imap_server, sink, sent=address), tools) as running:
            yield running.mail

    @pytest.fixture
    def relay(self, sink):
        return SinkRelay(sink)


class TestRelayOutWithoutASentMailbox(TestRelayOut):
    @pytest.fixture
    async def mail_out(self, imap_server, sink, tools):
        async with adapter(smtp_settings(imap_server, sink), tools) as running:
            assert running.mail.idempotency is Idempotency.NONE
            yield running.mail


class Journal(RecordingIntake):
    """An intake that also drops copies, as the journal does: by fingerprint."""

    @property
    def cases(self):
        return {inbound.event.contact.fingerprint for inbound in self.understood}


@pytest.fixture
def intake():
    return Journal()


async def polled(settings, tools, times=1):
    async with adapter(settings, tools) as running:
        return [await running.sources[0].poll() for _ in range(times)]


async def test_mail_is_moved_only_after_it_was_accepted(imap_server, address, tools, intake):
    imap_server.deliver(a_mail(message_id="een@example.be"), address)
    seen_while_accepting = []

    async def look(inbound):
        seen_while_accepting.append(len(await asyncio.to_thread(imap_server.mails, address)))
        return await intake(inbound)

    await polled(imap_settings(imap_server, address), replace_accept(tools, look))

    assert seen_while_accepting == [1]
    assert imap_server.mails(address) == []
    assert len(imap_server.mails(address, "Verwerkt")) == 1


async def test_the_contact_carries_what_the_mailbox_stands_for(imap_server, address, tools, intake):
    imap_server.deliver(a_mail(), address)
    box = {"address": address, "password": PASSWORD, "kind": "complaint", "category": "klachten"}

    await polled(imap_settings(imap_server, mailboxes=[box]), tools)

    (inbound,) = intake.understood
    contact = inbound.event.contact
    assert (contact.kind, contact.category, contact.addressed_to) == (Kind.COMPLAINT, "klachten", address)
    assert inbound.source == f"groepsmail/{address}"
    assert inbound.media_type == "message/rfc822"
    validity, uid = inbound.source_ref.split("/")
    assert int(validity) > 0
    assert int(uid) == 1


async def test_raw_bytes_are_kept_as_the_server_has_them(imap_server, address, tools, intake):
    imap_server.deliver(a_mail("Voilà, één foto"), address)
    before = imap_server.mails(address)

    await polled(imap_settings(imap_server, address), tools)

    assert [inbound.raw for inbound in intake.understood] == before
    assert imap_server.seen(address, "Verwerkt") == 0


async def test_poison_is_parked_for_people(imap_server, address, tools, intake):
    imap_server.deliver(POISON, address)

    await polled(imap_settings(imap_server, address), tools)

    (inbound,) = intake.problems
    assert isinstance(inbound.problem, NotUnderstoodError)
    assert inbound.raw.endswith(b"Van wie is dit?\r\n")
    assert len(imap_server.mails(address, "Fout")) == 1
    assert imap_server.mails(address, "Verwerkt") == []


async def test_a_translator_that_stumbles_does_not_hold_up_the_mailbox(
    imap_server, address, tools, intake, monkeypatch
):
    def stumble(raw, room):
        raise IndexError("nobody thought of this mail by an@example.be")

    monkeypatch.setattr("adapters.mailbox.adapter.translation", stumble)
    imap_server.deliver(a_mail(), address)

    with capture_logs() as events:
        await polled(imap_settings(imap_server, address), tools)

    assert len(intake.problems) == 1
    assert len(imap_server.mails(address, "Fout")) == 1
    assert [(event["event"], event["error"]) for event in events] == [
        ("mail_translation_stumbled", "IndexError")
    ]
    assert "an@" not in f"{events} {intake.problems[0].problem}"


async def test_a_colleague_hands_a_mail_over_from_one_group_mailbox_to_another(imap_server, tools, intake):
    one, other = new_address(), new_address()
    imap_server.deliver(a_mail("Voor jullie.", sender=f"Burgerzaken <{one}>"), other)

    async with adapter(imap_settings(imap_server, one, other), tools) as running:
        await running.sources[1].poll()

    (inbound,) = intake.understood
    assert inbound.event.contact.automatic is None


async def test_a_mail_from_the_failed_folder_can_be_tried_again(imap_server, address, tools, intake):
    imap_server.deliver(POISON, address)
    settings = imap_settings(imap_server, address)
    await polled(settings, tools)

    drag(imap_server, address, "Fout", "INBOX")
    await polled(settings, tools)

    assert len(intake.problems) == 2
    assert len({inbound.source_ref for inbound in intake.problems}) == 2


async def test_many_mails_are_taken_in_bounded_batches(imap_server, address, tools, intake, monkeypatch):
    monkeypatch.setattr("adapters.mailbox.adapter.BATCH_BYTES", 100_000)
    monkeypatch.setattr("adapters.mailbox.adapter.SIZES_AT_ONCE", 7)
    for number in range(20):
        imap_server.deliver(a_mail("x" * 30_000, message_id=f"{number}@example.be"), address)

    with wiretap.before(imap_server.port) as tap:
        (new,) = await polled(imap_settings(imap_server, address, port=tap.port), tools)

    assert new == 20
    assert [inbound.event.contact.thread.message_id for inbound in intake.understood] == [
        f"{number}@example.be" for number in range(20)
    ]
    assert tap.said.count(b"BODY.PEEK[]") >= 7


@pytest.mark.parametrize("moment", [b"BODY.PEEK[]", b"UID MOVE"])
@pytest.mark.parametrize("delivered", [False, True])
async def test_hazard_1_a_line_that_is_cut_between_fetch_and_move_makes_no_double(
    imap_server, address, tools, intake, moment, delivered
):
    for number in range(3):
        imap_server.deliver(a_mail(message_id=f"{number}@example.be"), address)
    with wiretap.before(imap_server.port) as tap:
        async with adapter(imap_settings(imap_server, address, port=tap.port), tools) as running:
            tap.cut_at(moment, delivered=delivered)
            with pytest.raises(TransientError):
                await running.sources[0].poll()
            await running.sources[0].poll()

    assert len(intake.accepted) == 3
    assert imap_server.mails(address) == []
    assert len(imap_server.mails(address, "Verwerkt")) == 3


async def test_hazard_1_an_intake_that_is_full_leaves_the_mail_where_it_is(
    imap_server, address, tools, intake
):
    for number in range(3):
        imap_server.deliver(a_mail(message_id=f"{number}@example.be"), address)
    intake.room_for(1)

    with pytest.raises(TransientError):
        await polled(imap_settings(imap_server, address), tools)

    assert len(imap_server.mails(address)) == 2
    assert len(imap_server.mails(address, "Verwerkt")) == 1


async def test_hazard_2_a_folder_that_was_made_anew_counts_from_one_again(
    imap_server, address, tools, intake
):
    box = {"address": address, "password": PASSWORD, "folder": "Meldingen"}
    settings = imap_settings(imap_server, mailboxes=[box])
    for word in ("voor", "na"):
        with imap_server.colleague(address) as colleague:
            if colleague.folder_exists("Meldingen"):
                colleague.delete_folder("Meldingen")
                await asyncio.sleep(1.1)
            colleague.create_folder("Meldingen")
            colleague.append("Meldingen", a_mail(word, message_id=f"{word}@example.be"))
        await polled(settings, tools)

    references = [inbound.source_ref for inbound in intake.understood]
    assert [reference.split("/")[1] for reference in references] == ["1", "1"]
    assert len(set(references)) == 2


async def test_hazard_3_polling_again_does_not_bring_the_newest_mail_again(
    imap_server, address, tools, intake
):
    imap_server.deliver(a_mail(), address)

    with wiretap.before(imap_server.port) as tap:
        new = await polled(imap_settings(imap_server, address, port=tap.port), tools, times=4)

    assert new == [1, 0, 0, 0]
    assert intake.calls == 1
    assert b":*" not in tap.said


async def test_hazard_4_a_mail_that_a_colleague_moved_away_meanwhile_is_no_empty_mail(
    imap_server, address, tools, intake, monkeypatch
):
    for number in range(3):
        imap_server.deliver(a_mail(message_id=f"{number}@example.be"), address)
    async with adapter(imap_settings(imap_server, address), tools) as running:
        source = running.sources[0]
        folder = source._folder
        fetch = folder.bodies

        def slow_fetch(uids):
            drag(imap_server, address, "INBOX", "Verwerkt", uids=[2])
            return fetch(uids)

        monkeypatch.setattr(folder, "bodies", slow_fetch)
        new = await source.poll()

    assert new == 2
    assert not intake.problems


async def test_hazard_4_a_mail_that_was_moved_away_before_our_move_does_not_matter(
    imap_server, address, tools, intake
):
    imap_server.deliver(a_mail(), address)

    async def dragged_while_accepting(inbound):
        await asyncio.to_thread(drag, imap_server, address, "INBOX", "Elders")
        return await intake(inbound)

    assert await polled(
        imap_settings(imap_server, address), replace_accept(tools, dragged_while_accepting)
    ) == [1]


async def test_hazard_5_a_mail_that_is_dragged_back_is_recognised(imap_server, address, tools, intake):
    imap_server.deliver(a_mail(message_id="een@example.be"), address)
    settings = imap_settings(imap_server, address)
    await polled(settings, tools)

    drag(imap_server, address, "Verwerkt", "INBOX")
    await polled(settings, tools)

    assert len(intake.accepted) == 2
    assert len(intake.cases) == 1
    assert imap_server.mails(address) == []


async def test_hazard_6_the_same_mail_to_three_group_mailboxes_has_one_fingerprint(
    imap_server, tools, intake
):
    boxes = [new_address() for _ in range(3)]
    imap_server.deliver(a_mail(message_id="een@example.be"), *boxes)

    async with adapter(imap_settings(imap_server, *boxes), tools) as running:
        assert [await source.poll() for source in running.sources] == [1, 1, 1]

    assert {inbound.source for inbound in intake.understood} == {f"groepsmail/{box}" for box in boxes}
    assert len({inbound.raw for inbound in intake.understood}) == 3  # each copy has trace headers of its own
    assert len(intake.cases) == 1


async def test_hazard_7_a_mail_that_was_delivered_twice_has_one_fingerprint(
    imap_server, address, tools, intake
):
    for _ in range(2):
        imap_server.deliver(a_mail(message_id="een@example.be"), address)

    assert await polled(imap_settings(imap_server, address), tools) == [2]
    assert len(intake.cases) == 1


async def test_hazard_8_mails_without_a_message_id_are_told_apart(imap_server, address, tools, intake):
    for text in ("eerste", "tweede", "tweede"):
        imap_server.deliver(a_mail(text), address)

    await polled(imap_settings(imap_server, address), tools)

    assert len(intake.accepted) == 3
    assert len(intake.cases) == 2


async def test_new_mail_ends_the_wait(imap_server, address, tools):
    async with adapter(imap_settings(imap_server, address), tools) as running:
        source = running.sources[0]
        await source.poll()
        began = time.monotonic()
        waiting = asyncio.create_task(source.wait(30))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(imap_server.deliver, a_mail(), address)
        await waiting

        assert time.monotonic() - began < 10
        assert await source.poll() == 1


async def test_hazard_9_mail_that_came_between_search_and_idle_is_found_by_the_next_poll(
    imap_server, address, tools
):
    settings = imap_settings(imap_server, address, idle_seconds=0.5)
    async with adapter(settings, tools) as running:
        source = running.sources[0]
        await source.poll()
        await asyncio.to_thread(imap_server.deliver, a_mail(), address)
        await source.wait(60)

        assert await source.poll() == 1


async def test_hazard_9_a_hint_that_came_too_early_is_read_when_idling_ends(imap_server, address, tools):
    async with adapter(imap_settings(imap_server, address), tools) as running:
        source = running.sources[0]
        await source.poll()
        await asyncio.to_thread(imap_server.deliver, a_mail(), address)

        heard = await source._connection.run(source._folder.idle, 0.5, threading.Event())

        assert heard


async def test_hazard_9_a_line_that_dies_while_waiting_is_replaced(imap_server, address, tools):
    with wiretap.before(imap_server.port) as tap:
        async with adapter(imap_settings(imap_server, address, port=tap.port), tools) as running:
            source = running.sources[0]
            await source.poll()
            waiting = asyncio.create_task(source.wait(2))
            await asyncio.sleep(0.3)
            tap.cut_all()
            async with asyncio.timeout(10):
                await waiting
            await asyncio.to_thread(imap_server.deliver, a_mail(), address)

            assert await source.poll() == 1
            assert tap.connections == 2


async def test_hazard_9_a_line_that_goes_silent_is_noticed_and_replaced(imap_server, address, tools):
    with wiretap.before(imap_server.port) as tap:
        settings = imap_settings(imap_server, address, port=tap.port, imap_timeout=1)
        async with adapter(settings, tools) as running:
            source = running.sources[0]
            await source.poll()
            await asyncio.to_thread(imap_server.deliver, a_mail(), address)
            tap.go_deaf()

            assert await source.poll() == 1
            assert tap.connections == 2


async def test_hazard_9_a_connection_is_renewed_after_some_time(imap_server, address, tools):
    with wiretap.before(imap_server.port) as tap:
        settings = imap_settings(imap_server, address, port=tap.port, reconnect_seconds=0.2)
        async with adapter(settings, tools) as running:
            await running.sources[0].poll()
            await asyncio.sleep(0.3)
            await running.sources[0].poll()

        assert tap.connections == 2


async def test_hazard_10_no_claim_is_made_as_a_refused_one_is_answered_with_ok(imap_server, address, tools):
    """Dovecot answers the loser of a claim with OK too; so nothing may rest on claims or keywords."""
    imap_server.deliver(a_mail(), address)
    with imap_server.colleague(address) as first, imap_server.colleague(address) as second:
        for client in (first, second):
            client.select_folder("INBOX")
        version = first.fetch([1], ["MODSEQ"])[1][b"MODSEQ"][0]
        claim = ("STORE", "1", f"(UNCHANGEDSINCE {version})", "+FLAGS.SILENT", "($Claimed)")
        answers = [client._imap.uid(*claim)[0] for client in (first, second)]

    with wiretap.before(imap_server.port) as tap:
        await polled(imap_settings(imap_server, address, port=tap.port), tools)

    assert answers == ["OK", "OK"]
    assert b"STORE" not in tap.said
    assert b"UNCHANGEDSINCE" not in tap.said


async def test_hazard_11_two_workers_on_one_mailbox_store_every_mail_once(
    imap_server, address, tools, intake
):
    for number in range(30):
        imap_server.deliver(a_mail(message_id=f"{number}@example.be"), address)
    settings = imap_settings(imap_server, address)

    async with adapter(settings, tools) as one, adapter(settings, tools) as other:
        new = await asyncio.gather(one.sources[0].poll(), other.sources[0].poll())

    assert sum(new) == 30
    assert len(intake.cases) == 30
    assert imap_server.mails(address) == []
    assert len(set(imap_server.mails(address, "Verwerkt"))) == 30  # two moves at once may leave two copies


async def test_xoauth2_logs_in_with_a_token(imap_server, address, tools):
    box = {"address": address, "oauth": {"token": access_token(address)}}
    imap_server.deliver(a_mail(), address)

    assert await polled(imap_settings(imap_server, mailboxes=[box]), tools) == [1]


async def test_an_expired_token_is_a_matter_for_the_administrator(imap_server, address, tools):
    box = {"address": address, "oauth": {"token": access_token(address, timedelta(seconds=-1))}}

    with pytest.raises(MisconfiguredError, match="token"):
        await polled(imap_settings(imap_server, mailboxes=[box]), tools)


async def test_hazard_12_a_token_that_expires_while_connected_is_renewed(
    imap_server, address, tools, tmp_path
):
    current = tmp_path / "token"
    current.write_text(access_token(address))
    box = {"address": address, "oauth": {"token_command": ["cat", str(current)]}}
    with wiretap.before(imap_server.port) as tap:
        settings = imap_settings(imap_server, mailboxes=[box], port=tap.port)
        async with adapter(settings, tools) as running:
            await running.sources[0].poll()
            tokens = running.sources[0]._connection._tokens
            tokens._token = access_token(address, timedelta(seconds=-1))
            tap.cut_all()
            await asyncio.to_thread(imap_server.deliver, a_mail(), address)

            assert await running.sources[0].poll() == 1


async def test_hazard_13_uids_are_expunged_one_by_one_when_only_move_is_missing(
    imap_server, address, tools, intake
):
    for number in range(2):
        imap_server.deliver(a_mail(message_id=f"{number}@example.be"), address)
    with wiretap.before(imap_server.port, hidden=["MOVE"]) as tap:
        await polled(imap_settings(imap_server, address, port=tap.port), tools)

    assert imap_server.mails(address) == []
    assert len(imap_server.mails(address, "Verwerkt")) == 2
    assert b"UID EXPUNGE" in tap.said


async def test_hazard_13_what_colleagues_marked_as_deleted_is_never_expunged(imap_server, address, tools):
    for number in range(2):
        imap_server.deliver(a_mail(message_id=f"{number}@example.be"), address)
    with imap_server.colleague(address) as colleague:
        colleague.select_folder("INBOX")
        colleague.delete_messages([1])

    with wiretap.before(imap_server.port, hidden=["MOVE"]) as tap:
        assert await polled(imap_settings(imap_server, address, port=tap.port), tools) == [1]

    assert len(imap_server.mails(address)) == 1


async def test_hazard_13_without_idle_waiting_is_just_waiting(imap_server, address, tools):
    with wiretap.before(imap_server.port, hidden=["IDLE"]) as tap:
        async with adapter(imap_settings(imap_server, address, port=tap.port), tools) as running:
            await running.sources[0].poll()
            began = time.monotonic()
            await running.sources[0].wait(0.3)

            assert 0.25 < time.monotonic() - began < 3
            await asyncio.to_thread(imap_server.deliver, a_mail(), address)
            assert await running.sources[0].poll() == 1


async def test_hazard_14_a_mail_above_the_limit_is_parked_without_being_read_whole(
    imap_server, address, tools, intake
):
    imap_server.deliver(a_mail("klein", message_id="klein@example.be"), address)
    imap_server.deliver(a_mail("x" * 70 + "\r\n" * 60_000, message_id="groot@example.be"), address)
    imap_server.deliver(a_mail("nog een", message_id="ook@example.be"), address)
    settings = imap_settings(imap_server, address, max_mail_bytes=100_000)

    with wiretap.before(imap_server.port) as tap:
        new = await polled({**settings, "imap_port": tap.port}, tools)

    assert new == [3]
    (problem,) = intake.problems
    assert "100000" in problem.problem.what
    assert b"groot@example.be" in problem.raw
    assert len(problem.raw) < 2_000
    (parked,) = imap_server.mails(address, "Fout")
    assert len(parked) > 100_000


@pytest.mark.slow
async def test_hazard_14_a_mail_of_thirty_megabytes_is_taken_over(imap_server, address, tools, intake):
    attachment = b"--g\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=groot.bin\r\n"
    attachment += b"Content-Transfer-Encoding: base64\r\n\r\n" + (b"QUJD" * 18 + b"\r\n") * 395_000
    raw = (
        b"From: an@example.be\r\nSubject: groot\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=g\r\n\r\n"
        b"--g\r\n\r\nZie bijlage.\r\n" + attachment + b"--g--\r\n"
    )
    imap_server.deliver(raw, address)
    began = time.monotonic()

    await polled(imap_settings(imap_server, address), tools)

    (inbound,) = intake.understood
    assert inbound.files[0].attachment.size == 395_000 * 54
    assert time.monotonic() - began < 20


async def test_hazard_19_our_own_automatic_mail_that_comes_back_is_recognised(
    imap_server, address, tools, intake, sink
):
    settings = {
        **smtp_settings(imap_server, sink),
        "mailboxes": [{"address": address, "password": PASSWORD}],
    }
    async with adapter(settings, tools) as running:
        await running.mail.send(a_mail_out(to=address))
        await running.sources[0].poll()

    (inbound,) = intake.understood
    assert inbound.event.contact.automatic is Automatic.OWN_MAIL


async def test_hazard_19_two_hubs_that_answer_each_other_recognise_each_other(
    imap_server, address, tools, intake, sink
):
    ours = imap_settings(imap_server, address)
    theirs = smtp_settings(imap_server, sink, sender={"address": "hub@mechelen.example"}, reply_base="")
    async with adapter(theirs, tools) as other_hub:
        await other_hub.mail.send(a_mail_out(to=address))
    await polled(ours, tools)

    (inbound,) = intake.understood
    assert inbound.event.contact.automatic is Automatic.AUTO_REPLY
    assert b"Return-Path: <>" in inbound.raw


async def test_hazard_22_delivered_but_the_line_was_cut_is_uncertain_and_found(
    imap_server, address, tools, sink
):
    mail = a_mail_out()
    async with adapter(smtp_settings(imap_server, sink, sent=address), tools) as running:
        sink.drop_after_data = True
        with pytest.raises(UncertainError):
            await running.mail.send(mail)

        assert await running.mail.find(mail.message_id)


async def test_hazard_22_delivered_but_too_slow_is_uncertain_and_found(imap_server, address, tools, sink):
    mail = a_mail_out()
    settings = smtp_settings(imap_server, sink, sent=address, smtp_timeout=0.5)
    async with adapter(settings, tools) as running:
        sink.silence = 1.5
        with pytest.raises(UncertainError):
            await running.mail.send(mail)

        assert await running.mail.find(mail.message_id)


async def test_hazard_22_cut_before_anything_was_taken_is_simply_tried_again(
    imap_server, address, tools, sink
):
    mail = a_mail_out()
    async with adapter(smtp_settings(imap_server, sink, sent=address), tools) as running:
        sink.drop_before_data = True
        with pytest.raises(TransientError):
            await running.mail.send(mail)

        assert not await running.mail.find(mail.message_id)


async def test_hazard_24_a_refused_citizen_leaves_no_copy_that_says_it_was_sent(
    imap_server, address, tools, sink
):
    mail = a_mail_out(to="weg@example.be")
    async with adapter(smtp_settings(imap_server, sink, sent=address), tools) as running:
        sink.recipient_answers["weg@example.be"] = "550 5.1.1 User unknown"
        with pytest.raises(RejectedError):
            await running.mail.send(mail)

        assert not await running.mail.find(mail.message_id)
    assert imap_server.mails(address) == []
    assert sink.mails == []


async def test_hazard_24_a_refused_copy_sends_nothing_to_the_citizen(imap_server, address, tools, sink):
    async with adapter(smtp_settings(imap_server, sink, sent=address), tools) as running:
        sink.recipient_answers[address] = "550 5.1.1 User unknown"

        with pytest.raises(MisconfiguredError, match="sent_mailbox"):
            await running.mail.send(a_mail_out())
    assert sink.mails == []


async def test_hazard_24_a_copy_that_cannot_be_taken_now_postpones_the_mail(
    imap_server, address, tools, sink
):
    async with adapter(smtp_settings(imap_server, sink, sent=address), tools) as running:
        sink.recipient_answers[address] = "452 4.2.2 Mailbox full"

        with pytest.raises(TransientError):
            await running.mail.send(a_mail_out())
    assert sink.mails == []


async def test_hazard_27_a_copy_whose_message_id_was_replaced_is_found_all_the_same(
    imap_server, address, tools, sink
):
    mail = a_mail_out()
    async with adapter(smtp_settings(imap_server, sink, sent=address), tools) as running:
        await running.mail.send(mail)
        (copy,) = imap_server.mails(address)
        replaced = copy.replace(f"Message-ID: <{mail.message_id}>".encode(), b"Message-ID: <nieuw@provider>")
        with imap_server.colleague(address) as colleague:
            colleague.select_folder("INBOX")
            colleague.delete_messages([1])
            colleague.expunge()
            colleague.append("INBOX", replaced)

        assert await running.mail.find(mail.message_id)
        assert not await running.mail.find("nieuw@provider2")


async def test_a_copy_that_needs_a_moment_is_waited_for(imap_server, address, tools, sink):
    mail = a_mail_out()
    async with adapter(smtp_settings(imap_server, sink, sent=address, sent_patience=10), tools) as running:
        looking = asyncio.create_task(running.mail.find(mail.message_id))
        await asyncio.sleep(0.5)
        await running.mail.send(mail)

        assert await looking


async def test_the_reply_of_a_citizen_carries_the_case(imap_server, address, tools, intake, sink):
    settings = {
        **smtp_settings(imap_server, sink, reply_base=address),
        "mailboxes": [{"address": address, "password": PASSWORD}],
    }
    mail = a_mail_out(automatic=False)
    async with adapter(settings, tools) as running:
        await running.mail.send(mail)
        (got,) = sink.mails
        reply = (
            f"From: {got.recipient}\r\nTo: {got.mail['Reply-To']}\r\nSubject: Re: {got.mail['Subject']}\r\n"
            f"Message-ID: <antwoord@example.be>\r\nIn-Reply-To: {got.mail['Message-ID']}\r\n\r\nDank u wel.\r\n"
        )
        await asyncio.to_thread(imap_server.deliver, reply.encode(), address)
        await running.sources[0].poll()

    (inbound,) = intake.understood
    thread = inbound.event.contact.thread
    assert thread.verified_case == mail.case
    assert thread.in_reply_to == (mail.message_id,)
    assert got.mail["Reply-To"] == signed(address, mail.case, SECRET.encode())


async def test_check_finds_nothing_wrong_and_changes_nothing(imap_server, address, tools, sink):
    sent = new_address("verzonden")
    imap_server.deliver(a_mail(), address)
    settings = {
        **smtp_settings(imap_server, sink, sent=sent),
        "mailboxes": [{"address": address, "password": PASSWORD}],
    }
    async with adapter(settings, tools) as running:
        assert await running.check() == ()

    with imap_server.colleague(address) as colleague:
        assert [name for _, _, name in colleague.list_folders()] == ["INBOX"]
    assert len(imap_server.mails(address)) == 1
    assert sink.mails == []


async def test_check_names_every_wrong_mailbox_and_the_relay(imap_server, address, tools, sink):
    settings = {
        **smtp_settings(imap_server, sink, sent=address),
        "smtp_port": 1,
        "mailboxes": [
            {"address": address, "password": "fout"},
            {"address": new_address(), "password": PASSWORD, "folder": "Bestaat niet"},
        ],
    }
    async with adapter(settings, tools) as running:
        first, second, relay = await running.check()

    assert address in first
    assert "log-in" in first
    assert "Bestaat niet" in second
    assert relay.startswith("relay: 127.0.0.1")


async def test_tls_is_verified_against_the_given_authority(imap_server, address, tools):
    settings = imap_settings(imap_server, address, port=imap_server.tls_port, imap_tls="tls")
    settings["imap_host"] = "localhost"

    with pytest.raises(MisconfiguredError, match="certificate"):
        await polled(settings, tools)
    assert await polled({**settings, "ca_file": str(imap_server.ca_file)}, tools) == [0]


async def test_starttls_is_used_when_asked(imap_server, address, tools):
    settings = imap_settings(imap_server, address, imap_tls="starttls", ca_file=str(imap_server.ca_file))
    with wiretap.before(imap_server.port) as tap:
        assert await polled({**settings, "imap_port": tap.port}, tools) == [0]

    assert b"STARTTLS" in tap.said
    assert PASSWORD.encode() not in tap.said
    assert b"AUTHENTICATE" not in tap.said


async def test_a_server_that_is_away_is_tried_again(imap_server, address, tools):
    with pytest.raises(TransientError):
        await polled(imap_settings(imap_server, address, port=1), tools)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mailboxes": [{"address": "a@b.be"}]}, "mailboxes.0"),
        ({"mailboxes": [{"address": "geen adres", "password": "x"}]}, "mailboxes.0.address"),
        ({"imap_host": "", "mailboxes": [{"address": "a@b.be", "password": "x"}]}, "imap_host"),
        ({"smtp_host": "relay"}, "sender"),
        ({"reply_base": "a@b.be"}, "reply_secret"),
        ({"onbekend": 1}, "onbekend"),
        ({"mailboxes": [{"address": "a@b.be", "oauth": {}}]}, "token"),
        ({"ca_file": "/bestaat/niet"}, "ca_file"),
    ],
)
def test_wrong_settings_are_named_without_their_values(tools, changes, named):
    with pytest.raises(MisconfiguredError, match=named) as raised:
        build({"imap_host": "127.0.0.1", **changes}, tools)

    assert "geen adres" not in raised.value.what


def test_building_opens_no_connection(tools):
    built = build(
        {"imap_host": "127.0.0.1", "imap_port": 1, "mailboxes": [{"address": "a@b.be", "password": "x"}]},
        tools,
    )

    assert [source.name for source in built.sources] == ["groepsmail/a@b.be"]
    assert built.mail is None


async def test_the_log_holds_no_personal_data(imap_server, address, tools, intake, monkeypatch, caplog):
    imap_server.deliver(
        a_mail("Geheim verhaal", subject="Intiem", sender="An Peeters <an.p@example.be>"), address
    )
    imap_server.deliver(POISON, address)
    with capture_logs() as events, caplog.at_level("INFO"):
        await polled(imap_settings(imap_server, address), tools)

    logged = f"{events}{caplog.text}"
    assert not [word for word in ("Geheim", "Intiem", "Peeters", "an.p@") if word in logged]


def replace_accept(tools, accept):
    return replace(tools, accept=accept)


def drag(server, address, here, there, uids=None):
    """A colleague moves mail by hand."""
    with server.colleague(address) as colleague:
        if not colleague.folder_exists(there):
            colleague.create_folder(there)
        colleague.select_folder(here)
        colleague.move(uids or colleague.search("ALL"), there)

"""The telephone as a source, against an Asterisk that speaks over real TCP and has its bad days."""

import asyncio
import random
import ssl
from datetime import timedelta

import pytest

from adapters.phone.records import Position
from ports.contracts.source import SourceContract
from ports.errors import MisconfiguredError, TransientError
from tests.adapters.phone.recordings import CALLS, MISSED, SCENARIOS, ids, packets, record_lines, stream
from tests.broker.certificates import issue
from tests.simulators.asterisk import Asterisk, renamed

CALL = "leuven-kcc-1795458945"
RECORDED = packets("beantwoord")
BEGIN, MIDDLE = (
    next(number for number, packet in enumerate(RECORDED) if packet.startswith(event))
    for event in (b"Event: DialEnd", b"Event: HangupRequest")
)
"""Packets of `beantwoord` before the agent picked up, and before the caller hung up."""


def answered(word="Jan Peeters", number=1):
    return renamed(packets("beantwoord"), CALL, f"call{number}", name=word)


def record_of(number=1, word="Jan Peeters"):
    (line,) = record_lines(f"{CALL}.0")
    return line.replace(CALL.encode(), f"call{number}".encode()).replace(b"Jan Peeters", word.encode())


class Exchange:
    """What the contract asks of the system behind the source: calls that end, told and recorded."""

    def __init__(self, asterisk, source, checkpoints):
        self._asterisk = asterisk
        self._source = source
        self._checkpoints = checkpoints
        self._number = 0

    async def put(self, text):
        self._number += 1
        await self._asterisk.play(answered(text, self._number))
        self._asterisk.write_record(record_of(self._number, text))

    async def put_poison(self):
        self._asterisk.write_record(b'"geen","oproep"')

    async def unconfirmed(self):
        """Calls that would come again after a crash: not read yet from the records, or still on the desk."""
        room = self._source._room
        unread = self._asterisk.records.stat().st_size - room.position.offset
        return len(room.desk.open_calls) + len(room.desk.unreadable) + bool(unread)


class TestContract(SourceContract):
    @pytest.fixture
    def source(self, phone):
        return phone().sources[0]

    @pytest.fixture
    def system(self, asterisk, source, checkpoints):
        asterisk.records.touch()
        return Exchange(asterisk, source, checkpoints)


@pytest.fixture(autouse=True)
def records_exist(asterisk):
    asterisk.records.touch()


def outcomes(intake):
    return [inbound.event.contact.subject.partition(":")[0] for inbound in intake.understood]


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("piece", [0, 7])
async def test_every_scenario_over_the_wire(scenario, piece, source, asterisk, intake, clock):
    asterisk.piece = piece
    await source.poll()
    await asterisk.play(packets(scenario))
    clock.advance(timedelta(seconds=1))

    expected = [outcomes for direction, outcomes in CALLS[scenario] if direction == "inbound"]
    assert await source.poll() == len(expected)
    missed = [contact.event.contact.subject.startswith("Gemiste") for contact in intake.understood]
    assert sorted(missed) == sorted(outcome == MISSED for outcome in expected)


async def test_what_comes_twice_and_in_another_order_is_one_contact(source, asterisk, intake):
    await source.poll()
    mixed = answered() + answered()
    random.Random(7).shuffle(mixed)
    await asterisk.play(mixed)

    assert await source.poll() == 1
    assert len(intake.accepted) == 1
    assert (await source.poll(), len(intake.accepted)) == (0, 1)


async def test_a_call_that_goes_on_is_not_handed_over(source, asterisk, intake):
    await source.poll()
    await asterisk.play(answered()[:MIDDLE])

    assert await source.poll() == 0
    await asterisk.play(answered()[MIDDLE:])
    assert await source.poll() == 1


async def test_a_frozen_exchange_is_noticed_while_the_line_stays_open(source, asterisk, intake):
    await source.poll()
    asterisk.freeze()

    with pytest.raises(TransientError, match="frozen"):
        await source.poll()

    asterisk.thaw()
    await source.poll()
    await asterisk.play(answered())
    assert await source.poll() == 1


async def test_a_cut_line_is_made_again_and_the_records_tell_what_was_missed(source, asterisk, intake):
    await source.poll()
    await asterisk.play(answered(number=1)[:BEGIN])
    await source.poll()
    asterisk.cut()
    await asterisk.play(answered(number=1)[BEGIN:])  # nobody hears the rest, nor the whole of the second call
    asterisk.write_record(record_of(1), record_of(2, "Iemand Anders"))

    assert await until(source, intake, 2) == 2
    contacts = [inbound.event.contact for inbound in intake.understood]
    assert {contact.party.name for contact in contacts} == {"Jan Peeters", "Iemand Anders"}
    assert all(contact.answered for contact in contacts)
    assert asterisk.logins == 2


async def test_without_records_a_missed_end_is_concluded_and_said(settings, phone, asterisk, intake):
    settings["systems"]["kcc"]["asterisk"]["records"] = ""
    source = phone().sources[0]
    await source.poll()
    await asterisk.play(answered()[:BEGIN])
    await source.poll()
    asterisk.cut()
    await asterisk.play(answered()[BEGIN:])

    assert await until(source, intake, 1) == 1
    (inbound,) = intake.understood
    assert "niet gezien" in inbound.event.contact.text
    assert inbound.event.contact.callback_by is not None


async def test_a_call_that_goes_on_through_a_gap_goes_on(source, asterisk, intake):
    await source.poll()
    await asterisk.play(answered()[:MIDDLE])
    await source.poll()
    asterisk.cut()

    assert await until(source, intake, 0) == 0
    assert asterisk.logins == 2
    await asterisk.play(answered()[MIDDLE:])
    assert await source.poll() == 1
    assert intake.understood[0].event.contact.answered


async def test_a_restarted_exchange_has_no_calls_left(source, asterisk, intake):
    await source.poll()
    await asterisk.play(packets("opgehangen_in_wachtrij")[:10])
    await source.poll()
    await asterisk.restart()

    assert await until(source, intake, 1) == 1
    assert outcomes(intake) == ["Gemiste oproep"]


async def test_an_exchange_that_hides_its_channels_is_listened_to_all_the_same(source, asterisk, intake):
    asterisk.shows_channels = False
    await source.poll()
    await asterisk.play(answered())

    assert await source.poll() == 1


async def test_a_hub_that_is_killed_in_the_middle_of_a_call_loses_nothing(phone, asterisk, intake):
    first = phone().sources[0]
    await first.poll()
    await asterisk.play(answered()[:MIDDLE])
    await first.poll()
    await kill(first)
    await asterisk.play(answered()[MIDDLE:])
    asterisk.write_record(record_of(1))

    second = phone().sources[0]

    assert await second.poll() == 1
    (inbound,) = intake.understood
    assert (inbound.event.contact.answered, inbound.event.contact.party.name) == (True, "Jan Peeters")
    assert "Els KCC" in inbound.event.contact.text


async def test_a_hub_that_is_killed_after_acceptance_hands_over_nothing_new(
    phone, asterisk, intake, checkpoints
):
    first = phone().sources[0]
    await first.poll()
    await asterisk.play(answered())
    before = dict(checkpoints.kept)
    await first.poll()
    checkpoints.kept = before  # as if the second save had not happened any more
    await kill(first)
    asterisk.write_record(record_of(1))

    assert await phone().sources[0].poll() == 0
    assert len(intake.accepted) == 1


async def test_what_is_kept_of_open_calls_cannot_be_read(source, asterisk, checkpoints):
    await source.poll()
    await asterisk.play(answered()[:MIDDLE])
    await source.poll()

    kept = "".join(checkpoints.kept.values())
    assert kept
    assert not [word for word in ("470123456", "Peeters", CALL, "call1") if word in kept]


async def test_the_log_tells_of_calls_and_not_of_people(source, asterisk, capsys):
    await source.poll()
    for scenario in SCENARIOS:
        await asterisk.play(packets(scenario))
        await source.poll()
    asterisk.write_record(b'"","+32470123456","half","een rij van Jan Peeters"')
    await source.poll()

    told = capsys.readouterr().out
    assert "call_handed_over" in told
    assert not [word for word in ("470123456", "Peeters", "Hondt", "Els", "openbaar") if word in told]


async def test_another_seal_does_not_open_them_and_says_so(phone, asterisk):
    await phone().sources[0].poll()

    with pytest.raises(MisconfiguredError, match="seal"):
        await phone(seal="another seal of more than 24 characters").sources[0].poll()


async def test_records_are_read_on_in_the_file_that_was_rotated_away(source, asterisk, intake):
    await source.poll()
    asterisk.write_record(record_of(1))
    asterisk.rotate()
    asterisk.write_record(record_of(2))

    assert await source.poll() == 2
    assert await source.poll() == 0


async def test_a_row_that_is_half_written_waits_for_its_end(source, asterisk, intake):
    await source.poll()
    row = record_of(1)
    with asterisk.records.open("ab") as file:
        file.write(row[:100])
    assert await source.poll() == 0
    with asterisk.records.open("ab") as file:
        file.write(row[100:] + b"\n")

    assert await source.poll() == 1


async def test_a_new_hub_begins_with_now(settings, phone, asterisk, intake):
    settings["systems"]["kcc"]["asterisk"]["first_look_back"] = False
    asterisk.write_record(record_of(1))
    source = phone().sources[0]

    assert await source.poll() == 0
    asterisk.write_record(record_of(2))
    assert await source.poll() == 1
    assert source._room.position != Position()


async def test_missing_records_are_an_outage_that_says_what_to_do(source, asterisk):
    await source.poll()
    asterisk.records.unlink()

    with pytest.raises(TransientError, match="mount"):
        await source.poll()


async def test_a_wrong_secret_stops_the_source(settings, phone):
    settings["systems"]["kcc"]["asterisk"]["secret"] = "een-ander-geheim"

    with pytest.raises(MisconfiguredError, match=r"manager\.conf"):
        await phone().sources[0].poll()


async def test_something_else_on_the_port_is_no_exchange(settings, phone):
    async def greet(reader, writer):
        writer.write(b"220 mail.leuven.test ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        settings["systems"]["kcc"]["asterisk"]["port"] = server.sockets[0].getsockname()[1]
        with pytest.raises(MisconfiguredError, match="no Asterisk"):
            await phone().sources[0].poll()


async def test_an_exchange_that_is_away_does_not_keep_its_records_from_being_read(source, asterisk, intake):
    await source.poll()
    await asterisk.stop()
    asterisk.write_record(record_of(1))

    with pytest.raises(TransientError):
        await source.poll()
    with pytest.raises(TransientError):
        await source.poll()

    assert len(intake.accepted) == 1
    await asterisk.__aenter__()


async def test_a_spoken_message_comes_along(settings, phone, asterisk, intake, tmp_path):
    (tmp_path / "opname-leuven-kcc-1795460093.11.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    settings["systems"]["kcc"]["asterisk"]["recordings"] = str(tmp_path)
    source = phone().sources[0]
    await source.poll()
    await asterisk.play(packets("voicemail"))

    assert await source.poll() == 1
    (inbound,) = intake.understood
    assert [file.attachment.media_type for file in inbound.files] == ["audio/wav"]
    assert inbound.event.contact.attachments == tuple(file.attachment for file in inbound.files)


async def test_a_message_that_is_not_where_it_should_be_is_named_all_the_same(
    settings, phone, asterisk, intake, tmp_path
):
    settings["systems"]["kcc"]["asterisk"]["recordings"] = str(tmp_path)
    source = phone().sources[0]
    await source.poll()
    await asterisk.play(packets("voicemail"))

    assert await source.poll() == 1
    assert "opname-leuven-kcc-1795460093.11.wav" in intake.understood[0].event.contact.text


async def test_two_exchanges_may_use_the_same_ids(settings, tools, asterisk, intake, tmp_path, phone):
    async with Asterisk(records=tmp_path / "Second.csv") as other:
        other.records.touch()
        second = {**settings["systems"]["kcc"]["asterisk"], "port": other.port, "records": str(other.records)}
        settings["systems"]["tweede"] = {"asterisk": second}
        sources = phone().sources
        for one in sources:
            await one.poll()
        await asterisk.play(answered())
        await other.play(answered())

        assert [await one.poll() for one in sources] == [1, 1]
        await sources[1].close()
    assert {inbound.source for inbound in intake.understood} == {"phone/kcc", "phone/tweede"}


async def test_more_than_can_wait_is_no_frozen_exchange(source, asterisk, intake, monkeypatch):
    monkeypatch.setattr("adapters.phone.client.MOST_WAITING", 10)
    await source.poll()
    for number in range(1, 6):
        await asterisk.play(answered(number=number))
    await asyncio.sleep(0.1)

    assert await until(source, intake, 5) == 5
    assert asterisk.logins == 1


@pytest.mark.parametrize("login", ["md5", "plain"])
async def test_the_line_may_be_encrypted(login, settings, phone, intake, tmp_path):
    files = {name: tmp_path / f"{name}.pem" for name in ("authority", "certificate", "key")}
    issue("127.0.0.1", **files)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files["certificate"], files["key"])
    async with Asterisk(tls=context) as exchange:
        asterisk = settings["systems"]["kcc"]["asterisk"]
        asterisk |= {"port": exchange.port, "tls": True, "login": login, "ca_file": str(files["authority"])}
        source = phone().sources[0]
        await source.poll()
        await exchange.play(answered())

        assert await source.poll() == 1
        await source.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused(settings, phone, tmp_path):
    files = {name: tmp_path / f"{name}.pem" for name in ("authority", "certificate", "key")}
    issue("127.0.0.1", **files)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files["certificate"], files["key"])
    async with Asterisk(tls=context) as exchange:
        settings["systems"]["kcc"]["asterisk"] |= {"port": exchange.port, "tls": True}
        with pytest.raises(TransientError, match="certificate"):
            await phone().sources[0].poll()


async def test_waiting_ends_when_something_is_told(source, asterisk):
    await source.poll()
    waiting = asyncio.create_task(source.wait(60))
    await asyncio.sleep(0.05)
    await asterisk.play(answered())

    async with asyncio.timeout(5):
        await waiting


def test_the_recordings_have_no_foreign_ids():
    assert all(len(ids(scenario)) == len(CALLS[scenario]) for scenario in SCENARIOS)
    assert stream("login").startswith(b"Asterisk Call Manager/")


async def until(source, intake, number):
    """Poll until so many contacts are there and the line is back; a round in which it breaks may fail."""
    for _ in range(20):
        try:
            await source.poll()
        except TransientError:
            await asyncio.sleep(0.05)
            continue
        if len(intake.accepted) >= number:
            return len(intake.accepted)
    return len(intake.accepted)


async def kill(source):
    """What a SIGKILL leaves: a broken connection and nothing saved."""
    await source.close()

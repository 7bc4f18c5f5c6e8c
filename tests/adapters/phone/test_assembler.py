"""Every recorded scenario gives the calls that its name says, whatever happened to the stream on its way."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.phone.ami import PacketReader
from adapters.phone.assembler import Direction, Habits, Observation, Outcome, What, assemble, in_order
from ports.errors import NotUnderstoodError
from tests.adapters.phone import recordings
from tests.adapters.phone.recordings import (
    CALLS,
    HABITS,
    SCENARIOS,
    are_as_named,
    calls,
    from_records,
    heard,
    ids,
    packets,
    stream,
)

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS)


def all_heard(scenario):
    return [one for packet in packets(scenario) for one in heard(packet)]


def test_every_recording_is_expected():
    assert set(SCENARIOS) == set(CALLS)


@each_scenario
def test_a_scenario_gives_the_calls_of_its_name(scenario):
    assert are_as_named(scenario, calls(all_heard(scenario)))


@each_scenario
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_order_and_repetition_change_nothing(scenario, data):
    whole = all_heard(scenario)
    mixed = data.draw(st.permutations(whole + whole[: len(whole) // 2]))

    assert calls(mixed) == calls(whole)


@each_scenario
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_stream_that_is_split_anywhere_tells_the_same(scenario, data):
    raw = stream(scenario)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    reader = PacketReader()
    pieces = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]

    assert [packet for piece in pieces for packet in reader.feed(piece)] == packets(scenario)


@each_scenario
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_stream_that_is_cut_is_made_good_by_the_call_records(scenario, data):
    raw = stream(scenario)
    begin, end = sorted([data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, len(raw)))])
    lost_middle = PacketReader().feed(raw[:begin]) + PacketReader().feed(raw[end:])
    seen = [one for packet in lost_middle for one in understood(packet)]

    assert are_as_named(scenario, calls(seen + from_records(*ids(scenario))))


def understood(packet):
    """The first packet after a cut may be half of one."""
    try:
        return heard(packet)
    except NotUnderstoodError:
        return ()


@each_scenario
def test_the_call_records_alone_give_the_calls_of_its_name(scenario):
    assert are_as_named(scenario, calls(from_records(*ids(scenario))))


def test_an_abandon_in_the_first_queue_does_not_count_when_the_second_answers():
    (call,) = calls(all_heard("tweede_wachtrij"))

    assert (call.outcome, call.queues, call.agent) == (Outcome.ANSWERED, ("leeg", "kcc"), "Els KCC")


def test_a_timeout_is_told_as_an_abandon_and_known_for_what_it_is():
    (call,) = calls(all_heard("wachtrij_timeout"))

    assert call.outcome is Outcome.TIMEOUT


def test_three_calls_at_once_are_kept_apart():
    found = calls(all_heard("drie_tegelijk"))

    assert [call.agent for call in found] == ["Tom KCC", "Els KCC", ""]


def test_who_asks_not_to_be_known_is_not_known():
    (call,) = calls(all_heard("anoniem"))

    assert (call.withheld, call.number, call.name) == (True, "", "")


def test_names_come_through_with_their_signs():
    (call,) = calls(all_heard("utf8_naam"))

    assert (call.name, call.number) == ("Zoë D'Hondt", "+32470999888")


def test_a_spoken_message_is_found():
    (call,) = calls(all_heard("voicemail"))

    assert call.recording is not None
    assert (call.recording.name, call.recording.seconds) == (
        "/var/spool/opname-leuven-kcc-1795460093.11.wav",
        "12",
    )


def test_a_request_to_call_back_keeps_its_number_and_its_hours():
    (call,) = calls(all_heard("terugbelverzoek"))

    assert (call.outcome, call.number, call.slot) == (Outcome.CALLBACK, "+32470123456", "14-16u")


def test_what_was_chosen_in_the_menu_is_the_topic():
    (call,) = calls(all_heard("beantwoord"))

    assert (call.topic, call.language, call.dialled) == ("openbaar-domein", "nl", "016272000")
    assert (call.ended - call.answered_at).seconds == 4


def test_a_first_record_that_says_no_answer_does_not_hide_the_answer_in_the_second():
    (call,) = calls(from_records("leuven-kcc-1795459027.13"))

    assert (call.outcome, call.transferred_to) == (Outcome.ANSWERED, "")


def test_a_transferred_call_is_one_call_and_its_records_tell_where_it_went():
    (call,) = calls(from_records("leuven-kcc-1795459044.16"))

    assert (call.direction, call.outcome) == (Direction.INBOUND, Outcome.ANSWERED)
    assert call.transferred_to == "3001"


def test_a_blind_transfer_goes_on_as_the_same_call():
    whole = all_heard("beantwoord")
    id_ = whole[0].call
    packet = (
        f"Event: BlindTransfer\r\nTimestamp: 1795458948.1\r\nResult: Success\r\nTransfererLinkedid: {id_}\r\n"
        f"TransfererUniqueid: {id_}.1\r\nContext: intern\r\nExtension: 3001"
    ).encode()

    (call,) = calls([*whole, *heard(packet)])

    assert (call.outcome, call.transferred_to) == (Outcome.ANSWERED, "3001")


def test_an_attended_transfer_tells_who_took_over():
    packet = (
        b"Event: AttendedTransfer\r\nTimestamp: 1795458948.1\r\nResult: Success\r\nOrigTransfererLinkedid: a.1\r\n"
        b"TransferTargetCallerIDNum: 3001"
    )

    assert [(one.call, one.what, one.party) for one in heard(packet)] == [("a.1", What.TRANSFERRED, "3001")]


def test_a_transfer_that_failed_is_none():
    assert heard(b"Event: BlindTransfer\r\nResult: Fail\r\nTransfererLinkedid: a.1\r\nExtension: 3001") == ()


def test_a_line_in_a_value_cannot_pose_as_a_field_of_the_event():
    real = b"Event: UserEvent\r\nTimestamp: 1795458948.1\r\nUniqueid: a.1\r\nLinkedid: a.1\r\nUserEvent: KccKeuze\r\n"
    smuggled = b"Thema: zwerfvuil\r\nEvent: Hangup\r\nLinkedid: b.2\r\nUserEvent: TerugbelVerzoek"

    assert [(one.call, one.what, one.topic) for one in heard(real + smuggled)] == [
        ("a.1", What.CHOSE, "zwerfvuil")
    ]


def test_variables_of_the_dial_plan_tell_nothing():
    packet = b"Event: VarSet\r\nUniqueid: a.1\r\nLinkedid: a.1\r\nVariable: X\r\nValue: Event: Hangup"

    assert heard(packet) == ()


@pytest.mark.parametrize(
    "packet",
    [
        b"Event: Hangup\r\nTimestamp: 1795458948.1",
        b"Event: Hangup\r\nUniqueid: a.1",
        b"Event: Hangup\r\nUniqueid: a.1\r\nLinkedid: a.1\r\nTimestamp: gisteren",
        b"Event: Cdr\r\nUniqueID: a.1\r\nStartTime: 2026-13-01 00:00:00",
        b"Event: Hangup\r\nUniqueid: a.1\r\nLinkedid: " + b"x" * 151,
    ],
)
def test_an_event_that_lacks_what_makes_it_usable_is_named(packet):
    with pytest.raises(NotUnderstoodError):
        heard(packet)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data):
    for packet in PacketReader().feed(b"Event: Hangup\r\n" + data + b"\r\n\r\n"):
        understood(packet)


def test_a_packet_without_end_is_cut_off_and_the_next_is_read():
    reader = PacketReader()
    found = [packet for _ in range(6) for packet in reader.feed(b"x" * 100_000)]
    found += reader.feed(b"\r\n\r\nEvent: Hangup\r\n\r\n")

    assert [len(packet) for packet in found] == [262_144, len(b"Event: Hangup")]


def test_a_call_over_midnight_is_one_call():
    minute = recordings.HEARING.now.replace(hour=23, minute=59, second=0, microsecond=0)
    later = minute + timedelta(minutes=3)
    seen = [
        Observation(call="a", what=What.BEGAN, at=minute, inbound=True, number="0470123456"),
        Observation(call="a", what=What.ENDED, at=later, cause="cancel"),
    ]

    call = assemble(seen, Habits())

    assert (call.outcome, call.number, (call.ended - call.began).seconds) == (
        Outcome.ABANDONED,
        "+32470123456",
        180,
    )


def test_the_order_is_that_of_time_and_each_counts_once():
    seen = all_heard("beantwoord")

    assert in_order([*reversed(seen), *seen]) == in_order(seen)
    assert [one.at for one in in_order(seen)] == sorted({one: one.at for one in seen}.values())
    assert assemble(seen, HABITS).certain

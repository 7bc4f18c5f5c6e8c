"""What a real Asterisk 22 said, one file per scenario, and what each scenario's name says about its calls.

The recordings were made with calls over SIP; all numbers are fictitious. `beantwoord` is complete, in the others the
noise (variables, channel states) was left out: the hub does not ask for it.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters.phone.ami import Hearing, PacketReader, Vocabulary, fields, observations
from adapters.phone.assembler import Direction, Habits, Outcome, assemble
from adapters.phone.records import observations as recorded
from adapters.phone.settings import USER_EVENTS, USER_FIELDS
from ports.clock import SystemClock

FIXTURES = Path(__file__).parent / "fixtures"
SCENARIOS = sorted(file.stem for file in FIXTURES.glob("*.ami") if file.stem != "login")
MISSED = frozenset({Outcome.ABANDONED, Outcome.TIMEOUT})
"""Only a user event of the dial plan tells these apart."""

CALLS: dict[str, list[tuple[Direction, frozenset[Outcome]]]] = {
    "beantwoord": [(Direction.INBOUND, frozenset({Outcome.ANSWERED}))],
    "eerste_neemt_niet_op": [(Direction.INBOUND, MISSED)],
    "opgehangen_in_wachtrij": [(Direction.INBOUND, MISSED)],
    "wachtrij_timeout": [(Direction.INBOUND, MISSED)],
    "terugbelverzoek": [(Direction.INBOUND, frozenset({Outcome.CALLBACK}))],
    "doorverbonden": [(Direction.INBOUND, MISSED)],
    "utf8_naam": [(Direction.INBOUND, frozenset({Outcome.ANSWERED}))],
    "anoniem": [(Direction.INBOUND, frozenset({Outcome.ANSWERED}))],
    "tweede_wachtrij": [(Direction.INBOUND, frozenset({Outcome.ANSWERED}))],
    "pauze": [],
    "drie_tegelijk": [
        (Direction.INBOUND, frozenset({Outcome.ANSWERED})),
        (Direction.INBOUND, frozenset({Outcome.ANSWERED})),
        (Direction.INBOUND, MISSED),
    ],
    "voicemail": [(Direction.INBOUND, frozenset({Outcome.VOICEMAIL}))],
    "terugbellen_originate": [(Direction.INTERNAL, MISSED)],
}
"""In the recordings of `eerste_neemt_niet_op` and `doorverbonden` nobody picked up: the caller hung up first."""

HABITS = Habits(
    inbound_contexts=("inkomend",),
    lines={"016272001": Outcome.CALLBACK, "016272004": Outcome.VOICEMAIL},
)
HEARING = Hearing(
    vocabulary=Vocabulary(user_events=USER_EVENTS, user_fields=USER_FIELDS, time_zone=ZoneInfo("UTC")),
    now=SystemClock().now(),
)


def stream(scenario):
    """The bytes that Asterisk sent."""
    return (FIXTURES / f"{scenario}.ami").read_bytes()


def packets(scenario):
    """The packets of a scenario, as they came."""
    return PacketReader().feed(stream(scenario))


def heard(packet):
    """What a packet tells."""
    return observations(fields(packet), HEARING)


def ids(scenario):
    """The ids of the calls in a scenario."""
    found = re.findall(rb"^Linkedid: (\S+)\r?$", stream(scenario), re.MULTILINE)
    return sorted({id_.decode() for id_ in found}, key=lambda id_: (len(id_), id_))


def record_lines(*call_ids):
    """The rows of these calls in the exchange's call records."""
    lines = (FIXTURES / "Master.csv").read_bytes().splitlines()
    return [line for line in lines if any(f'"{id_}"'.encode() in line for id_ in call_ids)]


def from_records(*call_ids):
    """What the call records tell of these calls."""
    return list(recorded(record_lines(*call_ids), ZoneInfo("UTC")))


def calls(seen):
    """The calls of a heap of observations, in order of their ids."""
    by_call = {}
    for one in seen:
        by_call.setdefault(one.call, []).append(one)
    ordered = sorted(by_call, key=lambda id_: (len(id_), id_))
    return [assemble(by_call[id_], HABITS) for id_ in ordered]


def are_as_named(scenario, found):
    """Whether these calls are what the scenario's name says."""
    expected = CALLS[scenario]
    return len(found) == len(expected) and all(
        call.direction is direction and call.outcome in outcomes
        for call, (direction, outcomes) in zip(found, expected, strict=True)
    )


def at(moment, scenario, call_id):
    """A scenario of one call as if it began at this moment, under another id: its packets and its call records."""
    (old,) = ids(scenario)
    prefix = old.rpartition(".")[0].encode()
    told = [packet.replace(prefix, call_id.encode()) for packet in packets(scenario)]
    first = min(
        float(stamp) for packet in told for stamp in re.findall(rb"^Timestamp: (\S+)", packet, re.MULTILINE)
    )
    later = moment.timestamp() - first

    def stamp(found):
        return f"Timestamp: {float(found[1]) + later:.6f}".encode()

    def day(found):
        then = datetime.strptime(found[0].decode(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        return (then + timedelta(seconds=later)).strftime("%Y-%m-%d %H:%M:%S").encode()

    told = [re.sub(rb"Timestamp: (\S+)", stamp, _DAY.sub(day, packet)) for packet in told]
    rows = [_DAY.sub(day, row.replace(prefix, call_id.encode())) for row in record_lines(old)]
    return told, rows


_DAY = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")

"""What Asterisk's manager interface (AMI) says, as observations of calls. Pure: bytes and fields in, facts out.

The wire: `Key: value` lines, an empty line ends a packet. Events do not come in order of time, a call has a
channel for everybody in it (its own `Uniqueid`), and all of them share the call's `Linkedid`: the id of the
first channel, the caller's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.phone.assembler import Observation, What
from ports.errors import NotUnderstoodError
from ports.moments import iso_moment, unix_moment

LARGEST_PACKET = 262_144
"""Bytes; what is longer is no event that we know."""

_END = re.compile(rb"\r?\n\r?\n")
_ESCAPED = re.compile(r"\\(['\"\\])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")

Fields = Mapping[str, str]


class PacketReader:
    """Cuts a stream into packets, however it was cut on its way."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are complete now; one that is too long comes once, cut off at the limit."""
        *whole, self._rest = _END.split(self._rest + data)
        if self._skipping and whole:
            del whole[0]
            self._skipping = False
        if len(self._rest) > LARGEST_PACKET:
            whole += [] if self._skipping else [self._rest[:LARGEST_PACKET]]
            self._rest, self._skipping = self._rest[-3:], True
        return [packet.strip(b"\r\n") for packet in whole if packet.strip(b"\r\n")]


def fields(packet: bytes) -> dict[str, str]:
    """The fields of a packet. Of a key that comes twice the first counts: the exchange writes its own first,
    and what a caller could smuggle into a value stands behind it.
    """
    found: dict[str, str] = {}
    for line in packet.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key.strip(), _plain(value))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """How this exchange's own dial plan speaks: names of its user events and of their fields, and its clock."""

    user_events: Mapping[str, What]
    user_fields: Mapping[str, str]
    time_zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """How to understand an event; `now` when it carries no time itself."""

    vocabulary: Vocabulary
    now: datetime


def observations(event: Fields, heard: Hearing) -> tuple[Observation, ...]:
    """What an event tells of a call; () for the many that tell nothing.

    Raises `NotUnderstoodError` when an event that we need lacks what makes it usable.
    """
    read = _READERS.get(event.get("Event", ""))
    return read(event, heard) if read else ()


Reader = Callable[[Fields, Hearing], tuple[Observation, ...]]


def _of_caller(what: What, **names: str) -> Reader:
    """An event about the caller's own channel; `names`: our field -> theirs."""

    def read(event: Fields, heard: Hearing) -> tuple[Observation, ...]:
        if _needed(event, "Uniqueid") != _needed(event, "Linkedid"):
            return ()
        told = {ours: event.get(theirs, "") for ours, theirs in names.items()}
        return (_snapshot(event, what, heard.now, told),)

    return read


def _snapshot(event: Fields, what: What, now: datetime, told: Mapping[str, str]) -> Observation:
    """Every event of a channel carries who calls and what was dialled: a lost first event loses nothing."""
    return Observation(
        call=_needed(event, "Linkedid"),
        what=what,
        at=_moment(event, now),
        number=event.get("CallerIDNum", ""),
        name=event.get("CallerIDName", ""),
        dialled=event.get("Exten", ""),
        context=event.get("Context", ""),
        **told,  # type: ignore[arg-type]
    )


def _dialled(event: Fields, heard: Hearing) -> tuple[Observation, ...]:
    """Somebody picked up a phone that the dial plan rang."""
    if event.get("DialStatus") != "ANSWER" or "Uniqueid" not in event:
        return ()
    return _of_caller(What.ANSWERED, agent="DestCallerIDName")(event, heard)


def _blind_transfer(event: Fields, heard: Hearing) -> tuple[Observation, ...]:
    return _transfer(event, "TransfererLinkedid", "Extension", heard.now)


def _attended_transfer(event: Fields, heard: Hearing) -> tuple[Observation, ...]:
    return _transfer(event, "OrigTransfererLinkedid", "TransferTargetCallerIDNum", heard.now)


def _transfer(event: Fields, call: str, to: str, now: datetime) -> tuple[Observation, ...]:
    if event.get("Result") != "Success":
        return ()
    return (
        Observation(
            call=_needed(event, call),
            what=What.TRANSFERRED,
            at=_moment(event, now),
            party=event.get(to, ""),
        ),
    )


def _user_event(event: Fields, heard: Hearing) -> tuple[Observation, ...]:
    what = heard.vocabulary.user_events.get(event.get("UserEvent", ""))
    if what is None:
        return ()
    told = {ours: event[theirs] for theirs, ours in heard.vocabulary.user_fields.items() if theirs in event}
    resolved = told.pop("resolved", "").casefold()
    snapshot = {
        "number": event.get("CallerIDNum", ""),
        "name": event.get("CallerIDName", ""),
        "dialled": event.get("Exten", ""),
        "context": event.get("Context", ""),
    }
    return (
        Observation(
            call=_needed(event, "Linkedid"),
            what=what,
            at=_moment(event, heard.now),
            resolved=_YES_NO.get(resolved),
            **{**snapshot, **told},  # type: ignore[arg-type]
        ),
    )


def _call_record(event: Fields, heard: Hearing) -> tuple[Observation, ...]:
    """The event has no Linkedid; the record of a caller's channel has the call's id as its own."""
    record = CallRecord(
        call=_needed(event, "UniqueID"),
        source=event.get("Source", ""),
        caller_id=event.get("CallerID", ""),
        destination=event.get("Destination", ""),
        context=event.get("DestinationContext", ""),
        party=event.get("DestinationChannel", ""),
        application=event.get("LastApplication", ""),
        disposition=event.get("Disposition", ""),
        began=event.get("StartTime", ""),
        answered=event.get("AnswerTime", ""),
        ended=event.get("EndTime", ""),
    )
    return (record.observed(heard.vocabulary.time_zone),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call record, the same whether it came as an event or was read from the file. Personal data."""

    call: str
    source: str
    caller_id: str
    destination: str
    context: str
    party: str
    application: str
    disposition: str
    began: str
    answered: str
    ended: str

    def observed(self, zone: ZoneInfo) -> Observation:
        """As an observation at the end of the call; the record's times are in `zone`."""
        name = re.match(r'"+(.*?)"+ <', self.caller_id)
        return Observation(
            call=self.call,
            what=What.RECORDED,
            at=_local(self.ended, zone),
            number=self.source,
            name=name[1] if name else "",
            dialled=self.destination,
            context=self.context,
            party=self.party,
            application=self.application.casefold(),
            disposition=self.disposition,
            began=_local(self.began, zone),
            answered=_local(self.answered, zone) if self.answered else None,
        )


def _needed(event: Fields, key: str) -> str:
    value = event.get(key, "")
    if not value or len(value) > 150:
        raise NotUnderstoodError(f"AMI event {event.get('Event', '')[:40]!r}: {key} is missing or too long")
    return value


def _moment(event: Fields, now: datetime) -> datetime:
    stamp = event.get("Timestamp", "")
    if not stamp:
        return now
    if not _SECONDS.fullmatch(stamp):
        raise NotUnderstoodError(f"AMI event {event['Event'][:40]!r}: Timestamp is not seconds since 1970")
    try:
        return unix_moment(float(stamp))
    except ValueError:
        raise NotUnderstoodError(
            f"AMI event {event['Event'][:40]!r}: no clock shows this Timestamp"
        ) from None


def _local(text: str, zone: ZoneInfo) -> datetime:
    try:
        return iso_moment(text, zone)
    except ValueError:
        raise NotUnderstoodError("call record: a time is not YYYY-MM-DD HH:MM:SS") from None


def _plain(value: str) -> str:
    return _CONTROL.sub(" ", _ESCAPED.sub(r"\1", value)).strip()


_YES_NO = {
    "ja": True,
    "yes": True,
    "1": True,
    "true": True,
    "nee": False,
    "no": False,
    "0": False,
    "false": False,
}
_READERS: dict[str, Reader] = {
    "Newchannel": _of_caller(What.BEGAN),
    "NewCallerid": _of_caller(What.NAMED),
    "QueueCallerJoin": _of_caller(What.QUEUED, queue="Queue"),
    "QueueCallerAbandon": _of_caller(What.LEFT_QUEUE, queue="Queue"),
    "AgentConnect": _of_caller(What.ANSWERED, agent="MemberName", queue="Queue"),
    "DialEnd": _dialled,
    "BlindTransfer": _blind_transfer,
    "AttendedTransfer": _attended_transfer,
    "UserEvent": _user_event,
    "Hangup": _of_caller(What.ENDED),
    "Cdr": _call_record,
}

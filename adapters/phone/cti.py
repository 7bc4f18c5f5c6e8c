"""The CTI webhook's vocabulary as observations of calls. Pure.

The words are those of the vendor-neutral "generic CTI" interface that telephone systems already speak
(newCall, answer, hangup), in JSON or as a form, and ours for what that one lacks: `transfer`, `wrapUp`,
`callbackRequest`, `voicemail` and `call` (a whole call at once, for systems that only tell afterwards).
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import msgspec

from adapters.phone.assembler import Observation, What
from ports.errors import NotSupportedError, NotUnderstoodError
from ports.moments import iso_moment

_MOST_FIELDS = 100
_LONGEST_LINE = 500
_LONGEST_TEXT = 20_000
_LONGEST_ID = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one request tells: observations of one call, and the recording when it came along."""

    observations: tuple[Observation, ...]
    recording: bytes = field(default=b"", repr=False)


def told(body: bytes, media_type: str, now: datetime, zone: ZoneInfo) -> Told:
    """What a request tells. Times without offset are in `zone`; without any time it is `now`.

    Raises `NotUnderstoodError` with the field, or `NotSupportedError` for an event that we do not need.
    """
    sent = _Sent(
        _form(body) if media_type.startswith("application/x-www-form-urlencoded") else _json(body), zone
    )
    event = sent.line("event")
    read = _READERS.get(event)
    if read is None and not event:
        raise NotUnderstoodError("$.event: is missing")
    if read is None:
        raise NotSupportedError(f"$.event: {event[:40]!r} is not one that the hub needs")
    return Told(observations=read(sent, now), recording=sent.recording())


class _Sent:
    """A request's fields, whatever the syntax."""

    def __init__(self, tree: Mapping[str, Any], zone: ZoneInfo) -> None:
        self._tree = tree
        self._zone = zone

    def line(self, *names: str) -> str:
        """A short text under the first of these names that is filled in."""
        return " ".join(self._text(names, _LONGEST_LINE).split())

    def text(self, name: str) -> str:
        return self._text((name,), _LONGEST_TEXT).replace("\r\n", "\n").strip()

    def moment(self, name: str, now: datetime | None) -> datetime | None:
        text = self.line(name)
        if not text:
            return now
        try:
            return iso_moment(text, self._zone)
        except ValueError:
            raise NotUnderstoodError(f"$.{name}: is not a time in ISO 8601") from None

    def truth(self, name: str) -> bool | None:
        """Yes, no, or not said."""
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
            self.line(name).casefold()
        )

    def recording(self) -> bytes:
        try:
            return base64.b64decode(self._tree.get("recording") or "", validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise NotUnderstoodError("$.recording: is not in base64") from None

    def call_id(self) -> str:
        id_ = self.line("callId")
        if not id_ or len(id_) > _LONGEST_ID:
            raise NotUnderstoodError(f"$.callId: is missing or longer than {_LONGEST_ID} characters")
        return id_

    def with_id(self, call_id: str) -> "_Sent":
        return _Sent({**self._tree, "callId": call_id}, self._zone)

    def _text(self, names: tuple[str, ...], longest: int) -> str:
        for name in names:
            value = self._tree.get(name)
            value = value[0] if isinstance(value, list) and value else value  # pyright: ignore[reportUnknownVariableType]
            if value is None or value in ("", [], {}):
                continue
            if isinstance(value, bool):
                return str(value).lower()
            if not isinstance(value, str | int | float) or len(str(value)) > longest or "\0" in str(value):
                raise NotUnderstoodError(f"$.{name}: is not a text of at most {longest} characters")
            return str(value)
        return ""


def _observation(sent: _Sent, now: datetime, what: What, **more: Any) -> Observation:
    outbound = sent.line("direction").casefold() in ("out", "outbound", "internal")
    return Observation(
        call=sent.call_id(),
        what=what,
        at=sent.moment("occurredAt", now) or now,
        number=sent.line("to" if outbound else "from"),
        name=sent.line("fromName", "name"),
        dialled=sent.line("to", "did"),
        inbound=not outbound,
        outbound=outbound,
        queue=sent.line("queue"),
        topic=sent.line("topic"),
        language=sent.line("language"),
        **more,
    )


def _new_call(sent: _Sent, now: datetime) -> tuple[Observation, ...]:
    return (_observation(sent, now, What.BEGAN),)


def _answer(sent: _Sent, now: datetime) -> tuple[Observation, ...]:
    agent = sent.line("user", "user[]", "users", "answeringNumber")
    return (_observation(sent, now, What.ANSWERED, agent=agent),)


def _hangup(sent: _Sent, now: datetime) -> tuple[Observation, ...]:
    cause = sent.line("cause")
    ended = _observation(sent, now, What.ENDED, cause=cause)
    return (ended, _observation(sent, now, What.TIMED_OUT)) if cause == "noAnswer" else (ended,)


def _transfer(sent: _Sent, now: datetime) -> tuple[Observation, ...]:
    return (_observation(sent, now, What.TRANSFERRED, party=sent.line("target")),)


def _callback(sent: _Sent, now: datetime) -> tuple[Observation, ...]:
    asked = _observation(sent, now, What.CALLBACK, slot=sent.line("slot"), notes=sent.text("notes"))
    given = sent.line("number")
    return (msgspec.structs.replace(asked, number=given) if given else asked,)


def _voicemail(sent: _Sent, now: datetime) -> tuple[Observation, ...]:
    recording = sent.line("recordingName") or ("voicemail.wav" if sent.recording() else "")
    left = _observation(sent, now, What.VOICEMAIL, recording=recording, seconds=sent.line("duration"))
    return (left,)


def _wrap_up(sent: _Sent, now: datetime) -> tuple[Observation, ...]:
    notes = _observation(
        sent,
        now,
        What.WRAPPED_UP,
        agent=sent.line("user"),
        subject=sent.line("subject"),
        notes=sent.text("notes"),
        answer=sent.text("answer"),
        category=sent.line("category"),
        kind=sent.line("kind"),
        resolved=sent.truth("resolved"),
        case=sent.line("case"),
        product=sent.line("product"),
        source=sent.line("source"),
    )
    wants = sent.truth("callback")
    return (notes, _observation(sent, now, What.CALLBACK, slot=sent.line("slot"))) if wants else (notes,)


def _whole_call(sent: _Sent, now: datetime) -> tuple[Observation, ...]:
    """A call told afterwards. Without an id, everything that is known of it is its id: two calls of one number
    in the same minute differ in their seconds.
    """
    parts = [
        sent.line(name) for name in ("from", "to", "direction", "startedAt", "answeredAt", "endedAt", "user")
    ]
    if not sent.line("callId"):
        if not sent.line("startedAt"):
            raise NotUnderstoodError("$.startedAt: is missing, and there is no callId")
        sent = sent.with_id("|".join(parts))
    began = sent.moment("startedAt", now) or now
    answered, ended = sent.moment("answeredAt", None), sent.moment("endedAt", now) or now
    calls = [
        msgspec.structs.replace(_observation(sent, now, What.BEGAN), at=began),
        msgspec.structs.replace(_observation(sent, now, What.ENDED), at=ended),
    ]
    if answered:
        talk = _observation(sent, now, What.ANSWERED, agent=sent.line("user"))
        calls.append(msgspec.structs.replace(talk, at=answered))
    return tuple(calls)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotUnderstoodError("$: is not JSON") from None
    if not isinstance(tree, dict):
        raise NotUnderstoodError("$: is not a JSON object")
    return tree  # pyright: ignore[reportUnknownVariableType]


def _form(body: bytes) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except (ValueError, UnicodeDecodeError):
        raise NotUnderstoodError(f"$: is not a form in UTF-8 of at most {_MOST_FIELDS} fields") from None
    return dict(reversed(pairs))


Reader = Callable[[_Sent, datetime], tuple[Observation, ...]]
_READERS: dict[str, Reader] = {
    "newCall": _new_call,
    "answer": _answer,
    "hangup": _hangup,
    "transfer": _transfer,
    "callbackRequest": _callback,
    "voicemail": _voicemail,
    "wrapUp": _wrap_up,
    "call": _whole_call,
}

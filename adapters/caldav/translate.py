# icalendar's values are of any type: each gets one where it comes in
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Work orders to tasks (VTODO, RFC 5545), tasks to what the crew did. Pure."""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from icalendar import Calendar, Todo, vBinary

from adapters.caldav.settings import Settings
from canonical_model.attachment import Attachment
from canonical_model.case import CaseRef
from canonical_model.work_order import OrderState, WorkOrder, order_id, parse_order_id
from ports.errors import NotSupportedError, NotUnderstoodError
from ports.files import Upload

NOTES = "Nota van de ploeg:"
"""The last line of what we write; whatever stands below it is the crew's."""

_BRUSSELS = ZoneInfo("Europe/Brussels")
_TAKEN_BACK = "Niet meer nodig:"
_ENDING = ".ics"
_UID = "@wegwijzer"
_STATES = {
    "": OrderState.ORDERED,
    "NEEDS-ACTION": OrderState.ORDERED,
    "IN-PROCESS": OrderState.IN_PROGRESS,
    "COMPLETED": OrderState.DONE,
    "CANCELLED": OrderState.CANCELLED,
}


class Sent(msgspec.Struct, frozen=True):
    """What we put in a task: to tell the crew's share from ours. Hashes (SHA-256) of the text and of each photo."""

    due: datetime | None = None
    text: str = ""
    photos: tuple[str, ...] = ()
    taken_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A task as the crew has it now. `planned`: when they mean to come; `photos` are theirs, inline or at an address."""

    uid: str
    state: OrderState
    planned: datetime | None
    note: str = field(repr=False)
    changed_at: datetime | None
    inline: tuple[Upload, ...] = ()
    distant: tuple[str, ...] = field(default=(), repr=False)
    ours: tuple[str, ...] = ()


def name_of(order: str) -> str:
    """Under which name an order lies in the list."""
    return f"{order}{_ENDING}"


def order_in(name: str) -> tuple[CaseRef, int] | None:
    """Whose order lies under this name; None when it is a task of the crew's own."""
    return parse_order_id(name.removesuffix(_ENDING)) if name.endswith(_ENDING) else None


def uid_of(order: str) -> str:
    """The task's own id."""
    return f"{order}{_UID}"


def to_task(order: WorkOrder, photos: Sequence[tuple[Attachment, bytes]], now: datetime) -> bytes:
    """The task; `photos` are those that go along, the rest is counted in the text."""
    name = order_id(order.case, order.trip)
    todo = Todo()
    for key, value in (
        ("uid", uid_of(name)),
        ("dtstamp", now),
        ("created", now),
        ("last-modified", now),
        ("summary", f"{'DRINGEND: ' if order.urgent else ''}{_clean(order.subject)}"),
        ("description", _described(order, len(photos))),
        ("status", "NEEDS-ACTION"),
        ("priority", 1 if order.urgent else 5),
    ):
        todo.add(key, value)
    if order.category:
        todo.add("categories", [_clean(order.category)])
    _add_place(todo, order)
    if order.due:
        todo.add("due", order.due.astimezone(UTC))
    for attachment, content in photos:
        _attach(todo, attachment, content)
    return _calendar(todo)


def to_sent(order: WorkOrder, photos: Sequence[tuple[Attachment, bytes]]) -> Sent:
    """What to remember of the task that `to_task` makes."""
    return Sent(
        due=order.due.astimezone(UTC).replace(microsecond=0) if order.due else None,
        text=_hash(_described(order, len(photos))),
        photos=tuple(sha256(content).hexdigest() for _, content in photos),
    )


def to_cancelled(content: bytes, reason: str, now: datetime) -> bytes:
    """The task as it lies there, cancelled; everything else stays as the crew has it. Raises `NotUnderstoodError`."""
    calendar = _read(content)
    todo = _todo(calendar)
    version = _text(todo, "sequence")
    for name in ("status", "last-modified", "dtstamp", "completed", "percent-complete", "sequence"):
        todo.pop(name, None)
    todo.add("status", "CANCELLED")
    todo.add("last-modified", now)
    todo.add("dtstamp", now)
    todo.add("sequence", int(version) + 1 if version.isdecimal() else 1)
    todo.add("comment", f"{_TAKEN_BACK} {_clean(reason)}")
    written: bytes = calendar.to_ical()
    return written


def to_work(content: bytes, sent: Sent, settings: Settings) -> Work:
    """How the crew has it. Raises `NotUnderstoodError`, or `NotSupportedError` for a status of nobody's."""
    try:
        return _work(_todo(_read(content)), sent, settings)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise NotUnderstoodError("the task can't be read", detail=type(error).__name__) from None


def _work(todo: Todo, sent: Sent, settings: Settings) -> Work:
    note = _note(todo, sent)
    planned = _planned(todo, sent)
    inline, distant, ours = _photos(todo, sent)
    return Work(
        uid=_text(todo, "uid"),
        state=_state(todo, note, planned, settings),
        planned=planned,
        note=note,
        changed_at=_moment(todo, "last-modified") or _moment(todo, "dtstamp"),
        inline=inline,
        distant=distant,
        ours=ours,
    )


def told(note: str, planned: datetime | None) -> str:
    """What is new, in the crew's words: this part of the note, and when they mean to come."""
    line = f"Gepland op {planned.astimezone(_BRUSSELS):%d/%m/%Y %H:%M}" if planned else ""
    return "\n".join(part for part in (line, note) if part)


def _state(todo: Todo, note: str, planned: datetime | None, settings: Settings) -> OrderState:
    status = _text(todo, "status").upper()
    if status not in _STATES:
        raise NotSupportedError("the task has a status that RFC 5545 does not know")
    if settings.not_found_category.casefold() in _categories(todo):
        return OrderState.NOT_FOUND
    state = _STATES[status]
    if state is OrderState.CANCELLED and any(
        word.casefold() in note.casefold() for word in settings.not_found_words
    ):
        return OrderState.NOT_FOUND
    if state is OrderState.ORDERED and ("COMPLETED" in todo or _text(todo, "percent-complete") == "100"):
        return OrderState.DONE
    return OrderState.PLANNED if state is OrderState.ORDERED and planned else state


def _note(todo: Todo, sent: Sent) -> str:
    """What stands below our last line, or instead of our text, and the comments that are not ours."""
    whole = _lines(_text(todo, "description"))
    before, mark, below = whole.partition(NOTES)
    if not mark:
        below = "" if _hash(whole) == sent.text else before
    comments = [
        words for one in _all(todo, "comment") if not (words := _lines(str(one))).startswith(_TAKEN_BACK)
    ]
    return "\n".join(part for part in (below.strip(), *comments) if part)


def _planned(todo: Todo, sent: Sent) -> datetime | None:
    """The start that the crew set, or the term when they moved it."""
    start, due = _moment(todo, "dtstart"), _moment(todo, "due")
    return start or (due if due != sent.due else None)


def _photos(todo: Todo, sent: Sent) -> tuple[tuple[Upload, ...], tuple[str, ...], tuple[str, ...]]:
    inline: list[Upload] = []
    distant: list[str] = []
    ours: list[str] = []
    for one in _all(todo, "attach"):
        content = _inline(one)
        if content is None:
            distant.append(str(one))
        elif (claim := sha256(content).hexdigest()) in sent.photos:
            ours.append(claim)
        else:
            inline.append(Upload(_file_name(one), content))
    return tuple(inline), tuple(distant), tuple(ours)


def _inline(attached: Any) -> bytes | None:
    """The bytes, when they are in the task itself."""
    if isinstance(attached, vBinary):
        encoded: bytes = attached.to_ical()
        return base64.b64decode(encoded)
    found = re.match(r"data:[^,]*;base64,", str(attached))
    return base64.b64decode(str(attached)[found.end() :]) if found else None


def _file_name(attached: Any) -> str:
    parameters = getattr(attached, "params", {})
    return str(parameters.get("X-FILENAME") or parameters.get("FILENAME") or "foto.jpg")


def _described(order: WorkOrder, photos: int) -> str:
    due = order.due.astimezone(_BRUSSELS) if order.due else None
    left = len(order.attachments) - photos
    lines = (
        _clean(order.description),
        f"Plaats: {_clean(order.location.address)}" if order.location.address else "",
        f"Uiterlijk: {due:%d/%m/%Y %H:%M}" if due else "",
        f"Foto's die hier niet bij staan: {left}" if left else "",
        f"Werkorder {order_id(order.case, order.trip)}",
        NOTES,
    )
    return "\n\n".join(line.strip() for line in lines if line.strip()) + "\n"


def _add_place(todo: Todo, order: WorkOrder) -> None:
    if order.location.address:
        todo.add("location", _clean(order.location.address))
    if order.location.point:
        todo.add("geo", (order.location.point.latitude, order.location.point.longitude))


def _attach(todo: Todo, attachment: Attachment, content: bytes) -> None:
    photo = vBinary(content)
    photo.params["FMTTYPE"] = attachment.media_type
    photo.params["X-FILENAME"] = re.sub(r"[^\w .()-]", "_", attachment.name)
    todo.add("attach", photo)


def _calendar(todo: Todo) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//Stad Leuven//Wegwijzer//NL")
    calendar.add("version", "2.0")
    calendar.add_component(todo)
    written: bytes = calendar.to_ical()
    return written


def _read(content: bytes) -> Calendar:
    try:
        calendar = Calendar.from_ical(content)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotUnderstoodError(
            "what lies in the task list is no calendar", detail=type(error).__name__
        ) from None
    if calendar.name != "VCALENDAR":
        raise NotUnderstoodError("what lies in the task list is no calendar")
    return calendar


def _todo(calendar: Calendar) -> Todo:
    """The task; of a repeated one the first, which holds no exception."""
    found = next((one for one in calendar.walk("VTODO") if isinstance(one, Todo)), None)
    if found is None:
        raise NotUnderstoodError("what lies in the task list holds no task (VTODO)")
    return found


def _text(todo: Todo, name: str) -> str:
    value = todo.get(name)
    return "" if value is None or isinstance(value, list) else str(value).strip()


def _all(todo: Todo, name: str) -> Iterable[Any]:
    """One or many, as a list."""
    value: Any = todo.get(name)
    if value is None:
        return ()
    many: list[Any] = value if isinstance(value, list) else [value]
    return many


def _categories(todo: Todo) -> frozenset[str]:
    return frozenset(words.casefold().strip() for words in _category_words(todo))


def _category_words(todo: Todo) -> Iterator[str]:
    for one in _all(todo, "categories"):
        yield from (str(word) for word in getattr(one, "cats", (one,)))


def _moment(todo: Todo, name: str) -> datetime | None:
    """A point in time in UTC; a day begins at eight, and without a zone it is Belgian time."""
    value = todo.get(name)
    found = getattr(value, "dt", None)
    if isinstance(found, datetime):
        return (found if found.tzinfo else found.replace(tzinfo=_BRUSSELS)).astimezone(UTC)
    if isinstance(found, date):
        return datetime.combine(found, time(8), _BRUSSELS).astimezone(UTC)
    return None


def _clean(text: str) -> str:
    """Without control signs, which no calendar may hold."""
    return "".join(sign for sign in text.replace("\r\n", "\n") if sign in "\n\t" or sign >= " ")


def _lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n"))


def _hash(text: str) -> str:
    return sha256(_lines(text).encode()).hexdigest()

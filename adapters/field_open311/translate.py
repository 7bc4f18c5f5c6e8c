"""Work orders to Open311's requests, its updates to what happened. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

import msgspec

from adapters.field_open311.answers import Request, Update
from adapters.field_open311.settings import Settings
from canonical_model.case import CaseRef
from canonical_model.work_order import ENDED, OrderState, WorkOrder, order_id, parse_order_id
from ports.errors import NotSupportedError, NotUnderstoodError, RejectedError
from ports.moments import told_moment

Fields = tuple[tuple[str, str], ...]

_BRUSSELS = ZoneInfo("Europe/Brussels")
_SIGNED = re.compile(r"\[(?P<order>[A-Z]{2,5}-20[0-9]{2}-[0-9]{6,9}\.[0-9]{2})(?P<step>/[a-z0-9_-]+)?\]\s*\Z")
_UNCHANGED = frozenset({"", "unchanged"})

CANCELLATION = "annulatie"
"""The step of ours that takes an order back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a crew did, as one update tells it; `state` None = as before. `media` are addresses of photos."""

    key: str
    request_id: str
    order: tuple[CaseRef, int] | None
    state: OrderState | None
    text: str = field(repr=False)
    at: datetime
    media: tuple[str, ...] = field(repr=False)


def to_request(order: WorkOrder, settings: Settings) -> Fields:
    """The form of an order. Raises `RejectedError` when the planning has no service for it, or no place is known."""
    service = settings.service_for(order.category)
    if not service:
        raise RejectedError(
            f"the planning has no service for category {order.category!r}: add it to `services`"
        )
    name = order_id(order.case, order.trip)
    fixed = {**settings.attributes, **({settings.order_attribute: name} if settings.order_attribute else {})}
    return (
        ("service_code", service),
        *_place(order, settings),
        ("description", signed(_described(order), name)),
        ("account_id", name),
        *((("email", settings.email),) if settings.email else ()),
        *((f"attribute[{code}]", value) for code, value in fixed.items()),
    )


def to_update(request: Request, *, order: str, step: str, status: str, text: str, at: datetime) -> Fields:
    """The form of a step of ours, known again by its last line."""
    return (
        ("update_id", f"{order}/{step}"),
        ("service_request_id", request.id),
        ("status", status.upper()),
        ("updated_datetime", at.astimezone(UTC).isoformat(timespec="seconds")),
        ("description", signed(text, f"{order}/{step}")),
        ("account_id", order),
    )


def to_step(update: Update, settings: Settings) -> Step:
    """What happened. Raises `NotUnderstoodError`, or `NotSupportedError` for a status that nobody explained."""
    at = to_moment(update.at)
    if not update.request_id or at is None:
        raise NotUnderstoodError("an update needs a service_request_id and an updated_datetime")
    state = settings.state_of(update.status, update.external_status)
    if state is None and update.status.casefold() not in _UNCHANGED:
        raise NotSupportedError(
            f"status {_code(update.status)!r} (external {_code(update.external_status)!r}) means nothing to the hub: "
            "add it to `statuses` or `ignored_statuses`"
        )
    return Step(
        key=key_of(update),
        request_id=update.request_id,
        order=_order_of(update.names),
        state=state,
        text=update.description,
        at=at,
        media=update.media,
    )


def key_of(update: Update) -> str:
    """The planning's own id of the update; without one, of what it says."""
    if update.id:
        return f"{update.request_id}/{update.id}"
    parts = (update.request_id, update.at, update.status, update.external_status, update.description)
    said = msgspec.json.encode(parts)
    return f"{update.request_id}/{sha256(said).hexdigest()[:32]}"


def is_ours(update: Update) -> bool:
    """Whether this is what we told the planning ourselves."""
    order, _, step = update.id.partition("/")
    return (bool(step) and parse_order_id(order) is not None) or _step_in(update.description) is not None


def is_step(update: Update, order: str, step: str) -> bool:
    """Whether this is that step of ours."""
    return update.id == f"{order}/{step}" or _step_in(update.description) == (order, f"/{step}")


def is_order(request: Request, order: str) -> bool:
    """Whether this is our order."""
    return order_of(request) == parse_order_id(order)


def order_of(request: Request) -> tuple[CaseRef, int] | None:
    """Which order of ours this is; None when it is none. The last line counts, not what a citizen wrote above it."""
    found = _SIGNED.search(request.description)
    return _order_of(request.names) or (
        parse_order_id(found["order"]) if found and not found["step"] else None
    )


def signed(text: str, name: str) -> str:
    """The text with our name as its last line."""
    return f"{text.rstrip()}\n\n[{name}]"


def to_moment(text: str) -> datetime | None:
    """What a clock elsewhere said, in UTC; without an offset it is Belgian time, unreadable it is None."""
    return told_moment(text, _BRUSSELS)


def standing_of(request: Request, updates: Sequence[Update], settings: Settings) -> OrderState | None:
    """How an order stands: the last update says it best, but a request that ended has ended. None: unexplained."""
    shown = settings.state_of(request.status, "")
    told = [
        (at, place, state)
        for place, update in enumerate(updates)
        if update.request_id == request.id
        and (at := to_moment(update.at))
        and (state := settings.state_of(update.status, update.external_status))
    ]
    last = max(told)[2] if told else None
    return shown if last is None or (shown in ENDED and last not in ENDED) else last


def word_of(updates: Sequence[Update], state: OrderState | None, settings: Settings) -> Update | None:
    """The last update that tells this state; None when none does, or when it is our own."""
    told = [
        (at, place, update)
        for place, update in enumerate(updates)
        if (at := to_moment(update.at)) and settings.state_of(update.status, update.external_status) is state
    ]
    last = max(told, key=lambda one: one[:2])[2] if told and state else None
    return None if last is None or is_ours(last) else last


def _place(order: WorkOrder, settings: Settings) -> Fields:
    point = order.location.point
    words = order.location.address or ("" if point else settings.unknown_place)
    if point is None and not words:
        raise RejectedError("the planning takes no order without a place: add one, or set `unknown_place`")
    address = (("address_string", words),) if words else ()
    if point is None:
        return address
    return (("lat", f"{point.latitude:.6f}"), ("long", f"{point.longitude:.6f}"), *address)


def _described(order: WorkOrder) -> str:
    due = order.due.astimezone(_BRUSSELS) if order.due else None
    lines = (
        "DRINGEND" if order.urgent else "",
        order.subject,
        order.description,
        f"Plaats: {order.location.address}" if order.location.address else "",
        f"Uiterlijk: {due:%d/%m/%Y %H:%M}" if due else "",
        f"Foto's bij de melding: {len(order.attachments)}" if order.attachments else "",
    )
    return "\n\n".join(line.strip() for line in lines if line.strip())


def _order_of(names: Sequence[str]) -> tuple[CaseRef, int] | None:
    return next((found for name in names if (found := parse_order_id(name))), None)


def _step_in(description: str) -> tuple[str, str] | None:
    found = _SIGNED.search(description)
    return (found["order"], found["step"]) if found and found["step"] else None


def _code(text: str) -> str:
    """A code of theirs, fit for a sentence: never a text that somebody wrote."""
    return text if re.fullmatch(r"[\w .:-]{0,40}", text) else "…"

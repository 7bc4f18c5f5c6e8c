"""Work orders in the words of the planning's WSDL, and its statuses in ours. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from adapters.planning.settings import Settings
from canonical_model.attachment import Attachment
from canonical_model.events import WorkOrderChanged
from canonical_model.work_order import OrderState, WorkOrder, order_id, parse_order_id
from ports.errors import NotUnderstoodError
from ports.xml_text import cut

LONGEST_TITLE: Final = 200
LONGEST_TEXT: Final = 4000
LONGEST_REMARK: Final = 4000
_BRUSSELS: Final = ZoneInfo("Europe/Brussels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Werkopdracht:
    """`Werkopdracht` of the WSDL, in its own words. `gemeld` has its zone; "" and None are left out."""

    extern_id: str
    titel: str = field(repr=False)
    omschrijving: str = field(repr=False)
    lat: str = ""
    lon: str = ""
    gemeld: datetime
    foto: bytes | None = field(default=None, repr=False)


def photo_of(order: WorkOrder, settings: Settings) -> Attachment | None:
    """The one photo that goes along: the first that is not too large."""
    fits = (
        one
        for one in order.attachments
        if one.media_type.startswith("image/") and one.size <= settings.max_photo_bytes
    )
    return next(fits, None)


def to_work_order(order: WorkOrder, photo: bytes | None, now: datetime) -> Werkopdracht:
    """The order with its photo; `now` is UTC."""
    point = order.location.point
    return Werkopdracht(
        extern_id=order_id(order.case, order.trip),
        titel=cut(" ".join(order.subject.split()), LONGEST_TITLE),
        omschrijving=to_text(order, sent=0 if photo is None else 1),
        lat=f"{point.latitude:.6f}" if point else "",
        lon=f"{point.longitude:.6f}" if point else "",
        gemeld=now,
        foto=photo,
    )


def to_text(order: WorkOrder, *, sent: int) -> str:
    """What the crew reads: the text, shortened with a mark, then place, term and what did not go along."""
    left_out = len(order.attachments) - sent
    due = order.due.astimezone(_BRUSSELS).strftime("%d/%m/%Y %H:%M") if order.due else ""
    tail = [
        *(["DRINGEND"] if order.urgent else []),
        *([f"Plaats: {order.location.address}"] if order.location.address else []),
        *([f"Uiterlijk: {due}"] if due else []),
        *([f"Nog {left_out} bijlage(n) in zaak {order.case}."] if left_out else []),
    ]
    end = cut("\n".join(tail), LONGEST_TEXT // 2)
    start = cut(order.description.strip(), LONGEST_TEXT - len(end) - 2)
    return f"{start}\n\n{end}".strip()


@dataclass(frozen=True, slots=True)
class Told:
    """A status as the planning told it. `word` decides, `remark` is the crew's."""

    word: str
    remark: str = field(repr=False)


def told(status: str) -> Told:
    """`Uitgevoerd: tegel vastgelegd` in its two parts."""
    word, _, remark = status.partition(":")
    return Told(" ".join(word.split()), cut(remark.strip(), LONGEST_REMARK))


def to_state(status: str, settings: Settings) -> OrderState | None:
    """What a status means; None when nobody explained its word."""
    return settings.statuses.get(told(status).word.casefold())


def to_change(
    order: str, status: str, settings: Settings, *, system: str, number: int, now: datetime
) -> WorkOrderChanged:
    """The `number`th change of an order that we heard of, at `now`. Raises `NotUnderstoodError`."""
    state = to_state(status, settings)
    known = parse_order_id(order)
    if state is None or known is None:
        raise NotUnderstoodError("GetStatusResult: begins with a word that is not in `statuses`")
    case, trip = known
    return WorkOrderChanged(
        system=system,
        outside_id=order,
        case=case,
        trip=trip,
        update=update_id(number, status),
        state=state,
        text=told(status).remark,
        at=now,
    )


def update_id(number: int, status: str) -> str:
    """The same for the same look, another one when the planning says something else meanwhile."""
    return f"{number}-{sha256(status.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"

"""Request Tracker's records as they come over REST 2.0: only what we read, under RT's own names."""

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

R = TypeVar("R", bound=msgspec.Struct)


class Reference(msgspec.Struct, frozen=True):
    """Another record; its name only where it was asked for."""

    id: str | int = ""
    name: str = msgspec.field(default="", name="Name")


class FieldValues(msgspec.Struct, frozen=True):
    """A custom field of a ticket."""

    name: str
    values: tuple[str, ...] = ()


class TicketRow(msgspec.Struct, frozen=True, rename="pascal"):
    """A case. A date in 1970 is none. `version`, the number of the last transaction, and `group` are added by us."""

    id: str | int = msgspec.field(name="id")
    subject: str | None = None
    status: str = ""
    due: datetime | None = None
    last_updated: datetime | None = None
    queue: Reference = Reference()
    custom_fields: tuple[FieldValues, ...] = ()
    version: int = 0
    group: str = ""

    def field(self, name: str) -> str:
        """The value of a custom field; "" when it has none."""
        found = [held.values[0] for held in self.custom_fields if held.name == name and held.values]
        return found[0] if found else ""


class TransactionRow(msgspec.Struct, frozen=True, rename="pascal"):
    """What somebody did. `field` and `new_value` tell which field a change was about."""

    id: int = msgspec.field(name="id")
    type: str = ""
    object_id: int = 0
    created: datetime | None = None
    field: str | None = None


class AttachmentRow(msgspec.Struct, frozen=True, rename="pascal"):
    """A part of a message: a text, a file, or what holds several together."""

    id: int = msgspec.field(name="id")
    subject: str | None = None
    filename: str | None = None
    content_type: str | None = None
    transaction_id: int = 0
    content: str | None = None


class NameRow(msgspec.Struct, frozen=True, rename="pascal"):
    """A queue or a custom field."""

    id: str | int = msgspec.field(name="id")
    name: str = ""


class FieldRow(msgspec.Struct, frozen=True, rename="pascal"):
    """A custom field with the values that it lets choose from."""

    id: str | int = msgspec.field(name="id")
    values: tuple[str, ...] = ()


class Rows(msgspec.Struct, Generic[R], frozen=True):
    """A page of records. `total` is None where RT would not count them."""

    items: tuple[R, ...]
    total: int | None = None


TICKETS = msgspec.json.Decoder(Rows[TicketRow])
TRANSACTIONS = msgspec.json.Decoder(Rows[TransactionRow], strict=False)
ATTACHMENTS = msgspec.json.Decoder(Rows[AttachmentRow], strict=False)
NAMES = msgspec.json.Decoder(Rows[NameRow])
TICKET = msgspec.json.Decoder(TicketRow)
FIELD = msgspec.json.Decoder(FieldRow)

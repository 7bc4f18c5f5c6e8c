"""Zammad's records as they come over REST with `expand=true`: only what we read, under Zammad's own names."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

Json = str | bool | int | None | Mapping[str, "Json"] | Sequence["Json"]
Condition = Mapping[str, tuple[str, str | Sequence[str]]]
"""What a search asks: attribute -> operator and value."""


class TicketRow(msgspec.Struct, frozen=True):
    """A case. The fields after `updated_at` are attributes that the city adds to Zammad's tickets."""

    id: int
    number: str = ""
    title: str | None = None
    group: str = ""
    state: str = ""
    updated_at: datetime | None = None
    canonical_id: str | None = None
    kind: str | None = None
    channel: str | None = None
    party_ref: str | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    customer_phone: str | None = None
    language: str | None = None
    category: str | None = None
    product: str | None = None
    location: str | None = None
    area: str | None = None
    due: datetime | None = None


class FileRow(msgspec.Struct, frozen=True):
    """A file of a text, without its bytes."""

    id: int
    filename: str = ""
    size: int | None = None


class ArticleRow(msgspec.Struct, frozen=True):
    """A text on a case. `sender`: Agent, Customer or System."""

    id: int
    ticket_id: int = 0
    subject: str | None = None
    body: str | None = None
    content_type: str = "text/plain"
    sender: str = ""
    internal: bool = False
    created_at: datetime | None = None
    attachments: tuple[FileRow, ...] = ()


class NameRow(msgspec.Struct, frozen=True):
    """A group, a state, or an attribute of an object."""

    id: int = 0
    name: str = ""
    active: bool = True
    object: str = ""


class MergeRow(msgspec.Struct, frozen=True):
    """What came of a merge."""

    result: str = ""


TICKET = msgspec.json.Decoder(TicketRow)
TICKETS = msgspec.json.Decoder(tuple[TicketRow, ...])
ARTICLE = msgspec.json.Decoder(ArticleRow, strict=False)
ARTICLES = msgspec.json.Decoder(tuple[ArticleRow, ...], strict=False)
NAMES = msgspec.json.Decoder(tuple[NameRow, ...])
MERGE = msgspec.json.Decoder(MergeRow)

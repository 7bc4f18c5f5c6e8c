"""Roundup's records as they come over REST: only the fields that we read, under Roundup's own names."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

R = TypeVar("R", bound=msgspec.Struct)


class IssueRow(
    msgspec.Struct,
    frozen=True,
    rename={"status": "status.name", "group": "group.name", "party_ref": "requester.ref"},
):
    """A case. Dates are `YYYY-MM-DD.HH:MM:SS` in UTC; `messages` and `files` are ids."""

    id: str = ""
    canonical_id: str | None = None
    version: int | None = None
    status: str | None = None
    group: str | None = None
    title: str | None = None
    due: str | None = None
    party_ref: str | None = None
    activity: str = ""
    messages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class MessageRow(msgspec.Struct, frozen=True, rename={"channel": "channel.name"}):
    """A text on a case; `hubref` is our key of a text that we wrote."""

    id: str = ""
    content: str | None = None
    hubref: str | None = None
    date: str = ""
    visibility: str | None = None
    direction: str | None = None
    channel: str | None = None


class FileRow(msgspec.Struct, frozen=True):
    """An attachment without its bytes."""

    id: str = ""
    name: str | None = None
    hubref: str | None = None


class PartyRow(msgspec.Struct, frozen=True):
    """A customer under the hub's pseudonym."""

    id: str = ""
    ref: str | None = None
    kind: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None


class WordRow(msgspec.Struct, frozen=True):
    """One entry of a vocabulary: a status, a kind, a channel, a group."""

    id: str = ""
    name: str | None = None


class UserRow(msgspec.Struct, frozen=True):
    """A user."""

    id: str = ""
    username: str | None = None


class KeyRow(msgspec.Struct, frozen=True):
    """Only the id."""

    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[R]):
    """A class of Roundup and how its records are read."""

    name: str
    one: msgspec.json.Decoder[R]
    many: msgspec.json.Decoder[tuple[R, ...]]
    fields: str


def _fields(record: type[msgspec.Struct]) -> str:
    return ",".join(
        field.encode_name for field in msgspec.structs.fields(record) if field.encode_name != "id"
    )


def _words(name: str) -> Table[WordRow]:
    return Table(
        name=name,
        one=msgspec.json.Decoder(WordRow),
        many=msgspec.json.Decoder(tuple[WordRow, ...]),
        fields=_fields(WordRow),
    )


ISSUE = Table(
    name="issue",
    one=msgspec.json.Decoder(IssueRow),
    many=msgspec.json.Decoder(tuple[IssueRow, ...]),
    fields=_fields(IssueRow),
)
MESSAGE = Table(
    name="msg",
    one=msgspec.json.Decoder(MessageRow),
    many=msgspec.json.Decoder(tuple[MessageRow, ...]),
    fields=_fields(MessageRow),
)
MESSAGE_KEY = Table(
    name="msg",
    one=msgspec.json.Decoder(KeyRow),
    many=msgspec.json.Decoder(tuple[KeyRow, ...]),
    fields="",
)
FILE = Table(
    name="file",
    one=msgspec.json.Decoder(FileRow),
    many=msgspec.json.Decoder(tuple[FileRow, ...]),
    fields=_fields(FileRow),
)
FILE_KEY = Table(
    name="file",
    one=msgspec.json.Decoder(KeyRow),
    many=msgspec.json.Decoder(tuple[KeyRow, ...]),
    fields="",
)
PARTY = Table(
    name="party",
    one=msgspec.json.Decoder(PartyRow),
    many=msgspec.json.Decoder(tuple[PartyRow, ...]),
    fields=_fields(PartyRow),
)
USER = Table(
    name="user",
    one=msgspec.json.Decoder(UserRow),
    many=msgspec.json.Decoder(tuple[UserRow, ...]),
    fields=_fields(UserRow),
)
STATUS = _words("status")
KIND = _words("kind")
CHANNEL = _words("channel")
GROUP = _words("group")

"""Request Tracker's REST 2.0 on the wire: addresses, log-in, time-outs, and what its refusals mean.

Facts that shaped it: a refusal is JSON with a `message`, a failure inside is an empty 500; creating in a queue that
is not there is a 403; lists have at most 100 records on a page; an ETag is the number of the last transaction.
"""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

import httpx
import msgspec

from adapters.request_tracker.records import (
    ATTACHMENTS,
    FIELD,
    NAMES,
    TICKET,
    TICKETS,
    TRANSACTIONS,
    AttachmentRow,
    FieldRow,
    NameRow,
    R,
    Rows,
    TicketRow,
    TransactionRow,
)
from adapters.request_tracker.settings import Settings
from ports.answers import asked_at, cause_of, retry_after
from ports.errors import (
    AdapterError,
    HubError,
    MisconfiguredError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.http import PooledTransport
from ports.tracing import pass_trace_on

MOST_ROWS = 100
"""RT gives no more on one page, whatever is asked."""
QUEUES_SECONDS = 60
"""How long the names of queues are remembered."""
IDS_AT_ONCE = 50
"""How many ids go into one address."""
ABOUT_TICKETS = {"fields": "Subject,Status,Due,LastUpdated,Queue,CustomFields", "fields[Queue]": "Name"}
ABOUT_TRANSACTIONS = "Type,ObjectId,Created,Field"
ABOUT_TEXTS = "Subject,ContentType,TransactionId,Content"
ABOUT_FILES = "Subject,Filename,ContentType,TransactionId"
NOTHING_IN_IT = "="
"""RT takes an empty file for a missing one; these are the base64 letters of nothing that it takes for something."""

Json = str | int | Mapping[str, str]
Limit = Mapping[str, str]


class StaleError(RejectedError):
    """The case changed since the expected version."""


class NotThereError(RejectedError):
    """No such record."""


class RequestTrackerClient:
    """Reads and writes tickets of a Request Tracker. Every call raises the errors of `ports.errors`.

    A write whose answer was lost is an `UncertainError`; only when the connection never came about is it a
    `TransientError`. Nothing is retried here. That a write succeeded means no more than that RT took note of it.
    """

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._queues: dict[str, str] = {}
        self._queues_until = 0.0
        self._http = httpx.AsyncClient(
            base_url=f"{settings.url}REST/2.0/",
            transport=transport or PooledTransport(connections=settings.connections),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(settings.answer_seconds, connect=settings.connect_seconds),
            event_hooks={"request": [pass_trace_on]},
            headers={
                "Accept": "application/json",
                "Authorization": f"token {settings.token.get_secret_value()}",
            },
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def ticket(self, id_: str) -> TicketRow:
        """A ticket with its version and the name of its queue; `NotThereError` when there is none."""
        response = await self._read(f"ticket/{id_}")
        row = _decoded(TICKET, response, "a ticket")
        etag = response.headers.get("ETag", "").strip('W/"')
        version = int(etag) if etag.isdecimal() else 0
        group = (await self.queues(str(row.queue.id))).get(str(row.queue.id), "")
        return msgspec.structs.replace(row, id=str(row.id), version=version, group=group)

    async def tickets(self, ids: Sequence[int]) -> tuple[TicketRow, ...]:
        """These tickets without their versions, those that are there; cheaper for RT than one by one."""
        found: list[TicketRow] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            query = " OR ".join(f"id = {id_}" for id_ in ids[start : start + IDS_AT_ONCE])
            params = {"query": query, "per_page": str(MOST_ROWS)}
            response = await self._read("tickets", params | ABOUT_TICKETS)
            found += _decoded(TICKETS, response, "tickets").items
        return tuple(msgspec.structs.replace(row, id=str(row.id), group=row.queue.name) for row in found)

    async def ticket_ids(self, query: str, *, page: int = 1, size: int = MOST_ROWS) -> Rows[NameRow]:
        """The ids of the tickets that fit, in order. `query` is RT's own language."""
        params = {"query": query, "orderby": "id", "page": str(page), "per_page": str(size)}
        return _decoded(NAMES, await self._read("tickets", params), "tickets")

    async def transactions(self, query: str) -> tuple[tuple[TransactionRow, ...], datetime | None]:
        """The first transactions of tickets that fit, in order, and when RT's clock says that was."""
        params = {
            "query": f"ObjectType = 'RT::Ticket' AND {query}",
            "orderby": "id",
            "per_page": str(MOST_ROWS),
            "fields": ABOUT_TRANSACTIONS,
        }
        started = time.monotonic()
        response = await self._read("transactions", params)
        elapsed = timedelta(seconds=time.monotonic() - started)
        return _decoded(TRANSACTIONS, response, "transactions").items, asked_at(response, elapsed)

    async def texts(self, id_: str) -> tuple[AttachmentRow, ...]:
        """The texts on a ticket, with what they say."""
        limits = (
            {"field": "ContentType", "operator": "STARTSWITH", "value": "text/"},
            {"field": "Filename", "operator": "IS", "value": "NULL"},
        )
        return await self._attachments(f"ticket/{id_}/attachments", ABOUT_TEXTS, limits)

    async def files(self, id_: str) -> tuple[AttachmentRow, ...]:
        """The files on a ticket, without their bytes."""
        limits = ({"field": "Filename", "operator": "IS NOT", "value": "NULL"},)
        return await self._attachments(f"ticket/{id_}/attachments", ABOUT_FILES, limits)

    async def messages(self, id_: str, subject: str) -> tuple[AttachmentRow, ...]:
        """What hangs on a ticket with a subject that ends like this, capitals or not."""
        limits = ({"field": "Subject", "operator": "ENDSWITH", "value": subject},)
        return await self._attachments(f"ticket/{id_}/attachments", ABOUT_FILES, limits)

    async def parts(self, transaction: int) -> tuple[AttachmentRow, ...]:
        """The files of one message."""
        found = await self._attachments(f"transaction/{transaction}/attachments", ABOUT_FILES, ())
        return tuple(part for part in found if part.filename)

    async def queues(self, wanted: str) -> Mapping[str, str]:
        """Names of the queues by id; asked anew when `wanted` (an id or a name) is not known, or after a while."""
        known = wanted in self._queues or wanted in self._queues.values()
        if not known or time.monotonic() > self._queues_until:
            self._queues = {str(row.id): row.name for row in await self._names("queues/all", ())}
            self._queues_until = time.monotonic() + QUEUES_SECONDS
        return self._queues

    async def ticket_fields(self) -> Mapping[str, str]:
        """Ids of the custom fields of tickets by name."""
        limits = ({"field": "LookupType", "value": "RT::Queue-RT::Ticket"},)
        return {row.name: str(row.id) for row in await self._names("customfields", limits)}

    async def choices(self, field: str) -> FieldRow:
        """A custom field with what can be chosen in it."""
        return _decoded(FIELD, await self._read(f"customfield/{field}"), "a custom field")

    async def content(self, attachment: str) -> bytes:
        """The bytes of an attachment."""
        response = await self._read(f"attachment/{attachment}")
        return base64.b64decode(json.loads(response.content).get("Content") or "")

    async def create(self, values: Mapping[str, Json]) -> str:
        """Make a ticket and return its id; what RT kept of it is another question."""
        response = await self._write("POST", "ticket", json=values)
        try:
            return str(msgspec.json.decode(response.content, type=NameRow).id)
        except msgspec.MsgspecError as error:
            raise _unsure("a ticket") from error

    async def change(self, id_: str, values: Mapping[str, Json], version: int | None = None) -> None:
        """Ask to set fields; `StaleError` when this is no longer the version."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        await self._write("PUT", f"ticket/{id_}", json=values, headers=headers)

    async def say(self, id_: str, how: str, subject: str, text: str) -> int:
        """Add a text (`correspond` or `comment`) and return the number of its transaction."""
        body = {"Subject": subject, "Content": text, "ContentType": "text/plain"}
        return _transaction(await self._write("POST", f"ticket/{id_}/{how}", json=body))

    async def attach(self, id_: str, subject: str, name: str, media_type: str, content: bytes) -> int:
        """Add a file under a text without words and return the number of its transaction."""
        path, about = f"ticket/{id_}/comment", {"Subject": subject}
        if not content:
            octets = name.encode().decode("latin-1")  # in JSON, RT takes letters of a file name for octets
            empty = {"FileName": octets, "FileType": media_type, "FileContent": NOTHING_IN_IT}
            return _transaction(await self._write("POST", path, json={**about, "Attachments": [empty]}))
        parts = {
            "JSON": (None, json.dumps(about), "application/json"),
            "Attachments": (name, content, media_type),
        }
        return _transaction(await self._write("POST", path, files=parts))

    async def _attachments(
        self, path: str, fields: str, limits: Sequence[Limit]
    ) -> tuple[AttachmentRow, ...]:
        found: list[AttachmentRow] = []
        page = 0
        while len(found) == page * MOST_ROWS:
            page += 1
            params = _listing(limits, page) | {"fields": fields}
            found += _decoded(ATTACHMENTS, await self._read(path, params), "attachments").items
        return tuple(found)

    async def _names(self, path: str, limits: Sequence[Limit]) -> tuple[NameRow, ...]:
        found: list[NameRow] = []
        page = 0
        while len(found) == page * MOST_ROWS:
            page += 1
            params = _listing(limits, page) | {"fields": "Name"}
            found += _decoded(NAMES, await self._read(path, params), path).items
        return tuple(found)

    async def _read(self, path: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        try:
            response = await self._http.get(path, params=params)
        except httpx.HTTPError as error:
            raise TransientError("Request Tracker cannot be reached", detail=cause_of(error)) from error
        if response.is_success:
            return response
        raise _refusal(response, f"reading {_kind(path)}", TransientError)

    async def _write(self, method: str, path: str, **request: object) -> httpx.Response:
        try:
            response = await self._http.request(method, path, **request)  # type: ignore[arg-type]  # httpx's own arguments
        except httpx.HTTPError as error:
            raise _broken_off(error) from error
        if response.is_success:
            return response
        if (path, response.status_code) == ("ticket", HTTPStatus.FORBIDDEN):
            raise RejectedError(
                "Request Tracker has no such queue for the hub: make it, or let the hub create tickets in it",
                detail="HTTP 403",
            )
        raise _refusal(response, f"writing {_kind(path)}", UncertainError)


def _listing(limits: Sequence[Limit], page: int) -> dict[str, str]:
    params = {"page": str(page), "per_page": str(MOST_ROWS)}
    return params | ({"query": json.dumps(limits)} if limits else {})


def _transaction(response: httpx.Response) -> int:
    """RT tells the number of what was added in the address only."""
    number = response.headers.get("Location", "").rpartition("/")[2]
    if not number.isdecimal():
        raise _unsure("a text")
    return int(number)


def _decoded(decoder: msgspec.json.Decoder[R], response: httpx.Response, what: str) -> R:
    try:
        return decoder.decode(response.content)
    except msgspec.ValidationError as error:
        raise MisconfiguredError(
            f"Request Tracker's answer about {what} does not look as agreed: is it version 5?",
            detail=type(error).__name__,
        ) from error
    except msgspec.MsgspecError as error:
        raise TransientError(
            f"Request Tracker's answer about {what} is no JSON: check url, and what stands before it",
            detail=type(error).__name__,
        ) from error


def _unsure(what: str) -> UncertainError:
    return UncertainError(f"Request Tracker's answer to writing {what} is unreadable")


def _broken_off(error: Exception) -> AdapterError:
    """`ports.http` says that nothing was sent only when it is certain."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return TransientError("Request Tracker cannot be reached", detail=cause_of(error))
    return UncertainError("Request Tracker's answer was lost", detail=cause_of(error))


def _refusal(
    response: httpx.Response, doing: str, in_doubt: type[TransientError] | type[UncertainError]
) -> HubError:
    """What an answer other than 2xx means; `in_doubt` when it does not say whether something was done."""
    status, words = response.status_code, _words(response)
    detail = f"HTTP {status}"
    if status in {401, 403}:
        return MisconfiguredError(
            f"Request Tracker does not let the hub in ({doing}): check token, and the rights of its account",
            detail=detail,
        )
    if response.is_redirect or (status == HTTPStatus.NOT_FOUND and not words):
        return MisconfiguredError(f"Request Tracker is elsewhere ({doing}): check url", detail=detail)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TransientError(
            "Request Tracker asks for patience", detail=detail, retry_after=retry_after(response)
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not (
        words or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ):
        return in_doubt(f"Request Tracker failed ({doing})", detail=detail)
    refused = {404: NotThereError, 412: StaleError}.get(status, RejectedError)
    return refused(f"Request Tracker refuses ({doing}): HTTP {status}", detail=detail)


class _Message(msgspec.Struct):
    message: str = ""


def _words(response: httpx.Response) -> str:
    """RT's own words, which can repeat what we sent: to look at, not to pass on. "" when it is not its JSON."""
    try:
        return msgspec.json.decode(response.content, type=_Message).message
    except msgspec.MsgspecError:
        return ""


def _kind(path: str) -> str:
    return path.partition("/")[0]

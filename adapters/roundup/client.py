"""Roundup's REST interface on the wire: addresses, log-in, time-outs, and what its refusals mean.

Facts that shaped it: writes need `X-Requested-With` and an `Origin`; a change needs the record's ETag in
`If-Match`; a refusal is JSON with a message, a failure inside is an opaque 400; log-in errors are plain text.
"""

import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic

import httpx
import jwt
import msgspec

from adapters.roundup.records import R, Table
from adapters.roundup.settings import Settings
from ports.answers import asked_at, cause_of, retry_after
from ports.errors import (
    AdapterError,
    HubError,
    MisconfiguredError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.http import Endpoint, HttpAnswer, PooledTransport
from ports.tracing import pass_trace_on

TOKEN_SECONDS = 600
RENEW_SECONDS = 60
OPAQUE = "An error occurred"
"""Roundup's words for a failure of its own; the details are in its log only."""
NOT_FOR_US = (
    "Required Header Missing",
    "not allowed to use Rest Interface",
    "Invalid Origin",
    "Invalid HOST",
)
"""Roundup compares these headers with its own address; a mismatch is a plain 400."""

Value = str | int | Sequence[str]
Filters = Sequence[tuple[str, str]]


class KeyTakenError(RejectedError):
    """A record with this key exists already."""


class StaleError(RejectedError):
    """The record changed since its ETag was read."""


class NotThereError(RejectedError):
    """No such record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(Generic[R]):
    """A page of records. `asked_at`: not later than the tracker's own clock said when the question came in."""

    items: tuple[R, ...]
    total: int
    asked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Generic[R]):
    """One record with the ETag that a change of it must name."""

    row: R
    etag: str


class _Collection(msgspec.Struct, rename={"total": "@total_size"}):
    collection: msgspec.Raw
    total: int = -1


class _CollectionAnswer(msgspec.Struct):
    data: _Collection


class _Element(msgspec.Struct, rename={"etag": "@etag"}):
    attributes: msgspec.Raw
    etag: str = ""


class _ElementAnswer(msgspec.Struct):
    data: _Element


class _Made(msgspec.Struct):
    id: str


class _MadeAnswer(msgspec.Struct):
    data: _Made


class _Error(msgspec.Struct):
    msg: str = ""


class _ErrorAnswer(msgspec.Struct):
    error: _Error


_COLLECTION = msgspec.json.Decoder(_CollectionAnswer)
_ELEMENT = msgspec.json.Decoder(_ElementAnswer)
_MADE = msgspec.json.Decoder(_MadeAnswer)
_ERROR = msgspec.json.Decoder(_ErrorAnswer)


class RoundupClient:
    """Reads and writes records of a Roundup tracker. Every call raises the errors of `ports.errors`.

    A write whose answer was lost is an `UncertainError`; only when the connection never came about is it a
    `TransientError`. Nothing is retried here.
    """

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._token = ""
        self._token_ends = 0.0
        self._transport = transport or PooledTransport(connections=settings.connections)
        self._base_url = f"{settings.url}rest/data/"
        self._timeout = httpx.Timeout(settings.answer_seconds, connect=settings.connect_seconds)
        self._headers = {
            "Accept": "application/json",
            "X-Requested-With": "rest",
            "Origin": settings.public_origin,
            "Host": settings.public_host,
        }
        self._http = httpx.AsyncClient(
            base_url=self._base_url,
            transport=self._transport,
            trust_env=False,
            follow_redirects=False,
            timeout=self._timeout,
            event_hooks={"request": [pass_trace_on]},
            headers=self._headers,
        )
        self._makers: dict[str, Endpoint] = {}

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def rows(self, table: Table[R], filters: Filters = (), *, page: int = 1, size: int = 0) -> Rows[R]:
        """The records that fit all filters, `size` on a page (0 = all of them). Filters are Roundup's own."""
        query = [*filters, ("@verbose", "3" if "content" in table.fields else "0")]
        if table.fields:
            query.append(("@fields", table.fields))
        if size:
            query += [("@page_size", str(size)), ("@page_index", str(page))]
        started = time.monotonic()
        response = await self._read(table.name, query)
        elapsed = timedelta(seconds=time.monotonic() - started)
        try:
            found = _COLLECTION.decode(response.content).data
            items = table.many.decode(found.collection)
        except msgspec.MsgspecError as error:
            raise _unreadable(table.name, error) from error
        return Rows(items=items, total=found.total, asked_at=asked_at(response, elapsed))

    async def item(self, table: Table[R], id_: str) -> Item[R]:
        """One record with its ETag; `NotThereError` when there is none."""
        query = [("@fields", table.fields), ("@verbose", "0")]
        response = await self._read(f"{table.name}/{id_}", query)
        try:
            found = _ELEMENT.decode(response.content).data
            return Item(row=table.one.decode(found.attributes), etag=found.etag)
        except msgspec.MsgspecError as error:
            raise _unreadable(table.name, error) from error

    async def create(self, name: str, values: Mapping[str, Value]) -> str:
        """Make a record and return its id; `KeyTakenError` when its key exists already."""
        sent = self._maker(name).send(msgspec.json.encode(values), self._log_in())
        return self._made(await self._written(sent, name), name)

    async def create_file(self, values: Mapping[str, str], content: bytes) -> str:
        """Make a `file` record with these bytes and return its id."""
        request = self._http.build_request(
            "POST",
            "file",
            data=dict(values),
            files={"content": ("content", content, "application/octet-stream")},
            headers=self._log_in(),
        )
        return self._made(await self._written(self._http.send(request), "file"), "file")

    async def change(self, name: str, id_: str, etag: str, values: Mapping[str, Value]) -> None:
        """Set fields of a record; `StaleError` when it changed since this ETag was read."""
        await self._patch(f"{name}/{id_}", etag, values)

    async def link(self, name: str, id_: str, etag: str, links: Mapping[str, Sequence[str]]) -> None:
        """Add ids to lists of a record; `StaleError` when it changed since this ETag was read."""
        await self._patch(f"{name}/{id_}", etag, {"@op": "add", **links})

    async def content(self, id_: str) -> bytes:
        """The bytes of a `file` record."""
        request = self._http.build_request(
            "GET",
            f"file/{id_}/binary_content",
            headers={**self._log_in(), "Accept": "application/octet-stream"},
        )
        return (await self._send_read(request, "file")).content

    async def _read(self, path: str, query: Filters) -> httpx.Response:
        request = self._http.build_request("GET", path, params=list(query), headers=self._log_in())
        return await self._send_read(request, path)

    async def _send_read(self, request: httpx.Request, path: str) -> httpx.Response:
        try:
            response = await self._http.send(request)
        except httpx.HTTPError as error:
            raise TransientError("Roundup cannot be reached", detail=cause_of(error)) from error
        if response.is_success:
            return response
        raise _refusal(response, f"reading {_class_of(path)}", TransientError)

    async def _patch(self, path: str, etag: str, values: Mapping[str, Value]) -> None:
        headers = {**self._log_in(), "Content-Type": "application/json"}
        if etag:
            headers["If-Match"] = etag
        body = msgspec.json.encode(values)
        request = self._http.build_request("PATCH", path, content=body, headers=headers)
        await self._written(self._http.send(request), path)

    async def _written(self, sent: Awaitable[httpx.Response | HttpAnswer], path: str) -> bytes:
        try:
            answer = await sent
        except httpx.HTTPError as error:
            raise _broken_off(error) from error
        if answer.is_success:
            return answer.content
        response = answer.response() if isinstance(answer, HttpAnswer) else answer
        raise _refusal(response, f"writing {_class_of(path)}", UncertainError)

    def _maker(self, name: str) -> Endpoint:
        """Where records of this class are made: the cases of every contact among them."""
        if name not in self._makers:
            self._makers[name] = Endpoint(
                "POST",
                self._base_url + name,
                transport=self._transport,
                headers={**self._headers, "Content-Type": "application/json"},
                timeout=self._timeout,
            )
        return self._makers[name]

    def _made(self, content: bytes, name: str) -> str:
        try:
            return _MADE.decode(content).data.id
        except msgspec.MsgspecError as error:
            raise UncertainError(
                f"Roundup's answer to writing {name} is unreadable", detail=type(error).__name__
            ) from error

    def _log_in(self) -> dict[str, str]:
        """A token of our own making; by the machine's clock, because the tracker judges it by its own."""
        now = time.time()
        if now > self._token_ends - RENEW_SECONDS:
            self._token_ends = now + TOKEN_SECONDS
            self._token = jwt.encode(
                {
                    "sub": self._settings.user_id,
                    "iss": self._settings.public_url,
                    "aud": self._settings.public_url,
                    "iat": int(now),
                    "exp": int(self._token_ends),
                    "roles": list(self._settings.roles),
                },
                self._settings.jwt_secret.get_secret_value(),
                algorithm="HS256",
            )
        return {"Authorization": f"Bearer {self._token}"}


def _broken_off(error: Exception) -> AdapterError:
    if _never_connected(error):
        return TransientError("Roundup cannot be reached", detail=cause_of(error))
    return UncertainError("Roundup's answer was lost", detail=cause_of(error))


def _never_connected(error: Exception) -> bool:
    """Whether nothing can have been sent: `ports.http` says this only when it is certain."""
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def _refusal(
    response: httpx.Response, doing: str, in_doubt: type[TransientError] | type[UncertainError]
) -> HubError:
    """What an answer other than 2xx means; `in_doubt` when it does not say whether something was done."""
    status, words = response.status_code, _words(response)
    detail = f"HTTP {status}: {words or 'no JSON'}"
    if status in {401, 403} or any(phrase in words for phrase in NOT_FOR_US):
        return MisconfiguredError(
            f"Roundup does not let the hub in ({doing}): check user_id, roles, jwt_secret and origin",
            detail=detail,
        )
    if response.is_redirect or (status == 404 and not words):
        return MisconfiguredError(f"Roundup is elsewhere ({doing}): check url", detail=detail)
    if status == 429:
        return TransientError("Roundup asks for patience", detail=detail, retry_after=retry_after(response))
    refused = _refused_as(status, words)
    if refused is None:
        return in_doubt(f"Roundup failed ({doing})", detail=detail)
    return refused(f"Roundup refuses ({doing}): {words or f'HTTP {status}'}", detail=detail)


def _refused_as(status: int, words: str) -> type[RejectedError] | None:
    """Which refusal this is; None when Roundup did not say that it refuses."""
    if status == 413:
        return RejectedError
    if status >= 500 or not words or OPAQUE in words:
        return None
    if status == 409 and words.startswith("node with key"):
        return KeyTakenError
    return {404: NotThereError, 412: StaleError}.get(status, RejectedError)


def _words(response: httpx.Response) -> str:
    """Roundup's own words without what we sent, which it sometimes repeats; "" when it is not its JSON."""
    try:
        words = _ERROR.decode(response.content).error.msg
    except msgspec.MsgspecError:
        return ""
    return words.partition("JSON is:")[0].strip()[:300]


def _unreadable(name: str, error: msgspec.MsgspecError) -> HubError:
    if isinstance(error, msgspec.ValidationError):
        return MisconfiguredError(
            f"Roundup's records of {name} do not look as agreed: check its schema.py",
            detail=type(error).__name__,
        )
    return TransientError(f"Roundup's answer about {name} is no JSON", detail=type(error).__name__)


def _class_of(path: str) -> str:
    return path.partition("/")[0]

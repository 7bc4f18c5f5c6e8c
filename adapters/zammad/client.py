"""Zammad's REST interface on the wire: addresses, log-in, time-outs, and what its refusals mean.

Facts that shaped it (docs.zammad.org, REST API): a token in `Authorization`; `expand=true` gives names instead of
ids; lists have a hard limit and tell no total. From the public source: a refusal is JSON with an `error`; values that
it cannot take are a 422; a search by `condition` is answered from the database; merging is a PUT to `ticket_merge`.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar

import httpx
import msgspec

from adapters.zammad.records import (
    ARTICLE,
    ARTICLES,
    MERGE,
    NAMES,
    TICKET,
    TICKETS,
    ArticleRow,
    Condition,
    Json,
    NameRow,
    TicketRow,
)
from adapters.zammad.settings import Settings
from ports.answers import cause_of, retry_after
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
EXPANDED = {"expand": "true"}

T = TypeVar("T")


class NotThereError(RejectedError):
    """No such record."""


class ZammadClient:
    """Reads and writes tickets of a Zammad. Every call raises the errors of `ports.errors`.

    A write whose answer was lost is an `UncertainError`; only when the connection never came about is it a
    `TransientError`. Nothing is retried here.
    """

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{settings.url}api/v1/",
            transport=transport or PooledTransport(connections=settings.connections),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(settings.answer_seconds, connect=settings.connect_seconds),
            event_hooks={"request": [pass_trace_on]},
            headers={
                "Accept": "application/json",
                "Authorization": f"Token token={settings.token.get_secret_value()}",
            },
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def ticket(self, id_: str) -> TicketRow:
        """A ticket; `NotThereError` when there is none."""
        return _decoded(TICKET, await self._read(f"tickets/{id_}", EXPANDED), "a ticket")

    async def search(
        self, condition: Condition, *, sort: str = "id", page: int = 1, size: int = MOST_ROWS
    ) -> tuple[TicketRow, ...]:
        """The tickets that fit every part of the condition, in ascending order."""
        params: list[tuple[str, str]] = [
            ("expand", "true"),
            ("sort_by", sort),
            ("order_by", "asc"),
            ("page", str(page)),
            ("per_page", str(size)),
        ]
        for attribute, (operator, value) in condition.items():
            name = f"condition[ticket.{attribute}]"
            params.append((f"{name}[operator]", operator))
            if isinstance(value, str):
                params.append((f"{name}[value]", value))
            else:
                params += [(f"{name}[value][]", one) for one in value]
        return _decoded(TICKETS, await self._read("tickets/search", params), "tickets")

    async def articles(self, id_: str) -> tuple[ArticleRow, ...]:
        """The texts on a ticket, oldest first, with the names of their files."""
        response = await self._read(f"ticket_articles/by_ticket/{id_}", EXPANDED)
        found = _decoded(ARTICLES, response, "articles")
        return tuple(sorted(found, key=lambda article: article.id))

    async def groups(self) -> Mapping[str, int]:
        """Ids of the groups that are in use, by name."""
        return {row.name: row.id for row in await self._names("groups") if row.active}

    async def states(self) -> Mapping[str, int]:
        """Ids of the states that are in use, by name."""
        return {row.name: row.id for row in await self._names("ticket_states") if row.active}

    async def attributes(self) -> frozenset[str]:
        """Names of the attributes that tickets have."""
        rows = _decoded(NAMES, await self._read("object_manager_attributes", ()), "attributes")
        return frozenset(row.name for row in rows if row.object == "Ticket" and row.active)

    async def content(self, path: str) -> bytes:
        """The bytes of a file: `<ticket>/<article>/<file>`."""
        return (await self._read(f"ticket_attachment/{path}", ())).content

    async def create(self, values: Mapping[str, Json]) -> str:
        """Make a ticket with its first text and return its id."""
        response = await self._write("POST", "tickets", values)
        return str(_confirmed(TICKET, response, "a ticket").id)

    async def change(self, id_: str, values: Mapping[str, Json]) -> None:
        """Set attributes, all or none."""
        await self._write("PUT", f"tickets/{id_}", values)

    async def say(self, id_: str, values: Mapping[str, Json]) -> ArticleRow:
        """Add a text."""
        response = await self._write("POST", "ticket_articles", {"ticket_id": int(id_), **values})
        return _confirmed(ARTICLE, response, "a text")

    async def merge(self, ticket: str, into_number: str) -> bool:
        """Put a ticket into the one with this number; whether Zammad says that it did."""
        response = await self._write("PUT", f"ticket_merge/{ticket}/{into_number}", {})
        return _confirmed(MERGE, response, "a merge").result == "success"

    async def _names(self, path: str) -> tuple[NameRow, ...]:
        found: list[NameRow] = []
        page = 0
        while len(found) == page * MOST_ROWS:
            page += 1
            params = {"page": str(page), "per_page": str(MOST_ROWS)}
            rows = _decoded(NAMES, await self._read(path, params), path)
            found += rows
        return tuple(found)

    async def _read(self, path: str, params: Mapping[str, str] | Sequence[tuple[str, str]]) -> httpx.Response:
        try:
            response = await self._http.get(
                path, params=dict(params) if isinstance(params, Mapping) else list(params)
            )
        except httpx.HTTPError as error:
            raise TransientError("Zammad cannot be reached", detail=cause_of(error)) from error
        if response.is_success:
            return response
        raise _refusal(response, f"reading {_kind(path)}", TransientError)

    async def _write(self, method: str, path: str, values: Mapping[str, Json]) -> httpx.Response:
        body, params = msgspec.json.encode(values), {"expand": "true"}
        headers = {"Content-Type": "application/json"}
        try:
            response = await self._http.request(method, path, content=body, params=params, headers=headers)
        except httpx.HTTPError as error:
            raise _broken_off(error) from error
        if response.is_success:
            return response
        raise _refusal(response, f"writing {_kind(path)}", UncertainError)


def _decoded(decoder: msgspec.json.Decoder[T], response: httpx.Response, what: str) -> T:
    try:
        return decoder.decode(response.content)
    except msgspec.ValidationError as error:
        raise MisconfiguredError(
            f"Zammad's answer about {what} does not look as agreed", detail=type(error).__name__
        ) from error
    except msgspec.MsgspecError as error:
        raise TransientError(
            f"Zammad's answer about {what} is no JSON", detail=type(error).__name__
        ) from error


def _confirmed(decoder: msgspec.json.Decoder[T], response: httpx.Response, what: str) -> T:
    try:
        return decoder.decode(response.content)
    except msgspec.MsgspecError as error:
        raise UncertainError(
            f"Zammad's answer to writing {what} is unreadable", detail=type(error).__name__
        ) from error


def _broken_off(error: Exception) -> AdapterError:
    """`ports.http` says that nothing was sent only when it is certain."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return TransientError("Zammad cannot be reached", detail=cause_of(error))
    return UncertainError("Zammad's answer was lost", detail=cause_of(error))


class _Error(msgspec.Struct):
    error: str = ""


def _refusal(
    response: httpx.Response, doing: str, in_doubt: type[TransientError] | type[UncertainError]
) -> HubError:
    """What an answer other than 2xx means; `in_doubt` when it does not say whether something was done.

    Zammad's own words can repeat what we sent: they are looked at, and not passed on.
    """
    status, detail = response.status_code, f"HTTP {response.status_code}"
    spoken = _speaks(response)
    if status in {401, 403}:
        return MisconfiguredError(
            f"Zammad does not let the hub in ({doing}): check token, and the permissions and groups of its agent",
            detail=detail,
        )
    if response.is_redirect or (status == HTTPStatus.NOT_FOUND and not spoken):
        return MisconfiguredError(f"Zammad is elsewhere ({doing}): check url", detail=detail)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TransientError("Zammad asks for patience", detail=detail, retry_after=retry_after(response))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not (
        spoken or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ):
        return in_doubt(f"Zammad failed ({doing})", detail=detail)
    refused = NotThereError if status == HTTPStatus.NOT_FOUND else RejectedError
    return refused(
        f"Zammad refuses ({doing}): a group, state or attribute that it does not know, or a value that it does not take",
        detail=detail,
    )


def _speaks(response: httpx.Response) -> bool:
    try:
        return bool(msgspec.json.decode(response.content, type=_Error).error)
    except msgspec.MsgspecError:
        return False


def _kind(path: str) -> str:
    return path.partition("/")[0]

"""The queue system's own interface: asks it for callbacks, and reads back who waits and who is being served.

Facts that shaped it: callbacks are asked for with GET `register?url=...`, answered 204; it keeps them as a set in
memory and drops an address when one request to it fails (qmatic/orchestra-events, `WebhookController`,
`WebhookService`). There is no way to ask whether we are still in it, so we ask again and again.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec

from adapters.counter.settings import Queue
from ports.errors import MisconfiguredError, RejectedError, TransientError
from ports.http import PooledTransport


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """A visit that is there now."""

    visit: str
    ticket: str
    service: str
    called: bool


class QueueClient:
    """One queue system. Every call raises `TransientError`, `RejectedError` or `MisconfiguredError`; all may be repeated."""

    def __init__(
        self, queue: Queue, callback: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._queue = queue
        self._callback = callback
        password = queue.password.get_secret_value()
        self._transport = transport or PooledTransport(connections=4)
        self._http = httpx.AsyncClient(
            base_url=f"{queue.url.rstrip('/')}/",
            transport=self._transport,
            auth=httpx.BasicAuth(queue.username, password) if queue.username else None,
            timeout=queue.timeout,
            trust_env=False,
            follow_redirects=False,
            headers={"Accept": "application/json"},
        )

    async def close(self) -> None:
        """Let go of the connections; the next call makes new ones."""
        await self._transport.aclose()

    async def ask_for_callbacks(self) -> None:
        """Put our address into its list; nothing changes when it stands there."""
        await self._get(self._queue.register_path, {"url": self._callback})

    async def present(self, branch: str) -> tuple[Present, ...]:
        """Everybody who waits or is being served at a branch, now."""
        waiting: list[Present] = []
        for queue in _rows(await self._json(self._queue.queues_path.format(branch=branch))):
            path = self._queue.waiting_path.format(branch=branch, queue=_text(queue, "id"))
            waiting += _visits(await self._json(path), called=False)
        serving = _visits(await self._json(self._queue.serving_path.format(branch=branch)), called=True)
        return (*waiting, *serving)

    async def _json(self, path: str) -> Any:
        answer = await self._get(path, {})
        try:
            return msgspec.json.decode(answer.content)
        except msgspec.DecodeError:
            raise TransientError("the queue system answered something else than JSON", detail=path) from None

    async def _get(self, path: str, query: dict[str, str]) -> httpx.Response:
        try:
            answer = await self._http.get(path, params=query)
        except httpx.TransportError as error:
            raise TransientError("the queue system can't be reached", detail=type(error).__name__) from None
        if answer.status_code in (401, 403):
            raise MisconfiguredError("the queue system refuses our user: check `username` and `password`")
        if answer.status_code == 404:
            raise MisconfiguredError(
                f"the queue system has no '{path}': check `url`, `branches` and the paths"
            )
        if answer.status_code >= 500 or answer.status_code == 429:
            raise TransientError(f"the queue system answered {answer.status_code}", detail=path)
        if not answer.is_success:
            raise RejectedError(f"the queue system answered {answer.status_code}", detail=path)
        return answer


def _visits(rows: Any, *, called: bool) -> Iterator[Present]:
    """Rows without a visit are free service points."""
    for row in _rows(rows):
        visit = _text(row, "visitId") or _text(row, "currentVisitId")
        if visit and visit != "0":
            ticket = _text(row, "ticketId") or _text(row, "currentTicketNumber")
            service = _text(row, "serviceId") or _text(row, "currentTransactionServiceId")
            yield Present(visit=visit, ticket=ticket.upper(), service=service, called=called)


def _rows(rows: Any) -> list[dict[str, Any]]:
    if not isinstance(rows, list):
        raise TransientError("the queue system answered something else than a list")
    return [row for row in rows if isinstance(row, dict)]  # pyright: ignore[reportUnknownVariableType]


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""

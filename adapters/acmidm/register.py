"""A base register that knows the name behind a number: asked rarely, and never more often than needed.

An answer is used for some hours, then asked for again with its ETag (304 = still good). While the register is away, an old answer
is better than none. `x-correlation-id` tells one question from another, as registers on MAGDA want; some also want to know why.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import msgspec
from msgspec.structs import replace

from adapters.acmidm.settings import Register
from adapters.acmidm.strict import Json
from canonical_model.contact import Contact
from canonical_model.identifiers import Scheme
from ports.clock import Clock
from ports.errors import MisconfiguredError, TransientError
from ports.http import PooledTransport

REMEMBERED = 10_000
_LONGEST_NAME = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    name: str
    etag: str
    asked_at: float


class NameEnricher:
    """Adds the name of a company or association that only gave its number (`ports.enricher.Enricher`)."""

    def __init__(
        self,
        name: str,
        scheme: Scheme,
        register: Register,
        clock: Clock,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._name = name
        self._scheme = scheme
        self._register = register
        self._clock = clock
        self._transport = transport
        self._http: httpx.AsyncClient | None = None
        self._known: OrderedDict[str, _Entry] = OrderedDict()

    @property
    def name(self) -> str:
        """For the log and the metrics."""
        return self._name

    async def enrich(self, contact: Contact) -> Contact:
        """The contact with the registered name, when the customer told none."""
        party = contact.party
        number = next((one.value for one in party.identifiers if one.scheme is self._scheme), "")
        if not number or party.name:
            return contact
        found = await self.name_of(number)
        return replace(contact, party=replace(party, name=found)) if found else contact

    async def name_of(self, number: str) -> str:
        """The registered name; "" when the register knows none. Raises `TransientError`, `MisconfiguredError`."""
        known = self._known.get(number)
        now = self._clock.monotonic()
        if known and now - known.asked_at < self._register.hours * 3600:
            return known.name
        try:
            entry = await self._asked(number, known, now)
        except TransientError:
            if known is None:
                raise
            return known.name
        self._known[number] = entry
        self._known.move_to_end(number)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return entry.name

    async def close(self) -> None:
        """Let go of connections."""
        if self._http:
            await self._http.aclose()

    async def _asked(self, number: str, known: _Entry | None, now: float) -> _Entry:
        answer = await self._answer(number, known.etag if known else "")
        if answer.status_code == 304 and known:
            return dataclasses.replace(known, asked_at=now)
        if answer.status_code in (404, 410):
            return _Entry(name="", etag="", asked_at=now)
        if answer.status_code in (400, 401, 403):
            raise MisconfiguredError(
                f"{self._name} refuses us ({answer.status_code}): look at key and reason"
            )
        if answer.status_code != 200:
            raise TransientError(f"{self._name} answers {answer.status_code}")
        return _Entry(name=self._named(answer.content), etag=answer.headers.get("etag", ""), asked_at=now)

    async def _answer(self, number: str, etag: str) -> httpx.Response:
        if self._http is None:
            self._http = httpx.AsyncClient(
                transport=self._transport or PooledTransport(),
                timeout=self._register.seconds,
                trust_env=False,
            )
        address = self._register.url.replace("{number}", quote(number, safe=""))
        try:
            return await self._http.get(address, headers=self._headers(etag))
        except httpx.HTTPError as error:
            raise TransientError(f"{self._name} can't be reached", detail=type(error).__name__) from error

    def _headers(self, etag: str) -> Mapping[str, str]:
        register = self._register
        headers = {"Accept": "application/json", "x-correlation-id": str(uuid4())}
        if register.api_key:
            headers[register.api_key_header] = register.api_key.get_secret_value()
        if register.reason:
            headers[register.reason_header] = register.reason
        return {**headers, "If-None-Match": etag} if etag else headers

    def _named(self, content: bytes) -> str:
        try:
            answer: Json = msgspec.json.decode(content, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise TransientError(f"{self._name}: the answer can't be read") from error
        name = reduce(_member, self._register.name_path.split("."), answer)
        return " ".join(name.split())[:_LONGEST_NAME] if isinstance(name, str) else ""


def _member(holder: Json, name: str) -> Json:
    return holder.get(name) if isinstance(holder, dict) else None

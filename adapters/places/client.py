"""The registers of Digitaal Vlaanderen on the wire: keys, time-outs, a memory with ETags, and leaving alone who asks for it."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx
import structlog

from adapters.places.settings import Register
from canonical_model.location import Point
from ports.answers import retry_after
from ports.clock import Clock
from ports.errors import AdapterError, MisconfiguredError, RejectedError, TransientError
from ports.http import PooledTransport

log = structlog.get_logger()

_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """An answer; `content` None: there is no such thing."""

    content: bytes | None
    etag: str
    until: datetime


class RegisterClient:
    """Asks and remembers. All calls raise the errors of `ports.errors`, whose texts hold no address."""

    def __init__(self, settings: Register, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._silent: tuple[datetime, AdapterError] | None = None
        self._http: httpx.AsyncClient | None = None

    async def match(self, parameters: Mapping[str, str]) -> bytes:
        """`adresmatch` for these parts of an address."""
        return await self._answer(f"{self._base}/adresmatch", parameters) or b"{}"

    async def address(self, number: str) -> bytes | None:
        """A registered address by its number; None when it never was (404) or was removed (410)."""
        return await self._answer(f"{self._base}/adressen/{number}", {})

    async def nearby(self, point: Point) -> bytes:
        """The addresses nearest to a point, from the geolocation service."""
        place = f"{point.latitude:.6f},{point.longitude:.6f}"
        return await self._answer(self._settings.nearby_url, {"latlon": place, "c": "5"}) or b"{}"

    async def close(self) -> None:
        """Let go of the connections; the next question makes new ones."""
        if self._http:
            await self._http.aclose()
            self._http = None

    @property
    def _base(self) -> str:
        return self._settings.url.rstrip("/")

    async def _answer(self, url: str, parameters: Mapping[str, str]) -> bytes | None:
        address = str(httpx.URL(url, params=dict(parameters)))
        kept, now = self._kept.get(address), self._clock.now()
        if kept and now < kept.until:
            self._kept.move_to_end(address)
            return kept.content
        self._refuse_while_silent(now)
        try:
            kept = await self._asked(address, kept)
        except AdapterError as error:
            self._leave_alone(error, now)
            raise
        self._keep(address, kept)
        return kept.content

    async def _asked(self, address: str, kept: _Kept | None) -> _Kept:
        headers = self._proof(address) | ({"If-None-Match": kept.etag} if kept and kept.etag else {})
        try:
            async with asyncio.timeout(self._settings.seconds):
                answer = await self._client().get(address, headers=headers)
        except (TimeoutError, httpx.TimeoutException):
            raise TransientError(
                f"the address register took longer than {self._settings.seconds:g} s"
            ) from None
        except httpx.TransportError as error:
            raise TransientError(
                "the address register can't be reached", detail=type(error).__name__
            ) from None
        return self._read(answer, kept)

    def _proof(self, address: str) -> dict[str, str]:
        """The key, for the register alone: the geolocation service has none."""
        key = self._settings.api_key
        return {"x-api-key": key.get_secret_value()} if key and address.startswith(f"{self._base}/") else {}

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(
                transport=PooledTransport(),
                timeout=self._settings.seconds,
                trust_env=False,
                headers={"Accept": "application/json"},
            )
        return self._http

    def _read(self, answer: httpx.Response, kept: _Kept | None) -> _Kept:
        until = self._clock.now() + timedelta(hours=self._settings.cache_hours)
        status = answer.status_code
        if status == 304 and kept:
            return replace(kept, until=until)
        if status == 200 and len(answer.content) <= _LARGEST:
            return _Kept(content=answer.content, etag=answer.headers.get("etag", ""), until=until)
        if status in (404, 410):
            return _Kept(content=None, etag="", until=until)
        raise self._complaint(answer)

    def _complaint(self, answer: httpx.Response) -> AdapterError:
        status = answer.status_code
        if status in (401, 403):
            return MisconfiguredError(
                f"the address register refuses our key ({status}): look at `register.api_key`"
            )
        if status == 429 or status >= 500:
            return TransientError(
                f"the address register answers {status}", retry_after=retry_after(answer, self._clock.now())
            )
        return RejectedError(f"the address register refuses a question ({status})")

    def _refuse_while_silent(self, now: datetime) -> None:
        if self._silent and now < self._silent[0]:
            raise self._silent[1]
        if self._silent:
            log.info("address_register_asked_again")
            self._silent = None

    def _leave_alone(self, error: AdapterError, now: datetime) -> None:
        """One question that is refused is no reason; a register that is away, busy or closed to us is."""
        if isinstance(error, RejectedError):
            return
        said = error.retry_after if isinstance(error, TransientError) else None
        self._silent = (now + timedelta(seconds=said or self._settings.pause_seconds), error)
        log.warning(
            "address_register_left_alone", reason=error.what, seconds=said or self._settings.pause_seconds
        )

    def _keep(self, address: str, kept: _Kept) -> None:
        self._kept[address] = kept
        self._kept.move_to_end(address)
        while len(self._kept) > self._settings.cache_entries:
            self._kept.popitem(last=False)

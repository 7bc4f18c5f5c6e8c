"""IPDC on the wire: key, time-outs, ETags, and no more requests than agreed."""

from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from adapters.ipdc.settings import Settings
from ports.answers import retry_after
from ports.clock import Clock
from ports.errors import AdapterError, MisconfiguredError, RejectedError, TransientError
from ports.http import PooledTransport

LARGEST = 8_000_000
"""Bytes of one page."""
_MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `content` None: there is no such thing (404, 410); `unchanged`: what we have still holds (304)."""

    content: bytes | None = field(default=None, repr=False)
    etag: str = ""
    unchanged: bool = False


class IpdcClient:
    """Asks. All calls raise the errors of `ports.errors` and may be repeated: nothing is changed there."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._base = httpx.URL(settings.url)
        self._sent: deque[float] = deque()
        self._http: httpx.AsyncClient | None = None

    @property
    def start(self) -> str:
        """Where the feed begins."""
        return f"{self._settings.feed}?{urlencode({'pageNumber': 0, 'limit': self._settings.page_size})}"

    def next_page(self, address: str) -> str:
        """The place, within the feed, that a page refers to. `RejectedError`: it is not a place in the feed.

        Only path and query count: the host that a page names may be an inner one, and is not for a page to choose.
        """
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, ValueError):
            url = httpx.URL("")
        if url.path != self._settings.feed:
            raise RejectedError("IPDC: a page refers to a next page outside the feed: look at `feed`")
        return url.raw_path.decode("ascii", "replace")

    def pause(self) -> float:
        """Seconds until the next request is allowed; 0: now."""
        now = self._clock.monotonic()
        while self._sent and now - self._sent[0] >= _MINUTE:
            self._sent.popleft()
        if len(self._sent) < self._settings.requests_per_minute:
            return 0.0
        return _MINUTE - (now - self._sent[0])

    async def page(self, place: str, etag: str) -> Answer:
        """One page of the feed."""
        return await self._ask(place, etag, self._settings.seconds)

    async def product(self, number: str, etag: str = "") -> Answer:
        """One product by its number."""
        place = self._settings.product_path.replace("{number}", number)
        return await self._ask(place, etag, self._settings.look_up_seconds)

    async def close(self) -> None:
        """Let go of the connections; the next question makes new ones."""
        if self._http:
            await self._http.aclose()
            self._http = None

    async def _ask(self, place: str, etag: str, seconds: float) -> Answer:
        answer = await self._get(self._base.join(place), etag, seconds)
        if answer.has_redirect_location:  # an identity refers to its document
            answer = await self._get(self._document(answer), etag, seconds)
        status = answer.status_code
        if status == 304 and etag:
            return Answer(etag=etag, unchanged=True)
        if status in (404, 410):
            return Answer()
        if status != 200:
            raise self._complaint(answer)
        if len(answer.content) > LARGEST:
            raise RejectedError(f"IPDC answers with more than {LARGEST} bytes: lower `page_size`")
        return Answer(content=answer.content, etag=answer.headers.get("etag", ""))

    async def _get(self, url: httpx.URL, etag: str, seconds: float) -> httpx.Response:
        if pause := self.pause():
            raise TransientError("IPDC was asked as often as agreed", retry_after=pause)
        self._sent.append(self._clock.monotonic())
        try:
            return await self._client().get(url, headers=self._headers(etag), timeout=seconds)
        except httpx.TimeoutException:
            raise TransientError(f"IPDC took longer than {seconds:g} s") from None
        except httpx.HTTPError as error:
            raise TransientError("IPDC can't be reached", detail=type(error).__name__) from None

    def _document(self, answer: httpx.Response) -> httpx.URL:
        try:
            url = self._base.join(answer.headers.get("location", ""))
        except (httpx.InvalidURL, ValueError):
            url = httpx.URL("")
        if (url.scheme, url.host, url.port) != (self._base.scheme, self._base.host, self._base.port):
            raise RejectedError("IPDC refers to another place: look at `url`")
        return url

    def _headers(self, etag: str) -> dict[str, str]:
        key = self._settings.api_key
        headers = {"Accept": "application/ld+json, application/json;q=0.9"}
        headers |= {"x-api-key": key.get_secret_value()} if key else {}
        return headers | ({"If-None-Match": etag} if etag else {})

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(transport=PooledTransport(), trust_env=False)
        return self._http

    def _complaint(self, answer: httpx.Response) -> AdapterError:
        status = answer.status_code
        if status in (401, 403):
            return MisconfiguredError(f"IPDC refuses our key ({status}): look at `api_key`")
        if status == 429 or status >= 500:
            return TransientError(
                f"IPDC answers {status}", retry_after=retry_after(answer, self._clock.now())
            )
        return RejectedError(f"IPDC refuses a question ({status}): look at `feed` and `product_path`")

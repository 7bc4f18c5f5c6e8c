"""Fetches a photo from an address that a report named: known origins only, within size and time, never to elsewhere."""

import asyncio
from urllib.parse import urljoin, urlsplit

import httpx

from adapters.open311.photos import kind_of
from adapters.open311.posted import Upload
from ports.errors import NotUnderstoodError, TransientError

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_HOPS = 3
_ASK = {"Accept": "image/*", "Accept-Encoding": "identity"}
"""Nothing packed: a small packet may unfold into more than memory holds."""


class PhotoClient:
    """`origins` may be asked, nobody else; `seconds` for the whole photo, redirects included."""

    def __init__(self, origins: tuple[str, ...], *, max_bytes: int, seconds: float) -> None:
        self._origins = frozenset(origin.lower() for origin in origins)
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._http: httpx.AsyncClient | None = None

    def may_ask(self, url: str) -> bool:
        """Whether the address is at a known origin, and nothing is hidden in it."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return False
        host = parts.hostname or ""
        origin = f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
        return parts.username is None and url.isprintable() and origin.lower() in self._origins

    async def photo(self, url: str) -> Upload:
        """The photo. Raises `TransientError` (later) or `NotUnderstoodError` (never); their texts name only the host."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._followed(url)
        except TimeoutError:
            raise TransientError(f"{_host(url)} did not send a photo within {self._seconds:g} s") from None
        except httpx.TransportError as error:
            raise TransientError(f"{_host(url)} can't be reached", detail=type(error).__name__) from None
        except httpx.InvalidURL:
            raise NotUnderstoodError("the address of the photo is none") from None

    async def close(self) -> None:
        """Let go of the connections; the next photo makes new ones."""
        if self._http:
            await self._http.aclose()
            self._http = None

    async def _followed(self, url: str) -> Upload:
        for _ in range(_MOST_HOPS + 1):
            if not self.may_ask(url):
                raise NotUnderstoodError(
                    f"{_host(url)} is not among media_origins: photos are not fetched from there"
                )
            found = await self._asked(url)
            if isinstance(found, Upload):
                return found
            url = urljoin(url, found)
        raise NotUnderstoodError(f"{_host(url)} sends us round and round")

    async def _asked(self, url: str) -> Upload | str:
        """The photo, or where we are sent."""
        if self._http is None:
            self._http = httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=self._seconds)
        async with self._http.stream("GET", url, headers=_ASK) as answer:
            if answer.status_code in _REDIRECTS:
                return str(answer.headers.get("location", ""))
            if answer.status_code in _LATER:
                raise TransientError(f"{_host(url)} answers {answer.status_code}")
            if answer.status_code != 200:
                raise NotUnderstoodError(f"{_host(url)} answers {answer.status_code}: the photo is not there")
            content = await self._read(answer, url)
        if not kind_of(content)[0]:
            raise NotUnderstoodError(f"{_host(url)} sent something that is no photo")
        return Upload(name=urlsplit(url).path.rpartition("/")[2], content=content)

    async def _read(self, answer: httpx.Response, url: str) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in answer.aiter_raw():
            size += len(chunk)
            if size > self._max_bytes:
                raise NotUnderstoodError(f"{_host(url)} sent a photo of more than {self._max_bytes} bytes")
            chunks.append(chunk)
        return b"".join(chunks)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the photo's host"
    except ValueError:
        return "the photo's host"

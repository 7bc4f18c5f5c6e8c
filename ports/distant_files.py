"""Files at addresses that others name: fetched from known origins only, within size and time, and never from elsewhere."""

import asyncio
from collections.abc import Collection
from urllib.parse import urljoin, urlsplit

import httpx

from ports.errors import NotUnderstoodError, TransientError
from ports.files import Upload

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_HOPS = 3


class DistantFiles:
    """`origins` may be asked, nobody else; `seconds` for the whole file, redirects included."""

    def __init__(
        self,
        origins: Collection[str],
        *,
        max_bytes: int,
        seconds: float,
        accept: str = "*/*",
    ) -> None:
        self._origins = frozenset(origin.lower() for origin in origins)
        self._max_bytes = max_bytes
        self._seconds = seconds
        # Nothing packed: a small packet may unfold into more than memory holds.
        self._ask = {"Accept": accept, "Accept-Encoding": "identity"}
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

    async def file(self, url: str) -> Upload:
        """The file, as it is. Raises `TransientError` (later) or `NotUnderstoodError` (never).

        Their texts name only the host: a path may say whose file it is.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._followed(url)
        except TimeoutError:
            raise TransientError(f"{_host(url)} did not send a file within {self._seconds:g} s") from None
        except httpx.TransportError as error:
            raise TransientError(f"{_host(url)} can't be reached", detail=type(error).__name__) from None
        except httpx.InvalidURL:
            raise NotUnderstoodError("the address of the file is none") from None

    async def close(self) -> None:
        """Let go of the connections; the next file makes new ones."""
        if self._http:
            await self._http.aclose()
            self._http = None

    async def _followed(self, url: str) -> Upload:
        for _ in range(_MOST_HOPS + 1):
            if not self.may_ask(url):
                raise NotUnderstoodError(f"{_host(url)} is not among media_origins: nothing is fetched there")
            found = await self._asked(url)
            if isinstance(found, Upload):
                return found
            url = urljoin(url, found)
        raise NotUnderstoodError(f"{_host(url)} sends us round and round")

    async def _asked(self, url: str) -> Upload | str:
        """The file, or where we are sent."""
        if self._http is None:
            self._http = httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=self._seconds)
        async with self._http.stream("GET", url, headers=self._ask) as answer:
            if answer.status_code in _REDIRECTS:
                return str(answer.headers.get("location", ""))
            if answer.status_code in _LATER:
                raise TransientError(f"{_host(url)} answers {answer.status_code}")
            if answer.status_code != 200:
                raise NotUnderstoodError(f"{_host(url)} answers {answer.status_code}: the file is not there")
            content = await self._read(answer, url)
        return Upload(urlsplit(url).path.rpartition("/")[2], content)

    async def _read(self, answer: httpx.Response, url: str) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in answer.aiter_raw():
            size += len(chunk)
            if size > self._max_bytes:
                raise NotUnderstoodError(f"{_host(url)} sent a file of more than {self._max_bytes} bytes")
            chunks.append(chunk)
        return b"".join(chunks)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the file's host"
    except ValueError:
        return "the file's host"

"""Reads request bodies with a limit on size, on time, and on what all of them together hold in memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from adapters.open311.problems import BAD_REQUEST, TOO_LARGE, TOO_SLOW, TRY_LATER, RefusedError


class BodyReader:
    """Sizes in bytes. `shared_limit` is for all bodies that are in memory at one moment.

    The key of an app may stand in the body, so everybody's body is read before we know who it is.
    """

    def __init__(self, *, limit: int, shared_limit: int, seconds: float) -> None:
        self._limit = limit
        self._shared_limit = shared_limit
        self._seconds = seconds
        self._held = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncGenerator[bytes]:
        """The body, whole, counted as held until the block ends. Raises `RefusedError`."""
        announced = request.headers.get("content-length", "")
        if len(announced) > 18 or (announced.isdecimal() and int(announced) > self._limit):
            raise self._too_large()
        chunks: list[bytes] = []
        try:
            await self._read(request, chunks)
            chunks[:] = [b"".join(chunks)]
            yield chunks[0]
        finally:
            self._held -= sum(map(len, chunks))

    async def _read(self, request: Request, chunks: list[bytes]) -> None:
        size = 0
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in request.stream():
                    chunks.append(chunk)
                    size += len(chunk)
                    self._held += len(chunk)
                    self._refuse(size)
        except TimeoutError:
            raise RefusedError(TOO_SLOW, f"send the whole body within {self._seconds:g} seconds") from None
        except ClientDisconnect:
            raise RefusedError(BAD_REQUEST, "the connection was cut before the body was complete") from None

    def _refuse(self, size: int) -> None:
        if size > self._limit:
            raise self._too_large()
        if self._held > self._shared_limit:
            raise RefusedError(TRY_LATER, "too many large reports at this moment", retry_after=5)

    def _too_large(self) -> RefusedError:
        return RefusedError(TOO_LARGE, f"a report with its photos may have {self._limit} bytes")

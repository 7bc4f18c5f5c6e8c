"""Reads request bodies at any door, with a limit on size, on time, and on what all of them together hold in memory."""

from enum import StrEnum

from starlette.requests import Request
from starlette.types import Message

from ports.patience import Patience


class BodyProblem(StrEnum):
    """Why a body was not read; the connection is best closed after `TOO_LARGE` and `TOO_SLOW`."""

    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    CUT_OFF = "cut_off"
    TOO_BUSY = "too_busy"


class BodyRefusedError(Exception):
    """The body was not read to its end. The text is for its sender; `retry_after` in seconds."""

    def __init__(self, problem: BodyProblem, what: str, *, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.problem = problem
        self.what = what
        self.retry_after = retry_after


class BodyReader:
    """Sizes in bytes. `shared_limit` is for all bodies that are in memory at one moment."""

    def __init__(self, *, limit: int, shared_limit: int, seconds: float) -> None:
        self._limit = limit
        self._shared_limit = shared_limit
        self._seconds = seconds
        self._held = 0

    def body(self, request: Request) -> "_Body":
        """`async with`: the body, whole, counted as held until the block ends. Raises `BodyRefusedError`."""
        self._refuse_announced(request.headers.get("content-length", ""))
        return _Body(self, request)

    async def read(self, request: Request, chunks: list[bytes]) -> None:
        """Gather the body; its chunks count as held from when they come."""
        size = 0
        try:
            with Patience(self._seconds):
                more = True
                while more:
                    message = await request.receive()
                    _refuse_cut(message)
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    self._held += len(chunks[-1])
                    self._refuse(size)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise BodyRefusedError(
                BodyProblem.TOO_SLOW, f"send the whole body within {self._seconds:g} seconds"
            ) from None

    def let_go(self, size: int) -> None:
        """So many bytes are no longer held."""
        self._held -= size

    def _refuse_announced(self, length: str) -> None:
        if len(length) > 18 or (length.isdecimal() and int(length) > self._limit):
            raise self._too_large()

    def _refuse(self, size: int) -> None:
        if size > self._limit:
            raise self._too_large()
        if self._held > self._shared_limit:
            raise BodyRefusedError(
                BodyProblem.TOO_BUSY, "too many large submissions at this moment", retry_after=5
            )

    def _too_large(self) -> BodyRefusedError:
        return BodyRefusedError(
            BodyProblem.TOO_LARGE, f"a submission with its files may have {self._limit} bytes"
        )


def _refuse_cut(message: Message) -> None:
    if message["type"] == "http.disconnect":
        raise BodyRefusedError(BodyProblem.CUT_OFF, "the connection was cut before the body was complete")


class _Body:
    """A body while somebody works on it."""

    def __init__(self, reader: BodyReader, request: Request) -> None:
        self._reader = reader
        self._request = request
        self._chunks: list[bytes] = []

    async def __aenter__(self) -> bytes:
        try:
            await self._reader.read(self._request, self._chunks)
        except BaseException:
            self._let_go()
            raise
        return b"".join(self._chunks)

    async def __aexit__(self, *_error: object) -> None:
        self._let_go()

    def _let_go(self) -> None:
        self._reader.let_go(sum(map(len, self._chunks)))

"""Reads request bodies at any door, with a limit on size, on time, and on what all of them together hold in memory."""

from enum import StrEnum

from starlette.requests import Request

from ports.headers import header
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
        self.seconds = seconds
        self._held = 0

    def body(self, request: Request) -> "_Body":
        """`async with`: the body, whole, counted as held until the block ends. Raises `BodyRefusedError`."""
        self._refuse_announced(header(request.scope["headers"], b"content-length"))
        return _Body(self, request)

    def hold(self, chunk: int, size: int) -> None:
        """So many bytes came, with which a body has this size. Raises `BodyRefusedError`; they count all the same."""
        self._held += chunk
        if size > self._limit:
            raise self._too_large()
        if self._held > self._shared_limit:
            raise BodyRefusedError(
                BodyProblem.TOO_BUSY, "too many large submissions at this moment", retry_after=5
            )

    def let_go(self, size: int) -> None:
        """So many bytes are no longer held."""
        self._held -= size

    def _refuse_announced(self, length: bytes) -> None:
        if len(length) > 18 or (length.isdigit() and int(length) > self._limit):
            raise self._too_large()

    def _too_large(self) -> BodyRefusedError:
        return BodyRefusedError(
            BodyProblem.TOO_LARGE, f"a submission with its files may have {self._limit} bytes"
        )


class _Body:
    """A body while somebody works on it; its bytes count as held from when they come."""

    def __init__(self, reader: BodyReader, request: Request) -> None:
        self._reader = reader
        self._receive = request.receive
        self._size = 0

    async def __aenter__(self) -> bytes:
        try:
            with Patience(self._reader.seconds):
                return await self._whole()
        except TimeoutError:
            self._let_go()
            raise BodyRefusedError(
                BodyProblem.TOO_SLOW, f"send the whole body within {self._reader.seconds:g} seconds"
            ) from None
        except BaseException:
            self._let_go()
            raise

    async def __aexit__(self, *_error: object) -> None:
        self._let_go()

    async def _whole(self) -> bytes:
        chunks: list[bytes] = []
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise BodyRefusedError(
                    BodyProblem.CUT_OFF, "the connection was cut before the body was complete"
                )
            chunk = message.get("body", b"")
            chunks.append(chunk)
            self._size += len(chunk)
            self._reader.hold(len(chunk), self._size)
            more = message.get("more_body", False)
        return b"".join(chunks)

    def _let_go(self) -> None:
        self._reader.let_go(self._size)

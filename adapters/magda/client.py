"""MAGDA on the wire: TLS with our certificate, time-outs, an agreed pace, and leaving alone who asks for it.

No error, log line or detail of this module holds what was asked or answered.
"""

import asyncio
import ssl
from collections import deque
from datetime import datetime, timedelta

import httpx
import structlog

from adapters.magda.settings import Settings
from adapters.magda.signing import Signer
from adapters.magda.translate import Reply, reply_of
from adapters.magda.troubles import error_of, is_busy, is_unknown
from ports.clock import Clock
from ports.errors import (
    AdapterError,
    MisconfiguredError,
    NotUnderstoodError,
    RejectedError,
    TransientError,
)
from ports.http import PooledTransport

log = structlog.get_logger()

LARGEST = 2_000_000
"""Bytes of an answer."""


class Pace:
    """So many questions per second and no more: half as many after a complaint, and slowly more again."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._most = per_second
        self._clock = clock
        self._asked: deque[float] = deque()
        self.rate = per_second

    def admit(self) -> bool:
        """Whether a question may go out now; it then counts."""
        now = self._clock.monotonic()
        while self._asked and now - self._asked[0] >= 1:
            self._asked.popleft()
        if len(self._asked) >= max(1, int(self.rate)):
            return False
        self._asked.append(now)
        return True

    def slow_down(self) -> None:
        """MAGDA complained."""
        self.rate = max(1.0, self.rate / 2)

    def went_well(self) -> None:
        """MAGDA answered."""
        self.rate = min(self._most, self.rate + 0.1)


class MagdaClient:
    """Asks. Questions change nothing there and may be repeated."""

    def __init__(self, settings: Settings, signer: Signer, clock: Clock) -> None:
        self._settings = settings
        self._signer = signer
        self._clock = clock
        self._silent: tuple[datetime, AdapterError] | None = None
        self._http: httpx.AsyncClient | None = None
        self.pace = Pace(settings.per_second, clock)

    async def ask(self, url: str, envelope: bytes, reference: str) -> Reply | None:
        """The answer to a question under this reference of ours; None when MAGDA knows nobody by that number.

        Raises the errors of `ports.errors`.
        """
        self._refuse_while_silent()
        if not self.pace.admit():
            raise TransientError("MAGDA is asked as often as agreed already", retry_after=1)
        try:
            return self._judged(await self._posted(url, self._signer.signed(envelope)), reference)
        except AdapterError as error:
            self._leave_alone(error)
            raise

    async def close(self) -> None:
        """Let go of the connections; the next question makes new ones."""
        if self._http:
            await self._http.aclose()
            self._http = None

    async def _posted(self, url: str, content: bytes) -> httpx.Response:
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
        try:
            async with asyncio.timeout(self._settings.seconds):
                return await self._client().post(url, content=content, headers=headers)
        except (TimeoutError, httpx.TimeoutException):
            raise TransientError(f"MAGDA took longer than {self._settings.seconds:g} s") from None
        except httpx.HTTPError as error:
            raise TransientError("MAGDA can't be reached", detail=type(error).__name__) from None

    def _judged(self, answer: httpx.Response, reference: str) -> Reply | None:
        """A SOAP fault comes with status 500, so the body is looked at before the status."""
        status = answer.status_code
        if status in (401, 403):
            raise MisconfiguredError(f"MAGDA refuses us ({status}): look at certificate, key and rights")
        if status not in (200, 500):
            raise TransientError(f"MAGDA answers {status}")
        if len(answer.content) > LARGEST:
            raise RejectedError(f"MAGDA answers with more than {LARGEST} bytes")
        try:
            reply = reply_of(answer.content)
        except NotUnderstoodError as problem:
            raise TransientError(f"MAGDA answers {status} with something else: {problem.what}") from None
        if is_busy(reply.troubles):
            self.pace.slow_down()
        if is_unknown(reply.troubles):
            return None
        if error := error_of(reply.troubles):
            raise error
        if reply.reference != reference:
            raise TransientError("MAGDA answers another question than ours")
        self.pace.went_well()
        return reply

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(
                transport=PooledTransport(tls=tls_of(self._settings)),
                timeout=self._settings.seconds,
                trust_env=False,
            )
        return self._http

    def _refuse_while_silent(self) -> None:
        if self._silent and self._clock.now() < self._silent[0]:
            raise self._silent[1]
        if self._silent:
            log.info("magda_asked_again")
            self._silent = None

    def _leave_alone(self, error: AdapterError) -> None:
        """One question that is refused is no reason; MAGDA that is away, busy or closed to us is."""
        if isinstance(error, RejectedError):
            return
        said = error.retry_after if isinstance(error, TransientError) else None
        seconds = said or self._settings.pause_seconds
        self._silent = (self._clock.now() + timedelta(seconds=seconds), error)
        log.warning("magda_left_alone", reason=error.what, seconds=seconds)


def tls_of(settings: Settings) -> ssl.SSLContext:
    """TLS with our certificate. Raises `OSError` (of which `ssl.SSLError` is one) when the files don't fit."""
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    password = settings.key_password.get_secret_value() if settings.key_password else None
    context.load_cert_chain(settings.certificate_file, settings.key_file, password or "")
    return context

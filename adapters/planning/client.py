"""The planning on the wire: zeep, in threads, and what its answers mean.

Facts that shaped it (zeep 4.3): without `operation_timeout` a call may hang for ever, and with it a server that sends
drop by drop still may; an empty 201 or 202 looks like success; the text of a `TransportError` is the whole answer, and
the log of `zeep.transports` holds whole envelopes. So requests are made here, within limits and without a word of their
content, and what zeep says is never repeated. A client of zeep belongs to one thread.
"""

# zeep and requests are typed in part only: what they give gets a type where it comes in
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import requests
import zeep
from requests.exceptions import ConnectTimeout, RequestException, SSLError
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError
from zeep.exceptions import Error as ZeepError
from zeep.exceptions import Fault, ValidationError

from adapters.planning.settings import Settings
from adapters.planning.translate import Werkopdracht
from ports.errors import (
    AdapterError,
    MisconfiguredError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.tracing import pass_trace_on

WSDL: Final = Path(__file__).with_name("planning.wsdl")
BINDING: Final = "{http://leuven.test/planning/v1}Application"
MOST_BYTES: Final = 1_000_000
"""The largest answer: a number, or a status with a remark."""
SERVER_FAULT_PACE: Final = (60.0, 600.0, 3600.0)
"""Seconds before each next try when the planning blames itself; then a person looks."""
_CLIENT: Final[Any] = zeep.Client
_SETTINGS: Final = {"forbid_dtd": True, "forbid_entities": True, "forbid_external": True}
"""No DTD, no entities, nothing fetched that a document names."""
_OURS_TO_MEND: Final = frozenset({401, 403, 404, 405, 407, 415})


@dataclass(frozen=True, slots=True)
class _Answer:
    """As much of a response as zeep reads."""

    status_code: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str]
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent along with a call."""

    headers: dict[str, str] = field(default_factory=dict[str, str])


class DuplicateError(RejectedError):
    """There is an order of this name already."""


class PlanningClient:
    """Creates orders and asks after them. All calls raise the errors of `ports.errors`; nothing is retried here."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.connections, thread_name_prefix="planning")
        self._of_thread = threading.local()
        self._sessions: list[requests.Session] = []

    async def close(self) -> None:
        """Let go of threads and connections; a call that still runs ends at its time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for session in self._sessions:
            session.close()

    async def create(self, order: Werkopdracht) -> str:
        """The planning's own number of the order. Raises `DuplicateError`; never makes a second one of a name."""
        wanted = {name: value for name, value in asdict(order).items() if value not in ("", None)}
        number = await self._call(lambda service: service.CreateWorkOrder(wo=wanted), "CreateWorkOrder")
        if not isinstance(number, str) or not number.strip():
            raise UncertainError("the planning gave no number (CreateWorkOrder)")
        return number.strip()

    async def status(self, name: str) -> str | None:
        """How an order stands, in the planning's words; None when it knows none of that name. May be repeated."""
        try:
            status = await self._call(lambda service: service.GetStatus(id=name), "GetStatus")
        except UncertainError as error:
            raise TransientError(error.what, detail=error.detail) from None
        except RejectedError as error:
            raise MisconfiguredError(error.what, detail=error.detail) from None
        return status if isinstance(status, str) and status.strip() else None

    async def _call(self, call: Callable[[Any], object], operation: str) -> object:
        request = _Request()
        await pass_trace_on(request)
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._called, call, operation, request.headers)
        try:
            async with asyncio.timeout(self._settings.connect_seconds + 2 * self._settings.answer_seconds):
                return await work
        except TimeoutError:
            raise UncertainError(f"the planning does not answer ({operation})") from None

    def _called(self, call: Callable[[Any], object], operation: str, headers: Mapping[str, str]) -> object:
        """In a thread. What zeep raises is about people: only its kind goes on."""
        client, service = self._client()
        try:
            with client.settings(extra_http_headers=headers):
                return call(service)
        except AdapterError as error:
            raise _named(error, operation) from None
        except Fault as fault:
            raise _refusal(fault, operation) from None
        except (ValidationError, TypeError, ValueError) as error:
            raise RejectedError(
                f"the order does not fit the planning's WSDL ({operation})", detail=type(error).__name__
            ) from None
        except (ZeepError, LookupError, AttributeError) as error:  # zeep reads an empty body without looking
            raise UncertainError(
                f"the planning's answer is not the one of its WSDL ({operation})", detail=type(error).__name__
            ) from None

    def _client(self) -> tuple[Any, Any]:
        """This thread's own client, and the service at the address of the settings."""
        found: tuple[Any, Any] | None = getattr(self._of_thread, "client", None)
        if found is None:
            transport = _Transport(self._settings)
            self._sessions.append(transport.session)
            client: Any = _CLIENT(str(WSDL), transport=transport, settings=zeep.Settings(**_SETTINGS))
            found = client, client.create_service(BINDING, self._settings.url)
            self._of_thread.client = found
        return found


class _Transport(zeep.Transport):
    """Posts within limits of time and size, and writes nothing of it to a log."""

    def __init__(self, settings: Settings) -> None:
        session = requests.Session()
        session.trust_env = False
        session.verify = settings.ca_file or True
        session.cert = settings.certificate_file or None
        if settings.username:
            session.auth = (settings.username, settings.password.get_secret_value())
        super().__init__(session=session, operation_timeout=settings.answer_seconds)  # type: ignore[no-untyped-call]  # zeep has none
        self._patience = (settings.connect_seconds, settings.answer_seconds)

    def post(self, address: str, message: bytes, headers: Mapping[str, str]) -> _Answer:
        """Raises the errors of `ports.errors`; an answer without a word is none."""
        end = time.monotonic() + sum(self._patience)
        try:
            response = self.session.post(
                address,
                data=message,
                headers=headers,
                timeout=self._patience,
                allow_redirects=False,
                stream=True,
            )
            with response:
                content = _read(response, end)
        except (RequestException, HTTPError, OSError) as error:
            raise _broken_off(error) from None
        _judge(response.status_code, content, response.headers.get("Retry-After", ""))
        if response.headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
            raise UncertainError("the planning's answer comes in parts, which its WSDL does not know")
        return _Answer(response.status_code, content, response.headers)


def _read(response: requests.Response, end: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := response.raw.read1(65536, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES or time.monotonic() > end:
            raise UncertainError("the planning's answer is too large, or too slow")
    return b"".join(chunks)


def _judge(status: int, content: bytes, retry_after: str) -> None:
    if status in _OURS_TO_MEND or 300 <= status < 400:
        raise MisconfiguredError(f"the planning answers {status}: check `url`, `username` and `password`")
    if status == 429:
        wait = float(retry_after) if retry_after.isdecimal() else None
        raise TransientError("the planning asks for patience", retry_after=wait)
    if status == 413:
        raise RejectedError("the planning finds the order too large")
    if not content:
        raise UncertainError("the planning answered without a word", detail=f"HTTP {status}")


def _broken_off(error: Exception) -> AdapterError:
    """Whether anything can have been sent: only where no connection came about, nothing was."""
    detail = type(error).__name__
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(error, SSLError):
        return MisconfiguredError("the planning's certificate does not hold: check `ca_file`", detail=detail)
    if isinstance(error, ConnectTimeout) or isinstance(reason, NewConnectionError):
        return TransientError("the planning can't be reached", detail=detail)
    if isinstance(error, OSError) and not isinstance(
        error, RequestException | ConnectionError | TimeoutError
    ):
        return MisconfiguredError("`ca_file` or `certificate_file` can't be used", detail=detail)
    return UncertainError("the planning's answer was lost", detail=detail)


def _refusal(fault: Fault, operation: str) -> AdapterError:
    """SOAP 1.1 says `Client.Duplicate`, SOAP 1.2 `Sender` with a subcode. The fault's text is about people."""
    codes = [str(fault.code or ""), *(str(getattr(one, "localname", one)) for one in fault.subcodes or ())]
    parts = {part.casefold() for code in codes for part in code.rpartition(":")[2].split(".")}
    if "duplicate" in parts:
        return DuplicateError(f"the planning has an order of this name already ({operation})")
    if parts & {"client", "sender"}:
        return RejectedError(f"the planning refuses ({operation}): the fault is in the order")
    if parts & {"server", "receiver"}:
        return TransientError(f"the planning failed ({operation})", pace=SERVER_FAULT_PACE)
    return UncertainError(f"the planning answered with an unknown fault ({operation})")


def _named(error: AdapterError, operation: str) -> AdapterError:
    error.args = (f"{error.what} ({operation})",)
    error.what = error.args[0]
    return error

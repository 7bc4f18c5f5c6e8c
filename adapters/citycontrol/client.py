"""CityControl on the wire: SOAP 1.1 over HTTP, and what its answers mean.

A notice is taken only when the answer is HTTP 200 with exactly one berichtcode, and that is Bv03 (as Signalen judges
it). Anything that does not say clearly that it was refused leaves open whether it was done. No error's text repeats
what was sent or answered: both are about people.
"""

import ssl
from enum import StrEnum

import httpx

from adapters.citycontrol.settings import Settings
from adapters.citycontrol.tree import Node, everywhere, read, text
from ports.answers import cause_of, retry_after
from ports.errors import (
    MisconfiguredError,
    NotUnderstoodError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.http import PooledTransport
from ports.tracing import pass_trace_on

_NAMESPACE = "http://www.egem.nl/StUF/sector/zkn/0310"
_OURS_TO_MEND = frozenset({401, 403, 404, 405, 407, 415})
_NOT_THERE = "StUF064"
"""Object not found (StUF 3.01, table of error codes)."""


class Action(StrEnum):
    """What is asked. The first two are spelled as CityControl wants them, with a capital."""

    CREATE = "CreeerZaak_Lk01"
    ADD_DOCUMENT = "VoegZaakdocumentToe_Lk01"
    SET_STATUS = "actualiseerZaakstatus_Lk01"
    UPDATE = "updateZaak_Lk01"
    DETAILS = "geefZaakdetails_Lv01"
    DOCUMENTS = "geefLijstZaakdocumenten_Lv01"


class RefusedError(RejectedError):
    """CityControl says in StUF or SOAP that it did not do it. `at_server`: it blames itself, a later try may do.

    `code` is the code of StUF, or "".
    """

    def __init__(self, what: str, *, code: str, at_server: bool) -> None:
        super().__init__(what, detail=code)
        self.code = code
        self.at_server = at_server


class CityControlClient:
    """Sends messages. Nothing is retried here; all calls raise the errors of `ports.errors`."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._http: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Let go of the connections; the next call makes new ones."""
        if self._http:
            await self._http.aclose()
            self._http = None

    async def tell(self, action: Action, message: bytes) -> None:
        """Returns when CityControl confirmed with a Bv03.

        Raises `RefusedError` (Fo03, SOAP fault), `TransientError` when nothing was sent, `UncertainError` when nobody
        can tell, `MisconfiguredError`.
        """
        try:
            answer = await self._client().post(self._settings.url, content=message, headers=_headers(action))
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.LocalProtocolError,
        ) as error:
            raise _unreachable(error) from None
        except httpx.HTTPError as error:
            raise UncertainError("CityControl's answer was lost", detail=type(error).__name__) from None
        _judge(answer, action)

    async def ask(self, action: Action, message: bytes) -> Node:
        """What is answered to a question; None when the object is not known. Changes nothing, may be repeated."""
        try:
            answer = await self._client().post(
                self._settings.questions_url, content=message, headers=_headers(action)
            )
        except httpx.HTTPError as error:
            raise _unreachable(error) from None
        try:
            tree = _understood(answer, action)
            _raise_fault(tree, action)
        except RefusedError as refused:
            if refused.code == _NOT_THERE:
                return None
            if refused.at_server:
                raise TransientError(refused.what, detail=refused.code) from None
            raise MisconfiguredError(refused.what, detail=refused.code) from None
        except UncertainError as error:
            raise TransientError(error.what, detail=error.detail) from None
        return tree

    async def reach(self, url: str) -> str:
        """What is wrong with the way to an address, "" when nothing is: a GET, which no SOAP service minds."""
        try:
            answer = await self._client().get(url)
        except httpx.HTTPError as error:
            return _unreachable(error).what
        except MisconfiguredError as error:
            return error.what
        if answer.status_code in {401, 403, 404, 407}:
            return f"CityControl answers {answer.status_code}: check the address, `username` and `password`"
        return ""

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            settings = self._settings
            self._http = httpx.AsyncClient(
                transport=self._transport
                or PooledTransport(connections=settings.connections, tls=_tls(settings)),
                auth=httpx.BasicAuth(settings.username, settings.password.get_secret_value())
                if settings.username
                else None,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(settings.answer_seconds, connect=settings.connect_seconds),
                event_hooks={"request": [pass_trace_on]},
            )
        return self._http


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not (settings.ca_file or settings.certificate_file):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        if settings.certificate_file:
            context.load_cert_chain(settings.certificate_file)
    except OSError as error:  # ssl.SSLError is one too
        raise MisconfiguredError(
            "ca_file or certificate_file can't be used", detail=type(error).__name__
        ) from None
    return context


def _headers(action: Action) -> dict[str, str]:
    return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{_NAMESPACE}/{action}"'}


def _unreachable(error: Exception) -> TransientError:
    return TransientError("CityControl can't be reached", detail=cause_of(error))


def _judge(answer: httpx.Response, action: Action) -> None:
    tree = _understood(answer, action)
    _raise_fault(tree, action)
    codes = [text(code) for code in everywhere(tree, "stuf:berichtcode")]
    if answer.status_code != 200 or codes != ["Bv03"]:
        raise UncertainError(f"CityControl did not confirm ({action})", detail=f"HTTP {answer.status_code}")


def _understood(answer: httpx.Response, action: Action) -> Node:
    status = answer.status_code
    if status in _OURS_TO_MEND or answer.is_redirect:
        raise MisconfiguredError(f"CityControl answers {status} ({action}): check its address and our log-in")
    if status == 429:
        raise TransientError("CityControl asks for patience", retry_after=retry_after(answer))
    if status == 413:
        raise RejectedError(f"CityControl finds the message too large ({action})")
    try:
        return read(answer.content)
    except NotUnderstoodError as error:
        raise UncertainError(
            f"CityControl's answer {error.what} ({action})",
            detail=f"HTTP {status}, {len(answer.content)} bytes",
        ) from None


def _raise_fault(tree: Node, action: Action) -> None:
    """A SOAP fault, of 1.1 or 1.2, with or without a Fo01, Fo02 or Fo03 in it."""
    fault = next(everywhere(tree, "soap:Fault"), None)
    code = next(
        (text(one, "stuf:code") for one in everywhere(tree, "stuf:body") if text(one, "stuf:code")), ""
    )
    fo_codes = [text(one) for one in everywhere(tree, "stuf:berichtcode") if text(one).startswith("Fo")]
    if fault is None and not fo_codes:
        return
    where = next(
        (text(one, "stuf:plek") for one in everywhere(tree, "stuf:body") if text(one, "stuf:plek")), ""
    )
    soap_code = text(fault, "faultcode") or text(fault, "soap:Code", "soap:Value")
    at_server = (where or soap_code.rpartition(":")[2]).casefold() in {"server", "receiver"}
    shown = code if code.isalnum() and len(code) <= 10 else ""
    raise RefusedError(
        f"CityControl refuses ({action}{', ' + shown if shown else ''}), "
        f"and blames {'itself' if at_server else 'the message'}",
        code=shown,
        at_server=at_server,
    )

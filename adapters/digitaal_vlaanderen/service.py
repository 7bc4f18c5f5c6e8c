"""A REST service of Digitaal Vlaanderen on the wire: log-in, time-outs, and what its answers mean for the worker."""

from collections.abc import Collection, Mapping

import httpx
import msgspec

from adapters.digitaal_vlaanderen.oauth import AccessTokens
from adapters.digitaal_vlaanderen.problems import problems_in, texts_in
from adapters.digitaal_vlaanderen.settings import Connection, LogIn, tls_of
from ports.answers import retry_after
from ports.clock import Clock
from ports.errors import (
    AdapterError,
    MisconfiguredError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.http import PooledTransport
from ports.tracing import pass_trace_on

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError)
"""`ports.http` says these only when nothing can have gone out."""
_PASSING = {408, 425, 429}

Query = Mapping[str, str]
Body = Mapping[str, object]


class Service:
    """Reads and writes. Every call raises the errors of `ports.errors`; nothing is tried again here, but for a 401 with a kept token.

    Answers whose status is among `expected` are handed back like a success: the caller knows what they mean.
    `name` is how the service is called in messages for people.
    """

    def __init__(
        self,
        name: str,
        settings: Connection,
        log_in: LogIn,
        clock: Clock,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._name = name
        self._tokens = AccessTokens(log_in, clock, transport=transport)
        self._http = httpx.AsyncClient(
            base_url=settings.base_url,
            auth=self._tokens,
            transport=transport
            or PooledTransport(connections=settings.connections, tls=tls_of(settings.ca_file)),
            timeout=httpx.Timeout(settings.answer_seconds, connect=settings.connect_seconds),
            trust_env=False,
            follow_redirects=False,
            event_hooks={"request": [pass_trace_on]},
            headers={"Accept": "application/json"},
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()
        await self._tokens.close()

    async def log_in(self) -> None:
        """Get a token, unless there is one. Raises as `AccessTokens`."""
        await self._tokens.ready()

    async def get(self, path: str, query: Query, *, expected: Collection[int] = ()) -> httpx.Response:
        """Ask something; may be repeated. An answer that was lost is a `TransientError`."""
        request = self._http.build_request("GET", path, params=dict(query))
        return await self._sent(request, expected, TransientError)

    async def post(self, path: str, body: Body, *, expected: Collection[int] = ()) -> httpx.Response:
        """Send something; an answer that was lost is an `UncertainError`."""
        request = self._http.build_request(
            "POST", path, content=msgspec.json.encode(body), headers={"Content-Type": "application/json"}
        )
        return await self._sent(request, expected, UncertainError, tuple(texts_in(body)))

    async def delete(self, path: str, query: Query, *, expected: Collection[int] = ()) -> httpx.Response:
        """Take something away; an answer that was lost is an `UncertainError`."""
        request = self._http.build_request("DELETE", path, params=dict(query))
        return await self._sent(request, expected, UncertainError)

    def unreadable(self, what: str, error: Exception) -> TransientError:
        """The service answered something else than agreed; the text holds nothing of it."""
        return TransientError(f"{self._name}: {what} is not what was agreed on", detail=type(error).__name__)

    async def _sent(
        self,
        request: httpx.Request,
        expected: Collection[int],
        in_doubt: type[TransientError] | type[UncertainError],
        said: tuple[str, ...] = (),
    ) -> httpx.Response:
        try:
            answer = await self._http.send(request)
        except _NOT_SENT as error:
            raise TransientError(f"{self._name} can't be reached", detail=type(error).__name__) from error
        except httpx.HTTPError as error:
            raise in_doubt(f"the answer of {self._name} was lost", detail=type(error).__name__) from error
        if answer.is_success or answer.status_code in expected:
            return answer
        raise self._complaint(answer, in_doubt, said)

    def _complaint(
        self,
        answer: httpx.Response,
        in_doubt: type[TransientError] | type[UncertainError],
        said: tuple[str, ...],
    ) -> AdapterError:
        status = answer.status_code
        if status == 401:
            return MisconfiguredError(
                f"{self._name} does not let us in (401): look at log_in and at what was granted to our client"
            )
        if status in _PASSING:
            return TransientError(
                f"{self._name} asks for patience ({status})", retry_after=retry_after(answer)
            )
        if status >= 500:
            return in_doubt(f"{self._name} failed ({status})")
        problems = problems_in(answer.content, said)
        if problems:
            return RejectedError(f"{self._name} refuses it ({status}): {'; '.join(problems)}")
        if answer.is_redirect or status in (403, 404, 405):
            return MisconfiguredError(
                f"{self._name} is elsewhere or closed to us ({status}): look at base_url and the paths"
            )
        return RejectedError(f"{self._name} refuses it ({status}) without saying why")

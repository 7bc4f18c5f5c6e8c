"""Log-in with OAuth 2.0 client credentials (RFC 6749 section 4.4), proving who we are with a signed assertion (RFC 7523)."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import cast
from uuid import uuid4

import httpx
import msgspec
from authlib.oauth2.rfc7523 import (
    private_key_jwt_sign,  # pyright: ignore[reportUnknownVariableType] - authlib has no types
)
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from adapters.digitaal_vlaanderen.settings import LogIn, tls_of
from ports.answers import retry_after
from ports.clock import Clock
from ports.errors import MisconfiguredError, TransientError
from ports.http import PooledTransport

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LARGEST_ANSWER = 100_000
_OFTEN = 600.0
"""Seconds that a token is taken to be good for when the provider does not say."""


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = _OFTEN


class _Refused(msgspec.Struct, frozen=True):
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    renew_at: float


class AccessTokens(httpx.Auth):
    """Puts a token on each request. One token for all of them, renewed before it ends, asked for once at a time.

    A request that is answered 401 is sent once more with a new token, because ours may have been withdrawn; nothing
    was done for the first. Raises `TransientError` when no token can be had now, and `MisconfiguredError` when
    the provider refuses us.
    """

    def __init__(
        self, settings: LogIn, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._key = _signing_key(settings)
        self._asking = asyncio.Lock()
        self._token: _Token | None = None
        self._http = httpx.AsyncClient(
            transport=transport or PooledTransport(connections=1, tls=tls_of(settings.ca_file)),
            timeout=10,
            trust_env=False,
            follow_redirects=False,
            headers={"Accept": "application/json"},
        )

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """See `httpx.Auth`."""
        kept = self._token
        token = await self._good()
        request.headers["Authorization"] = f"Bearer {token.value}"
        response = yield request
        if response.status_code == 401 and token is kept:
            request.headers["Authorization"] = f"Bearer {(await self._good(instead_of=token)).value}"
            yield request

    async def ready(self) -> None:
        """Have a token that is good."""
        await self._good()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._http.aclose()

    async def _good(self, *, instead_of: _Token | None = None) -> _Token:
        """A token that is not `instead_of`, and that will last for a while."""
        async with self._asking:
            token = self._token
            if token is None or token is instead_of or self._clock.monotonic() >= token.renew_at:
                token = self._token = await self._new()
            return token

    async def _new(self) -> _Token:
        asked_at = self._clock.monotonic()
        granted = _read(await self._asked())
        margin = min(self._settings.renew_seconds, granted.expires_in / 2)
        return _Token(granted.access_token, asked_at + granted.expires_in - margin)

    async def _asked(self) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "scope": self._settings.scope,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }
        try:
            return await self._http.post(self._settings.token_url, data=form)
        except httpx.HTTPError as error:
            raise TransientError(
                "the log-in of Digitaal Vlaanderen can't be reached", detail=type(error).__name__
            ) from error

    def _assertion(self) -> str:
        """Who we are, signed, with a `jti` that is used once."""
        signed: object = private_key_jwt_sign(
            self._key,
            self._settings.client_id,
            self._settings.assertion_audience,
            header={"kid": self._key.kid},
            claims={"jti": str(uuid4())},
            issued_at=int(self._clock.now().timestamp()),
            expires_in=self._settings.assertion_seconds,
        )
        return cast("str", signed)


def _read(answer: httpx.Response) -> _Granted:
    status = answer.status_code
    if status == 429 or status >= 500:
        raise TransientError(
            f"the log-in of Digitaal Vlaanderen answers {status}",
            retry_after=retry_after(answer),
        )
    if not answer.is_success:
        raise MisconfiguredError(
            f"the log-in of Digitaal Vlaanderen refuses us ({_why(answer)}): look at token_url, client_id, "
            "private_key, scope and audience"
        )
    try:
        if len(answer.content) > _LARGEST_ANSWER:
            raise msgspec.DecodeError("too large")
        return msgspec.json.decode(answer.content, type=_Granted, strict=False)
    except msgspec.MsgspecError as error:
        raise TransientError("the log-in of Digitaal Vlaanderen gave no readable token") from error


def _why(answer: httpx.Response) -> str:
    """The error code of RFC 6749 section 5.2, else the status."""
    try:
        code = msgspec.json.decode(answer.content, type=_Refused).error
    except msgspec.MsgspecError:
        code = ""
    plain = code.isascii() and code.replace("_", "").isalpha() and len(code) <= 60
    return code if plain else str(answer.status_code)


def _signing_key(settings: LogIn) -> RSAKey:
    text = settings.private_key.get_secret_value()
    try:
        key = RSAKey.import_key(msgspec.json.decode(text) if text.lstrip().startswith("{") else text)
    except (JoseError, ValueError, TypeError, msgspec.MsgspecError):
        raise MisconfiguredError("`log_in.private_key` is not an RSA key as JWK or PEM") from None
    if not key.is_private:
        raise MisconfiguredError("`log_in.private_key` is a public key")
    key.ensure_kid()
    return key

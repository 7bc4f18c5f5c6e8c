"""The provider on the wire: discovery and keys (cached), codes for tokens, userinfo, introspection.

Nothing is asked before it is needed, and a provider that is away only takes its own pages and doors with it: what was
learned earlier stays good. Wire errors become those of `ports.errors`; what a customer or a sender did wrong is a `TokenError`.
"""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from adapters.acmidm.settings import Client
from adapters.acmidm.tokens import Expected, TokenError
from ports.clock import Clock
from ports.errors import MisconfiguredError, TransientError
from ports.http import PooledTransport

ASSERTION_SECONDS = 120
METADATA_SECONDS = 3600.0
RETRY_SECONDS = 30.0
"""Between two looks for new keys the provider is left alone for so long; after a failure, a tenth of it."""
LARGEST_ANSWER = 1_000_000
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_OUR_FAULT = {"invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type"}


class Metadata(msgspec.Struct, frozen=True):
    """What a provider publishes about itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    introspection_endpoint: str = ""
    end_session_endpoint: str = ""
    scopes_supported: tuple[str, ...] = ()


class _Tokens(msgspec.Struct, frozen=True):
    access_token: str
    id_token: str


class _OAuthError(msgspec.Struct, frozen=True):
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What the provider gave for a code."""

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One log-in as it is put to the provider. `challenge` is PKCE's, S256."""

    scopes: tuple[str, ...]
    redirect_uri: str
    state: str
    nonce: str
    challenge: str
    language: str


class Provider:
    """One provider, as one client of it sees it."""

    def __init__(
        self, settings: Client, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._transport = transport
        self._http: httpx.AsyncClient | None = None
        self._learning = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._keys: KeySet | None = None
        self._look_again_at = self._looked_for_keys_at = float("-inf")
        self._key = _signing_key(settings)

    @property
    def settings(self) -> Client:
        """Who we are for it."""
        return self._settings

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a browser may be sent to: the issuer's own place, and that of its log-out."""
        found = [self._settings.issuer]
        if self._metadata and self._metadata.end_session_endpoint:
            found.append(self._metadata.end_session_endpoint)
        return tuple(dict.fromkeys(f"{urlsplit(one).scheme}://{urlsplit(one).netloc}" for one in found))

    def expected(self, audience: str) -> Expected:
        """What a token of this provider must say."""
        return Expected(issuer=self._settings.issuer, audience=audience, algorithms=self._settings.algorithms)

    async def metadata(self) -> Metadata:
        """What the provider publishes, at most an hour old while it can be reached.

        Raises `TransientError` when it was never reached, `MisconfiguredError` when it is another one.
        """
        async with self._learning:
            now = self._clock.monotonic()
            if now < self._look_again_at:
                return self._known()
            try:
                self._metadata = await self._discover()
                self._look_again_at = now + METADATA_SECONDS
            except TransientError:
                self._look_again_at = now + RETRY_SECONDS / 10
            return self._known()

    async def keys(self, *, renew: bool = False) -> KeySet:
        """The provider's keys; `renew` after a token named one that is not among them."""
        metadata = await self.metadata()
        async with self._learning:
            now = self._clock.monotonic()
            may_look = now - self._looked_for_keys_at >= RETRY_SECONDS
            old = now - self._looked_for_keys_at >= METADATA_SECONDS
            if self._keys is None or old or (renew and may_look):
                self._looked_for_keys_at = now
                self._keys = await self._fetch_keys(metadata.jwks_uri, self._keys)
            return self._keys

    async def log_in_address(self, question: Question) -> str:
        """Where to send the browser."""
        endpoint = (await self.metadata()).authorization_endpoint
        if not endpoint:
            raise MisconfiguredError("the provider publishes no authorization_endpoint")
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": question.redirect_uri,
            "scope": " ".join(question.scopes),
            "state": question.state,
            "nonce": question.nonce,
            "code_challenge": question.challenge,
            "code_challenge_method": "S256",
            "ui_locales": question.language,
        }
        return _with_query(endpoint, query)

    async def log_out_address(self, id_token: str, back_to: str) -> str:
        """Where the browser also ends the session at the provider; "" when the provider has no such place."""
        endpoint = (await self.metadata()).end_session_endpoint
        if not endpoint:
            return ""
        query = {"client_id": self._settings.client_id, "post_logout_redirect_uri": back_to}
        return _with_query(endpoint, {**query, "id_token_hint": id_token} if id_token else query)

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """Tokens for a code, once. `TokenError` when the code is worth nothing (any more)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }
        answer = await self._authenticated((await self.metadata()).token_endpoint, form)
        if answer.status_code != 200:
            raise self._refused(answer)
        try:
            got = msgspec.json.decode(answer.content, type=_Tokens)
        except msgspec.MsgspecError as error:
            raise TokenError("the provider gave no ID token: ask for the scope openid") from error
        return Tokens(id_token=got.id_token, access_token=got.access_token)

    async def userinfo(self, tokens: Tokens, subject: str) -> Mapping[str, Any]:
        """Further claims about who logged in; {} when the provider has none to give."""
        endpoint = (await self.metadata()).userinfo_endpoint
        if not endpoint:
            return {}
        answer = await self._ask(
            "GET", endpoint, headers={"Authorization": f"Bearer {tokens.access_token}"}, form=None
        )
        if answer.status_code in (401, 403):
            raise TokenError("the provider does not tell about this token")
        claims = _object(answer)
        if claims.get("sub") != subject:
            raise TokenError("sub: the provider tells about somebody else")
        return claims

    async def introspect(self, token: str) -> Mapping[str, Any]:
        """What the provider says of an access token (RFC 7662). `TokenError` when it is not active."""
        endpoint = (await self.metadata()).introspection_endpoint
        if not endpoint:
            raise MisconfiguredError("the provider publishes no introspection_endpoint: use jwks")
        form = {"token": token, "token_type_hint": "access_token"}
        answer = await self._authenticated(endpoint, form)
        if answer.status_code in (400, 401, 403):
            raise self._refused(answer)
        claims = _object(answer)
        if claims.get("active") is not True:
            raise TokenError("the token is not active")
        return claims

    async def findings(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """What an administrator should look at; asks only for what the provider publishes."""
        try:
            metadata = await self.metadata()
            await self.keys()
        except (TransientError, MisconfiguredError) as error:
            return (f"{self._settings.issuer}: {error.what}",)
        unknown = sorted(set(scopes) - set(metadata.scopes_supported)) if metadata.scopes_supported else []
        return tuple(f"{self._settings.issuer} does not know the scope {scope!r}" for scope in unknown)

    async def close(self) -> None:
        """Let go of connections."""
        if self._http:
            await self._http.aclose()

    def _known(self) -> Metadata:
        if self._metadata is None:
            raise TransientError("the log-in provider can't be reached", retry_after=RETRY_SECONDS)
        return self._metadata

    async def _discover(self) -> Metadata:
        address = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        answer = await self._ask("GET", address, headers={}, form=None)
        if answer.status_code != 200:
            raise TransientError(f"the provider's configuration answers {answer.status_code}")
        try:
            metadata = msgspec.json.decode(answer.content, type=Metadata)
        except msgspec.MsgspecError as error:
            raise TransientError("the provider's configuration can't be read") from error
        if metadata.issuer != self._settings.issuer:
            raise MisconfiguredError("`issuer`: the provider there names itself otherwise")
        _refuse_downgrade(metadata)
        return metadata

    async def _fetch_keys(self, address: str, known: KeySet | None) -> KeySet:
        try:
            answer = await self._ask("GET", address, headers={}, form=None)
            return KeySet.import_key_set(msgspec.json.decode(answer.content))
        except (TransientError, msgspec.MsgspecError, JoseError, KeyError, TypeError, ValueError) as error:
            if known is None:
                self._looked_for_keys_at = float("-inf")
                raise TransientError("the provider's keys can't be read") from error
            return known

    async def _authenticated(self, endpoint: str, form: Mapping[str, str]) -> httpx.Response:
        settings = self._settings
        if not endpoint:
            raise MisconfiguredError("the provider does not publish where to ask for tokens")
        if settings.client_authentication == "client_secret_basic":
            return await self._ask("POST", endpoint, headers={"Authorization": self._basic()}, form=form)
        named = {**form, "client_id": settings.client_id}
        if settings.client_authentication == "client_secret_post":
            return await self._ask(
                "POST", endpoint, headers={}, form={**named, "client_secret": self._secret()}
            )
        proof = {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": self._assertion()}
        return await self._ask("POST", endpoint, headers={}, form={**named, **proof})

    def _basic(self) -> str:
        """RFC 6749 section 2.3.1: both parts are form-encoded first."""
        both = f"{quote(self._settings.client_id, safe='')}:{quote(self._secret(), safe='')}"
        return f"Basic {b64encode(both.encode()).decode()}"

    def _secret(self) -> str:
        secret = self._settings.client_secret
        return secret.get_secret_value() if secret else ""

    def _assertion(self) -> str:
        """Who we are, signed (RFC 7523), with a `jti` that is used once."""
        if self._key is None:
            raise MisconfiguredError("`private_key` is missing")
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._settings.client_id,
            "sub": self._settings.client_id,
            "aud": self._settings.assertion_audience or self._settings.issuer,
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        return jwt.encode({"alg": "RS256", "kid": str(self._key.kid)}, claims, self._key)

    def _refused(self, answer: httpx.Response) -> TokenError | MisconfiguredError:
        """A refusal is about the code or token that a customer brought, or about ourselves."""
        try:
            code = msgspec.json.decode(answer.content, type=_OAuthError).error
        except msgspec.MsgspecError:
            code = ""
        if code in _OUR_FAULT or answer.status_code == 401:
            return MisconfiguredError(
                f"the provider refuses us ({code or answer.status_code}): look at client_id and its key or secret"
            )
        return TokenError(f"the provider refuses it ({code or answer.status_code})")

    async def _ask(
        self,
        method: Literal["GET", "POST"],
        address: str,
        *,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
    ) -> httpx.Response:
        if self._http is None:
            self._http = httpx.AsyncClient(
                transport=self._transport or PooledTransport(),
                timeout=self._settings.seconds,
                trust_env=False,
            )
        asked = self._http.build_request(
            method, address, headers={"Accept": "application/json", **headers}, data=form
        )
        try:
            answer = await self._http.send(asked)
        except httpx.HTTPError as error:
            raise TransientError(
                "the log-in provider can't be reached", detail=type(error).__name__
            ) from error
        if len(answer.content) > LARGEST_ANSWER:
            raise TransientError("the log-in provider sends too much")
        if answer.status_code >= 500 or answer.status_code == 429:
            raise TransientError(f"the log-in provider answers {answer.status_code}")
        return answer


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        return msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise TransientError("the log-in provider's answer can't be read") from error


def _with_query(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _refuse_downgrade(metadata: Metadata) -> None:
    """A provider on https that sends us to http was tampered with, or badly set up."""
    places = (
        metadata.jwks_uri,
        metadata.authorization_endpoint,
        metadata.token_endpoint,
        metadata.userinfo_endpoint,
        metadata.introspection_endpoint,
        metadata.end_session_endpoint,
    )
    if metadata.issuer.startswith("https://") and any(
        place and not place.startswith("https://") for place in places
    ):
        raise MisconfiguredError("the provider publishes addresses without https")


def _signing_key(settings: Client) -> RSAKey | None:
    if settings.private_key is None:
        return None
    text = settings.private_key.get_secret_value()
    try:
        key = RSAKey.import_key(msgspec.json.decode(text) if text.lstrip().startswith("{") else text)
    except (JoseError, ValueError, TypeError, msgspec.MsgspecError):
        raise MisconfiguredError("`private_key` is not an RSA key as JWK or PEM") from None
    if not key.is_private:
        raise MisconfiguredError("`private_key` is a public key")
    key.ensure_kid()
    return key

"""Whether a token is genuine, meant for us, and still valid. Pure: keys, claims and the time come in as arguments."""

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ports.errors import NotUnderstoodError

LEEWAY = 30
"""Seconds that the provider's clock may differ from ours."""
OLDEST = 600
"""Seconds after which an ID token is too old to begin a session with."""
_ACCESS_TOKEN_TYPES = {"at+jwt", "application/at+jwt", "jwt", ""}


class TokenError(NotUnderstoodError):
    """The token proves nothing. `what` names the check that failed, never a value."""


class UnknownKeyError(TokenError):
    """Signed with a key that we do not know (yet): the provider may have a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must say: who made it, and for whom; and how it may be signed."""

    issuer: str
    audience: str
    algorithms: Collection[str]


def id_token_claims(
    token: str, keys: KeySet, expected: Expected, *, nonce: str, now: datetime
) -> Mapping[str, Any]:
    """The claims of an ID token that answers our own log-in. Raises `TokenError`."""
    claims = _genuine(token, keys, expected, now).claims
    if not hmac.compare_digest(_text(claims, "nonce").encode(), nonce.encode()):
        raise TokenError("nonce: this answer is not to our question")
    if now.timestamp() - float(claims["iat"]) > OLDEST:
        raise TokenError("iat: the token is too old")
    if len(_audiences(claims)) > 1 and claims.get("azp") != expected.audience:
        raise TokenError("azp: one of several audiences, and made for another")
    return claims


def access_token_claims(token: str, keys: KeySet, expected: Expected, *, now: datetime) -> Mapping[str, Any]:
    """The claims of an access token that is a JWT (RFC 9068). Raises `TokenError`."""
    decoded = _genuine(token, keys, expected, now)
    if str(decoded.header.get("typ", "")).lower() not in _ACCESS_TOKEN_TYPES:
        raise TokenError("typ: not an access token")
    if "nonce" in decoded.claims:
        raise TokenError("nonce: an ID token is not an access token")
    return decoded.claims


def key_id(token: str) -> str:
    """Which key a token says it was signed with; "" when it does not say. Raises `TokenError`."""
    try:
        return str(jws.extract_compact(token.encode("ascii")).headers().get("kid", ""))
    except (JoseError, ValueError) as error:
        raise TokenError("not a signed token") from error


def scopes_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """The scopes that were granted: `scope` with spaces between, or a list."""
    granted = claims.get("scope", claims.get("scp", ""))
    if isinstance(granted, str):
        return frozenset(granted.split())
    return frozenset(map(str, cast("list[object]", granted))) if isinstance(granted, list) else frozenset()


def _genuine(token: str, keys: KeySet, expected: Expected, now: datetime) -> jwt.Token:
    kid = key_id(token)
    if kid and all(key.kid != kid for key in keys):
        raise UnknownKeyError("kid: signed with a key that the provider does not publish")
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY,
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.audience},
    )
    try:
        decoded = jwt.decode(token, keys, algorithms=list(expected.algorithms))
        registry.validate(decoded.claims)
    except (JoseError, ValueError, TypeError) as error:
        raise TokenError(f"{type(error).__name__}: {_claim(error)}") from error
    return decoded


def _claim(error: Exception) -> str:
    return str(getattr(error, "claim", "") or "the signature or the form of the token is wrong")


def _audiences(claims: Mapping[str, Any]) -> list[str]:
    audience = claims["aud"]
    return [audience] if isinstance(audience, str) else list(audience)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    return value if isinstance(value, str) else ""

"""Which system is at the door, and for whom: access tokens, checked here (JWT, RFC 9068) or asked about (RFC 7662)."""

from collections.abc import Collection, Mapping
from typing import Any

from adapters.acmidm.persona import Capacity, NotWelcomeError, Persona, persona_of
from adapters.acmidm.problems import NO_TOKEN, NOT_ALLOWED, NOT_PROVEN
from adapters.acmidm.provider import Provider
from adapters.acmidm.settings import Door
from adapters.acmidm.tokens import TokenError, UnknownKeyError, access_token_claims, key_id, scopes_of
from adapters.acmidm.understood import Caller
from ports.clock import Clock
from ports.problems import RefusedError

_LONGEST_TOKEN = 16_000


class Doorkeeper:
    """Lets in systems with the right token."""

    def __init__(
        self, door: Door, provider: Provider, capacities: Collection[Capacity], clock: Clock
    ) -> None:
        self._door = door
        self._provider = provider
        self._capacities = capacities
        self._clock = clock

    async def caller(self, authorization: str) -> Caller:
        """Who this is. Raises `RefusedError`; `TransientError` when the provider can't tell now."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
            raise RefusedError(NO_TOKEN, "send your access token as `Authorization: Bearer ...`")
        try:
            claims = await self._claims(token)
        except TokenError as error:
            raise RefusedError(NO_TOKEN, error.what) from error
        if self._door.scope not in scopes_of(claims):
            raise RefusedError(NOT_ALLOWED, f"the token lacks the scope {self._door.scope}")
        system = _system(claims)
        if not system or (self._door.senders and system not in self._door.senders):
            raise RefusedError(NOT_ALLOWED, "the system that the token names may not post here")
        return Caller(system=system, persona=self._persona(claims))

    async def _claims(self, token: str) -> Mapping[str, Any]:
        if self._door.checked_by == "introspection":
            claims = await self._provider.introspect(token)
            self._hold_against_settings(claims)
            return claims
        key_id(token)
        expected, now = self._provider.expected(self._door.audience), self._clock.now()
        try:
            return access_token_claims(token, await self._provider.keys(), expected, now=now)
        except UnknownKeyError:
            return access_token_claims(token, await self._provider.keys(renew=True), expected, now=now)

    def _hold_against_settings(self, claims: Mapping[str, Any]) -> None:
        """The provider said "active"; what else it says must fit too (RFC 7662 section 4)."""
        now = self._clock.now().timestamp()
        audience = claims.get("aud", "")
        audiences = [audience] if isinstance(audience, str) else audience
        if self._door.audience and self._door.audience not in audiences:
            raise TokenError("aud: the token is for another")
        if claims.get("iss", self._door.issuer) != self._door.issuer:
            raise TokenError("iss: the token is of another provider")
        if isinstance(claims.get("exp"), int | float) and claims["exp"] <= now:
            raise TokenError("exp: the token is over")

    def _persona(self, claims: Mapping[str, Any]) -> Persona | None:
        if not any(claims.get(name) for name in ("rrn", "vo_doelgroepcode", "vo_orgcode")):
            return None
        try:
            return persona_of(
                claims, accepted=self._capacities, allow_test_numbers=self._door.allow_test_numbers
            )
        except NotWelcomeError as error:
            raise RefusedError(NOT_PROVEN, error.detail) from error


def _system(claims: Mapping[str, Any]) -> str:
    """The client that got the token: `client_id` (RFC 9068, RFC 7662), or `azp`."""
    name = claims.get("client_id") or claims.get("azp") or ""
    plain = isinstance(name, str) and name.isprintable() and "/" not in name
    return name[:100] if plain else ""

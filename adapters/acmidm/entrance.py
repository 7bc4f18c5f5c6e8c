"""Log-in and log-out through the provider: code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636, RFC 9207)."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Collection, Mapping
from hashlib import sha256
from typing import Any, TypeVar

import structlog
from starlette.responses import RedirectResponse, Response

from adapters.acmidm.pages import proven_form
from adapters.acmidm.persona import Capacity, NotWelcomeError, persona_of, strong_enough
from adapters.acmidm.places import safe_place
from adapters.acmidm.provider import Provider, Question, Tokens
from adapters.acmidm.sessions import LOG_IN_SECONDS, LogInUnderWay, Sessions
from adapters.acmidm.settings import LogIn
from adapters.acmidm.tokens import TokenError, UnknownKeyError, id_token_claims
from adapters.acmidm.visit import PageProblemError, Visit, drop_cookie, set_cookie
from ports.clock import Clock
from ports.errors import MisconfiguredError, TransientError

log = structlog.get_logger()

_T = TypeVar("_T")

_PROVIDER_SAYS = {"access_denied": (403, "log_in_cancelled"), "login_required": (403, "log_in_cancelled")}
_OUR_FAULT = {"invalid_scope", "unauthorized_client", "invalid_request", "unsupported_response_type"}


class Entrance:
    """Lets customers in and out."""

    def __init__(
        self,
        provider: Provider,
        sessions: Sessions,
        settings: LogIn,
        scopes: tuple[str, ...],
        capacities: Collection[Capacity],
        clock: Clock,
    ) -> None:
        self._provider = provider
        self._sessions = sessions
        self._settings = settings
        self._scopes = scopes
        self._capacities = capacities
        self._clock = clock

    async def log_in(self, visit: Visit) -> Response:
        """Send the browser to the provider."""
        verifier = secrets.token_urlsafe(48)
        wanted = safe_place(visit.request.query_params.get("next", ""))
        under_way, cookie = self._sessions.log_in_begun(verifier, wanted)
        question = Question(
            scopes=self._scopes,
            redirect_uri=_redirect_uri(visit),
            state=under_way.state,
            nonce=under_way.nonce,
            challenge=challenge_of(verifier),
            language=visit.wording.language,
        )
        address = await _reached(self._provider.log_in_address(question))
        answer = RedirectResponse(address, 303)
        secure = visit.settings.secure
        set_cookie(answer, visit.cookies.log_in, cookie, secure=secure, seconds=int(LOG_IN_SECONDS))
        return answer

    async def callback(self, visit: Visit) -> Response:
        """The provider sends the browser back, with a code or with the reason why not."""
        query = visit.request.query_params
        cookie = visit.request.cookies.get(visit.cookies.log_in, "")
        under_way = self._sessions.log_in_answered(cookie, query.get("state", ""))
        if under_way is None or query.get("iss", self._settings.issuer) != self._settings.issuer:
            raise PageProblemError(400, "log_in_lost")
        if "error" in query:
            raise _refused_by_provider(query["error"])
        try:
            answer = await self._let_in(visit, under_way, query.get("code", ""))
        except TokenError as error:
            log.warning("portal_token_refused", portal=visit.base, reason=error.what)
            raise PageProblemError(403, "log_in_failed") from error
        except NotWelcomeError as error:
            log.info("portal_log_in_refused", portal=visit.base, reason=error.detail)
            raise PageProblemError(403, error.refusal) from error
        drop_cookie(answer, visit.cookies.log_in, secure=visit.settings.secure)
        return answer

    async def log_out(self, visit: Visit) -> Response:
        """End the session here, then at the provider."""
        if visit.session is None:
            return visit.to("/logged-out")
        await proven_form(visit)
        await self._sessions.end(visit.session)
        answer = visit.to("/logged-out")
        back = f"{visit.settings.public_url}{visit.base}/logged-out"
        try:
            address = await self._provider.log_out_address(visit.session.id_token, back)
            answer = RedirectResponse(address, 303) if address else answer
        except (TransientError, MisconfiguredError) as error:
            log.warning("portal_log_out_at_provider_failed", portal=visit.base, reason=error.what)
        drop_cookie(answer, visit.cookies.session, secure=visit.settings.secure)
        return answer

    async def logged_out(self, visit: Visit) -> Response:
        """Good-bye."""
        return visit.page("logged_out.html")

    async def _let_in(self, visit: Visit, under_way: LogInUnderWay, code: str) -> Response:
        tokens = await _reached(self._provider.exchange(code, under_way.verifier, _redirect_uri(visit)))
        claims = await _reached(self._claims(tokens, under_way.nonce))
        strong_enough(claims, self._settings.accepted_acr)
        persona = persona_of(
            claims, accepted=self._capacities, allow_test_numbers=self._settings.allow_test_numbers
        )
        _, cookie = self._sessions.begun(persona, tokens.id_token)
        log.info("portal_logged_in", portal=visit.base, capacity=persona.capacity)
        answer = visit.to(under_way.next)
        set_cookie(answer, visit.cookies.session, cookie, secure=visit.settings.secure)
        return answer

    async def _claims(self, tokens: Tokens, nonce: str) -> Mapping[str, Any]:
        """The ID token's claims, with what the provider tells beside them; the ID token has the last word."""
        expected = self._provider.expected(self._settings.client_id)
        now = self._clock.now()
        try:
            claims = id_token_claims(
                tokens.id_token, await self._provider.keys(), expected, nonce=nonce, now=now
            )
        except UnknownKeyError:
            keys = await self._provider.keys(renew=True)
            claims = id_token_claims(tokens.id_token, keys, expected, nonce=nonce, now=now)
        if self._settings.read_userinfo and not ({"rrn", "vo_doelgroepcode"} <= claims.keys()):
            return {**await self._provider.userinfo(tokens, str(claims["sub"])), **claims}
        return claims


def challenge_of(verifier: str) -> str:
    """PKCE's challenge, method S256 (RFC 7636 section 4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


async def _reached(asking: Awaitable[_T]) -> _T:
    """The provider's answer; when it is away the page says so, and the rest of the hub goes on."""
    try:
        return await asking
    except TransientError as error:
        log.warning("portal_provider_away", reason=error.what)
        raise PageProblemError(503, "provider_away", retry_after=error.retry_after or 30) from error


def _refused_by_provider(code: str) -> PageProblemError:
    if code in _OUR_FAULT:
        log.error("portal_refused_by_provider", code=code)
        return PageProblemError(502, "not_set_up")
    log.info("portal_log_in_ended_by_provider", known=code in _PROVIDER_SAYS)
    return PageProblemError(*_PROVIDER_SAYS.get(code, (502, "log_in_failed")))


def _redirect_uri(visit: Visit) -> str:
    return f"{visit.settings.public_url}{visit.base}/callback"

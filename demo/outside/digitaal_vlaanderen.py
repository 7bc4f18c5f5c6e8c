"""What DOSIS and Notificaties have in common: who gives out tokens, and error documents.

Tokens are given out as strictly as the real provider does it: signature, `iss` = `sub`, `aud`, at most ten minutes, each `jti` once,
exactly the scopes that were granted. Each client has a key pair; `private_key` is what goes into `hub.toml`.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

TOKEN_PATH = "/op/v1/token"  # noqa: S105 - a path
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Provider:
    """The log-in. `day`: what is wrong today: "", "down", "refuses" or "garbage". `seconds`: how long a token is good for."""

    client_id: str = "6776"
    scopes: frozenset[str] = frozenset({"DosisImport", "Notificaties"})
    audience: str = ""
    seconds: float = 36_000
    day: str = ""
    now: Callable[[], float] = time.time
    asked: int = 0
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, auto_kid=True))
    tokens: dict[str, float] = field(default_factory=dict[str, float])
    _jtis: set[str] = field(default_factory=set[str])

    @property
    def private_key(self) -> str:
        """The hub's own half, as JWK."""
        return json.dumps(self.key.as_dict(private=True))

    def withdraw(self) -> None:
        """No token that was given out is good any more."""
        self.tokens.clear()

    def lets_in(self, request: Request) -> bool:
        """Whether the request bears a token that is good."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and self.tokens.get(token, 0) > self.now()

    def mount(self, app: FastAPI) -> None:
        """Give out tokens here."""
        app.add_api_route(TOKEN_PATH, self.token, methods=["POST"], include_in_schema=False)

    async def token(self, request: Request) -> Response:
        """RFC 6749 section 4.4 with RFC 7523."""
        self.asked += 1
        form = await request.form()
        bad = {
            "down": Response(status_code=503, headers={"Retry-After": "7"}),
            "refuses": JSONResponse({"error": "invalid_client"}, 401),
            "garbage": Response("<html>", media_type="text/html"),
        }
        if self.day:
            return bad[self.day]
        complaint = self._complaint(request, {name: str(value) for name, value in form.items()})
        if complaint:
            return JSONResponse({"error": complaint}, 400)
        token = secrets.token_urlsafe(24)
        self.tokens[token] = self.now() + self.seconds
        return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": self.seconds})

    def _complaint(self, request: Request, form: dict[str, str]) -> str:
        if form.get("grant_type") != "client_credentials" or form.get("client_assertion_type") != _ASSERTION:
            return "unsupported_grant_type"
        if form.get("scope") not in self.scopes:
            return "invalid_scope"
        try:
            assertion = jwt.decode(form["client_assertion"], self.key, algorithms=["RS256"])
        except (JoseError, ValueError, KeyError):
            return "invalid_client"
        claims = assertion.claims
        wanted = self.audience or str(request.url).lower()
        genuine = (
            claims.get("iss") == claims.get("sub") == self.client_id
            and claims.get("aud") == wanted
            and claims.get("jti") not in self._jtis
            and claims["exp"] - claims["iat"] <= 600
            and claims["iat"] - 60 <= self.now() < claims["exp"]
            and assertion.header.get("kid") == self.key.kid
        )
        self._jtis.add(claims.get("jti", ""))
        return "" if genuine else "invalid_client"


@dataclass
class Weather:
    """What is wrong with a service today. Each field counts down, or holds until it is taken back.

    `failing`: so many calls are answered `failing_with`, and nothing is done. `losing`: so many writes are carried out and
    their answer is cut off. `seconds`: the answer to a write comes so much later than its work was done.
    """

    failing: int = 0
    failing_with: int = 500
    losing: int = 0
    seconds: float = 0
    away: bool = False

    async def before(self) -> Response | None:
        """What is answered instead, if anything."""
        if self.away:
            return Response("<html>onderhoud</html>", 503, media_type="text/html")
        if self.failing:
            self.failing -= 1
            return Response("<html>fout</html>", self.failing_with, media_type="text/html")
        return None

    def after(self, answer: Response) -> Response:
        """The answer, or its beginning."""
        if not self.losing:
            return answer
        self.losing -= 1
        return CutOff()


class CutOff(Response):
    """An answer that stops in the middle of its headers' promise: the line was cut after the work was done."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b'{"St', "more_body": False})


def error_document(status: int, *errors: dict[str, str]) -> Response:
    """A refusal in the family's form: lower camel case, each error with its field."""
    body = {
        "code": "VALIDATIE" if status == 400 else str(status),
        "message": "Validatie mislukt",
        "description": "Het bericht voldoet niet",
        "errors": list(errors),
    }
    return JSONResponse(body, status)


Handler = Callable[[Request], Awaitable[Response]]


def guarded(provider: Provider, weather: Weather, handler: Handler) -> Handler:
    """The weather first, then the token, then the work."""

    async def guarded_handler(request: Request) -> Response:
        if bad := await weather.before():
            return bad
        if not provider.lets_in(request):
            return JSONResponse({"code": "401", "message": "Unauthorized", "errors": []}, 401)
        answer = await handler(request)
        if request.method == "GET":
            return answer
        await asyncio.sleep(weather.seconds)
        return weather.after(answer)

    return guarded_handler

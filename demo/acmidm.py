"""A small ACM/IDM on this machine: an OpenID Connect provider that behaves like the Flemish one, with people to log in as.

It checks what the real one checks: the client's assertion (audience, life time, `jti` used once), PKCE, the redirect address, codes that live
30 seconds and work once, and scopes: one that was not granted refuses the whole request. Facts: authenticatie.vlaanderen.be/docs.
"""

import asyncio
import html
import secrets
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CODE_SECONDS = 30
TOKEN_SECONDS = 3600
LONGEST_ASSERTION = 600
SCOPES = ("openid", "profile", "rrn", "vo")
_CLAIMS: Mapping[str, tuple[str, ...]] = {
    "profile": ("given_name", "family_name"),
    "rrn": ("rrn",),
    "vo": ("vo_id", "vo_doelgroepcode", "vo_doelgroepnaam", "vo_orgcode", "vo_orgnaam", "vo_email"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can log in, in one capacity."""

    name: str
    label: str
    claims: Mapping[str, str] = field(repr=False)


def _person(name: str, label: str, given: str, family: str, rrn: str, **claims: str) -> Person:
    held = {"sub": f"acm-{name}", "given_name": given, "family_name": family, "rrn": rrn, **claims}
    return Person(name=name, label=label, claims=held)


PEOPLE = (
    _person(
        "an",
        "An Peeters, burger",
        "An",
        "Peeters",
        "85073003328",
        vo_doelgroepcode="BUR",
        vo_doelgroepnaam="Burger",
    ),
    _person(
        "willy",
        "Willy Claes, voor Bakkerij De Korenbloem",
        "Willy",
        "Claes",
        "17073003384",
        vo_doelgroepcode="EA",
        vo_doelgroepnaam="Economische actoren",
        vo_orgcode="0403019261",
        vo_orgnaam="Bakkerij De Korenbloem",
        vo_email="willy@korenbloem.example",
    ),
    _person(
        "lotte",
        "Lotte Segers, voor Chiro Kessel-Lo",
        "Lotte",
        "Segers",
        "01490700185",
        vo_doelgroepcode="VER",
        vo_doelgroepnaam="Verenigingen",
        vo_orgcode="V0001001",
        vo_orgnaam="Chiro Kessel-Lo",
        vo_email="lotte@chiro.example",
    ),
)
NAMELESS = (
    Person(
        name="bram",
        label="een burger",
        claims={"rrn": "84021511450", "vo_doelgroepcode": "BUR"},
    ),
    Person(
        name="mia",
        label="een burger",
        claims={"rrn": "91070822639", "vo_doelgroepcode": "BUR"},
    ),
    Person(
        name="garage",
        label="een onderneming",
        claims={"rrn": "79052331114", "vo_doelgroepcode": "EA", "vo_orgcode": "0412345614"},
    ),
    Person(
        name="drukkerij",
        label="een onderneming",
        claims={"rrn": "79052331114", "vo_doelgroepcode": "EA", "vo_orgcode": "0456789034"},
    ),
)
"""Whose log-in gives a portal a number and no name: the rights to the names were not granted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A client that the provider knows: by a public key, or by a secret."""

    id: str
    key: RSAKey | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    redirect_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = SCOPES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    client: str
    redirect_uri: str
    challenge: str
    nonce: str
    scope: str
    person: Person
    until: float


class RefusedError(Exception):
    """An OAuth error, as RFC 6749 names it."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class AcmIdm:
    """The provider. `forge` makes its ID tokens instead, for tests of those who must see through them."""

    def __init__(self, issuer: str, now: Callable[[], float] = time.time, key: RSAKey | None = None) -> None:
        self.issuer = issuer
        self.now = now
        self.key = key or new_key("acm-1")
        self.published = [self.key]
        self.clients: dict[str, Registered] = {}
        self.forge: Callable[[dict[str, Any]], str] | None = None
        self.claims_in_id_token = True
        self.asked: list[str] = []
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, dict[str, Any]] = {}
        self._assertions: set[str] = set()

    def rotate(self) -> None:
        """A new key from now on; the old one is not published any more."""
        self.key = new_key(f"acm-{secrets.token_hex(4)}")
        self.published = [self.key]

    def access_token(self, client: str, scope: str, audience: str = "", **claims: Any) -> str:
        """A token with which a system may post; a JWT that introspection knows too."""
        held = {
            "iss": self.issuer,
            "sub": client,
            "client_id": client,
            "aud": audience or client,
            "scope": scope,
            "jti": secrets.token_hex(8),
            "iat": int(self.now()),
            "exp": int(self.now()) + TOKEN_SECONDS,
            **claims,
        }
        token = self.signed(held, typ="at+jwt")
        self._tokens[token] = held
        return token

    def signed(self, claims: Mapping[str, Any], **header: str) -> str:
        """A JWT with our present key."""
        return jwt.encode({"alg": "RS256", "kid": str(self.key.kid), **header}, dict(claims), self.key)

    def app(self) -> Starlette:
        """The provider as a web application, mounted at `/op`."""
        places: tuple[tuple[str, Callable[[Request], Any], str], ...] = (
            ("/op/.well-known/openid-configuration", self._configuration, "GET"),
            ("/op/v1/keys", self._keys, "GET"),
            ("/op/v1/auth", self._auth, "GET"),
            ("/op/v1/token", self._token, "POST"),
            ("/op/v1/userinfo", self._userinfo, "GET"),
            ("/op/v1/introspect", self._introspect, "POST"),
            ("/op/v1/logout", self._logout, "GET"),
        )
        routes = [Route(path, self._answered(place), methods=[method]) for path, place, method in places]
        return Starlette(routes=routes)

    def _answered(self, place: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            self.asked.append(request.url.path)
            try:
                response: Response = await place(request)
            except RefusedError as error:
                return JSONResponse({"error": error.code}, error.status)
            return response

        return answer

    async def _configuration(self, _request: Request) -> Response:
        v1 = f"{self.issuer}/v1"
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{v1}/auth",
                "token_endpoint": f"{v1}/token",
                "userinfo_endpoint": f"{v1}/userinfo",
                "introspection_endpoint": f"{v1}/introspect",
                "end_session_endpoint": f"{v1}/logout",
                "jwks_uri": f"{v1}/keys",
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _keys(self, _request: Request) -> Response:
        keys: Any = KeySet(list(self.published)).as_dict(private=False)
        return JSONResponse(keys)

    async def _auth(self, request: Request) -> Response:
        query = request.query_params
        client = self.clients.get(query.get("client_id", ""))
        if client is None or query.get("redirect_uri") not in client.redirect_uris:
            return HTMLResponse("<h1>onbekende toepassing</h1>", 400)
        back = {"state": query.get("state", ""), "iss": self.issuer}
        refused = _refusal(query, client)
        if refused:
            return _sent_back(query["redirect_uri"], {**back, "error": refused})
        person = next((one for one in PEOPLE if one.name == query.get("als")), None)
        if person is None:
            return HTMLResponse(_choice(request))
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(
            client=client.id,
            redirect_uri=query["redirect_uri"],
            challenge=query["code_challenge"],
            nonce=query.get("nonce", ""),
            scope=query["scope"],
            person=person,
            until=self.now() + CODE_SECONDS,
        )
        return _sent_back(query["redirect_uri"], {**back, "code": code})

    async def _token(self, request: Request) -> Response:
        form = await _fields(request)
        client = self._client(form)
        if form.get("grant_type") == "client_credentials":
            if set(form.get("scope", "").split()) - set(client.scopes):
                raise RefusedError("invalid_scope")
            token = self.access_token(client.id, form.get("scope", ""), form.get("audience", ""))
            return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS})
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.until < self.now() or code.client != client.id:
            raise RefusedError("invalid_grant")
        if code.redirect_uri != form.get("redirect_uri") or code.challenge != _s256(
            form.get("code_verifier", "")
        ):
            raise RefusedError("invalid_grant")
        return JSONResponse(
            {
                "access_token": self.access_token(client.id, code.scope, sub=code.person.claims["sub"]),
                "token_type": "bearer",
                "expires_in": TOKEN_SECONDS,
                "id_token": self._id_token(code),
            }
        )

    def _id_token(self, code: _Code) -> str:
        granted = {name for scope in code.scope.split() for name in _CLAIMS.get(scope, ())}
        told = granted if self.claims_in_id_token else set[str]()
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": code.client,
            "iat": int(self.now()),
            "exp": int(self.now()) + TOKEN_SECONDS,
            "nonce": code.nonce,
            "acr": "urn:be:vlaanderen:authmech:eid",
            **{name: value for name, value in code.person.claims.items() if name == "sub" or name in told},
        }
        return self.forge(claims) if self.forge else self.signed(claims)

    async def _userinfo(self, request: Request) -> Response:
        held = self._tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if held is None:
            raise RefusedError("invalid_token", 401)
        person = next(one for one in PEOPLE if one.claims["sub"] == held["sub"])
        granted = {name for scope in str(held["scope"]).split() for name in _CLAIMS.get(scope, ())}
        return JSONResponse(
            {name: value for name, value in person.claims.items() if name == "sub" or name in granted}
        )

    async def _introspect(self, request: Request) -> Response:
        form = await _fields(request)
        self._client(form)
        held = self._tokens.get(form.get("token", ""))
        if held is None or held["exp"] <= self.now():
            return JSONResponse({"active": False})
        return JSONResponse({"active": True, **held})

    async def _logout(self, request: Request) -> Response:
        return RedirectResponse(request.query_params.get("post_logout_redirect_uri", "/"), 303)

    def _client(self, form: Mapping[str, str]) -> Registered:
        client = self.clients.get(form.get("client_id", ""))
        if client is None:
            raise RefusedError("invalid_client", 401)
        if client.key is None:
            if not client.secret or not secrets.compare_digest(client.secret, form.get("client_secret", "")):
                raise RefusedError("invalid_client", 401)
            return client
        self._check_assertion(form.get("client_assertion", ""), client.id, client.key)
        return client

    def _check_assertion(self, assertion: str, client: str, key: RSAKey) -> None:
        """RFC 7523 section 3, as ACM/IDM has it: the audience is the issuer, at most ten minutes, each `jti` once."""
        registry = jwt.JWTClaimsRegistry(
            now=int(self.now()),
            iss={"essential": True, "value": client},
            sub={"essential": True, "value": client},
            aud={"essential": True, "value": self.issuer},
            exp={"essential": True},
            jti={"essential": True},
        )
        try:
            claims = jwt.decode(assertion, key, algorithms=["RS256"]).claims
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise RefusedError("invalid_client", 401) from error
        if claims["exp"] > self.now() + LONGEST_ASSERTION or claims["jti"] in self._assertions:
            raise RefusedError("invalid_client", 401)
        self._assertions.add(claims["jti"])


def new_key(name: str) -> RSAKey:
    """A key to sign with."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


@asynccontextmanager
async def running(provider_at: Callable[[str], AcmIdm]) -> AsyncGenerator[AcmIdm]:
    """A provider that really listens, on a loopback port of its own."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        provider = provider_at(f"http://127.0.0.1:{listening.getsockname()[1]}/op")
        config = uvicorn.Config(provider.app(), log_config=None, lifespan="off", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield provider
        finally:
            server.should_exit = True
            await serving


def _refusal(query: Mapping[str, str], client: Registered) -> str:
    wanted = query.get("scope", "").split()
    if set(wanted) - set(client.scopes) or "openid" not in wanted:
        return "invalid_scope"
    if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
        return "invalid_request"
    return "" if query.get("code_challenge") else "invalid_request"


def _sent_back(address: str, query: Mapping[str, str]) -> Response:
    return RedirectResponse(f"{address}?{urlencode(query)}", 303)


def _choice(request: Request) -> str:
    """Everybody who can log in, as a link each."""
    links = "".join(
        f'<li><a id="{one.name}" href="{html.escape(str(request.url.include_query_params(als=one.name)))}">'
        f"{html.escape(one.label)}</a></li>"
        for one in PEOPLE
    )
    return f'<!doctype html><html lang="nl"><title>Aanmelden</title><h1>Aanmelden als</h1><ul>{links}</ul></html>'


def _s256(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


async def _fields(request: Request) -> dict[str, str]:
    async with request.form() as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}

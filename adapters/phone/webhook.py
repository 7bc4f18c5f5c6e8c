"""The telephone's doors: what exchanges tell us, and what an employee may see of a caller.

| door | who | proof |
|---|---|---|
| `POST /cti/<system>` | a telephone exchange | Standard Webhooks signature, or its token |
| `POST /screen-pop` | the employees' telephone software | a screen-pop token |
| `GET /products?q=...` | the same | the same |
| `GET /caller?number=...` | an employee's browser | logged in to the console |

A telephone exchange waits for our answer while somebody is on the line: it gets it as soon as what it told is durable.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
import structlog
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from adapters.phone.cti import told
from adapters.phone.letters import Letter, Letters
from adapters.phone.screen_pop import ScreenPop
from adapters.phone.settings import Settings
from adapters.phone.signature import Keyring, NotAuthenticError, is_signed, is_token, looks_signed
from canonical_model.contact import Language
from canonical_model.phone_number import e164
from ports.adapter import Tools
from ports.errors import AdapterError, NotSupportedError, NotUnderstoodError, TransientError
from ports.products import Offer

log = structlog.get_logger()

Door: TypeAlias = Callable[[Request], Awaitable[Response]]

_BRUSSELS = ZoneInfo("Europe/Brussels")
_SMALL = 10_000
_TITLES = {
    400: ("malformed", "The body is not well-formed"),
    401: ("not-authentic", "The sender is not known"),
    408: ("too-slow", "The body took too long"),
    413: ("too-large", "The body is too large"),
    422: ("not-understood", "The event could not be understood"),
    503: ("try-later", "Not stored: try again later"),
}


class RefusedError(Exception):
    """The request ends here, nothing was stored."""

    def __init__(self, status: int, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


class Telephone:
    """The doors of one instance."""

    def __init__(
        self, settings: Settings, keys: Mapping[str, Keyring], letters: Mapping[str, Letters], tools: Tools
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._letters = letters
        self._tools = tools
        self._screen_pop = ScreenPop(tools)
        self._pop_tokens = {
            name: token.get_secret_value().encode() for name, token in settings.screen_pop_tokens.items()
        }

    def router(self) -> APIRouter:
        """The doors, to be mounted under `/in/<instance>`."""
        router = APIRouter()
        for path, door, method in (
            ("/cti/{system}", self.cti, "POST"),
            ("/screen-pop", self.screen_pop, "POST"),
            ("/caller", self.caller, "GET"),
            ("/products", self.products, "GET"),
        ):
            router.add_route(path, _answered(door), methods=[method], name=f"{self._tools.name}{path}")
        return router

    async def cti(self, request: Request) -> Response:
        """An event of a call."""
        name = str(request.path_params["system"])
        body = await self._authentic_body(request, name)
        try:
            return await self._put_down(self._letters[name], body, request.headers.get("content-type", ""))
        except AdapterError as error:
            raise _try_later(error) from error

    async def screen_pop(self, request: Request) -> Response:
        """A caller's open cases, for the employees' telephone software."""
        actor = self._software(request)
        number = _number_in(await self._body(request, _SMALL))
        try:
            found = await self._screen_pop.look(number, actor)
        except AdapterError as error:
            raise _try_later(error) from error
        return _json(found, 200)

    async def caller(self, request: Request) -> Response:
        """The same as a page, for an employee who is logged in."""
        try:
            employee = await self._tools.staff.who(request)
            if employee is None:
                return RedirectResponse(f"/login?next={quote(_place(request))}", 303)
            if not employee.roles & set(self._settings.screen_pop_roles):
                return self._screen_pop.refusal(employee.language)
            asked = request.query_params
            number = e164(asked.get("number", ""))
            found = await self._screen_pop.look(number, employee.name) if number else None
        except AdapterError as error:
            raise _try_later(error) from error
        words = asked.get("q", "")
        return self._screen_pop.page(
            employee.language,
            found=found,
            asked=bool(asked.get("number")),
            words=words,
            offers=await self._offers(words, employee.language),
        )

    async def products(self, request: Request) -> Response:
        """What the product catalogue has for these words, for the employees' telephone software."""
        self._software(request)
        asked = request.query_params
        try:
            found = await self._screen_pop.products(asked.get("q", ""), _language(asked.get("language", "")))
        except AdapterError as error:
            raise _try_later(error) from error
        return _json({"products": found}, 200)

    async def _offers(self, words: str, language: str) -> list[Offer] | None:
        """What the page shows; None: nobody searched, or the catalogue is away. A caller's cases are shown all the same."""
        try:
            return await self._screen_pop.products(words, _language(language)) if words else None
        except AdapterError as error:
            log.warning("phone_catalogue_away", reason=error.what)
            return None

    async def _put_down(self, letters: Letters, body: bytes, media_type: str) -> Response:
        now = self._tools.clock.now()
        try:
            heard = told(body, media_type, now, _BRUSSELS)
        except NotSupportedError as unneeded:
            log.info("cti_event_not_needed", source=letters.name, reason=unneeded.what)
            return _json({}, 200)
        except NotUnderstoodError as problem:
            await letters.put(Letter(at=now, unreadable=body, why=problem.what))
            raise RefusedError(422, f"{problem.what}; it is kept for people to look at") from problem
        seen = letters.named(heard.observations)
        if heard.recording:
            await self._keep(letters, seen[0].call, heard.recording)
        await letters.put(Letter(at=now, observations=seen))
        return _json({}, 200)

    async def _keep(self, letters: Letters, call_id: str, recording: bytes) -> None:
        if len(recording) > self._settings.max_recording_bytes:
            log.warning("recording_too_large", source=letters.name, call=call_id, size=len(recording))
            return
        await letters.keep_recording(call_id, recording)

    async def _authentic_body(self, request: Request, name: str) -> bytes:
        """The body, once it is certain who sent it; a token is looked at before the body is read."""
        keys = self._keys.get(name)
        signed = looks_signed(request.headers, self._tools.clock.now().timestamp())
        if keys is None or not (signed or is_token(request.headers, keys.tokens)):
            raise NotAuthenticError("sign as Standard Webhooks, or send the token of this system")
        body = await self._body(request, self._settings.max_body_bytes)
        if signed and not is_signed(request.headers, body, keys.webhooks):
            raise NotAuthenticError("no signature fits: check the secret, and sign the body as it is sent")
        return body

    async def _body(self, request: Request, limit: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > limit:
                        raise RefusedError(413, f"a request may have {limit} bytes")
                    chunks.append(chunk)
        except TimeoutError:
            raise RefusedError(408, f"send the body within {self._settings.body_seconds:g} seconds") from None
        except ClientDisconnect:
            raise RefusedError(400, "the connection was cut before the body was complete") from None
        return b"".join(chunks)

    def _software(self, request: Request) -> str:
        fits = [name for name, token in self._pop_tokens.items() if is_token(request.headers, [token])]
        if not fits:
            raise NotAuthenticError("send a screen-pop token as `Authorization: Bearer ...`")
        return f"{self._tools.name}/{fits[0]}"


def _try_later(error: AdapterError) -> RefusedError:
    """Whether the journal is away or an administrator must look: who asks can only come back."""
    wait = error.retry_after if isinstance(error, TransientError) else None
    log.warning("phone_request_held_up", reason=error.what)
    return RefusedError(503, "send it again later", retry_after=wait or 5)


def _language(text: str) -> Language:
    return Language(text) if text in set(Language) else Language.NL


def _place(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}"


def _number_in(body: bytes) -> str:
    try:
        asked = msgspec.json.decode(body, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RefusedError(400, 'send {"number": "..."} as JSON') from None
    number = e164(asked.get("number", ""))
    if not number:
        raise RefusedError(422, "$.number: is not a public telephone number")
    return number


def _answered(door: Door) -> Door:
    async def answer(request: Request) -> Response:
        try:
            return await door(request)
        except NotAuthenticError as error:
            refused = RefusedError(401, str(error))
        except RefusedError as error:
            refused = error
        log.info("phone_request_refused", status=refused.status)
        return _refusal(refused)

    return answer


def _refusal(error: RefusedError) -> Response:
    name, title = _TITLES[error.status]
    headers = {"Cache-Control": "no-store"}
    if error.status in (401, 408, 413):
        headers["Connection"] = "close"
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="wegwijzer"'
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    document = {
        "type": f"urn:wegwijzer:problem:{name}",
        "title": title,
        "status": error.status,
        "detail": error.detail,
    }
    body = msgspec.json.encode(document)
    return Response(body, error.status, headers=headers, media_type="application/problem+json")


def _json(content: object, status: int) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(content), status, headers=headers, media_type="application/json")

"""Access tokens for XOAUTH2: given, printed by a program, or fetched with client credentials."""

import asyncio
import ssl
from asyncio.subprocess import PIPE

import httpx

from adapters.mailbox.settings import OAuth
from ports.clock import Clock
from ports.errors import MisconfiguredError, TransientError

TIMEOUT = 20.0
EARLY = 60.0
"""Seconds before its end at which a token is renewed."""
COMMAND_LIFETIME = 300.0
"""Seconds for which a program's answer is believed: it does not say how long it holds."""


class Tokens:
    """Hands out a token that should still be valid; asks for a new one when told that it is not."""

    def __init__(self, settings: OAuth, clock: Clock, context: ssl.SSLContext) -> None:
        self._settings = settings
        self._clock = clock
        self._context = context
        self._token = ""
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def get(self) -> str:
        """A token. Raises `TransientError` or `MisconfiguredError`."""
        async with self._lock:
            if not self._token or self._clock.monotonic() >= self._until:
                self._token, lifetime = await self._fresh()
                self._until = self._clock.monotonic() + lifetime
            return self._token

    def forget(self) -> None:
        """The last token was refused."""
        self._token = ""

    async def _fresh(self) -> tuple[str, float]:
        if self._settings.token is not None:
            return self._settings.token.get_secret_value(), COMMAND_LIFETIME
        if self._settings.token_command:
            return await self._printed(), COMMAND_LIFETIME
        return await self._fetched()

    async def _printed(self) -> str:
        try:
            process = await asyncio.create_subprocess_exec(*self._settings.token_command, stdout=PIPE)
        except OSError as error:
            raise MisconfiguredError("token_command cannot be started") from error
        try:
            output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT)
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise TransientError("token_command takes too long") from error
        if process.returncode or not output.strip():
            raise TransientError(f"token_command ended with {process.returncode} and printed no token")
        return output.decode("ascii", "replace").strip()

    async def _fetched(self) -> tuple[str, float]:
        secret = self._settings.client_secret
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": secret.get_secret_value() if secret else "",
            "scope": self._settings.scope,
        }
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, verify=self._context) as client:
                answer = await client.post(self._settings.token_url, data=form)
        except httpx.HTTPError as error:
            raise TransientError("token_url does not answer", detail=type(error).__name__) from error
        except httpx.InvalidURL as error:
            raise MisconfiguredError("token_url is no address") from error
        return _token_of(answer)


def _token_of(answer: httpx.Response) -> tuple[str, float]:
    if answer.status_code == 429 or answer.status_code >= 500:
        raise TransientError(f"token_url answers {answer.status_code}")
    if answer.status_code != 200:
        raise MisconfiguredError(
            f"token_url refuses ({answer.status_code}): check client_id and client_secret"
        )
    try:
        body = answer.json()
        return str(body["access_token"]), max(float(body.get("expires_in", 0)) - EARLY, 0.0)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise TransientError("token_url answers without an access token") from error

"""News posted to a system's webhook, signed as Standard Webhooks asks.

The worker repeats what was not answered with 2xx, at the pace that the specification proposes: for three days.
`webhook-id` is the CloudEvents id: whoever gets it twice knows it by that. No redirect is followed, no proxy of the
environment is used, and the only addresses are those of the configuration.
"""

import base64
import math
from collections.abc import Sequence
from typing import Final, Protocol

import httpx
import structlog
from standardwebhooks.webhooks import Webhook

from canonical_model.commands import Command, TellSystem
from ports.answers import retry_after
from ports.clock import Clock
from ports.errors import MisconfiguredError, NotSupportedError, TransientError
from ports.submission.cloudevents import STRUCTURED, encoded, news_of
from ports.target import Fetch, Idempotency

log = structlog.get_logger()

PACE: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each next try (Standard Webhooks: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h)."""
LONGEST_ANSWER: Final = 64_000
"""Bytes of an answer that are read: it holds nothing that we need."""
_LONGEST_WISH: Final = 86_400.0
SHORTEST_KEY: Final = 24
"""Bytes of a webhook secret, at least."""
_GONE: Final = 410


class Pause(Protocol):
    """Holds a target until a person lets it go on: `journal.Journal.pause`."""

    async def __call__(self, system: str, actor: str, reason: str) -> None: ...


class SystemWebhook:
    """The webhook of one system: a `Target`. `secrets` all sign, the first one first."""

    def __init__(
        self,
        target: str,
        url: str,
        secrets: Sequence[str],
        *,
        event_source: str,
        seconds: float,
        clock: Clock,
        pause: Pause,
    ) -> None:
        self._target = target
        self._url = url
        self._signers = tuple(_signer(target, secret) for secret in secrets)
        self._event_source = event_source
        self._clock = clock
        self._pause = pause
        self._client = httpx.AsyncClient(
            timeout=seconds, follow_redirects=False, trust_env=False, headers={"User-Agent": "Wegwijzer"}
        )

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        """See `ports.target.Target`; the `webhook-id`."""
        if not isinstance(command, TellSystem):
            raise NotSupportedError("existing systems are told news of their cases, and nothing else")
        event = news_of(key, self._target, command, self._event_source)
        await self._judge(await self._posted(event.id, encoded(event)))
        return event.id

    async def find(self, key: str, command: Command) -> str | None:
        """See `ports.target.Target`. Nobody is asked: the receiver knows a second one by its id."""
        return None

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _posted(self, id_: str, body: bytes) -> httpx.Response:
        now = self._clock.now()
        signatures = " ".join(signer.sign(id_, now, body.decode()) for signer in self._signers)
        headers = {
            "Content-Type": STRUCTURED,
            "webhook-id": id_,
            "webhook-timestamp": str(math.floor(now.timestamp())),
            "webhook-signature": signatures,
        }
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
                return answer
        except httpx.InvalidURL as error:
            raise MisconfiguredError(f"the webhook of {self._target} is no address") from error
        except httpx.HTTPError as error:
            raise TransientError(
                f"the webhook of {self._target} does not answer", detail=type(error).__name__, pace=PACE
            ) from error

    async def _judge(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if 200 <= status < 300:
            return
        if status == _GONE:
            why = "its webhook answers 410 Gone: it wants no more news; resume when it does again"
            await self._pause(self._target, "wegwijzer", why)
            raise MisconfiguredError(f"{self._target}: {why}")
        wish = retry_after(answer, self._clock.now(), most=_LONGEST_WISH)
        log.info("webhook_refused", target=self._target, status=status)
        raise TransientError(
            f"the webhook of {self._target} answers {status}: expected 2xx",
            retry_after=wish,
            pace=PACE,
        )


def _signer(target: str, secret: str) -> Webhook:
    """Raises `MisconfiguredError` for what is no secret, or one that is too short."""
    text = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise MisconfiguredError(f"{target}: a webhook secret is `whsec_` and base64") from None
    if len(key) < SHORTEST_KEY:
        raise MisconfiguredError(f"{target}: a webhook secret needs {SHORTEST_KEY} bytes or more")
    return Webhook(key)

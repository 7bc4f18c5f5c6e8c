"""The city's website and its form builders: post submissions the way the real senders do.

For tests, the demo and crash tests. Give it an HTTP client, where the doors are (`.../in/website`), a webhook
secret and a token; each `post_*` makes one request and returns the answer as it came.
"""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx

Post = Callable[[], Awaitable[httpx.Response]]
Files = Iterable[tuple[str, bytes]]

WAITS = (0.05, 0.2, 1, 2, 5, 5, 5)
"""Seconds between the tries of a sender that does not give up at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Website:
    """A sender. `address` is where the doors are mounted."""

    client: httpx.AsyncClient
    address: str
    secret: str
    token: str

    async def post_json(
        self,
        submission: Mapping[str, Any],
        *,
        webhook_id: str = "",
        at: float | None = None,
        secrets: Iterable[str] = (),
    ) -> httpx.Response:
        """Our own contract, signed with each of `secrets` (default: the sender's one)."""
        body = json.dumps(submission, ensure_ascii=False).encode()
        headers = signed_headers(
            body, webhook_id or str(submission["id"]), list(secrets) or [self.secret], at
        )
        return await self.client.post(f"{self.address}/json", content=body, headers=headers)

    async def post_form(
        self, fields: Mapping[str, str], files: Files = (), *, key: str = ""
    ) -> httpx.Response:
        """A web server that passes on a HTML form; a new multipart boundary each time."""
        return await self.client.post(
            f"{self.address}/form",
            data=dict(fields),
            files=[("files", (name, content, "application/octet-stream")) for name, content in files]
            or [("files", ("", b"", "application/octet-stream"))],  # an empty file input, as browsers send it
            headers=self._bearer() | ({"Idempotency-Key": key} if key else {}),
        )

    async def post_drupal(self, elements: Mapping[str, Any], *, as_json: bool = False) -> httpx.Response:
        """Drupal Webform's remote post: elements at the top, once and never again."""
        headers = {"X-Wegwijzer-Token": self.token}
        if as_json:
            return await self.client.post(f"{self.address}/drupal", json=elements, headers=headers)
        content = urlencode(list(php_pairs(elements)))
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return await self.client.post(f"{self.address}/drupal", content=content, headers=headers)

    async def post_open_formulieren(
        self, values: Mapping[str, Any], reference: str, schema: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        """Open Formulieren's generic JSON registration; the metadata has the time of this attempt."""
        return await self.client.post(
            f"{self.address}/open-formulieren",
            json={
                "values": values,
                "values_schema": schema or {"type": "object", "properties": {}},
                "metadata": {
                    "public_reference": reference,
                    "form_name": "Melding openbaar domein",
                    "registration_timestamp": str(time.time_ns()),
                },
                "metadata_schema": {"type": "object", "properties": {}},
            },
            headers=self._bearer(),
        )

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def signed_headers(
    body: bytes, webhook_id: str, secrets: Iterable[str], at: float | None = None
) -> dict[str, str]:
    """Standard Webhooks headers; the id stays the same over retries, the time does not."""
    timestamp = str(int(time.time() if at is None else at))
    signatures = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"{webhook_id}.{timestamp}.".encode() + body, "sha256")
        signatures.append(f"v1,{base64.b64encode(digest).decode()}")
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def php_pairs(value: Any, name: str = "") -> Iterable[tuple[str, str]]:
    """Nested values as PHP's `http_build_query` names them: `a[b][0]=c`."""
    if isinstance(value, Mapping):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    else:
        yield name, _php_text(value)
        return
    for key, one in inner:
        yield from php_pairs(one, f"{name}[{key}]" if name else str(key))


def _php_text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else str(value)


async def until_answered(post: Post, waits: Iterable[float] = WAITS) -> httpx.Response:
    """Post again with the same id after a time-out, a cut connection or a "try later"; the last answer.

    Raises the last `httpx.TransportError` when nobody ever answered.
    """
    for wait in waits:
        try:
            answer = await post()
        except httpx.TransportError:
            await asyncio.sleep(wait)
            continue
        if answer.status_code not in (429, 502, 503, 504):
            return answer
        await asyncio.sleep(wait)
    return await post()


async def double_click(post: Post, times: int = 2) -> list[httpx.Response]:
    """The same form sent several times at once, as nervous fingers do."""
    return await asyncio.gather(*[post() for _ in range(times)])


async def retry_after_timeout(post: Post, again: Post) -> httpx.Response:
    """Sent, the answer never read, sent again (perhaps with the files in another order); the second answer."""
    await post()
    return await again()


def report(**changes: Any) -> dict[str, Any]:
    """A report about litter, with an id of its own."""
    return {
        "id": str(uuid4()),
        "submitted_at": "2026-03-02T09:15:00+01:00",
        "kind": "report",
        "category": "zwerfvuil",
        "subject": "Zwerfvuil aan de vijver",
        "message": "Er ligt al dagen afval bij de vijver in het park.",
        "language": "nl",
        "person": {"name": "An Janssens", "email": "an.janssens@example.org", "phone": "+32 470 12 34 56"},
        "location": {
            "address": "Bondgenotenlaan 1",
            "postcode": "3000",
            "area": "Centrum",
            "latitude": 50.8798,
            "longitude": 4.7005,
        },
        "honeypot": "",
        "filled_in_seconds": 48,
    } | changes

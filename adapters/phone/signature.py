"""Which telephone system calls, and may it? Signed as Standard Webhooks, or with a token where it cannot sign.

A signature covers the body, so it is proven after the body was read; what the headers claim is checked before.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks import Webhook

TOLERANCE = 300
"""Seconds that the sender's clock may differ from ours, either way."""
_LONGEST_ID = 200


class NotAuthenticError(Exception):
    """Nobody we know called. The text tells what to look at and gives nothing away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """What one system proves itself with."""

    webhooks: tuple[Webhook, ...] = ()
    tokens: tuple[bytes, ...] = ()


def webhook_key(secret: str) -> Webhook:
    """The key behind `whsec_<base64>`. Raises `ValueError` when it is not base64 or is shorter than 24 bytes."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("a webhook secret is `whsec_` and base64") from None
    if len(key) < 24:
        raise ValueError("a webhook secret needs 24 bytes or more")
    return Webhook(secret)


def is_token(headers: Mapping[str, str], tokens: Iterable[bytes]) -> bool:
    """Whether one of the tokens was presented: as bearer, in `X-Wegwijzer-Token`, or as the password of Basic."""
    presented = _presented(headers)
    fits = [hmac.compare_digest(token, presented) for token in tokens]
    return bool(presented) and any(fits)


def looks_signed(headers: Mapping[str, str], now: float) -> bool:
    """Whether the headers claim a fresh signature. Raises `NotAuthenticError` when they claim an old one."""
    if "webhook-signature" not in headers:
        return False
    stamp = headers.get("webhook-timestamp", "")
    if not headers.get("webhook-id") or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise NotAuthenticError(
            "webhook-id, webhook-timestamp (whole seconds) and webhook-signature are needed"
        )
    if abs(now - int(stamp)) > TOLERANCE:
        raise NotAuthenticError(f"webhook-timestamp is more than {TOLERANCE} seconds away from our clock")
    return True


def is_signed(headers: Mapping[str, str], body: bytes, webhooks: Iterable[Webhook]) -> bool:
    """Whether the body carries a signature of one of these keys. The timestamp must have been looked at."""
    try:
        text = body.decode("utf-8")
        moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    except (UnicodeDecodeError, ValueError, OverflowError):
        return False
    id_ = headers["webhook-id"][:_LONGEST_ID]
    expected = [webhook.sign(id_, moment, text).encode() for webhook in webhooks]
    given = headers["webhook-signature"].encode("latin-1", "replace").split(b" ")
    fits = [hmac.compare_digest(one, other) for one in given for other in expected]
    return any(fits)


def _presented(headers: Mapping[str, str]) -> bytes:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).partition(b":")[2]
        except ValueError:  # of which `binascii.Error` is one; letters beyond ASCII are another
            return b""
    return headers.get("x-wegwijzer-token", "").strip().encode()

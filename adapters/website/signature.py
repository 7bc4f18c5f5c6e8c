"""Standard Webhooks: who posted this, is it fresh, and is it what they signed?

Own verification because it sits in the hub's busiest path; the tests hold it against the reference library.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable

import msgspec

from ports.keyed_hash import KeyedHash

_PREFIX = "whsec_"
_ID = re.compile(rb"[!-\-/-~]{1,200}")
"""Visible ASCII without a full stop: with one, id and timestamp could be cut apart in two ways."""
_SECONDS = re.compile(rb"[0-9]{1,12}")

TOLERANCE = 300
"""Seconds that the sender's clock may differ from ours, either way."""


class NotAuthenticError(Exception):
    """Nobody we know sent this. The text tells the sender what to look at and gives nothing away."""


def secret_key(secret: str) -> bytes:
    """The key behind `whsec_<base64>`. Raises `ValueError` when it is not base64 or is shorter than 24 bytes."""
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("a webhook secret is `whsec_` and base64") from None
    if len(key) < 24:
        raise ValueError("a webhook secret needs 24 bytes or more")
    return key


def signature(key: KeyedHash, id_: bytes, timestamp: bytes, body: bytes) -> bytes:
    """`v1,<base64>` over id, timestamp and the body exactly as sent."""
    return b"v1," + base64.b64encode(key.digest(b"%b.%b.%b" % (id_, timestamp, body)))


class Claimed(msgspec.Struct, frozen=True):
    """What the headers claim; true only once `proven` agreed."""

    id: bytes
    timestamp: bytes
    signatures: bytes

    def proven(self, body: bytes, keys: Iterable[KeyedHash]) -> str:
        """The webhook id, once one of the signatures fits one of the keys. Raises `NotAuthenticError`.

        Says nothing about replays within the tolerance: whoever calls it must treat the id as an
        idempotency key.
        """
        expected = [signature(key, self.id, self.timestamp, body) for key in keys]
        given = self.signatures.split(b" ")
        fits = [hmac.compare_digest(one, other) for one in given for other in expected]
        if not any(fits):
            raise NotAuthenticError("no signature fits: check the secret, and sign the body as it is sent")
        return self.id.decode("ascii")


def claimed(headers: Iterable[tuple[bytes, bytes]], now: float) -> Claimed:
    """The three headers, well-formed and fresh; `now` in seconds since 1970. Raises `NotAuthenticError`.

    Needs no body: strangers are sent away before we read what they have to say.
    """
    found = dict(headers)
    try:
        claim = Claimed(found[b"webhook-id"], found[b"webhook-timestamp"], found[b"webhook-signature"])
    except KeyError:
        raise NotAuthenticError("webhook-id, webhook-timestamp and webhook-signature are needed") from None
    if not _ID.fullmatch(claim.id):
        raise NotAuthenticError("webhook-id must be 1 to 200 visible ASCII characters without a full stop")
    if not _SECONDS.fullmatch(claim.timestamp):
        raise NotAuthenticError("webhook-timestamp must be whole seconds since 1970")
    if abs(now - int(claim.timestamp)) > TOLERANCE:
        raise NotAuthenticError(f"webhook-timestamp is more than {TOLERANCE} seconds away from our clock")
    return claim

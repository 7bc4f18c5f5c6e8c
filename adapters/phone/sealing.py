"""Seals what is kept of open calls: numbers and names must not lie readable in the journal's checkpoints."""

import base64
import hmac
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ports.errors import MisconfiguredError

_NONCE = 12


class Seal:
    """AES-256-GCM with a key from the adapter's own secret; the name of what is sealed is sealed with it."""

    def __init__(self, secret: str) -> None:
        self._key = sha256(b"wegwijzer/phone/" + secret.encode()).digest()
        self._cipher = AESGCM(self._key)

    def pseudonym(self, content: bytes) -> str:
        """32 hexadecimal digits that stand for this, always the same; nobody without the secret can tell for what."""
        return hmac.new(self._key, b"pseudonym/" + content, sha256).hexdigest()[:32]

    def close(self, name: str, plain: bytes) -> str:
        """The sealed bytes as text."""
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, plain, name.encode())).decode("ascii")

    def open(self, name: str, sealed: str) -> bytes:
        """The bytes. Raises `MisconfiguredError` when another secret sealed them."""
        data = base64.b64decode(sealed)
        try:
            return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], name.encode())
        except InvalidTag:
            raise MisconfiguredError(
                "phone: the open calls were sealed with another secret: put the old `seal` back"
            ) from None

"""Sealed cookies: what the browser keeps for us and can neither read nor change (Fernet: AES-CBC with HMAC)."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

LARGEST = 4000
"""Browsers keep cookies up to 4096 bytes, name and attributes included."""


class Sealer:
    """Seals for one purpose: what was sealed for another does not open. The first secret seals, all open."""

    def __init__(self, secrets: Sequence[str], purpose: str) -> None:
        self._keys = MultiFernet([Fernet(_key(secret, purpose)) for secret in secrets])

    def seal(self, content: bytes) -> str:
        """Printable, and safe in a cookie."""
        return self._keys.encrypt(content).decode("ascii")

    def opened(self, sealed: str) -> bytes | None:
        """What was sealed; None when it was not sealed here."""
        try:
            return self._keys.decrypt(sealed.encode("ascii", "replace"))
        except InvalidToken:
            return None


def _key(secret: str, purpose: str) -> bytes:
    return urlsafe_b64encode(sha256(f"{purpose}\0{secret}".encode()).digest())

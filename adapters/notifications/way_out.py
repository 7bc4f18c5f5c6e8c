"""The links by which a customer ends notifications: the address is sealed into them, so nobody reads it and nobody makes one up."""

import base64
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from adapters.notifications.settings import OptOut
from canonical_model.decision import Reference

_LONGEST = 1000


class WayOut:
    """Seals and opens. A link is good for ever: who keeps an old mail may still opt out by it."""

    def __init__(self, settings: OptOut, instance: str) -> None:
        self._base = f"{settings.public_url}/in/{instance}/afmelden"
        self._seal = MultiFernet([_fernet(secret) for secret in settings.secrets])

    def link(self, email: str) -> str:
        """Where this customer ends notifications."""
        return f"{self._base}/{self._seal.encrypt(email.encode()).decode()}"

    def opened(self, token: str) -> Reference | None:
        """Whose link it is; None when it was not made here."""
        if len(token) > _LONGEST:
            return None
        try:
            email = self._seal.decrypt(token.encode("utf-8", "replace")).decode()
        except InvalidToken:
            return None
        return Reference(system="email", value=email, exclusive=False)


def _fernet(secret: SecretStr) -> Fernet:
    digest = sha256(b"opt-out/" + secret.get_secret_value().encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))

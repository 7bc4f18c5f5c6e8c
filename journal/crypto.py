"""Sealing what is personal: a key per contact, wrapped by a master key that is not in the database.

AES-256-GCM (`cryptography`); what is sealed is bound to its owner and field, so a row that was moved does
not open. Names of people and cases are found by HMAC-SHA256 with a secret pepper: a plain hash of a national
number is undone in a minute.
"""

import os
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from journal.chance import SIZE, piece
from ports.keyed_hash import KeyedHash

MOST_RECENT = 2048
"""Unwrapped keys that are kept in memory."""
_NONCE = SIZE


class SealBrokenError(Exception):
    """The data was changed or moved, or the master key is not the one it was sealed under."""


@dataclass(slots=True, eq=False)
class DataKey:
    """The key of one contact; `id` is the id of its message."""

    id: str
    cipher: AESGCM = field(repr=False)
    wrapped: bytes = field(repr=False)

    def seal(self, owner: str, column: str, data: bytes) -> bytes:
        """Ciphertext that opens only for this owner and column."""
        nonce = piece()
        return nonce + self.cipher.encrypt(nonce, data, f"{owner}/{column}".encode())

    def open(self, owner: str, column: str, sealed: bytes) -> bytes:
        """What was sealed; `SealBrokenError` when it was tampered with."""
        try:
            return self.cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], f"{owner}/{column}".encode())
        except InvalidTag as error:
            raise SealBrokenError(f"the seal of {column} of {owner} is broken") from error


class Keyring:
    """Makes and unwraps data keys. The first master key seals; older ones still open (rotation)."""

    def __init__(self, masters: tuple[bytes, ...], pepper: bytes) -> None:
        if not masters or any(len(master) != 32 for master in masters):
            raise ValueError("a master key is 32 bytes")
        self._masters = {sha256(master).digest()[:4]: AESGCM(master) for master in masters}
        self._current = next(iter(self._masters))
        self._pepper = KeyedHash(pepper, b"references")
        self._recent: OrderedDict[bytes, DataKey] = OrderedDict()

    def new_key(self, message_id: str) -> DataKey:
        """A fresh key for one contact."""
        plain, nonce = os.urandom(32), piece()
        sealed = self._masters[self._current].encrypt(nonce, plain, message_id.encode())
        return self._remembered(DataKey(message_id, AESGCM(plain), self._current + nonce + sealed))

    def unwrap(self, message_id: str, wrapped: bytes) -> DataKey:
        """The key that `new_key` made for this contact; `SealBrokenError` without its master key."""
        known = self._recent.get(wrapped)
        if known is not None and known.id == message_id:
            return known
        return self._remembered(self._unwrap(message_id, wrapped))

    def find_hash(self, system: str, value: str) -> str:
        """Under which hash a reference is found; equal for equal text, whatever its case."""
        return self._pepper.digest(f"{system}\0{value.strip().casefold()}".encode()).hex()[:32]

    def cipher_for(self, use: str) -> AESGCM:
        """A key of its own for what is sealed for a short while outside the journal; the same in every process."""
        return AESGCM(self._pepper.digest(f"cipher\0{use}".encode()))

    def content_hash(self, data: bytes) -> str:
        """A keyed hash of a whole body."""
        return self._pepper.digest(data).hex()[:32]

    def _remembered(self, key: DataKey) -> DataKey:
        """The keys of the last contacts: what follows on a contact mostly follows at once."""
        self._recent[key.wrapped] = key
        if len(self._recent) > MOST_RECENT:
            self._recent.popitem(last=False)
        return key

    def _unwrap(self, message_id: str, wrapped: bytes) -> DataKey:
        master = self._masters.get(wrapped[:4])
        if master is None:
            raise SealBrokenError(f"no master key for the key of {message_id}: was it rotated out?")
        nonce, sealed = wrapped[4 : 4 + _NONCE], wrapped[4 + _NONCE :]
        try:
            return DataKey(message_id, AESGCM(master.decrypt(nonce, sealed, message_id.encode())), wrapped)
        except InvalidTag as error:
            raise SealBrokenError(f"the key of {message_id} does not unwrap") from error

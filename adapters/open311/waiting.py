"""Photos that wait to be fetched, remembered durably and sealed: an address may say whose photo it is."""

import base64
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from adapters.open311.settings import App
from ports.intake import Checkpoints


class WaitingPhoto(msgspec.Struct, frozen=True):
    """An address, and since when it waits (UTC)."""

    url: str
    since: datetime


_PHOTOS = msgspec.json.Decoder(tuple[WaitingPhoto, ...])


class WaitingRoom:
    """Per app and report: under the report's source reference, or the case of an update."""

    def __init__(self, checkpoints: Checkpoints, apps: Mapping[str, App]) -> None:
        self._checkpoints = checkpoints
        self._seals = {name: _seal(app) for name, app in apps.items()}

    async def put(self, app: str, key: str, photos: tuple[WaitingPhoto, ...]) -> None:
        """These wait now, and no others."""
        sealed = self._seals[app].encrypt(msgspec.json.encode(photos)).decode() if photos else ""
        await self._checkpoints.save(_name(app, key), sealed)

    async def waiting(self, app: str, key: str) -> tuple[WaitingPhoto, ...]:
        """Those that wait; none when the key of the app that sealed them is gone."""
        sealed = await self._checkpoints.load(_name(app, key))
        if not sealed:
            return ()
        try:
            return _PHOTOS.decode(self._seals[app].decrypt(sealed))
        except InvalidToken:
            return ()

    async def mark(self, app: str) -> datetime | None:
        """Up to which change of a case nothing waits any more."""
        saved = await self._checkpoints.load(f"mark/{app}")
        return datetime.fromisoformat(saved) if saved else None

    async def move_mark(self, app: str, to: datetime) -> None:
        """Remember that nothing waits up to here."""
        await self._checkpoints.save(f"mark/{app}", to.isoformat())


def _name(app: str, key: str) -> str:
    return f"waiting/{app}/{key}"


def _seal(app: App) -> MultiFernet:
    """Sealed with the first key of the app, opened with any: a key that is being replaced still opens."""
    digests = [sha256(b"photos that wait/" + key.get_secret_value().encode()).digest() for key in app.keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])

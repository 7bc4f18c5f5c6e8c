"""Photos that a planning fetches by address: sealed on disk, with the key in the address and nowhere else."""

import asyncio
import base64
import os
import secrets
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from adapters.field_open311.settings import PhotoDoor
from ports.clock import Clock
from ports.files import Upload

_TOKEN_BYTES = 32


class Shelf:
    """Whoever has the address has the photo, until its days are over; whoever has the disk has nothing."""

    def __init__(self, door: PhotoDoor, clock: Clock) -> None:
        self._folder = Path(door.folder)
        self._address = door.address.rstrip("/")
        self._keep = timedelta(days=door.days)
        self._clock = clock

    async def put(self, photo: Upload) -> str:
        """Lay it down; its address."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        await asyncio.to_thread(self._write, token, photo.content)
        return f"{self._address}/photos/{token}/foto.jpg"

    async def get(self, token: str) -> bytes | None:
        """What lies under this token; None when nothing does, or not any more."""
        return await asyncio.to_thread(self._read, token)

    def _write(self, token: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        written = self._place(token).with_suffix(".new")
        written.write_bytes(_seal(token).encrypt(content))
        moment = self._clock.now().timestamp()
        os.utime(written, (moment, moment))
        written.replace(self._place(token))

    def _read(self, token: str) -> bytes | None:
        place = self._place(token)
        try:
            if self._is_over(place):
                return None
            return _seal(token).decrypt(place.read_bytes())
        except (FileNotFoundError, InvalidToken):
            return None

    def _sweep(self) -> None:
        for place in self._folder.iterdir():
            if self._is_over(place):
                place.unlink(missing_ok=True)

    def _is_over(self, place: Path) -> bool:
        return self._clock.now().timestamp() - place.stat().st_mtime > self._keep.total_seconds()

    def _place(self, token: str) -> Path:
        return self._folder / sha256(token.encode()).hexdigest()


def _seal(token: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(sha256(b"photo/" + token.encode()).digest()))

"""Photos of the work that crews hand in: those in hand, and those fetched from known origins and from nowhere else."""

from collections.abc import Collection
from typing import Protocol

from ports.distant_files import DistantFiles
from ports.errors import NotUnderstoodError
from ports.files import ACCEPTED_TYPES, FileRules, Upload, to_files
from ports.intake import File


class Limits(Protocol):
    """How many photos one step of the work may have, how large they are, and how long fetching one may take."""

    @property
    def max_files(self) -> int: ...

    @property
    def max_file_bytes(self) -> int: ...

    @property
    def media_seconds(self) -> float: ...


class Evidence:
    """Takes photos one by one; the next one after `close` makes new connections."""

    def __init__(self, origins: Collection[str], limits: Limits) -> None:
        self._most = limits.max_files
        self._media = DistantFiles(
            origins, max_bytes=limits.max_file_bytes, seconds=limits.media_seconds, accept="image/*"
        )
        self._rules = FileRules(max_files=1, max_bytes=limits.max_file_bytes, accepted_types=ACCEPTED_TYPES)

    async def photo(self, had: int, photo: Upload | str) -> File:
        """One more photo of a step that has so many. Raises `TransientError` (later) or `NotUnderstoodError` (never)."""
        if had >= self._most:
            raise NotUnderstoodError(f"more than {self._most} photos with one step of the work")
        upload = await self._media.file(photo) if isinstance(photo, str) else photo
        (file,) = to_files([upload], self._rules)
        return file

    async def close(self) -> None:
        """Let go of the connections."""
        await self._media.close()

"""Photos of the work, fetched from where the planning keeps them and from nowhere else."""

from adapters.field_open311.settings import Settings
from ports.distant_files import DistantFiles
from ports.errors import NotUnderstoodError
from ports.files import ACCEPTED_TYPES, FileRules, to_files
from ports.intake import File


class Evidence:
    """Fetches photos one by one; the next one after `close` makes new connections."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.max_files
        self._media = DistantFiles(
            settings.fetched_from,
            max_bytes=settings.max_file_bytes,
            seconds=settings.media_seconds,
            accept="image/*",
        )
        self._rules = FileRules(
            max_files=max(settings.max_files, 1),
            max_bytes=settings.max_file_bytes,
            accepted_types=ACCEPTED_TYPES,
        )

    async def photo(self, place: int, url: str) -> File:
        """The photo at this place (from 1) of an update. Raises `TransientError` (later) or `NotUnderstoodError` (never)."""
        if place > self._most:
            raise NotUnderstoodError(f"more than {self._most} photos with one update")
        (file,) = to_files([await self._media.file(url)], self._rules)
        return file

    async def close(self) -> None:
        """Let go of the connections."""
        await self._media.close()

"""Photos of the work: those that lie in a task, and those that an app keeps at an address."""

from adapters.caldav.settings import Settings
from ports.distant_files import DistantFiles
from ports.errors import NotUnderstoodError
from ports.files import ACCEPTED_TYPES, FileRules, Upload, to_files
from ports.intake import File


class Evidence:
    """Takes photos one by one; the next one after `close` makes new connections."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.max_files
        self._media = DistantFiles(
            settings.media_origins,
            max_bytes=settings.max_file_bytes,
            seconds=settings.media_seconds,
            accept="image/*",
        )
        self._rules = FileRules(
            max_files=settings.max_files, max_bytes=settings.max_file_bytes, accepted_types=ACCEPTED_TYPES
        )

    async def photo(self, had: int, photo: Upload | str) -> File:
        """One more photo of a step that has so many. Raises `TransientError` (later) or `NotUnderstoodError` (never)."""
        if had >= self._most:
            raise NotUnderstoodError(f"more than {self._most} photos with one step")
        upload = await self._media.file(photo) if isinstance(photo, str) else photo
        (file,) = to_files([upload], self._rules)
        return file

    async def close(self) -> None:
        """Let go of the connections."""
        await self._media.close()

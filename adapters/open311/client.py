"""Fetches a photo from an address that a report named."""

from adapters.open311.photos import kind_of
from adapters.open311.posted import Upload
from ports.distant_files import DistantFiles
from ports.errors import NotUnderstoodError


class PhotoClient:
    """`origins` may be asked, nobody else; `seconds` for the whole photo, redirects included."""

    def __init__(self, origins: tuple[str, ...], *, max_bytes: int, seconds: float) -> None:
        self._files = DistantFiles(origins, max_bytes=max_bytes, seconds=seconds, accept="image/*")
        self.may_ask = self._files.may_ask
        self.close = self._files.close

    async def photo(self, url: str) -> Upload:
        """The photo. Raises `TransientError` (later) or `NotUnderstoodError` (never); their texts name only the host."""
        found = await self._files.file(url)
        if not kind_of(found.content)[0]:
            raise NotUnderstoodError("what is at the address of the photo is no photo")
        return Upload(name=found.name, content=found.content)

"""Where a tracker is, as an administrator writes it down."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _as_folder(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected http(s)://host/path/")
    return url if url.endswith("/") else f"{url}/"


Folder = Annotated[str, AfterValidator(_as_folder)]
"""A setting: an address with `/` at its end, whether that was written or not."""

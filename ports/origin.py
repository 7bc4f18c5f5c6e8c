"""Where something is on the web, without a path: what an administrator may name as trusted."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _checked(text: str) -> str:
    parts = urlsplit(text)
    known = parts.scheme in ("http", "https") and parts.hostname
    if not known or text != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(f"{text!r} is no origin: write https://host, without a path")
    return text


Origin = Annotated[str, AfterValidator(_checked)]
"""A setting: `http(s)://host` or `http(s)://host:port`, and nothing more."""

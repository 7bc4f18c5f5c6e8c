"""Where something is on the web, without a path: what an administrator may name as trusted."""

from urllib.parse import urlsplit


def is_origin(text: str) -> bool:
    """Whether this is `http(s)://host` or `http(s)://host:port`, and nothing more."""
    parts = urlsplit(text)
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and text == f"{parts.scheme}://{parts.netloc}"
    )

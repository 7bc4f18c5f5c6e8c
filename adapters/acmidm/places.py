"""Where a visitor may be sent on to: pages of our own, and nothing that an address bar could smuggle in."""

import re

_OURS = re.compile(r"/(?:new|cases/[A-Z]{2,5}-20[0-9]{2}-[0-9]{6,9})?")


def safe_place(wanted: str) -> str:
    """One of our pages; the first one when something else was asked for."""
    return wanted if _OURS.fullmatch(wanted) else "/"

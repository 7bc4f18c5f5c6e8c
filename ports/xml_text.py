"""Text on its way into XML: without the signs that XML 1.0 forbids, and no longer than the other side takes.

https://www.w3.org/TR/xml/#charsets: tab, line feed, carriage return and everything from the space on, but no
surrogates, U+FFFE and U+FFFF. Emoji and other signs beyond U+FFFF are allowed and stay.
"""

import re
from typing import Final

CUT: Final = " [...]"
"""Stands where something was left out."""
_FORBIDDEN: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text with line feeds only, and without what no XML document may hold."""
    return _FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def cut(text: str, most: int) -> str:
    """The text, clean; one of more than `most` characters ends in `CUT` and has that many."""
    tidy = clean(text)
    return tidy if len(tidy) <= most else tidy[: most - len(CUT)] + CUT

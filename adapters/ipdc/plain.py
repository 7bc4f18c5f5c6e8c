"""The catalogue's HTML as plain text that can be read out, mailed and pasted. Pure; never raises on odd HTML."""

import re
from html.parser import HTMLParser

_BREAKS = frozenset({"p", "div", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"})
_UNSEEN = frozenset({"script", "style"})
_SAFE_LINK = re.compile(r"(https?://|mailto:|tel:)\S+", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(html: str) -> str:
    """The text: a blank line between paragraphs, a dash before each item, addresses of links in brackets."""
    reader = _Reader()
    reader.feed(_UNPRINTABLE.sub("", html))
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._links: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BREAKS:
            self.parts.append("\n\n")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in ("br", "tr"):
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag == "a":
            self._links.append(dict(attrs).get("href") or "")
        self._unseen += tag in _UNSEEN

    def handle_endtag(self, tag: str) -> None:
        if tag in _BREAKS:
            self.parts.append("\n\n")
        elif tag == "a" and self._links:
            self._end_link(self._links.pop())
        elif tag in _UNSEEN and self._unseen:
            self._unseen -= 1

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(re.sub(r"\s+", " ", data))

    def _end_link(self, address: str) -> None:
        shown = self.parts[-1].strip() if self.parts else ""
        bare = address.removeprefix("mailto:").removeprefix("tel:")
        if _SAFE_LINK.fullmatch(address) and bare != shown:
            self.parts.append(f" ({bare})")

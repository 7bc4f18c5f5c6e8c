"""What a handler wrote in RT's rich editor, as plain text."""

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    {"p", "div", "ul", "ol", "table", "tr", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"}
)
_HIDDEN = frozenset({"script", "style", "title", "head"})
_SPACE = re.compile(r"[ \t\n\r\f]+")
_EMPTY_LINES = re.compile(r"\n{3,}")


def to_plain(markup: str) -> str:
    """The text by lines: a paragraph is followed by an empty one, a point of a list begins with a dash."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    lines = (line.strip() for line in "".join(reader.words).split("\n"))
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "br":
            self.words.append("\n")
        elif tag == "li":
            self._end_line()
            self.words.append("- ")
        elif tag in _BLOCKS:
            self._end_line()

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "p":
            self.words.append("\n\n")
        elif tag in _BLOCKS:
            self._end_line()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(_SPACE.sub(" ", data))

    def _end_line(self) -> None:
        if self.words and not self.words[-1].endswith("\n"):
            self.words.append("\n")

# inscriptis and lxml without types: their values get one where they come in
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""HTML mail as text."""

import re
from html import unescape

from inscriptis import get_text  # type: ignore[import-untyped]  # it has none
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]  # it has none
from lxml.etree import LxmlError  # type: ignore[import-untyped]  # it has none

from adapters.mailbox.mime import clean

_LARGEST_RENDERED = 400_000
_LARGEST_TABLE_WORK = 40_000_000
"""Rows times characters: table cells are padded to the widest one."""
_KEPT = 0.9
"""Less than this part of the letters rendered = the renderer dropped words."""

_HIDDEN = re.compile(r"<(script|style|title)\b[^<>]*>", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_BLANKS = re.compile(r"[ \t\u00a0]+")
_SPACE = re.compile(r"\s+")
_EMPTY_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")
_ROW = re.compile(r"<tr\b", re.IGNORECASE)
_CONFIG = ParserConfig(display_links=False, display_images=False)


def to_text(markup: str) -> str:
    """The text of an HTML body, laid out by lines.

    The renderer drops what is nested 255 deep without a word, and huge tables would take it minutes: then the
    tags are merely stripped, so that no words are ever lost. (html2text is no way out: 200 kB of `<a ` keep it
    busy for minutes, and it makes 490 MB of 200 kB of nested lists.)
    """
    cleaned = clean(markup)
    bare = stripped(cleaned)
    if not bare or len(cleaned) > _LARGEST_RENDERED:
        return bare
    rendered = _EMPTY_LINES.sub("\n\n", _rendered(cleaned)).strip()
    return rendered if _letters(rendered) >= _KEPT * _letters(bare) else bare


def stripped(markup: str) -> str:
    """The text between the tags: crude, linear, never empty when there are words."""
    visible = _without_hidden(_without_comments(markup))
    without = unescape(_TAG.sub("", _BREAK.sub("\n", visible)))
    lines = (_BLANKS.sub(" ", line).strip() for line in without.split("\n"))
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


def _without_comments(markup: str) -> str:
    first, *others = markup.split("<!--")
    return first + "".join(piece.partition("-->")[2] if "-->" in piece else piece for piece in others)


def _without_hidden(markup: str) -> str:
    """Scripts and styles taken out; one that is never closed stays: its text may be the citizen's."""
    kept: list[str] = []
    pieces = _HIDDEN.split(markup)
    kept.append(pieces[0])
    for tag, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        closed = re.search(rf"</{tag}\s*>", piece, re.IGNORECASE)
        kept.append(piece if closed is None else piece[closed.end() :])
    return " ".join(kept)


def _rendered(markup: str) -> str:
    if len(_ROW.findall(markup)) * len(markup) > _LARGEST_TABLE_WORK:
        return ""
    try:
        return clean(get_text(markup, _CONFIG)).strip()
    except (LxmlError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""  # the stripped text takes its place


def _letters(text: str) -> int:
    return len(_SPACE.sub("", text))

"""Raw mail to parts and headers. Nothing in a mail is trusted: not its size, its nesting nor its charsets.

Headers are read from the raw text by own patterns: the standard library's header objects lose ids with a
space in them, repeat line breaks that hide in encoded words, and recurse on nested comments.
"""

import binascii
import codecs
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import compat32

from ports.errors import NotUnderstoodError

MAX_CONTAINERS = 100
MAX_HEADER_BYTES = 256_000
MAX_HEADER_LINES = 5_000
MAX_LINES = 1_000_000
MAX_BOUNDARY_LINES = 20_000
MAX_WORK = 5_000_000
"""Lines times containers: what the standard library's parser looks at."""

_CONTAINER = re.compile(rb"content-type:[\x00-\x20\x80-\xff]*(?:multipart|message)/", re.IGNORECASE)
_LONG_PARAMETERS = re.compile(
    rb"^content-(?:type|disposition)[ \t]*:(?:[^\n]|\n[ \t]){4096}", re.IGNORECASE | re.MULTILINE
)
_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_ENCODED_WORD = re.compile(r"=\?([A-Za-z0-9_.:+*-]{1,60})\?([bBqQ])\?([^?]*)\?=")
_BRACKETED = re.compile(r"<([^<>]{1,900})>?")
_ADDRESS = re.compile(r"[^\s<>(),;:\"\[\]\\@]{1,128}@[^\s<>(),;:\"\[\]\\@]{1,253}")
_IN_ANGLES = re.compile(r"<\s*([^<>@\s\"]{1,128}@[^<>@\s]{1,253}?)\s*>")
_TYPE = re.compile(r"\s*([\w.+-]{1,60})/([\w.+-]{1,80})", re.ASCII)
_NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_LINE = re.compile("[\\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
_UNSAFE_CODECS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a mail may be at most; beyond it a person must look."""

    size: int = 30_000_000
    parts: int = 1_000
    nesting: int = MAX_CONTAINERS
    attachments: int = 100
    attachment_size: int = 25_000_000


DEFAULT_LIMITS = Limits()


def parsed(raw: bytes, limits: Limits) -> Message:
    """The mail as a tree of parts. Raises `NotUnderstoodError` for what would take too much to take apart."""
    _refuse_hostile(raw, limits)
    try:
        mail: Message = message_from_bytes(raw, policy=compat32)
        parts = sum(1 for _ in mail.walk())
    except RecursionError as error:
        raise NotUnderstoodError("mail: parts nested too deeply") from error
    if parts > limits.parts:
        raise NotUnderstoodError(f"mail: {parts} parts, at most {limits.parts} are taken apart")
    return mail


def head_and_body(raw: bytes) -> tuple[bytes, bytes]:
    """The header block and everything behind the first empty line."""
    end = _HEADERS_END.search(raw)
    return (raw, b"") if end is None else (raw[: end.start()], raw[end.end() :])


def _refuse_hostile(raw: bytes, limits: Limits) -> None:
    if not raw.strip():
        raise NotUnderstoodError("mail: empty")
    if len(raw) > limits.size:
        raise NotUnderstoodError(f"mail: {len(raw)} bytes, at most {limits.size} are taken apart")
    head, _ = head_and_body(raw)
    if len(head) > MAX_HEADER_BYTES or head.count(b"\n") > MAX_HEADER_LINES:
        raise NotUnderstoodError("mail: more headers than any mail needs")
    lines = raw.count(b"\n")
    if lines > MAX_LINES or raw.count(b"\n--") > MAX_BOUNDARY_LINES:
        raise NotUnderstoodError("mail: more lines or parts than any mail needs")
    containers = sum(1 for _ in _CONTAINER.finditer(raw))
    if containers > limits.nesting or containers * lines > MAX_WORK:
        raise NotUnderstoodError(f"mail: {containers} containers in each other, too many to take apart")
    if _LONG_PARAMETERS.search(raw):
        raise NotUnderstoodError("Content-Type or Content-Disposition: longer than 4096 characters")


class Headers:
    """The headers of one mail or part; names in any case, values as they stand unless said otherwise."""

    def __init__(self, part: Message) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in part.raw_items():
            self._values.setdefault(name.strip().lower(), []).append(_unfolded(str(value)))

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values

    def all(self, name: str) -> tuple[str, ...]:
        """All values of this header, unfolded, encoded words left alone."""
        return tuple(self._values.get(name.lower(), ()))

    def first(self, name: str) -> str:
        """The first value of this header, "" when there is none."""
        return next(iter(self.all(name)), "")

    def text(self, name: str) -> str:
        """The first value as one line for people: words decoded, no control characters."""
        return one_line(decoded_words(self.first(name)))

    def ids(self, name: str) -> tuple[str, ...]:
        """Message ids in order, without brackets; unclosed and unbracketed ones too."""
        return tuple(found for value in self.all(name) for found in message_ids(value))

    def addresses(self, *names: str) -> tuple[str, ...]:
        """All addresses in these headers, lower case."""
        return tuple(
            found.lower() for name in names for value in self.all(name) for found in _ADDRESS.findall(value)
        )

    def mailbox(self, name: str) -> tuple[str, str]:
        """Name and address of the first mailbox in this header; ("", "") when it holds no address."""
        value = self.first(name)
        return _mailbox(value) or _mailbox(decoded_words(value)) or ("", "")


def message_ids(value: str) -> tuple[str, ...]:
    """The ids in a Message-ID, In-Reply-To or References value."""
    found = _BRACKETED.findall(value) or [word for word in value.split() if "@" in word]
    return tuple(id_ for id_ in map(one_line, found) if id_)


def media_type(part: Message) -> str:
    """`text/plain` unless the part says otherwise; lower case, without parameters."""
    match = _TYPE.match(Headers(part).first("content-type"))
    if match is None:
        return part.get_default_type()
    return f"{match[1]}/{match[2]}".lower()


def inner_parts(part: Message) -> list[Message]:
    """The parts of a multipart, or the mails inside a `message/...` part; [] for a leaf."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return []
    return [one for one in payload if isinstance(one, Message)]  # pyright: ignore[reportUnknownVariableType]


def parameter(part: Message, name: str, header: str = "content-type") -> str:
    """A parameter of a header, RFC 2231 and encoded words undone; "" when absent or broken beyond repair."""
    try:
        value = part.get_param(name, "", header)
        text = value[2] if isinstance(value, tuple) else str(value)
        if isinstance(value, tuple):
            text = to_text(value[2].encode("latin-1", "replace"), value[0] or "utf-8")
    except (ValueError, LookupError, TypeError, AttributeError):  # its RFC 2231 code trips over odd numbering
        return ""
    if "\ufffd" in text:  # raw 8-bit bytes: the standard library gives them up
        plain = re.search(rf"\b{name}\s*=\s*\"?([^\";]{{1,255}})", Headers(part).first(header), re.IGNORECASE)
        text = plain[1] if plain else text
    return decoded_words(_readable(text))


def content(part: Message) -> bytes:
    """The bytes of a leaf part, transfer encoding undone; as they stand when the encoding is broken."""
    try:
        payload = part.get_payload(decode=True)
    except ValueError:  # uuencoded rubbish
        payload = None
    if isinstance(payload, bytes):
        return payload
    plain = part.get_payload()
    return plain.encode("utf-8", "surrogateescape") if isinstance(plain, str) else b""


def to_text(data: bytes, charset: str = "") -> str:
    """Text in the declared charset, else UTF-8, else Windows-1252; never fails."""
    for name in (charset, "utf-8"):
        try:
            return _decoded(data, name)
        except (LookupError, ValueError):  # UnicodeError is a ValueError
            continue
    return data.decode("cp1252", "replace")


def decoded_words(value: str) -> str:
    """RFC 2047 encoded words undone; characters split over two words are joined first."""
    pieces: list[str] = []
    charset, pending, end = "", b"", 0
    for word in _ENCODED_WORD.finditer(value):
        between = value[end : word.start()]
        name = word[1].partition("*")[0].lower()
        if pending and (between.strip() or name != charset):
            pieces.append(to_text(pending, charset))
            pending = b""
        if between.strip() or end == 0:
            pieces.append(between)
        charset, pending, end = name, pending + _word_bytes(word[2], word[3]), word.end()
    if pending:
        pieces.append(to_text(pending, charset))
    return "".join(pieces) + value[end:]


def clean(text: str) -> str:
    """Text for people and databases: line feeds only, no NUL or other control characters."""
    return _NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Text on one line: no line break can hide in it, so it is safe in a header."""
    return _NOT_IN_LINE.sub(" ", text).strip()


def _unfolded(value: str) -> str:
    return _readable(value).replace("\r", "").replace("\n", "")


def _readable(value: str) -> str:
    """Raw 8-bit bytes in a header (kept by the parser as surrogates) become characters."""
    if value.isascii():
        return value
    return to_text(value.encode("utf-8", "surrogateescape"))


def _decoded(data: bytes, charset: str) -> str:
    name = charset.strip().strip("\"'")
    if not name or not name.isascii() or not name.isprintable():
        raise LookupError("no charset")
    codec = codecs.lookup(name).name
    if codec in _UNSAFE_CODECS:
        raise LookupError("not a charset for mail")
    return data.decode("cp1252" if codec == "iso8859-1" else codec)  # what senders mean by it


def _word_bytes(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if encoding in "qQ":
        return binascii.a2b_qp(data, header=True)
    try:
        return binascii.a2b_base64(data + b"==")
    except binascii.Error:
        return data


def _mailbox(value: str) -> tuple[str, str] | None:
    found = _IN_ANGLES.search(value)
    if found:
        name = one_line(decoded_words(value[: found.start()])).strip("\"' ,;")
        return name.replace('\\"', '"'), found[1]
    bare = _ADDRESS.search(value)
    if bare is None:
        return None
    comment = value[bare.end() :].strip()
    name = comment[1:-1] if comment.startswith("(") and comment.endswith(")") else ""
    return one_line(decoded_words(name)), bare[0]

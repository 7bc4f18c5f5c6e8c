"""What came along with a mail: safe names, and media types by what is inside, not by what is claimed."""

import re
from hashlib import sha256
from pathlib import PurePosixPath

from canonical_model.attachment import Attachment, Claim
from ports.intake import File

MAX_NAME = 120

_NOT_IN_NAME = re.compile(
    r'[\x00-\x1f\x7f-\x9f<>:"|?*\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]'
)
_SPACES = re.compile(r"\s+")
_MARKUP = re.compile(rb"\s*<(?:!doctype\s+html|html|head|body|script|iframe)\b", re.IGNORECASE)
_SVG = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*)?<svg\b", re.IGNORECASE)

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"#!", "text/x-script"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"RIFF", "audio/x-wav"),
)
_INSIDE: dict[str, tuple[str, ...]] = {
    "application/zip": (
        "application/vnd.openxmlformats-officedocument.",
        "application/vnd.oasis.opendocument.",
        "application/epub+zip",
    ),
    "application/x-ole-storage": (
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.ms-outlook",
    ),
}
"""Claims that a container's own bytes neither prove nor refute."""
_TEXTS = frozenset({"text/plain", "text/csv", "text/calendar", "text/vcard", "text/xml", "application/xml"})
_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/calendar": "ics",
    "message/rfc822": "eml",
}


def file(name: str, claimed_type: str, content: bytes, position: int) -> File:
    """An attachment ready for the journal. `position` names it when the mail did not."""
    kind = media_type_of(content, claimed_type)
    fallback = f"bijlage-{position}.{_EXTENSIONS.get(kind, 'bin')}"
    return File(
        attachment=Attachment(
            claim=Claim(sha256(content).hexdigest()),
            name=safe_name(name) or fallback,
            media_type=kind,
            size=len(content),
        ),
        content=content,
    )


def safe_name(name: str) -> str:
    """The last part of a file name without anything that hides, climbs or reorders; "" when nothing is left."""
    last = PurePosixPath(name.replace("\\", "/").replace("\x00", "")).name
    plain = _SPACES.sub(" ", _NOT_IN_NAME.sub("", last)).strip(" .")
    stem, dot, extension = plain.rpartition(".")
    if len(plain) <= MAX_NAME or not dot or len(extension) > 10:
        return plain[:MAX_NAME]
    return f"{stem[: MAX_NAME - len(extension) - 1]}.{extension}"


def media_type_of(content: bytes, claimed: str) -> str:
    """What the first bytes say; the claim counts only where bytes cannot tell."""
    for offset, magic, kind in _MAGIC:
        if content.startswith(magic, offset):
            return claimed if claimed.startswith(_INSIDE.get(kind, ("\n",))) else kind
    return _markup_type(content[:1024], claimed) or _plain_type(content, claimed)


def _markup_type(start: bytes, claimed: str) -> str:
    if _SVG.match(start):
        return "image/svg+xml"
    return "text/html" if _MARKUP.match(start) or claimed == "text/html" else ""


def _plain_type(content: bytes, claimed: str) -> str:
    if claimed == "message/rfc822":
        return claimed
    if b"\x00" in content[:8192] or not claimed.startswith(("text/", "application/xml")):
        return "application/octet-stream"
    return claimed if claimed in _TEXTS else "text/plain"

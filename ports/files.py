"""Files that come along, at whatever door: named safely, judged by their first bytes, described for the canonical model."""

import codecs
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from canonical_model.attachment import Attachment, Claim
from ports.errors import NotUnderstoodError
from ports.intake import File

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."

ACCEPTED_TYPES = (
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/heic",
    "image/tiff",
    "image/bmp",
    "application/pdf",
    "text/plain",
    "application/rtf",
    "application/msword",
    f"{_OFFICE}wordprocessingml.document",
    f"{_OFFICE}spreadsheetml.sheet",
    f"{_OFFICE}presentationml.presentation",
    f"{_OPEN}text",
    f"{_OPEN}spreadsheet",
    "video/mp4",
)
"""What citizens send; archives and web pages are left out on purpose."""

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
)
_EXECUTABLE = (
    b"MZ",
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"dex\n",
    b"\0asm",
    b"L\0\0\0\x01\x14\x02\0",  # a Windows shortcut
    b"#!",
    b"X5O!P%@AP[4\\PZX54(P^)7CC)7}",  # the EICAR test file
)
_RUNNABLE_NAME = re.compile(
    r"\.(apk|app|bat|cmd|com|cpl|dll|dmg|docm|exe|hta|html?|jar|jse?|lnk|mjs|msi|msp|pif|pptm|ps1|psm1|py|"
    r"reg|scr|sh|svgz?|vb|vbe|vbs|wsf|wsh|xhtml|xlsm|xml)$",
    re.IGNORECASE,
)
_HEIC = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
_WEB_PAGE = re.compile(rb"<\s*(!doctype|html|head|body|script|svg|\?xml)", re.IGNORECASE)
_FORBIDDEN_IN_NAMES = re.compile(r'[<>:"|?*]')
_RESERVED_NAME = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_LONGEST_NAME = 120


class FileRefusedError(NotUnderstoodError):
    """A file that is not taken. `position`: its place in the list, from 0; None = there are too many of them.

    Never tells the file's name: names are personal too.
    """

    def __init__(self, what: str, *, position: int | None = None) -> None:
        super().__init__(what)
        self.position = position


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came in, with the name that its sender gave it."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """How many files of which size (bytes) and kind may come with one submission."""

    max_files: int
    max_bytes: int
    accepted_types: Collection[str]


def to_files(uploads: Iterable[Upload], rules: FileRules) -> tuple[File, ...]:
    """The files in a fixed order whatever order they came in, each content once. Raises `FileRefusedError`."""
    files: dict[str, File] = {}
    for position, upload in enumerate(uploads):
        if position >= rules.max_files:
            raise FileRefusedError(f"at most {rules.max_files} files are accepted")
        file = _to_file(upload, rules, position)
        kept = files.setdefault(file.attachment.claim, file)
        if file.attachment.name < kept.attachment.name:
            files[file.attachment.claim] = file
    return tuple(files[claim] for claim in sorted(files))


def safe_name(name: str) -> str:
    """A name that can be shown and stored: no path, no control or direction signs, not too long."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    visible = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C")
    tidy = " ".join(_FORBIDDEN_IN_NAMES.sub("_", visible).split()).strip(". ")
    if not tidy:
        return "bijlage"
    if _RESERVED_NAME.match(tidy):
        tidy = f"_{tidy}"
    return _shortened(tidy)


def media_type(content: bytes) -> str:
    """What the bytes are, whatever the name says; `application/octet-stream` when they tell nothing."""
    for magic, type_ in _MAGIC:
        if content.startswith(magic):
            return type_
    if content.startswith(b"PK\x03\x04"):
        return _zip_based_type(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return "image/heic" if content[8:12] in _HEIC else "video/mp4"
    return _text_type(content)


def is_executable(name: str, content: bytes) -> bool:
    """Whether a machine would run this: by its bytes, its name, or macros inside an office document."""
    if content.startswith(_EXECUTABLE) or _RUNNABLE_NAME.search(name):
        return True
    return content.startswith(b"PK\x03\x04") and b"vbaProject.bin" in content


def _to_file(upload: Upload, rules: FileRules, position: int) -> File:
    content = upload.content
    name = safe_name(upload.name)
    if len(content) > rules.max_bytes:
        raise FileRefusedError(f"a file may have {rules.max_bytes} bytes", position=position)
    if is_executable(name, content):
        raise FileRefusedError(
            "programs, scripts and documents with macros are not accepted", position=position
        )
    type_ = media_type(content)
    if type_ not in rules.accepted_types:
        raise FileRefusedError(
            "files of this kind are not accepted: send a photo, PDF or office document", position=position
        )
    claim = Claim(sha256(content).hexdigest())
    return File(
        attachment=Attachment(claim=claim, name=name, media_type=type_, size=len(content)), content=content
    )


def _shortened(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    if len(name) <= _LONGEST_NAME:
        return name
    if not dot or len(extension) > 10:
        return name[:_LONGEST_NAME]
    return f"{stem[: _LONGEST_NAME - len(extension) - 1]}.{extension}"


def _zip_based_type(content: bytes) -> str:
    declared = re.match(rb"mimetype(application/vnd\.oasis\.opendocument\.[a-z]+)", content[30:100])
    if declared:
        return declared[1].decode("ascii")
    if b"[Content_Types].xml" not in content:
        return "application/zip"
    for folder, kind in ((b"word/", "wordprocessingml.document"), (b"xl/", "spreadsheetml.sheet")):
        if folder in content:
            return _OFFICE + kind
    return f"{_OFFICE}presentationml.presentation" if b"ppt/" in content else "application/zip"


def _text_type(content: bytes) -> str:
    start = content[:8192]
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(start)
    except UnicodeDecodeError:
        return "application/octet-stream"
    if any(sign < " " and sign not in "\t\n\r\f" for sign in text):
        return "application/octet-stream"
    return "text/html" if _WEB_PAGE.search(start) else "text/plain"

"""Photos: judged by their first bytes, named safely, described for the canonical model."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from adapters.open311.posted import Upload
from adapters.open311.problems import ReportError
from canonical_model.attachment import Attachment, Claim
from ports.intake import File

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"GIF87a", "image/gif", "gif"),
    (b"GIF89a", "image/gif", "gif"),
)
_HEIC = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRules:
    """How many photos of which size (bytes) may come with one report."""

    max_files: int
    max_bytes: int


def to_files(uploads: Iterable[Upload], rules: PhotoRules) -> tuple[File, ...]:
    """The photos in a fixed order, each content once. Raises `ReportError` with the place in the list."""
    files: dict[str, File] = {}
    for position, upload in enumerate(uploads, start=1):
        if position > rules.max_files:
            raise ReportError(f"at most {rules.max_files} photos are accepted")
        file = to_file(upload, rules, f"photo {position}")
        files.setdefault(file.attachment.claim, file)
    return tuple(files[claim] for claim in sorted(files))


def to_file(upload: Upload, rules: PhotoRules, which: str = "the photo") -> File:
    """One photo. Raises `ReportError` when it is too large, or no photo by its bytes."""
    content = upload.content
    if len(content) > rules.max_bytes:
        raise ReportError(f"{which} is larger than {rules.max_bytes} bytes")
    type_, extension = kind_of(content)
    if not type_:
        raise ReportError(f"{which} is no JPEG, PNG, GIF, WebP or HEIC")
    claim = Claim(sha256(content).hexdigest())
    name = safe_name(upload.name, extension)
    return File(
        attachment=Attachment(claim=claim, name=name, media_type=type_, size=len(content)), content=content
    )


def kind_of(content: bytes) -> tuple[str, str]:
    """Media type and usual extension by the first bytes, whatever name and header say; "" when it is no photo."""
    for magic, type_, extension in _MAGIC:
        if content.startswith(magic):
            return type_, extension
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp", "webp"
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC:
        return "image/heic", "heic"
    return "", ""


def safe_name(name: str, extension: str) -> str:
    """A name without path or control signs, ending as the bytes say."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    visible = "".join(sign for sign in last if sign.isprintable() and sign not in '<>:"|?*')
    stem = visible.rpartition(".")[0] or visible
    return f"{stem.strip(' .')[:_LONGEST_NAME] or 'foto'}.{extension}"

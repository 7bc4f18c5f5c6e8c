"""Spoken messages: taken from the exchange's folder, judged by their first bytes. `fetch` does file I/O and blocks."""

from hashlib import sha256
from pathlib import Path, PurePosixPath

from canonical_model.attachment import Attachment, Claim
from ports.intake import File

_LONGEST_NAME = 120


def fetch(folder: Path, name: str, limit: int) -> bytes | None:
    """The recording, looked for by its last name in this folder only; None when it is not there or too large."""
    path = folder / PurePosixPath(name).name
    try:
        if path.resolve().parent != folder.resolve() or path.stat().st_size > limit:
            return None
        return path.read_bytes()
    except OSError:
        return None


def audio_file(name: str, content: bytes) -> File | None:
    """The recording as an attachment; None when its bytes are no sound."""
    kind = _media_type(content)
    if not kind:
        return None
    shown = "".join(sign for sign in PurePosixPath(name).name if sign.isprintable())[-_LONGEST_NAME:]
    claim = Claim(sha256(content).hexdigest())
    attachment = Attachment(claim=claim, name=shown or "opname", media_type=kind, size=len(content))
    return File(attachment=attachment, content=content)


def _media_type(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "audio/wav"
    if content.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3")):
        return "audio/mpeg"
    return "audio/ogg" if content.startswith(b"OggS") else ""

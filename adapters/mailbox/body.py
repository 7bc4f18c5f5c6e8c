"""The text and the files of a mail, gathered from its parts."""

from dataclasses import dataclass, field, replace
from email.errors import MessageError
from email.generator import BytesGenerator
from email.message import Message
from email.policy import compat32
from io import BytesIO

from adapters.mailbox import embedded, html, smime, tnef
from adapters.mailbox.files import file
from adapters.mailbox.mime import (
    Headers,
    Limits,
    clean,
    content,
    inner_parts,
    media_type,
    parameter,
    parsed,
    to_text,
)
from ports.errors import NotUnderstoodError
from ports.intake import File

MAX_TEXT = 1_000_000
UNCHECKED = (
    "[De handtekening van dit bericht is niet nagekeken. / The signature of this mail was not checked.]"
)
ENCRYPTED = "[Dit bericht is versleuteld; zie de bijlage. / This mail is encrypted; see the attachment.]"

_SIGNATURES = frozenset(
    {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
)
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAX_UNWRAPPED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`text` is all that was written, with notes of the hub; `forwarded` what came inside other mails."""

    text: str
    forwarded: str
    notes: tuple[str, ...]
    files: tuple[File, ...]


@dataclass(slots=True)
class _Found:
    """What has been gathered so far."""

    texts: list[str] = field(default_factory=list[str])
    forwarded: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    files: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])

    def add(self, other: "_Found", *, with_text: bool = True) -> None:
        if with_text:
            self.texts += other.texts
        self.forwarded += other.forwarded
        self.notes += other.notes
        self.files += other.files


def body_of(mail: Message, limits: Limits) -> Body:
    """Text and files of a parsed mail. Raises `NotUnderstoodError` when an unwrapped mail is too intricate."""
    found = _gathered(mail, limits, 0)
    files, left_out = _accepted(found.files, limits)
    text = _joined(found.texts)
    forwarded = _joined(found.forwarded)
    return Body(
        text=_shortened(text), forwarded=_shortened(forwarded), notes=(*found.notes, *left_out), files=files
    )


def _gathered(part: Message, limits: Limits, unwrapped: int) -> _Found:
    kind = media_type(part)
    if kind.startswith("multipart/"):
        return _from_multipart(part, kind, limits, unwrapped)
    if kind.startswith("message/"):
        return _from_message(part, kind, limits, unwrapped)
    return _from_leaf(part, kind, limits, unwrapped)


def _from_multipart(part: Message, kind: str, limits: Limits, unwrapped: int) -> _Found:
    children = inner_parts(part)
    if not children and not part.is_multipart():
        return _from_broken_multipart(part, limits, unwrapped)
    gathered = [_gathered(child, limits, unwrapped) for child in children]
    if kind == "multipart/alternative":
        return _alternative(children, gathered)
    found = _Found()
    for one in gathered:
        found.add(one)
    return found


def _alternative(children: list[Message], gathered: list[_Found]) -> _Found:
    """The plain text when it says anything, else the first other version that does; files of all."""
    pairs = list(zip(children, gathered, strict=True))
    plain = [one for child, one in pairs if media_type(child) == "text/plain" and _joined(one.texts)]
    filled = [one for _, one in pairs if _joined(one.texts)]
    chosen = next(iter(plain + filled), None)
    found = _Found()
    for one in gathered:
        found.add(one, with_text=one is chosen)
    return found


def _from_broken_multipart(part: Message, limits: Limits, unwrapped: int) -> _Found:
    """No part was found behind the announced boundary: try the one that stands there, else keep all as text."""
    raw = content(part)
    first_line = raw.lstrip().partition(b"\n")[0].strip()
    if unwrapped < _MAX_UNWRAPPED and first_line.startswith(b"--") and b'"' not in first_line:
        header = b'Content-Type: multipart/mixed; boundary="' + first_line[2:] + b'"\n\n'
        again = parsed(header + raw.lstrip(), replace(limits, size=limits.size + len(header)))
        if again.is_multipart():
            return _gathered(again, limits, unwrapped + 1)
    return _Found(texts=[to_text(raw, parameter(part, "charset"))])


def _from_message(part: Message, kind: str, limits: Limits, unwrapped: int) -> _Found:
    if kind not in {"message/rfc822", "message/global"} or not part.is_multipart():
        return _Found(files=[(_name(part), kind, _flat(part))])
    found = _Found()
    for mail in inner_parts(part):
        headers = Headers(mail)
        inside = _gathered(mail, limits, unwrapped)
        name = _name(part) or f"{headers.text('subject')[:80] or 'bericht'}.eml"
        found.files.append((name, "message/rfc822", _flat(mail)))
        lines = (f"{headers.text('from')}\n{headers.text('subject')}", *inside.texts, *inside.forwarded)
        found.forwarded.append("\n".join(lines))
    return found


def _from_leaf(part: Message, kind: str, limits: Limits, unwrapped: int) -> _Found:
    data = content(part)
    name = _name(part)
    if kind in _SIGNATURES:
        return _Found()  # useless without the exact bytes around it, which the raw mail keeps
    if kind in _SMIME:
        return _from_smime(data, name, limits, unwrapped)
    if kind in _TNEF or data.startswith(tnef.MAGIC):
        return _from_tnef(data, name)
    if data.startswith(_OLE_MAGIC) and (
        kind == "application/vnd.ms-outlook" or name.lower().endswith(".msg")
    ):
        return _from_msg(data, name)
    if kind.startswith("text/") and not name and not _is_attached(part):
        return _Found(texts=[_text(data, kind, parameter(part, "charset"))])
    return _Found(files=[(name, kind, data)] if data or name else [])


def _text(data: bytes, kind: str, charset: str) -> str:
    text = to_text(data, charset)
    return html.to_text(text) if kind == "text/html" else clean(text)


def _from_smime(data: bytes, name: str, limits: Limits, unwrapped: int) -> _Found:
    inner = smime.signed_content(data) if unwrapped < _MAX_UNWRAPPED else None
    if inner is None:
        return _Found(notes=[ENCRYPTED], files=[(name or "smime.p7m", "application/pkcs7-mime", data)])
    found = _gathered(parsed(inner, limits), limits, unwrapped + 1)
    found.notes.append(UNCHECKED)
    return found


def _from_tnef(data: bytes, name: str) -> _Found:
    inside = embedded.from_tnef(data)
    if inside is None or not (inside.text or inside.files):
        return _Found(files=[(name or "winmail.dat", "application/ms-tnef", data)])
    files = [(name, "application/octet-stream", content) for name, content in inside.files]
    return _Found(forwarded=[inside.text], files=files)


def _from_msg(data: bytes, name: str) -> _Found:
    inside = embedded.from_msg(data)
    return _Found(
        forwarded=[inside.text] if inside else [],
        files=[(name or "bericht.msg", "application/vnd.ms-outlook", data)],
    )


def _name(part: Message) -> str:
    return parameter(part, "filename", "content-disposition") or parameter(part, "name")


def _is_attached(part: Message) -> bool:
    return Headers(part).first("content-disposition").strip().lower().startswith("attachment")


def _flat(part: Message) -> bytes:
    """The part as bytes again."""
    output = BytesIO()
    try:
        BytesGenerator(output, mangle_from_=False, maxheaderlen=0, policy=compat32).flatten(part)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, MessageError) as error:
        raise NotUnderstoodError("mail: an attached mail that cannot be written out again") from error
    return output.getvalue()


def _accepted(found: list[tuple[str, str, bytes]], limits: Limits) -> tuple[tuple[File, ...], list[str]]:
    """The files within the limits, each content and name once, and a note about every other."""
    kept: dict[tuple[str, str], File] = {}
    notes: list[str] = []
    for position, (name, kind, data) in enumerate(found, start=1):
        one = file(name, kind, data, position)
        reason = _refusal(len(data), len(kept), limits)
        if reason:
            notes.append(
                f"[Bijlage niet overgenomen / attachment not taken over: {one.attachment.name} ({reason})]"
            )
            continue
        kept.setdefault((one.attachment.claim, one.attachment.name), one)
    return tuple(kept.values()), notes


def _refusal(size: int, kept: int, limits: Limits) -> str:
    if size > limits.attachment_size:
        return f"{size} bytes > {limits.attachment_size}"
    return f"> {limits.attachments}" if kept >= limits.attachments else ""


def _joined(texts: list[str]) -> str:
    return "\n\n".join(text.strip() for text in texts if text.strip())


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}\n[...]"

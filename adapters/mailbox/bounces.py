"""What mail servers report about mail of ours (RFC 3464), and what servers without that standard say."""

import re
from email.message import Message

from adapters.mailbox.mime import (
    Headers,
    content,
    inner_parts,
    media_type,
    message_ids,
    one_line,
    parameter,
    to_text,
)
from adapters.mailbox.signs import has_empty_sender, is_from_a_mail_system
from canonical_model.events import MailBounced
from ports.errors import NotSupportedError

MAX_DIAGNOSIS = 300

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_PLAIN = re.compile(r"(?:^|[\s;:])([245])\d\d(?=[\s-])")
_ADDRESS = re.compile(r"[^\s<>()\";:,]{1,128}@[^\s<>()\";:,]{1,253}")
_FULL_MAILBOX = ("2", "2")
_ID_LINE = re.compile(r"^[>\s]*message-id:[ \t]*(<[^<>\n]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_EXAMINED = 200_000


def bounce(mail: Message, headers: Headers) -> MailBounced | None:
    """The bounce that this mail reports; None when it is something else or does not tell of which mail.

    Raises `NotSupportedError` for reports that nobody needs to act on: still trying, delivered, read.
    """
    if not _is_report(mail, headers):
        return None
    statuses = [
        Headers(block) for part in _parts(mail, "message/delivery-status") for block in inner_parts(part)
    ]
    actions = {status.first("action").strip().lower() for status in statuses} - {""}
    if actions and "failed" not in actions:
        raise NotSupportedError(f"delivery report without a failure ({', '.join(sorted(actions))[:60]})")
    message_id = _original_id(mail, headers)
    if not message_id:
        return None
    failed = [status for status in statuses if status.first("action").strip().lower() == "failed"]
    reasons = [_reason(status) for status in failed] or [_telling_line(_words(mail))]
    return MailBounced(
        message_id=message_id,
        permanent=any(map(_is_permanent, reasons)),
        diagnosis=_without_addresses(reasons[0]),
    )


def _is_report(mail: Message, headers: Headers) -> bool:
    if media_type(mail) == "multipart/report":
        kind = parameter(mail, "report-type").lower()
        if kind == "disposition-notification":
            raise NotSupportedError("read receipt")
        return kind == "delivery-status" or bool(_parts(mail, "message/delivery-status"))
    if "x-failed-recipients" in headers:
        return True
    return has_empty_sender(headers) and is_from_a_mail_system(headers)


def _parts(mail: Message, *kinds: str) -> list[Message]:
    return [part for part in mail.walk() if media_type(part) in kinds]


def _original_id(mail: Message, headers: Headers) -> str:
    """From the mail that came back, else what the report refers to, else what it quotes."""
    for part in _parts(mail, "message/rfc822", "message/global"):
        for original in inner_parts(part):
            ids = Headers(original).ids("message-id")
            if ids:
                return ids[0]
    for part in _parts(mail, "text/rfc822-headers", "message/rfc822-headers"):
        found = _ID_LINE.search(to_text(content(part)[:_EXAMINED]))
        if found:
            return message_ids(found[1])[0]
    referred = (*headers.ids("references"), *headers.ids("in-reply-to"))
    if referred:
        return referred[-1]
    quoted = _ID_LINE.search(_words(mail))
    return message_ids(quoted[1])[0] if quoted else ""


def _reason(status: Headers) -> str:
    """The diagnostic of the refusing server; the report's own status says less and is often a mere 5.0.0."""
    diagnostic, code = one_line(status.first("diagnostic-code")), one_line(status.first("status"))
    return diagnostic if _ENHANCED.search(diagnostic) or _PLAIN.search(diagnostic) else f"{code} {diagnostic}"


def _is_permanent(reason: str) -> bool:
    """Whether the address is of no use: a 5xx, but not a full mailbox."""
    enhanced = _ENHANCED.search(reason)
    if enhanced and (enhanced[2], enhanced[3]) == _FULL_MAILBOX:
        return False
    if enhanced and enhanced[2] != "0":
        return enhanced[1] == "5"
    plain = _PLAIN.search(reason) or enhanced
    return plain is not None and plain[1] == "5"


def _words(mail: Message) -> str:
    texts = [
        to_text(content(part)[:_EXAMINED], parameter(part, "charset")) for part in _parts(mail, "text/plain")
    ]
    return "\n".join(texts)[:_EXAMINED]


def _telling_line(words: str) -> str:
    """The first line with a status code, "" when there is none."""
    lines = (line.strip() for line in words.split("\n"))
    return next((line for line in lines if _ENHANCED.search(line) or _PLAIN.search(line)), "")


def _without_addresses(reason: str) -> str:
    return one_line(_ADDRESS.sub("***", reason))[:MAX_DIAGNOSIS]

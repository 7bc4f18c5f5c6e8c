"""Mail to events (Message Translator). Pure: bytes and what is known of the mailbox in, events out."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from hashlib import sha256

from adapters.mailbox.body import Body, body_of
from adapters.mailbox.bounces import bounce
from adapters.mailbox.language import language_of
from adapters.mailbox.mime import DEFAULT_LIMITS, Headers, Limits, clean, head_and_body, parsed
from adapters.mailbox.reply_text import proven_case, reply_text
from adapters.mailbox.signs import NOBODY, Own, automatic, is_from_a_mail_system, one_address, suspicions
from canonical_model.case import CASE_REF
from canonical_model.contact import Channel, Contact, Kind, Thread
from canonical_model.events import ContactReceived, Event
from canonical_model.party import Party, PartyKind
from canonical_model.reply_address import verified_case
from ports.errors import NotUnderstoodError
from ports.intake import File

MAX_SUBJECT = 500
MAX_REFERENCES = 50

_FORWARDED = re.compile(r"(?:fwd?|doorst|tr|wg)\s*:", re.IGNORECASE)
_RECIPIENT_HEADERS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "cc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailroom:
    """What must be known to read a mail: which mailbox it lay in, and how our own mails look."""

    address: str
    kind: Kind | None = None
    category: str = ""
    own: Own = NOBODY
    reply_secret: bytes = field(default=b"", repr=False)
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """The event that a mail stands for, and the files that came along."""

    event: Event
    files: tuple[File, ...] = ()


def translation(raw: bytes, room: Mailroom) -> Translation:
    """What a mail says: a contact, or a bounce of a mail of ours.

    Raises `NotUnderstoodError` when it is no mail, has no sender, or would take too much to take apart;
    `NotSupportedError` for delivery reports and receipts that nobody needs to act on.
    """
    mail = parsed(raw, room.limits)
    headers = Headers(mail)
    bounced = bounce(mail, headers)
    if bounced is not None:
        return Translation(event=bounced)
    return _contact(raw, mail, headers, room)


def _contact(raw: bytes, mail: Message, headers: Headers, room: Mailroom) -> Translation:
    party = _party(headers, room.own)
    body = body_of(mail, room.limits)
    full_text = _full_text(body)
    subject = headers.text("subject")[:MAX_SUBJECT]
    text = "\n\n".join(filter(None, (_written_now(subject, body), *body.notes)))
    contact = Contact(
        channel=Channel.MAIL,
        subject=subject,
        text=text,
        full_text=full_text,
        kind=room.kind,
        category=room.category,
        language=language_of(f"{subject}\n{text}"),
        party=party,
        attachments=tuple(file.attachment for file in body.files),
        addressed_to=room.address,
        thread=_thread(headers, subject, full_text, room.reply_secret),
        fingerprint=fingerprint(raw, headers),
        automatic=automatic(headers, room.own),
        suspicions=suspicions(headers),
        occurred_at=_date(headers),
    )
    return Translation(event=ContactReceived(contact=contact), files=body.files)


def _written_now(subject: str, body: Body) -> str:
    """Without the history below it; except in a forwarded mail, where the history is the message."""
    text = body.text or body.forwarded
    return text if _FORWARDED.match(subject) else reply_text(text)


def _full_text(body: Body) -> str:
    forwarded = f"--- bijgevoegd bericht / attached mail ---\n{body.forwarded}" if body.forwarded else ""
    return "\n\n".join(filter(None, (body.text, forwarded, *body.notes)))


def _party(headers: Headers, own: Own) -> Party:
    """Who is to be answered: Reply-To when there is one (web forms send for others), else From."""
    name, address = headers.mailbox("from")
    reply_name, reply_address = headers.mailbox("reply-to")
    if reply_address and one_address(reply_address) not in own.addresses:
        same = reply_address.lower() == address.lower()
        name, address = (name if same else reply_name), reply_address
    if not address and is_bounce_sender(headers):
        return Party()
    if not address:
        raise NotUnderstoodError("From: no address in it, so nobody to answer")
    return Party(kind=PartyKind.PERSON, name=clean(name)[:200], email=address)


def is_bounce_sender(headers: Headers) -> bool:
    """Whether a mail server wrote this: some do so without an address."""
    return is_from_a_mail_system(headers) or headers.text("from").upper() == "MAILER-DAEMON"


def _thread(headers: Headers, subject: str, full_text: str, secret: bytes) -> Thread:
    own_ids = headers.ids("message-id")
    earlier = dict.fromkeys((*headers.ids("references"), *headers.ids("in-reply-to")))
    claimed = CASE_REF.search(subject.upper())
    return Thread(
        message_id=own_ids[0] if own_ids else "",
        in_reply_to=tuple(earlier)[-MAX_REFERENCES:],
        verified_case=_verified_case(headers, full_text, secret),
        claimed_case=claimed[0] if claimed else "",
    )


def _verified_case(headers: Headers, full_text: str, secret: bytes) -> str:
    """From a reply address that we signed, else from the proof in our own quoted mail."""
    if not secret:
        return ""
    cases = (verified_case(address, secret) for address in headers.addresses(*_RECIPIENT_HEADERS))
    return next(filter(None, cases), "") or proven_case(full_text, secret)


def fingerprint(raw: bytes, headers: Headers) -> str:
    """Equal for copies of one mail in several mailboxes: only what no mail server on the way changes.

    The Message-ID decides, whatever `Date` says: programs that try again write a new one, and servers rewrite it. The words
    are part of it, for senders that give every mail the same id. Without an id, the date tells mails apart; without both,
    the first `Received`.
    """
    ids = headers.ids("message-id")
    date = "" if ids else headers.first("date").strip()
    first_hop = "" if ids or date else next(iter(reversed(headers.all("received"))), "")
    body = head_and_body(raw)[1].replace(b"\r\n", b"\n").rstrip()
    parts = (
        ids[0] if ids else "",
        headers.mailbox("from")[1].lower(),
        " ".join(headers.text("subject").split()) if ids else date,
        first_hop,
        sha256(body).hexdigest(),
    )
    return sha256("\n".join(parts).encode()).hexdigest()


def _date(headers: Headers) -> datetime | None:
    try:
        date = parsedate_to_datetime(headers.first("date")[:100])
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None

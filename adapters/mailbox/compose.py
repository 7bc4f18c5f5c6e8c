"""Mail of ours as it goes to the relay. Pure."""

from __future__ import annotations  # Message takes type arguments only in annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.policy import compat32
from email.utils import format_datetime, quote
from typing import Final

from adapters.mailbox.mime import clean, one_line
from adapters.mailbox.reply_text import marker_line, proof
from adapters.mailbox.signs import LOOP_HEADER
from canonical_model.commands import SendMail
from canonical_model.contact import Language
from canonical_model.reply_address import signed
from ports.errors import RejectedError

ID_HEADER = "X-Wegwijzer-Id"
"""Repeats the Message-ID: some providers replace that one on the way."""

MAX_REFERENCES = 20

_POLICY = compat32.clone(linesep="\r\n", max_line_length=78)
_RECIPIENT = re.compile(r"[^\s<>(),;:\"\[\]\\@\x00-\x1f\x7f]{1,64}@[^\s<>(),;:\"\[\]\\@\x00-\x1f\x7f]{1,253}")
_NOT_IN_ID = re.compile(r"[^\x21-\x3b\x3d\x3f-\x7e]")


_WAY_OUT: Final[Mapping[Language, str]] = {
    Language.NL: "Wilt u geen berichten meer over veranderingen? Meld u af: {link}",
    Language.EN: "Do you want no more messages about changes? Unsubscribe: {link}",
    Language.FR: "Vous ne souhaitez plus de messages sur les changements ? Désabonnez-vous : {link}",
    Language.DE: "Möchten Sie keine Nachrichten über Änderungen mehr? Melden Sie sich ab: {link}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What is the same on all mails of one instance. Without `reply_base`, replies are not tied to a case."""

    address: str
    name: str = ""
    bounce_address: str = ""
    reply_base: str = ""
    reply_secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A mail ready for the relay. `sender` is "" when nobody wants to hear of a failure."""

    sender: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)


def envelope(mail: SendMail, letterhead: Letterhead, now: datetime, way_out: str = "") -> Envelope:
    """The mail as bytes, with ASCII headers and body. Raises `RejectedError` for an unusable recipient.

    `way_out`: where its recipient ends such mails, also by one click (RFC 8058); "" = it is not offered.
    """
    recipient = _recipient(mail.to)
    message: Message[str | Header, str | Header] = Message(policy=_POLICY)
    message["From"] = _mailbox(letterhead.name, letterhead.address)
    message["To"] = recipient
    message["Subject"] = _words(mail.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{safe_id(mail.message_id)}>"
    message[ID_HEADER] = f"<{safe_id(mail.message_id)}>"
    message[LOOP_HEADER] = letterhead.address
    _thread(message, mail)
    if mail.automatic:
        message["Auto-Submitted"] = "auto-replied"
        message["X-Auto-Response-Suppress"] = "All"
    if way_out:
        message["List-Unsubscribe"] = f"<{way_out}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if mail.case and letterhead.reply_base:
        message["Reply-To"] = signed(letterhead.reply_base, mail.case, letterhead.reply_secret)
    message.set_payload(letter_text(mail, letterhead, way_out), _utf8())
    return Envelope(
        sender="" if mail.automatic else letterhead.bounce_address or letterhead.address,
        recipient=recipient,
        content=message.as_bytes(),
    )


def safe_id(message_id: str) -> str:
    """An id as it may stand between angle brackets in a header."""
    return _NOT_IN_ID.sub("", message_id)


def _recipient(address: str) -> str:
    """The address with an ASCII domain. Anything that could smuggle in a second one is refused."""
    if not _RECIPIENT.fullmatch(address):
        raise RejectedError("the address of the recipient is not a mail address: correct it on the case")
    local, _, domain = address.partition("@")
    try:
        encoded = domain.encode("idna").decode("ascii")
        return f"{local.encode('ascii').decode('ascii')}@{encoded}"
    except UnicodeError as error:
        raise RejectedError("the address of the recipient has letters that the relay cannot take") from error


def _thread(message: Message[str | Header, str | Header], mail: SendMail) -> None:
    answered = safe_id(mail.in_reply_to)
    earlier = (*(safe_id(id_) for id_ in mail.references), answered)
    references = tuple(dict.fromkeys(id_ for id_ in earlier if id_))
    if answered:
        message["In-Reply-To"] = f"<{answered}>"
    if references:
        message["References"] = " ".join(f"<{id_}>" for id_ in references[-MAX_REFERENCES:])


def letter_text(mail: SendMail, letterhead: Letterhead, way_out: str = "") -> str:
    """The text as it goes out: above that of a case stands the line above which answers are asked, below it the way out."""
    text = clean(mail.text).strip()
    if way_out:
        text = f"{text}\n\n-- \n{_WAY_OUT[mail.language].format(link=way_out)}"
    if not mail.case:
        return f"{text}\n"
    marker = marker_line(
        mail.language, proof(mail.case, letterhead.reply_secret) if letterhead.reply_secret else ""
    )
    return f"{marker}\n\n{text}\n"


def _words(text: str) -> str | Header:
    plain = one_line(text)
    return plain if plain.isascii() and "=?" not in plain else Header(plain, "utf-8", header_name="Subject")


def _mailbox(name: str, address: str) -> str:
    plain = one_line(name)
    if not plain:
        return address
    shown = f'"{quote(plain)}"' if plain.isascii() else Header(plain, "utf-8").encode(maxlinelen=0)
    return f"{shown} <{address}>"


def _utf8() -> Charset:
    charset = Charset("utf-8")
    charset.body_encoding = QP
    return charset

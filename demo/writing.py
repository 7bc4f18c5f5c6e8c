"""Mails as citizens' mail programs write them: first ones, replies with what they quote, and broken ones."""

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from mimetypes import guess_type

from demo.mail import Letter
from demo.scenes import Scene, attachment


def first_mail(scene: Scene, run: str) -> bytes:
    """The mail with which somebody turns to the city. `run` keeps the ids of several mornings apart."""
    mail = _envelope(scene, run)
    mail["To"] = ", ".join(scene.to)
    mail["Subject"] = scene.subject
    if scene.wrapped:
        return _wrapped(mail, scene)
    mail.set_content(scene.text + "\n")
    if scene.email.endswith("@mailbox.example"):
        mail.add_alternative(_html(scene.text), subtype="html")
    for name in scene.files:
        main, _, sub = (guess_type(name)[0] or "application/octet-stream").partition("/")
        mail.add_attachment(attachment(name), maintype=main, subtype=sub, filename=name)
    return mail.as_bytes()


def reply(scene: Scene, letter: Letter, sender: str, run: str) -> tuple[str, bytes]:
    """An answer to a mail of the city, quoting it; with the address that it goes to."""
    original = letter.mail
    to = parseaddr(str(original["Reply-To"] or original["From"]))[1]
    mail = _envelope(scene, run, sender)
    mail["To"] = to
    mail["Subject"] = scene.subject or f"Re: {_without_re(letter.subject)}"
    mail["In-Reply-To"] = letter.message_id
    mail["References"] = " ".join(filter(None, (_one_line(original["References"]), letter.message_id)))
    quoted = "\n".join(f"> {line}" for line in letter.text.strip().splitlines())
    opening = f"Op ma 23 nov 2026 om {scene.time} schreef {_one_line(original['From'])}:"
    mail.set_content(f"{scene.text}\n\n{opening}\n\n{quoted}\n")
    return to, mail.as_bytes()


def _envelope(scene: Scene, run: str, sender: str = "") -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender or scene.sender
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{scene.name}.{run}@{parseaddr(sender or scene.sender)[1].partition('@')[2]}>"
    for name, value in scene.headers.items():
        mail[name] = value
    return mail


def _wrapped(mail: EmailMessage, scene: Scene) -> bytes:
    """The text in so many containers in each other that no hub should try to take them apart."""
    lines = [f"{name}: {value}" for name, value in mail.items()]
    lines.append('MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b0"')
    lines += [
        f'\r\n--b{depth}\r\nContent-Type: multipart/mixed; boundary="b{depth + 1}"'
        for depth in range(scene.wrapped)
    ]
    lines.append(f"\r\n--b{scene.wrapped}\r\nContent-Type: text/plain\r\n\r\n{scene.text}")
    lines += [f"\r\n--b{depth}--" for depth in range(scene.wrapped, -1, -1)]
    return "\r\n".join(lines).encode()


def _html(text: str) -> str:
    paragraphs = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
    return f'<html><body style="font-family: sans-serif">{paragraphs}</body></html>'


def _without_re(subject: str) -> str:
    return re.sub(r"^(re:\s*)+", "", subject, flags=re.IGNORECASE)


def _one_line(value: object) -> str:
    return " ".join(str(value or "").split())

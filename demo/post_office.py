"""The post office of the demo city, a process of its own: group mailboxes over IMAP, a relay over SMTP.

`demo.mail` starts it with its settings as one line of JSON on standard input; it answers with one line that
names its ports, and ends when its standard input is closed. The mailboxes are pymap's and live in memory.
What citizens receive becomes one `.eml` file each, to be opened with any mail program.
"""

import asyncio
import json
import sys
from argparse import Namespace
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.utils import make_msgid
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, Identity, Login
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.user import Passwords, UserMetadata

LOOPBACK = "127.0.0.1"
LARGEST_MAIL = 40_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`gone`: addresses elsewhere that no longer exist. `letters`: the folder for mail that leaves the city."""

    domain: str
    password: str = field(repr=False)
    mailboxes: list[str]
    gone: list[str]
    letters: str


class Mailboxes:
    """The group mailboxes: an IMAP user with an INBOX for each."""

    def __init__(self) -> None:
        self._config = Config(
            Namespace(passlib_cfg=None, proxy_protocol=None),
            demo_data=False,
            demo_user="",
            demo_password="",
            host=LOOPBACK,
            port=0,
            tls_enabled=False,
        )
        self._config.apply_context()
        self._login = Login(self._config)

    async def open(self, addresses: list[str], password: str) -> asyncio.Server:
        """Give every address a mailbox, and listen on a free port."""
        hashed = await Passwords(self._config).hash_password(password)
        for address in addresses:
            self._login.users_dict[address] = UserMetadata(self._config, address, password=hashed)
        serve = ProxyProtocolReader(self._config.proxy_protocol).get_callback(
            IMAPServer(self._login, self._config)
        )

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await serve(reader, WholeAnswers(reader, writer))

        return await asyncio.start_server(answer, LOOPBACK, 0)

    def owns(self, address: str) -> bool:
        """Whether this is a group mailbox."""
        return address in self._login.users_dict

    async def deliver(self, address: str, mail: bytes) -> None:
        """Put a mail in the INBOX; those who wait with IDLE are told."""
        async with Identity(address, self._login, None, frozenset()).new_session() as session:
            await session.append_messages("INBOX", [AppendMessage(mail, datetime.now(UTC), frozenset())])


class WholeAnswers(asyncio.StreamWriter):
    """Sends an answer in one piece: pymap writes word by word, and imapclient gives half a line up while idling."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        super().__init__(transport, transport.get_protocol(), reader, asyncio.get_running_loop())
        self._pieces: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._pieces.append(bytes(data))

    async def drain(self) -> None:
        super().write(b"".join(self._pieces))
        self._pieces.clear()
        await super().drain()


class Relay:
    """Takes mail over SMTP and brings it where it belongs; what can't be delivered goes back as a bounce."""

    def __init__(self, settings: Settings, mailboxes: Mailboxes) -> None:
        self._settings = settings
        self._mailboxes = mailboxes
        self._letters = Letters(Path(settings.letters))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Deliver to everyone, then take responsibility."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        sender = (envelope.mail_from or "").strip("<>")
        for recipient in envelope.rcpt_tos:
            await self._bring(recipient, sender, content)
        return "250 2.0.0 OK"

    async def _bring(self, recipient: str, sender: str, content: bytes) -> None:
        address = _without_plus(recipient)
        mail = f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n".encode() + content
        if self._mailboxes.owns(address):
            await self._mailboxes.deliver(address, mail)
        elif address in self._settings.gone:
            await self._send_back(recipient, sender, content)
        else:
            self._letters.put(recipient.lower(), mail)

    async def _send_back(self, recipient: str, sender: str, content: bytes) -> None:
        """A bounce is itself never bounced."""
        if sender:
            bounce = delivery_failure(recipient, sender, content, self._settings.domain)
            await self._bring(sender, "", bounce)


class Letters:
    """Mail that left the city: one folder for each address, one file for each mail, numbered as they came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = sum(1 for _ in folder.glob("*/*.eml"))

    def put(self, address: str, mail: bytes) -> None:
        """Write a mail; it appears whole or not at all."""
        self._count += 1
        folder = self._folder / address.replace("/", "_")
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{self._count}"
        unfinished.write_bytes(mail)
        unfinished.rename(folder / f"{self._count:03}.eml")


def delivery_failure(recipient: str, sender: str, content: bytes, domain: str) -> bytes:
    """A bounce in the form that mail servers send them (RFC 3464), with the headers of the mail it is about."""
    original = BytesHeaderParser(policy=policy.compat32).parsebytes(content)
    bounce = EmailMessage(policy=policy.SMTP)
    bounce["From"] = f"Mail Delivery System <mailer-daemon@{domain}>"
    bounce["To"] = sender
    bounce["Subject"] = "Mail delivery failed: returning message to sender"
    bounce["Message-ID"] = make_msgid(domain=f"post.{domain}")
    bounce["Date"] = datetime.now(UTC)
    bounce["Auto-Submitted"] = "auto-replied"
    bounce["X-Failed-Recipients"] = recipient
    if original["Message-ID"]:
        bounce["References"] = str(original["Message-ID"])
    report = (
        f"Reporting-MTA: dns; post.{domain}\r\n\r\n"
        f"Action: failed\r\nFinal-Recipient: rfc822;{recipient}\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n"
    )
    boundary = f"report-{abs(hash(recipient)):x}"
    bounce["MIME-Version"] = "1.0"
    bounce["Content-Type"] = f'multipart/report; report-type=delivery-status; boundary="{boundary}"'
    headers = original.as_bytes(policy=policy.SMTP).partition(b"\r\n\r\n")[0]
    parts = (
        ("text/plain; charset=utf-8", f"{recipient}: 550 5.1.1 User unknown\r\n".encode()),
        ("message/delivery-status", report.encode()),
        ("text/rfc822-headers", headers + b"\r\n"),
    )
    body = b"".join(
        f"--{boundary}\r\nContent-Type: {type_}\r\n\r\n".encode() + text + b"\r\n" for type_, text in parts
    )
    return bounce.as_bytes().partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body + f"--{boundary}--\r\n".encode()


def _without_plus(address: str) -> str:
    """`meldingen+LEU-2026-000001@leuven.test` is delivered to `meldingen@leuven.test`."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


async def serve(settings: Settings) -> None:
    """Open both counters, tell where they are, and work until standard input is closed."""
    mailboxes = Mailboxes()
    imap = await mailboxes.open(settings.mailboxes, settings.password)
    relay = Relay(settings, mailboxes)
    smtp = await asyncio.get_running_loop().create_server(
        lambda: SMTP(relay, hostname=f"post.{settings.domain}", data_size_limit=LARGEST_MAIL),
        LOOPBACK,
        0,
    )
    print(json.dumps({"imap": _port(imap), "smtp": _port(smtp)}), flush=True)
    async with imap, smtp:
        await asyncio.to_thread(sys.stdin.read)


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


if __name__ == "__main__":
    asyncio.run(serve(Settings(**json.loads(sys.stdin.readline()))))

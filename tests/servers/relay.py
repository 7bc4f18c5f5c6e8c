"""A mail relay that keeps what citizens get: `python -m tests.servers.relay --folder F --domain D --lmtp-port P`.

Mail for the domain goes to an LMTP server (the group mailboxes); everything else becomes one file per
recipient in a folder, complete before the relay says 250. Citizens first: a copy in a mailbox of the city
then proves that the citizen's mail is safe. Prints its port when it listens; ends with SIGTERM.
"""

import argparse
import asyncio
import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from aiosmtpd.smtp import SMTP

from tests.servers.private import leashed, stop

LARGEST_MAIL = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One mail that one citizen got."""

    sender: str
    recipient: str
    content: bytes

    @property
    def mail(self) -> Message:
        """The parsed mail."""
        return message_from_bytes(self.content)

    @property
    def message_id(self) -> str:
        """Its Message-ID without brackets."""
        return str(self.mail["Message-ID"]).strip("<> ")


def recorded(folder: Path) -> list[Recorded]:
    """What citizens got so far, oldest first."""
    return [_read(file) for file in sorted(folder.glob("*.mail"), key=lambda file: file.stat().st_mtime_ns)]


class Recorder:
    """aiosmtpd's handler: citizens' mail into files, the city's own into its mailboxes."""

    def __init__(self, folder: Path, domain: str = "", lmtp_port: int = 0) -> None:
        self.folder = folder
        self._domain = domain.lower()
        self._lmtp_port = lmtp_port

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        """Take responsibility for all recipients, or for none, even when the sender is gone before it hears which.

        aiosmtpd gives this up half-way when the connection is lost; a thread goes on.
        """
        return await asyncio.to_thread(self._taken, envelope.mail_from, envelope.rcpt_tos, envelope.content)

    def _taken(self, sender: str, recipients: list[str], content: bytes) -> str:
        """The city's own recipients first, as only they may refuse."""
        ours = [one for one in recipients if self._is_ours(one)]
        if ours and not self._deliver(sender, ours, content):
            return "451 4.3.0 mailboxes are away"
        for citizen in recipients:
            if not self._is_ours(citizen):
                self._record(sender, citizen, content)
        return "250 2.0.0 taken"

    def _is_ours(self, address: str) -> bool:
        return bool(self._domain) and address.lower().endswith(f"@{self._domain}")

    def _record(self, sender: str, recipient: str, content: bytes) -> None:
        envelope = json.dumps({"sender": (sender or "").strip("<>"), "recipient": recipient}).encode()
        unfinished = self.folder / f".{uuid.uuid4().hex}"
        with unfinished.open("wb") as file:
            file.write(envelope + b"\n" + content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self.folder / f"{unfinished.name[1:]}.mail")

    def _deliver(self, sender: str, recipients: list[str], content: bytes) -> bool:
        plain = [_without_plus(recipient) for recipient in recipients]
        sender = sender or "<>"
        try:
            with smtplib.LMTP("127.0.0.1", self._lmtp_port, timeout=30) as lmtp:
                for recipient in plain:  # smtplib reads one answer where LMTP gives one for each
                    lmtp.sendmail(sender, [recipient], content)
                return True
        except (OSError, smtplib.SMTPException):
            return False


@contextmanager
def running(folder: Path, *, domain: str, lmtp_port: int, port: int = 0) -> Iterator[int]:
    """The relay as a process of its own; its port."""
    process = subprocess.Popen(
        leashed(
            [
                *(sys.executable, "-m", "tests.servers.relay", "--folder", str(folder), "--domain", domain),
                *("--lmtp-port", str(lmtp_port), "--port", str(port)),
            ]
        ),
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        line = process.stdout.readline()
        if not line.strip():
            raise RuntimeError(f"the relay did not start (exit {process.wait()})")
        yield int(line)
    finally:
        stop(process, signal.SIGTERM)
        process.stdout.close()


async def serve(recorder: Recorder, port: int) -> None:
    """Listen on loopback until SIGTERM; prints the port."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = await loop.create_server(lambda: _protocol(recorder, loop), sock=listener)
        print(listener.getsockname()[1], flush=True)
        await stopped.wait()
        server.close()


def _protocol(recorder: Recorder, loop: asyncio.AbstractEventLoop) -> SMTP:
    return SMTP(recorder, hostname="relay.test", data_size_limit=LARGEST_MAIL, loop=loop)


def _without_plus(address: str) -> str:
    local, _, domain = address.partition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _read(file: Path) -> Recorded:
    envelope, _, content = file.read_bytes().partition(b"\n")
    return Recorded(**json.loads(envelope), content=content)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where citizens' mail is kept")
    parser.add_argument("--domain", default="", help="the city's own mail domain")
    parser.add_argument("--lmtp-port", type=int, default=0, help="where the city's mailboxes are")
    parser.add_argument("--port", type=int, default=0, help="0 = any free port")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(Recorder(wanted.folder, wanted.domain, wanted.lmtp_port), wanted.port))


if __name__ == "__main__":
    main()

"""Mail in the demo city: starts the post office, sends what citizens write, and reads what they receive."""

import json
import smtplib
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from demo.post_office import LOOPBACK, Settings


class PostOfficeError(Exception):
    """The post office did not open; the message ends with its own last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOffice:
    """A post office that is open. `letters` is the folder with what citizens received."""

    imap_port: int
    smtp_port: int
    letters: Path
    process: "subprocess.Popen[str]" = field(repr=False)

    def send(self, sender: str, recipients: Sequence[str], mail: bytes) -> None:
        """Hand a mail to the relay as a citizen's mail program does; `sender` "" is the empty envelope sender."""
        with smtplib.SMTP(LOOPBACK, self.smtp_port, timeout=20) as relay:
            relay.sendmail(sender, list(recipients), mail)

    def received(self) -> dict[str, list["Letter"]]:
        """Every mail that left the city, by address, oldest first."""
        return {
            folder.name: [Letter(path=path, mail=_parsed(path)) for path in sorted(folder.glob("*.eml"))]
            for folder in sorted(self.letters.iterdir())
            if folder.is_dir()
        }

    def close(self) -> None:
        """Let running deliveries end, then close. May be called twice."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail that a citizen received."""

    path: Path
    mail: EmailMessage = field(repr=False)

    @property
    def subject(self) -> str:
        return str(self.mail["Subject"])

    @property
    def automatic(self) -> bool:
        """Whether it says that no person wrote it."""
        return str(self.mail["Auto-Submitted"] or "no").strip().lower() != "no"

    @property
    def message_id(self) -> str:
        """With its angle brackets."""
        return str(self.mail["Message-ID"]).strip()

    @property
    def text(self) -> str:
        body = self.mail.get_body(("plain",))
        return str(body.get_content()) if body else ""


def open_post_office(settings: Settings, log: Path) -> PostOffice:
    """Start it on free ports of this machine. It closes with the demo, however that ends."""
    letters = Path(settings.letters)
    letters.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.post_office"],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            start_new_session=True,
        )
    with ExitStack() as if_it_fails:
        if_it_fails.callback(process.kill)
        ports = _opened(process, settings, log)
        if_it_fails.pop_all()
    return PostOffice(imap_port=ports["imap"], smtp_port=ports["smtp"], letters=letters, process=process)


def _opened(process: "subprocess.Popen[str]", settings: Settings, log: Path) -> dict[str, int]:
    if process.stdin is None or process.stdout is None:
        raise PostOfficeError("the post office has no standard input or output")
    process.stdin.write(json.dumps(asdict(settings)) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise PostOfficeError(f"the post office did not open: {log.read_text(errors='replace')[-800:]}")
    ports: dict[str, int] = json.loads(line)
    return ports


def _parsed(path: Path) -> EmailMessage:
    return BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(path.read_bytes())

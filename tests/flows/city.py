"""A city for tests of the whole hub: real Dovecot, a relay that keeps what citizens get, a real tracker, a hub process.

The hub is configured with the example configuration that ships, so that it is tested along.
"""

import asyncio
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import TypeVar

import httpx
from sqlalchemy import Connection

from demo import request_tracker, roundup
from demo.city_hall import Addresses, groups_of_the_city, keep_secret, make_tokens, write_configuration
from demo.forms import Tokens
from demo.handlers import Handler
from demo.mail import Letter
from demo.reckoning import Books, read_books
from journal.database import open_engine
from tests.flows import rt_handler
from tests.servers import dovecot, relay
from tests.servers.private import free_port, leashed

WEGWIJZER = Path(sys.executable).with_name("wegwijzer")
PASSWORD = "een-goed-wachtwoord"
T = TypeVar("T")


RunningTracker = roundup.RunningTracker | request_tracker.RunningTracker


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """An off-the-shelf tracker: how it is started, who works in it, and what the hub's configuration says of it.

    `lines` of the example configuration to replace; `secret`: under which name the hub finds its key to it.
    """

    start: Callable[[Path], RunningTracker]
    handler: type[Handler | rt_handler.Handler]
    key: Callable[[RunningTracker], str]
    secret: str
    lines: dict[str, str] = field(default_factory=dict)


ROUNDUP = Product(
    start=lambda home: roundup.start(home, groups_of_the_city(), workers=2),
    handler=Handler,
    key=lambda tracker: tracker.jwt_secret,
    secret="roundup_jwt",
)
REQUEST_TRACKER = Product(
    start=lambda home: request_tracker.start(home, groups_of_the_city(), workers=2),
    handler=rt_handler.Handler,
    key=lambda tracker: tracker.token,
    secret="rt_token",
    lines={
        'system = "roundup"': 'system = "request_tracker"',
        'jwt_secret = "secret:roundup_jwt"': 'token = "secret:rt_token"',
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """The systems around the hub, and the folder from which `wegwijzer` runs."""

    folder: Path
    hub_toml: Path
    address: str
    mailboxes: dovecot.Dovecot
    relay_port: int
    letters: Path
    tracker: RunningTracker
    product: Product = ROUNDUP
    tokens: Tokens = field(repr=False)
    journal_url: str = field(default="", repr=False)

    @property
    def doors(self) -> str:
        """Where forms are posted."""
        return f"http://{self.address}/in/website/"

    def handler(self, group: str) -> Handler | rt_handler.Handler:
        """Somebody of a handler group, at work in the tracker."""
        return self.product.handler(self.tracker, group)

    def send(self, sender: str, recipients: Sequence[str], mail: bytes) -> None:
        """A citizen sends a mail."""
        with smtplib.SMTP("127.0.0.1", self.relay_port, timeout=20) as server:
            server.sendmail(sender, list(recipients), mail)

    def all_letters(self) -> dict[str, list[Letter]]:
        """What citizens received, by address, oldest first."""
        letters: dict[str, list[Letter]] = {}
        for one in relay.recorded(self.letters):
            letter = Letter(path=self.letters, mail=_parsed(one.content))
            letters.setdefault(one.recipient, []).append(letter)
        return letters

    def letters_to(self, address: str) -> list[Letter]:
        """What a citizen received, oldest first."""
        return self.all_letters().get(address, [])

    def books(self) -> Books:
        """What the journal says, read from outside."""
        return self.look_up(read_books)

    def look_up(self, query: Callable[[Connection], T]) -> T:
        """Ask the journal something, beside the hub."""
        engine = open_engine(self.journal_url or f"sqlite:///{self.folder / 'var' / 'journal.db'}")
        try:
            with engine.connect() as connection:
                return query(connection)
        finally:
            engine.dispose()

    def command(self, *arguments: str, typed: str = "") -> str:
        """What `wegwijzer` answers; it must succeed."""
        done = subprocess.run(
            [WEGWIJZER, "--config", self.hub_toml, *arguments],
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def running_hub(self) -> Iterator[subprocess.Popen[bytes]]:
        """A hub from the installed script; it must end well when it is asked to."""
        with (self.folder / "hub.log").open("ab") as log:
            process = subprocess.Popen(
                leashed([WEGWIJZER, "--config", str(self.hub_toml), "run", "--log-json"]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.wait_until_ready()
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
        assert code == 0, self.log()

    def wait_until_ready(self, seconds: float = 30) -> None:
        """Return when the hub answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(httpx.TransportError):
                if httpx.get(f"http://{self.address}/health/ready", timeout=5, trust_env=False).is_success:
                    return
            time.sleep(0.05)
        raise TimeoutError(f"the hub does not answer:\n{self.log()}")

    def log(self) -> str:
        """The hub's last words."""
        return (self.folder / "hub.log").read_text(errors="replace")[-4000:]


@contextmanager
def running_city(
    folder: Path,
    changes: dict[str, str] | None = None,
    *,
    journal_url: str = "",
    product: Product = ROUNDUP,
) -> Iterator[City]:
    """All systems around a hub, started; `changes` are lines of the example configuration to replace.

    `journal_url`: where the journal is, when it is not the embedded one.
    """
    letters = folder / "letters"
    with (
        dovecot.running() as mailboxes,
        relay.running(letters, domain="leuven.test", lmtp_port=mailboxes.lmtp_port) as relay_port,
    ):
        tracker = product.start(folder / "tracker")
        try:
            city = _city(folder, letters, mailboxes, relay_port, tracker, product, changes)
            yield replace(city, journal_url=journal_url)
        finally:
            tracker.stop()


def _city(
    folder: Path,
    letters: Path,
    mailboxes: dovecot.Dovecot,
    relay_port: int,
    tracker: RunningTracker,
    product: Product,
    changes: dict[str, str] | None,
) -> City:
    subprocess.run([WEGWIJZER, "init", folder], check=True, capture_output=True)
    tokens = make_tokens(folder)
    keep_secret(folder, "mail_password", dovecot.PASSWORD)
    keep_secret(folder, product.secret, product.key(tracker))
    address = f"127.0.0.1:{free_port()}"
    addresses = Addresses(hub=address, tracker=tracker.url, imap_port=mailboxes.port, smtp_port=relay_port)
    return City(
        folder=folder,
        hub_toml=write_configuration(folder, addresses, {**product.lines, **(changes or {})}),
        address=address,
        mailboxes=mailboxes,
        relay_port=relay_port,
        letters=letters,
        tracker=tracker,
        product=product,
        tokens=tokens,
    )


class ConsoleVisitor:
    """Somebody of the contact centre with a browser: only what HTTP shows."""

    def __init__(self, city: City, name: str) -> None:
        self._http = httpx.Client(base_url=f"http://{city.address}", trust_env=False, timeout=20)
        self._name = name

    def log_in(self) -> None:
        """With name and password."""
        form = self._http.get("/login").text
        token = re.search(r'name="csrf"\s+value="([^"]+)"', form)
        assert token, form
        answer = self._http.post(
            "/login",
            data={"name": self._name, "password": PASSWORD, "csrf": token[1]},
            headers={"Origin": str(self._http.base_url).rstrip("/")},
        )
        assert answer.status_code == 303, answer.text

    def read(self, path: str, **query: str) -> str:
        """The words of a page, in order, on one line."""
        answer = self._http.get(path, params=query, follow_redirects=True)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return " ".join(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2]).split())

    def close(self) -> None:
        """Close the browser."""
        self._http.close()


async def eventually(look: Callable[[], Awaitable[T | None]], what: str, seconds: float = 60) -> T:
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.2)
    raise TimeoutError(f"it never happened: {what}")


def _parsed(content: bytes) -> EmailMessage:
    return BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(content)

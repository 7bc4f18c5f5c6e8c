"""A hub of one process with the website's doors and a tracker in memory: real HTTP, a real journal, quickly begun."""

import asyncio
import json
import resource
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from demo.city_hall import city_file, without_crews
from demo.roundup import RunningTracker
from settings import make_secrets
from tests.servers.private import free_port, leashed
from tests.shipped import ROOT

TOKEN = secrets.token_hex(16)
IN_MEMORY = 'system = "memory"'
CONFIGURATION = """
[hub]
listen = "127.0.0.1:{port}"
data = "{data}"

[journal]
url = "{journal}"

[broker]
url = "{broker}"

[worker]
lease = 24

[targets.tracker]
patience = 8

[adapters.tracker]
{tracker}

[adapters.website]
system = "website"

[adapters.website.senders.form]
tokens = ["secret:form"]
"""


@dataclass(slots=True)
class LoneHub:
    """A running process. Forms are posted as the city's web server would; answers are counted by status."""

    address: str
    process: "subprocess.Popen[bytes]" = field(repr=False)
    log: Path = field(repr=False)

    async def flood(
        self, numbers: Sequence[int], *, size: int = 1000, patience: float = 60
    ) -> list[httpx.Response | httpx.TransportError]:
        """Many forms at the same moment; the same number is the same form."""
        async with self.client(patience) as client:
            return await asyncio.gather(*(self.post(client, number, size) for number in numbers))

    @staticmethod
    def client(patience: float = 60) -> httpx.AsyncClient:
        """One to post with: as many connections as it has forms under way."""
        limits = httpx.Limits(max_connections=None)
        return httpx.AsyncClient(trust_env=False, timeout=patience, limits=limits)

    async def post(
        self, client: httpx.AsyncClient, number: int, size: int = 1000
    ) -> httpx.Response | httpx.TransportError:
        """One form, and what is answered; the same number is the same form."""
        try:
            return await client.post(
                f"http://{self.address}/in/website/form",
                data={"id": f"form-{number}", "subject": f"Vraag {number}", "message": "x" * size},
                files=[("files", ("", b"", "application/octet-stream"))],
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
        except httpx.TransportError as error:
            return error

    async def until_accepted(self, number: int, seconds: float = 30) -> None:
        """Post it until it gets its receipt, as a sender does."""
        end = time.monotonic() + seconds
        while not _is_receipt(answer := (await self.flood([number]))[0]):
            assert time.monotonic() < end, f"{answer!r}\n{self.last_words()}"
            await asyncio.sleep(0.2)

    @property
    def memory(self) -> int:
        """Its resident set in bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    def kill(self) -> None:
        """As a power cut does, as far as the process is concerned."""
        self.process.kill()
        self.process.wait()

    async def ended(self, seconds: float = 60) -> int:
        """How it ended by itself."""
        return await asyncio.to_thread(self.process.wait, seconds)

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:]


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[LoneHub]:
    """A hub that answers, see `begun`; it must end well when it is asked to."""
    with begun(folder, **settings) as hub:
        yield hub
        hub.process.send_signal(signal.SIGTERM)
        assert hub.process.wait(60) == 0, hub.last_words()


@contextmanager
def begun(folder: Path, **settings: Any) -> Iterator[LoneHub]:
    """A hub that answers, see `launched`."""
    with launched(folder, **settings) as hub:
        _wait_until_ready(hub)
        yield hub


@contextmanager
def launched(
    folder: Path,
    *,
    journal: str = "",
    broker: str = "memory:",
    data: str = "var",
    roles: Sequence[str] = (),
    tracker: RunningTracker | None = None,
    under: Sequence[str] = (),
) -> Iterator[LoneHub]:
    """A hub that begins, with a tracker in memory or this one; `under` is the program that runs it."""
    port = free_port()
    make_secrets(folder / "secrets")
    (folder / "secrets" / "form").write_text(TOKEN)
    (folder / "dispatch.toml").write_text(without_crews(city_file("dispatch.toml")))
    section = _roundup(folder, tracker) if tracker else IN_MEMORY
    settings = CONFIGURATION.format(port=port, journal=journal, broker=broker, data=data, tracker=section)
    (folder / "hub.toml").write_text(settings)
    log = folder / "hub.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            leashed(
                [
                    *under,
                    *(sys.executable, "-m", "hub", "--config", str(folder / "hub.toml"), "run", "--log-json"),
                    *(word for role in roles for word in ("--role", role)),
                ]
            ),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    hub = LoneHub(f"127.0.0.1:{port}", process, log)
    try:
        yield hub
    finally:
        if process.poll() is None:
            hub.kill()


def _roundup(folder: Path, tracker: RunningTracker) -> str:
    (folder / "secrets" / "roundup").write_text(tracker.jwt_secret)
    return "\n".join(
        (
            'system = "roundup"',
            f'url = "{tracker.url}"',
            f'origin = "{tracker.url.partition("/tracker")[0]}"',
            'jwt_secret = "secret:roundup"',
            f'user_id = "{tracker.hub_user_id}"',
        )
    )


def statuses(answers: Sequence[httpx.Response | httpx.TransportError]) -> Counter[int]:
    """How many answers of each status; 0 = no answer."""
    return Counter(one.status_code if isinstance(one, httpx.Response) else 0 for one in answers)


def receipts(answers: Sequence[httpx.Response | httpx.TransportError]) -> set[str]:
    """The ids of what was promised to be kept."""
    return {json.loads(one.content)["id"] for one in answers if _is_receipt(one)}


def _is_receipt(answer: httpx.Response | httpx.TransportError) -> bool:
    return isinstance(answer, httpx.Response) and answer.status_code in (200, 202)


def _wait_until_ready(hub: LoneHub) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and hub.process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"http://{hub.address}/health/ready", timeout=5, trust_env=False).is_success:
                return
        time.sleep(0.05)
    raise TimeoutError(f"the hub does not answer:\n{hub.last_words()}")

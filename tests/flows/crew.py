"""A city whose hub is many processes on PostgreSQL and RabbitMQ, each of which a test may begin, end and freeze."""

import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import select

from demo.distributed import engine_settings
from demo.engines.private import LOOPBACK
from journal.instants import micros
from journal.schema import leases
from journal.shared_clock import database_time
from tests.flows.city import City, running_city
from tests.flows.zygote import Zygote, zygote
from tests.servers.private import free_port

ROLES = ("intake", "scheduler", "listener", "listener", "worker", "worker")
LEASE = 12
"""Seconds until a dead worker's effects are taken over. A system outside is given up after a third of it."""
QUICK = {
    "poll_seconds = 2": "poll_seconds = 0.3",
    # The relay delivers the copy at once, and the hub lets a dead life's sending settle: one look is proof enough.
    'sent_mailbox = { address = "verzonden@leuven.test", password = "secret:mail_password" }': (
        'sent_mailbox = { address = "verzonden@leuven.test", password = "secret:mail_password" }\n'
        "sent_patience = 0"
    ),
}
PATIENT = {
    "[targets.tracker]\n": f"[worker]\nlease = {LEASE}\n\n[targets.tracker]\npatience = {LEASE / 3}\n",
    "[targets.mail]\n": f"[targets.mail]\npatience = {LEASE / 3}\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One process of the hub."""

    role: str
    pid: int
    address: str


class Crew:
    """The processes of one hub. `alive` are those that should be; who is not ended as asked fails the test."""

    def __init__(self, city: City, lives: Zygote) -> None:
        self._city = city
        self._zygote = lives
        self.alive: list[Life] = []

    def begin(self, role: str) -> Life:
        """A process with this role; it need not be ready yet."""
        address = self._city.address if role == "intake" else f"{LOOPBACK}:{free_port()}"
        pid = self._zygote.begin("--role", role, "--listen", address)
        life = Life(role=role, pid=pid, address=address)
        self.alive.append(life)
        return life

    def begin_all(self) -> None:
        """The whole crew, ready."""
        for role in ROLES:
            self.begin(role)
        for life in self.alive:
            self.wait_until_ready(life)

    def wait_until_ready(self, life: Life, seconds: float = 60) -> None:
        """Return when it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(httpx.TransportError):
                if httpx.get(f"http://{life.address}/health/ready", timeout=5, trust_env=False).is_success:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"a {life.role} does not answer:\n{self._city.log()}")

    def kill(self, life: Life) -> None:
        """SIGKILL."""
        self._end(life, signal.SIGKILL, -signal.SIGKILL)

    def dismiss(self, life: Life) -> None:
        """SIGTERM; it must end well."""
        self._end(life, signal.SIGTERM, 0)

    def freeze(self, life: Life, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        os.kill(life.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(life.pid, signal.SIGCONT)

    def dismiss_all(self) -> None:
        """SIGTERM to everybody."""
        for life in list(self.alive):
            self.dismiss(life)

    def some(self, role: str, dice: random.Random) -> Life:
        """Somebody of this role."""
        return dice.choice([life for life in self.alive if life.role == role])

    def listening(self) -> dict[str, int]:
        """Which process listens to which source now."""
        return self._city.look_up(_listening)

    def _end(self, life: Life, sign: signal.Signals, expected: int) -> None:
        self.alive.remove(life)
        code = self._zygote.end(life.pid, sign)
        assert code == expected, f"a {life.role} ended with {code}:\n{self._city.log()}"


@contextmanager
def distributed_city(
    folder: Path, database: str, broker: str, changes: Mapping[str, str] | None = None
) -> Iterator[tuple[City, Crew]]:
    """A city and its crew, who have not begun yet."""
    configured = {**QUICK, **PATIENT, **engine_settings(database, broker), **(changes or {})}
    with running_city(folder, configured, journal_url=database) as city, zygote(city) as lives:
        crew = Crew(city, lives)
        try:
            yield city, crew
        finally:
            for life in crew.alive:
                os.kill(life.pid, signal.SIGKILL)


def _listening(connection) -> dict[str, int]:
    now = micros(database_time(connection))
    held = connection.execute(select(leases.c.name, leases.c.owner).where(leases.c.until > now))
    return {name: int(owner.rpartition("/")[2]) for name, owner in held if name.startswith("source/")}

"""The distributed set-up on one machine: real PostgreSQL and RabbitMQ, and a process for every role of the hub.

    async with engines() as arrangement:   # what the configuration must say, and where the console is
        fleet = Fleet(journal, hub_toml, doors, arrangement.console)

Several workers share the work; of two listeners one listens, the other takes over when it dies.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from demo.engines import postgres, rabbitmq
from demo.engines.private import LOOPBACK, EngineError, NotInstalledError, free_port, leashed
from journal.journal import Journal
from ports.clock import Clock
from ports.errors import MisconfiguredError, TransientError

PROCESSES = ("intake", "console", "scheduler", "listener", "listener", "worker", "worker")
READY_WITHIN = 90.0
ENDED_WITHIN = 40.0
LOOK = 0.2
NO_ENGINES = '# [journal]\n# url = "postgresql+psycopg://wegwijzer@db/wegwijzer"\n'
"""What stands in the example configuration where the engines are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """How the hub runs: lines of the configuration to replace, and where the console is ("" = with the doors)."""

    changes: Mapping[str, str] = field(default_factory=dict[str, str])
    console: str = ""


@asynccontextmanager
async def in_one_process() -> AsyncGenerator[Arrangement]:
    """The embedded defaults: nothing to start."""
    yield Arrangement()


@asynccontextmanager
async def engines() -> AsyncGenerator[Arrangement]:
    """Both engines, running until the end. `MisconfiguredError` says which package is missing."""
    async with AsyncExitStack() as running:
        try:
            database = running.enter_context(postgres.prepared())
            broker = running.enter_context(rabbitmq.prepared())
        except NotInstalledError as error:
            raise MisconfiguredError(
                f"{error} is not installed: apt-get install --no-install-recommends postgresql rabbitmq-server"
            ) from error
        database.launch()
        broker.launch()
        try:
            await asyncio.gather(asyncio.to_thread(database.wait), asyncio.to_thread(broker.wait))
        except EngineError as error:
            raise MisconfiguredError(str(error)) from error
        yield Arrangement(
            changes=engine_settings(database.address, broker.url), console=f"{LOOPBACK}:{free_port()}"
        )


def engine_settings(database: str, broker: str) -> Mapping[str, str]:
    """The change to the example configuration that names both engines."""
    return {NO_ENGINES: f'[journal]\nurl = "{database}"\n\n[broker]\nurl = "{broker}"\n'}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One process of the hub."""

    role: str
    address: str
    process: "subprocess.Popen[bytes]" = field(repr=False)


def begin(hub_toml: Path, role: str, address: str, log: Path) -> Member:
    """Start a process with this role; it ends with the thread that began it."""
    command = [sys.executable, "-m", "hub", "--config", str(hub_toml.resolve()), "run", "--role", role]
    with log.open("ab") as output:
        process = subprocess.Popen(
            leashed([*command, "--log-json", "--listen", address]),
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return Member(role=role, address=address, process=process)


class Fleet:
    """All processes of the hub, handled as one. `journal` looks at the same database from here."""

    def __init__(self, journal: Journal, hub_toml: Path, doors: str, console: str) -> None:
        self.journal = journal
        self.clock: Clock = journal.clock
        self._hub_toml = hub_toml
        self._addresses = {"intake": doors, "console": console}
        self._members: Sequence[Member] = ()
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Return when every process answers. `TransientError` names one that does not."""
        log = self._hub_toml.parent / "hub.log"
        self._members = [begin(self._hub_toml, role, self._address(role), log) for role in PROCESSES]
        try:
            async with asyncio.timeout(READY_WITHIN):
                await asyncio.gather(*map(self._until_ready, self._members))
            await self.journal.start()
        except BaseException:
            await self.close()
            raise

    async def serve(self) -> None:
        """Return when asked to stop, or when a process ended by itself."""
        while not self._stopping.is_set() and all(one.process.poll() is None for one in self._members):  # noqa: ASYNC110 - a process tells nobody that it ended
            await asyncio.sleep(LOOK)

    def stop(self) -> None:
        """Let `serve` return."""
        self._stopping.set()

    async def close(self) -> None:
        """Ask all to end, and wait for it; who does not is killed."""
        for one in self._members:
            one.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(asyncio.to_thread(_ended, one) for one in self._members))
        await self.journal.close()

    def _address(self, role: str) -> str:
        return self._addresses.get(role) or f"{LOOPBACK}:{free_port()}"

    async def _until_ready(self, member: Member) -> None:
        async with httpx.AsyncClient(base_url=f"http://{member.address}", trust_env=False) as client:
            while not await _is_ready(client):
                if member.process.poll() is not None:
                    raise TransientError(
                        f"the {member.role} ended at once: see {self._hub_toml.parent}/hub.log"
                    )
                await asyncio.sleep(LOOK)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).is_success
    except httpx.TransportError:
        return False


def _ended(member: Member) -> None:
    try:
        member.process.wait(ENDED_WITHIN)
    except subprocess.TimeoutExpired:
        member.process.kill()
        member.process.wait()

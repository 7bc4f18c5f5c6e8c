"""A private RabbitMQ on loopback: nodes with their own name daemon, cookie, data and log; one alone, or a cluster."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from demo.engines.private import (
    LOOPBACK,
    Account,
    NotInstalledError,
    free_port,
    private_folder,
    start,
    stop,
    unprivileged,
    wait_for,
)

PATIENCE = 120
COMMAND_PATIENCE = 90


class NameDaemon:
    """Where the nodes of one cluster find each other."""

    def __init__(self, account: Account, folder: Path) -> None:
        self.port = free_port()
        command = ["epmd", "-address", LOOPBACK, "-port", str(self.port)]
        self._process = start(command, account, folder, folder / "names.log")

    def stop(self) -> None:
        """End it."""
        stop(self._process, signal.SIGKILL)


class Node:
    """One node in a folder of its own (the cookie lies in `home`). Its address stays the same whatever happens."""

    def __init__(
        self, account: Account, home: Path, names: NameDaemon, *, folder: Path | None = None
    ) -> None:
        self.port = free_port()
        self.folder = folder or home
        self.account = account
        self._program = _program()
        self._settings = _settings(home, self.folder, self.port, names.port)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """As Erlang knows it."""
        return self._settings["RABBITMQ_NODENAME"]

    @property
    def url(self) -> str:
        """Where AMQP is spoken."""
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}//"

    @property
    def configuration(self) -> Path:
        """Its `rabbitmq.conf`, read when it starts."""
        return self.folder / "rabbitmq.conf"

    def launch(self) -> None:
        """Begin to start."""
        self.process = start(
            [str(self._program)], self.account, self.folder, self.folder / "server.log", self._settings
        )

    def start(self) -> None:
        """Return when it speaks AMQP."""
        self.launch()
        self.wait()

    def wait(self) -> None:
        """Return when it speaks AMQP."""
        if self.process is None:
            raise RuntimeError("launch the node first")
        wait_for(lambda: _answers(self.port), self.process, self.folder / "server.log", PATIENCE)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGTERM lets it end well, SIGKILL is a power cut."""
        if self.process:
            stop(self.process, how)

    def wipe(self) -> None:
        """Throw away what the (stopped) node knew."""
        shutil.rmtree(self.folder / "data")

    def ctl(self, *words: str) -> str:
        """What `rabbitmqctl` says; waits until it was done."""
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [str(self._program.with_name("rabbitmqctl")), "--quiet", *words],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **self._settings},
            check=True,
            capture_output=True,
            text=True,
            timeout=COMMAND_PATIENCE,
            stdin=subprocess.DEVNULL,
            **self.account.popen_arguments(),
        )
        return done.stdout


@contextmanager
def prepared() -> Generator[Node]:
    """A node of one's own, not started yet, gone afterwards with all its data. Raises `NotInstalledError`."""
    _program()
    account = unprivileged("rabbitmq")
    with private_folder(account, "wegwijzer-rabbitmq-") as folder:
        names = NameDaemon(account, folder)
        node = Node(account, folder, names)
        try:
            yield node
        finally:
            node.stop()
            names.stop()


@contextmanager
def running() -> Generator[Node]:
    """A node that speaks AMQP. Raises `NotInstalledError`, `EngineError`."""
    with prepared() as node:
        node.start()
        yield node


def _settings(home: Path, folder: Path, port: int, name_port: int) -> dict[str, str]:
    (folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 100MB\n")
    (folder / "enabled_plugins").write_text("[].\n")
    return {
        "HOME": str(home),
        "ERL_EPMD_PORT": str(name_port),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_NODENAME": f"wegwijzer{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_SCHEMA_DIR": str(folder / "schema"),
        # Loopback only, and idle schedulers do not spin: the machine is shared with others.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} "
        "+sbwt none +sbwtdcpu none +sbwtdio none",
    }


def _program() -> Path:
    """The server itself: Debian's wrapper on the PATH insists on the system-wide instance."""
    packaged = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if packaged.exists():
        return packaged
    found = shutil.which("rabbitmq-server")
    if found is None:
        raise NotInstalledError("RabbitMQ")
    return Path(found)


def _answers(port: int) -> bool:
    """Whether it speaks AMQP: it greets an unknown protocol with its own header."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(b"HELLO..\n")
            return connection.recv(8).startswith(b"AMQP")
    except OSError:
        return False

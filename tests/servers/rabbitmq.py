"""A private RabbitMQ on loopback, with its own name daemon, cookie, data and log."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.missing import missing
from tests.servers.private import Account, free_port, private_folder, stop, unprivileged, wait_for

VARIABLE = "WEGWIJZER_TEST_RABBITMQ"


@contextmanager
def running() -> Iterator[str]:
    """The AMQP address of a server: the given one, or a private one that nobody else uses."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    program = _program()
    account = unprivileged("rabbitmq")
    with private_folder(account, "wegwijzer-rabbitmq-") as folder:
        yield from _served(program, account, folder)


def _served(program: Path, account: Account, folder: Path) -> Iterator[str]:
    log, port, name_port = folder / "server.log", free_port(), free_port()
    names = _start(["epmd", "-address", "127.0.0.1", "-port", str(name_port)], account, folder, {}, log)
    server = _start([str(program)], account, folder, _settings(folder, port, name_port), log)
    try:
        wait_for(lambda: _answers(port), server, log, 120)
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        stop(server, signal.SIGTERM)
        stop(names, signal.SIGKILL)


def _settings(folder: Path, port: int, name_port: int) -> dict[str, str]:
    (folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 100MB\n")
    (folder / "enabled_plugins").write_text("[].\n")
    return {
        "ERL_EPMD_PORT": str(name_port),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_NODENAME": f"wegwijzer{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_SCHEMA_DIR": str(folder / "schema"),
        # Loopback only, and idle schedulers do not spin: the machine is shared with the tests.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} "
        "+sbwt none +sbwtdcpu none +sbwtdio none",
    }


def _start(
    command: list[str], account: Account, folder: Path, settings: dict[str, str], log: Path
) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **settings}
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **account.popen_arguments(),
        )


def _program() -> Path:
    """The server itself: Debian's wrapper on the PATH insists on the system-wide instance."""
    packaged = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if packaged.exists():
        return packaged
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else missing("RabbitMQ")


def _answers(port: int) -> bool:
    """Whether it speaks AMQP: it greets an unknown protocol with its own header."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"HELLO..\n")
            return connection.recv(8).startswith(b"AMQP")
    except OSError:
        return False

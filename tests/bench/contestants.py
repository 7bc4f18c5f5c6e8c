"""Who runs the standard job: the hub on SQLite, in one process and in two, and the hub on servers.

A contestant is started on an empty folder and stopped again; it takes contacts on some ports and delivers them to
the sink. Servers (PostgreSQL, RabbitMQ) are real, private and on loopback.
"""

import base64
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.load import GROUPS
from tests.servers import postgres, rabbitmq
from tests.servers.private import free_port

HUBS = 2
"""Processes of the distributed hub: one for each core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A contestant at work: where it takes contacts, its processes (for their cost), and the key to sign with."""

    ports: tuple[int, ...]
    pids: tuple[int, ...]
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """The servers that contestants may use; "" when they are not installed."""

    postgresql: str = ""
    rabbitmq: str = ""


@contextmanager
def one_process(folder: Path, sink: int, _engines: Engines) -> Iterator[Running]:
    """SQLite, hand-out in the process, nothing beside it."""
    port = free_port()
    secret = configure(folder, sink, (port,), journal="", broker="")
    with begun(hub(folder, port), port) as pid:
        yield Running(ports=(port,), pids=(pid,), secret=secret)


@contextmanager
def embedded(folder: Path, sink: int, _engines: Engines) -> Iterator[Running]:
    """A process for each core, each with doors and workers, over one SQLite file."""
    with _on_each_core(folder, sink, journal="", broker="") as running:
        yield running


@contextmanager
def distributed(folder: Path, sink: int, engines: Engines) -> Iterator[Running]:
    """A process for each core, each with doors and workers, over PostgreSQL and RabbitMQ."""
    with (
        postgres.fresh_database(engines.postgresql) as journal,
        _on_each_core(folder, sink, journal=journal, broker=engines.rabbitmq) as running,
    ):
        yield running


@contextmanager
def _on_each_core(folder: Path, sink: int, *, journal: str, broker: str) -> Iterator[Running]:
    ports = tuple(free_port() for _ in range(HUBS))
    secret = configure(folder, sink, ports, journal=journal, broker=broker)
    first = hub(folder, ports[0], "--role", "intake", "--role", "worker", "--role", "scheduler")
    with begun(first, ports[0]) as one:
        second = hub(folder, ports[1], "--role", "intake", "--role", "worker")
        with begun(second, ports[1]) as other:
            yield Running(ports=ports, pids=(one, other), secret=secret)


def hub(folder: Path, port: int, *options: str) -> list[str]:
    """The command of the hub process that listens on this port."""
    return [sys.executable, "hub.py", "--config", str(folder / f"hub-{port}.toml"), "run", *options]


def configure(folder: Path, sink: int, ports: tuple[int, ...], *, journal: str, broker: str) -> str:
    """Write the hub's configuration, for each port; the secret that its website door wants to see."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / "secrets").mkdir(parents=True)
    for name in ("master_keys", "hash_key"):
        (folder / "secrets" / name).write_text(secrets.token_hex(32))
    (folder / "secrets" / "webhook").write_text(secret)
    settings = (
        (f'[journal]\nurl = "{journal}"\n' if journal else "")
        + (f'[broker]\nurl = "{broker}"\n' if broker else "")
        + "[targets.tracker]\nconcurrency = 128\n"
        + f'[adapters.sink]\nsystem = "tests.bench.sink:build"\nurl = "http://127.0.0.1:{sink}"\n'
        + '[adapters.website]\nsystem = "website"\nsecrets = ["secret:webhook"]\n'
    )
    for port in ports:
        listen = f'[hub]\nlisten = "127.0.0.1:{port}"\n'
        (folder / f"hub-{port}.toml").write_text(listen + settings)
    groups = "".join(f'[[group]]\nname = "groep-{n}"\nlabel = "Groep {n}"\n' for n in range(GROUPS))
    rules = "".join(
        f'[[rule]]\nname = "onderwerp {n}"\ncategory = ["onderwerp-{n}"]\ngroup = "groep-{n}"\n'
        for n in range(GROUPS)
    )
    area = '[[area]]\nname = "kessel-lo"\npostcodes = ["3010"]\n'
    (folder / "dispatch.toml").write_text(f'default = "groep-0"\n{groups}{area}{rules}')
    return secret


@contextmanager
def begun(command: list[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """A process of the hub that takes contacts; its pid."""
    with started(command, port, environment) as pid:
        end = time.monotonic() + 60
        while not _is_ready(port):
            if time.monotonic() > end:
                sys.exit(f"{' '.join(command[1:3])} takes no contacts")
            time.sleep(0.05)
        yield pid


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.HTTPError, TimeoutError):
        return False


@contextmanager
def started(command: list[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """A process that listens; its pid."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": ".", **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(process, port, " ".join(command[1:3]))
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(process: "subprocess.Popen[bytes]", port: int, name: str) -> None:
    """Return when it answers; leave when it ended instead."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    sys.exit(f"{name} did not start")


def missing_engines() -> str:
    """What must be installed before the distributed set-up can run here; "" = nothing."""
    found = {
        "PostgreSQL": bool(list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb")),
        "RabbitMQ": bool(shutil.which("rabbitmq-server") or Path("/usr/lib/rabbitmq/bin").is_dir()),
    }
    names = [name for name, there in found.items() if not there]
    return f"{' and '.join(names)} must be installed for the rest" if names else ""


@contextmanager
def engines(*, wanted: bool) -> Iterator[Engines]:
    """PostgreSQL and RabbitMQ, when a contestant needs them."""
    if not wanted:
        yield Engines()
        return
    with postgres.running() as database, rabbitmq.running() as broker:
        yield Engines(postgresql=database, rabbitmq=broker)

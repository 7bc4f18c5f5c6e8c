"""What a Python user would pick instead, as small honest programs that do the same job (`programs/`).

Each checks the signature and the fields, writes a durable log row (unique by id) before its answer, publishes
persistently with a confirm, routes over the same groups, delivers by HTTP to the same sink and marks the row.
None of them keeps a trace, an order per case, a case or a way to try again by hand: they are measured without.
"""

import base64
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psycopg

from tests.bench.contestants import Engines, Running, started
from tests.bench.peers.environment import BIN
from tests.servers import postgres
from tests.servers.private import free_port

PROGRAMS = Path(__file__).parent / "programs"
MESSAGES = 2500
"""Per round: enough for a steady pace, few enough for a short run."""

_TABLE = """
CREATE TABLE message_log (
    id varchar(200) PRIMARY KEY,
    body bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz
)
"""


@contextmanager
def _peer(
    module: str,
    workers: tuple[tuple[str, ...], ...],
    processes: int,
    folder: Path,
    sink: int,
    engines: Engines,
) -> Iterator[Running]:
    """A door and its workers, on a log and a queue of their own; `processes`: how many the workers are in all."""
    port, secret = free_port(), "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    with postgres.fresh_database(engines.postgresql) as log, ExitStack() as stack:
        with psycopg.connect(postgres.plain(log)) as connection:
            connection.execute(_TABLE)
        environment = {
            "PEER_LOG": log,
            "PEER_BROKER": f"{engines.rabbitmq.rstrip('/')}/%2F",  # as every client reads it
            "PEER_QUEUE": f"{module}-{secrets.token_hex(4)}",
            "PEER_SINK": f"http://127.0.0.1:{sink}",
            "PEER_SECRET": secret,
            "PYTHONPATH": str(PROGRAMS),
        }
        door = stack.enter_context(started(_door(module, port), port, environment))
        output = folder / "workers.log"
        own = [stack.enter_context(_worker(command, environment, output)) for command in workers]
        pids = _all_of(own, processes, output)
        yield Running(ports=(port,), pids=(door, *pids), secret=secret)


def _door(module: str, port: int) -> list[str]:
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning"]
    return [str(BIN / "uvicorn"), f"{module}:app", *options]


@contextmanager
def _worker(command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """A worker in a process group of its own; its pid."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _all_of(pids: list[int], expected: int, log: Path) -> tuple[int, ...]:
    """The workers with the processes that they start, once all are there."""
    for _ in range(600):
        family = tuple(one for pid in pids for one in _family(pid))
        if len(family) >= expected:
            return family
        time.sleep(0.1)
    raise RuntimeError(f"the workers of a peer did not start:\n{log.read_text()[-2000:]}")


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from _family(int(child))


_CELERY = (
    *("celery", "-A", "celery_peer:tasks", "worker", "--concurrency", "2", "--loglevel", "WARNING"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)
_DRAMATIQ = ("dramatiq", "dramatiq_peer", "--processes", "2", "--threads", "8")

STARTS: dict[str, Callable[[Path, int, Engines], AbstractContextManager[Running]]] = {
    "kombu": partial(_peer, "kombu_peer", (("python", "-m", "kombu_peer"),) * 2, 2),
    "faststream": partial(_peer, "faststream_peer", (("python", "-m", "faststream_peer"),) * 2, 2),
    "celery": partial(_peer, "celery_peer", (_CELERY,), 3),
    "dramatiq": partial(_peer, "dramatiq_peer", (_DRAMATIQ,), 3),
}

DURABLE = tuple(STARTS)
"""Those that answer only when a disk holds the message: here all of them."""

"""npm's `soap` as a planning of work orders: an independent reading of the same WSDL, in a process of its own."""

import json
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from adapters.planning.client import WSDL
from tests.servers.missing import missing
from tests.servers.private import free_port

FOLDER = Path(__file__).parent / "soap_service"
PATIENCE = 60


@dataclass(frozen=True, slots=True)
class SoapService:
    """A running service."""

    origin: str

    @property
    def url(self) -> str:
        """Where the port of the WSDL is."""
        return f"{self.origin}/planning"

    def orders(self) -> dict[str, dict[str, Any]]:
        """What it holds, by `extern_id`."""
        held = httpx.get(f"{self.origin}/orders", trust_env=False).json()
        return {order["extern_id"]: order for order in held}

    def set_status(self, order: str, status: str) -> None:
        """The crew is at work."""
        change = {"extern_id": order, "status": status}
        httpx.post(f"{self.origin}/orders", json=change, trust_env=False).raise_for_status()


@contextmanager
def soap_service() -> Iterator[SoapService]:
    """A service that runs until the block ends."""
    node = shutil.which("node")
    if node is None:
        missing("node")
    _install()
    port = free_port()
    process = subprocess.Popen(
        [node, "service.mjs"],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"port": port, "wsdl": str(WSDL)}) + "\n")
        process.stdin.flush()
        _await_ready(process)
        yield SoapService(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.communicate()


def _install() -> None:
    """What the lock file names, once for each state of it; the hashes in it are checked."""
    npm = shutil.which("npm")
    if npm is None:
        missing("npm")
    lock = sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    note = FOLDER / "node_modules" / ".installed"
    if note.exists() and note.read_text() == lock:
        return
    done = subprocess.run(
        [npm, "ci", "--omit=dev"], cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        missing(f"npm's soap ({done.stderr[-300:]})")
    note.write_text(lock)


def _await_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
    line = process.stdout.readline() if readable else ""
    if line.strip() != "ready":
        process.kill()
        raise TimeoutError(f"the SOAP service did not start: {process.communicate()[1][-2000:]}")

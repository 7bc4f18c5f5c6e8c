"""npm's `soap` as a planning of work orders: an independent reading of the same WSDL, in a process of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from adapters.planning.client import WSDL
from tests.servers.npm import npm_server
from tests.servers.private import free_port

FOLDER = Path(__file__).parent / "soap_service"


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
    port = free_port()
    with npm_server(FOLDER, "service.mjs", {"port": port, "wsdl": str(WSDL)}):
        yield SoapService(f"http://127.0.0.1:{port}")

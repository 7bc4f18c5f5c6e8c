"""A small real hub: `wegwijzer run` with the website's door and a tracker in memory, on SQLite or PostgreSQL."""

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from settings import make_secrets
from tests.servers.private import free_port, leashed

PROGRAM = [sys.executable, "-m", "hub"]
DISPATCH = """
default = "kcc"
[[group]]
name = "kcc"
label = "Klantencontactcentrum"
[[group]]
name = "groen"
label = "Groendienst"
[[category]]
name = "boom"
words = ["boom"]
[[rule]]
name = "bomen"
category = ["boom"]
group = "{group}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallHub:
    """A folder with a configuration, from which processes of `wegwijzer` run."""

    folder: Path
    port: int
    secret: str = field(repr=False)

    @property
    def hub_toml(self) -> Path:
        return self.folder / "hub.toml"

    def dispatch(self, group: str) -> None:
        """From the next reload on, trees go to this group."""
        (self.folder / "dispatch.toml").write_text(DISPATCH.format(group=group))

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What `wegwijzer` answers."""
        return subprocess.run(
            [*PROGRAM, "--config", self.hub_toml, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextmanager
    def running(self, *roles: str, port: int = 0, listen: int = 0) -> Iterator[subprocess.Popen[bytes]]:
        """A process with these roles (default: all); ready when it is entered, asked to end when it is left.

        It listens on a port of its own when `listen` is given.
        """
        words = [word for role in roles for word in ("--role", role)]
        words += ["--listen", f"127.0.0.1:{listen}"] if listen else []
        with (self.folder / "hub.log").open("ab") as log:
            process = subprocess.Popen(
                leashed([*PROGRAM, "--config", str(self.hub_toml), "run", "--log-json", *words]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.wait_until_ready(process, listen or port or self.port)
            yield process
        finally:
            process.terminate()
            process.wait(40)

    def wait_until_ready(self, process: subprocess.Popen[bytes], port: int) -> None:
        end = time.monotonic() + 40
        while time.monotonic() < end and process.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=2).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError((self.folder / "hub.log").read_text()[-3000:])

    def events(self, name: str) -> list[dict[str, object]]:
        """What the processes logged under this name."""
        lines = (self.folder / "hub.log").read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [one for one in found if one["event"] == name]

    async def post(
        self, client: httpx.AsyncClient, number: int, subject: str = "Een boom", *, port: int = 0
    ) -> int:
        """One signed form of the website; the status of the answer."""
        body = json.dumps(
            {
                "id": f"form-{number}",
                "kind": "report",
                "subject": subject,
                "message": f"{subject} ({number}).",
                "language": "nl",
            }
        ).encode()
        stamp = str(int(time.time()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = hmac.new(key, f"form-{number}.{stamp}.".encode() + body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": f"form-{number}",
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }
        url = f"http://127.0.0.1:{port or self.port}/in/website/json"
        return (await client.post(url, content=body, headers=headers)).status_code


def small_hub(folder: Path, *, journal: str = "", sections: Sequence[str] = ()) -> SmallHub:
    """Write the configuration; nothing runs yet."""
    port, secret = free_port(), "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    make_secrets(folder / "secrets")
    (folder / "secrets" / "webhook").write_text(secret)
    parts = [
        f'[hub]\nlisten = "127.0.0.1:{port}"\n',
        f'[journal]\nurl = "{journal}"\n',
        '[adapters.website]\nsystem = "website"\nsecrets = ["secret:webhook"]\n',
        '[adapters.tracker]\nsystem = "memory"\n',
        *sections,
    ]
    (folder / "hub.toml").write_text("\n".join(parts))
    hub = SmallHub(folder=folder, port=port, secret=secret)
    hub.dispatch("groen")
    return hub

"""Starts and stops a private Radicale: a real CalDAV server, on loopback, with a task list for every field team.

    server = start(Path("var/calendar"))
    server.list("wegen"), server.password("hub")
    server.stop()

Everything here waits: from a running event loop, call it in a thread.
"""

import json
import secrets
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from demo.engines import private
from demo.engines.private import LOOPBACK, Account, free_port

USERS = ("hub", "ploeg")
_PATIENCE = 30.0
_CONFIGURATION = """
[server]
hosts = {host}:{port}
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
[rights]
type = authenticated
[storage]
filesystem_folder = {folder}/lists
[logging]
level = warning
"""
_MAKE = """<?xml version="1.0" encoding="utf-8"?>
<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>
<D:displayname>{title}</D:displayname>
<C:supported-calendar-component-set><C:comp name="VTODO"/></C:supported-calendar-component-set>
</D:prop></D:set></C:mkcalendar>"""


@dataclass(kw_only=True)
class RunningRadicale:
    """A server that answers; `url` ends with a slash."""

    url: str
    passwords: dict[str, str] = field(repr=False)
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def list(self, name: str) -> str:
        """The address of a team's list, which is made when it is not there."""
        address = f"{self.url}hub/{name}/"
        answer = httpx.request(
            "MKCALENDAR",
            address,
            content=_MAKE.format(title=name).encode(),
            auth=("hub", self.passwords["hub"]),
            trust_env=False,
        )
        if answer.status_code not in {201, 409}:  # 409: it is there already
            raise private.EngineError(f"Radicale made no list: HTTP {answer.status_code}")
        return address

    def stop(self) -> None:
        """End it; the lists stay in its folder."""
        private.stop(self.process, signal.SIGTERM)


def start(folder: Path, *, port: int = 0, host: str = LOOPBACK, password: str = "") -> RunningRadicale:
    """Serve this folder; return once it answers. `port` 0 takes a free one; `password`: the hub's own. Raises `EngineError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = folder.resolve()
    passwords = _passwords(folder, password)
    port = port or free_port()
    (folder / "configuration").write_text(_CONFIGURATION.format(host=host, port=port, folder=folder))
    log = folder / "log"
    process = private.start(
        [sys.executable, "-m", "radicale", "--config", str(folder / "configuration")],
        Account(),
        folder,
        log,
    )
    url = f"http://{LOOPBACK}:{port}/"
    try:
        private.wait_for(lambda: _answers(url), process, log, _PATIENCE)
    except private.EngineError:
        private.stop(process, signal.SIGKILL)
        raise
    return RunningRadicale(url=url, passwords=passwords, process=process)


def _passwords(folder: Path, password: str) -> dict[str, str]:
    """Random, made once, readable by the owner of the folder only; the hub's may be given."""
    kept = folder / "passwords.json"
    if not kept.exists():
        made = {user: secrets.token_urlsafe(18) for user in USERS}
        made |= {"hub": password} if password else {}
        (folder / "users").write_text("".join(f"{user}:{word}\n" for user, word in made.items()))
        kept.write_text(json.dumps(made))
    found: dict[str, str] = json.loads(kept.read_text())
    return found


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).status_code < 500
    except httpx.TransportError:
        return False

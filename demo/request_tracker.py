"""Starts and stops a private Request Tracker 5 from Debian's packages, set up as the city's tracker.

    tracker = start(Path("var/rt"), (Group(name="kcc", label="Klantencontactcentrum"), ...))
    tracker.url, tracker.token
    tracker.stop()

On loopback, on SQLite, beside whatever else is installed: nothing of `/etc/request-tracker5` is used. Everything here
waits: from a running event loop, call it in a thread. The home is made on the first start and used as it is afterwards.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from demo.engines import private
from demo.engines.private import Account, NotInstalledError
from demo.roundup import Group

CONFIGURATION = Path(__file__).parent / "request_tracker_home"
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
SET_UP = "rt-setup-database-5"
PACKAGES = "Request Tracker (Debian: request-tracker5 rt5-db-sqlite rt5-standalone)"


class TrackerStartError(Exception):
    """Request Tracker could not be set up; the message ends with its own last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningTracker:
    """A tracker that answers. `url` ends in `/`; every group has an account of its own name."""

    home: Path
    url: str
    token: str = field(repr=False)
    handler_password: str = field(repr=False)
    process: "subprocess.Popen[bytes]" = field(repr=False)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return httpx.URL(self.url).port or 80

    def stop(self) -> None:
        """Let running requests end, then go. May be called twice."""
        private.stop(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all its processes at once, as a power cut would."""
        private.stop(self.process, signal.SIGKILL)


def start(
    home: Path,
    groups: Sequence[Group],
    *,
    port: int = 0,
    workers: int = 4,
    handler_password: str = "",
    more: str = "",
    timeout: float = 60.0,
) -> RunningTracker:
    """Serve the tracker on loopback and return once it answers; make it when it is not there yet.

    `port` 0 takes a free one. `groups` and `handler_password` count when it is made; `more`: further lines of its
    configuration, in Perl. Raises `NotInstalledError`, `TrackerStartError`, `private.EngineError`.
    """
    if not SERVER.exists() or shutil.which(SET_UP) is None:
        raise NotInstalledError(PACKAGES)
    port = port or private.free_port()
    _configure(home, port, more)
    if not (home / "made").exists():
        _make(home, groups, handler_password or secrets.token_urlsafe(16))
    return _serve(home, port, workers, timeout)


def _configure(home: Path, port: int, more: str) -> None:
    for folder in ("conf", "mason", "sessions"):
        (home / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    home.chmod(0o700)
    shutil.copyfile(CONFIGURATION / "site_config.pm", home / "conf" / "20-city.pm")
    (home / "conf" / "10-private.pm").write_text(_site_config(home.resolve(), port), "utf-8")
    (home / "conf" / "30-more.pm").write_text(f"use utf8;\n{more}\n1;\n", "utf-8")


def _site_config(home: Path, port: int) -> str:
    """`$BcryptCost`: RT computes it for the token in every request; a token as long as RT's needs no slow one."""
    return f"""use utf8;
Set($rtname, 'leuven.test'); Set($Organization, 'leuven.test');
Set($WebDomain, '{private.LOOPBACK}'); Set($WebPort, {port}); Set($WebPath, '');
Set($CorrespondAddress, 'rt@leuven.test'); Set($CommentAddress, 'rt-intern@leuven.test');
Set($Timezone, 'Europe/Brussels');
Set($LogToSyslog, undef); Set($LogToSTDERR, 'warning');
Set($MailCommand, 'testfile');
Set($MasonDataDir, '{home}/mason'); Set($MasonSessionDir, '{home}/sessions');
Set($WebSessionClass, 'Apache::Session::File');
Set($DatabaseType, 'SQLite'); Set($DatabaseName, '{home}/rt.sqlite');
Set($BcryptCost, 4);
1;
"""


def _make(home: Path, groups: Sequence[Group], handler_password: str) -> None:
    if not groups:
        raise TrackerStartError("the tracker needs at least one handler group")
    names = [group.name for group in groups]
    city = {
        "contact_centre": "kcc" if "kcc" in names else names[0],
        "handler_password": handler_password,
        "groups": [
            {"name": group.name, "label": group.label or group.name, "email": group.email} for group in groups
        ],
    }
    (home / "rt.sqlite").unlink(missing_ok=True)
    _write_private(home / "root_password", secrets.token_urlsafe(16))
    _write_private(home / "handler_password", handler_password)
    _write_private(home / "city.json", json.dumps(city))
    _set_up(home, "init", "--root-password-file", str(home / "root_password"))
    _set_up(home, "insert", "--datafile", str(CONFIGURATION / "initialdata.pl"))
    (home / "city.json").unlink()
    (home / "made").touch()


def _set_up(home: Path, action: str, *more: str) -> None:
    done = subprocess.run(
        [SET_UP, "--action", action, *more],
        env=_environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise TrackerStartError(f"{SET_UP} {action}: {(done.stdout + done.stderr)[-800:]}")


def _serve(home: Path, port: int, workers: int, timeout: float) -> RunningTracker:
    log = home / "server.log"
    process = private.start(
        [str(SERVER), "--host", private.LOOPBACK, "--port", str(port), "--max-workers", str(workers)],
        Account(),
        home,
        log,
        _environment(home),
    )
    tracker = RunningTracker(
        home=home,
        url=f"http://{private.LOOPBACK}:{port}/",
        token=(home / "token").read_text("utf-8").strip(),
        handler_password=(home / "handler_password").read_text("utf-8"),
        process=process,
    )
    try:
        private.wait_for(lambda: _answers(tracker), process, log, timeout)
    except private.EngineError:
        tracker.kill()
        raise
    return tracker


def _answers(tracker: RunningTracker) -> bool:
    headers = {"Authorization": f"token {tracker.token}"}
    try:
        answer = httpx.get(f"{tracker.url}REST/2.0/rt", headers=headers, timeout=10, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.is_success


def _environment(home: Path) -> dict[str, str]:
    """`RT_SITE_CONFIG`: only the files of `conf` count, not the machine's own."""
    home = home.resolve()
    return {
        "PATH": f"{os.environ['PATH']}:/usr/sbin",
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "RT_SITE_CONFIG_DIR": str(home / "conf"),
        "RT_SITE_CONFIG": "/dev/null",
        "CITY": str(home / "city.json"),
        "HUB_TOKEN_FILE": str(home / "token"),
    }


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)

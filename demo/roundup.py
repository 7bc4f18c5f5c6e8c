"""Starts and stops the embedded tracker: an off-the-shelf Roundup on its own tracker home.

    tracker = start(Path("var/tracker"), (Group(name="kcc", label="Klantencontactcentrum"), ...))
    tracker.url, tracker.jwt_secret
    tracker.stop()

Everything here waits: from a running event loop, call it in a thread. The home is made on the first start and
used as it is afterwards. Its secrets are random and lie in it in `secrets.json`, readable by its owner only.
"""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from demo.engines.private import leashed

CONFIGURATION = Path(__file__).parent / "roundup_home"
HUB_USER_ID = "3"
"""`initial_data.py` makes admin, anonymous and hub, in this order."""
ADMIN_USER_ID = "1"
MAIL_DETECTORS = ("nosyreaction.py", "statusauditor.py")
"""Stock detectors that mail people or know other statuses: the hub writes to customers, not the tracker."""

PATIENCE = 5.0
"""Seconds to wait for a port that was just left."""
BETWEEN_LOOKS = 0.05
FIRST_URL = "http://127.0.0.1/tracker/"
FIRST_SETTINGS = f"tracker_web={FIRST_URL},mail_domain=localhost,mail_host=localhost"


class TrackerStartError(Exception):
    """Roundup could not be set up or did not come up; the message ends with its own last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A handler group of the city, as its dispatch table names it."""

    name: str
    label: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSecrets:
    """What only the owner of the home may know."""

    jwt_secret: str = field(repr=False)
    web_secret: str = field(repr=False)
    admin_password: str = field(repr=False)
    handler_password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningTracker:
    """A tracker that answers. `url` ends in `/`; every group has a user of its own name."""

    home: Path
    url: str
    jwt_secret: str = field(repr=False)
    admin_password: str = field(repr=False)
    handler_password: str = field(repr=False)
    process: "subprocess.Popen[bytes]" = field(repr=False)
    hub_user_id: str = HUB_USER_ID
    admin_user_id: str = ADMIN_USER_ID

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return httpx.URL(self.url).port or 80

    def stop(self) -> None:
        """Let running requests end, then go. May be called twice."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all its processes at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process.poll() is not None:
            return
        os.killpg(self.process.pid, how)
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=15)


def start(
    home: Path,
    groups: Sequence[Group],
    *,
    port: int = 0,
    workers: int = 2,
    handler_password: str = "",
    timeout: float = 30.0,
) -> RunningTracker:
    """Serve the tracker home on loopback and return once it answers; make the home if there is none.

    `port` 0 takes a free one. `groups` and `handler_password` count when the home is made; the first group
    (or the one called `kcc`) sees all cases, the others their own. Raises `TrackerStartError`.
    """
    if not (home / "db" / "made").exists():
        _make_home(home, groups, handler_password)
    secret = _read_secrets(home)
    listener = _listen(port)
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/tracker/"
        _configure(home, url, secret)
        process = _serve(home, listener, workers)
    finally:
        listener.close()
    tracker = RunningTracker(
        home=home,
        url=url,
        jwt_secret=secret.jwt_secret,
        admin_password=secret.admin_password,
        handler_password=secret.handler_password,
        process=process,
    )
    _wait_until_ready(tracker, timeout)
    return tracker


def prepare(home: Path, groups: Sequence[Group], *, url: str, jwt_secret: str, handler_password: str) -> None:
    """Make the home if there is none, and write down its address and the hub's key; for who serves it otherwise."""
    if not (home / "db" / "made").exists():
        _make_home(home, groups, handler_password)
    _configure(home, url, replace(_read_secrets(home), jwt_secret=jwt_secret))


def _make_home(home: Path, groups: Sequence[Group], handler_password: str) -> None:
    """From nothing, or again from a home whose making was cut off."""
    if not groups:
        raise TrackerStartError("the tracker needs at least one handler group")
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    _roundup_admin(home, f"install jinja2 sqlite {FIRST_SETTINGS}")
    secret = HomeSecrets(
        jwt_secret=secrets.token_hex(32),
        web_secret=secrets.token_hex(32),
        admin_password=secrets.token_urlsafe(16),
        handler_password=handler_password or secrets.token_urlsafe(16),
    )
    _write_secrets(home, secret)
    _configure(home, FIRST_URL, secret)
    _lay_over_stock(home)
    home.chmod(0o700)
    _write_private(home / "city.json", json.dumps(_city(groups, secret), ensure_ascii=False))
    _roundup_admin(home, f"initialise {secret.admin_password}")
    (home / "city.json").unlink()
    (home / "db" / "made").touch()


def _city(groups: Sequence[Group], secret: HomeSecrets) -> dict[str, object]:
    names = [group.name for group in groups]
    return {
        "contact_centre": "kcc" if "kcc" in names else names[0],
        "handler_password": secret.handler_password,
        "groups": [
            {"name": group.name, "label": group.label or group.name, "email": group.email} for group in groups
        ],
    }


def _lay_over_stock(home: Path) -> None:
    """Our pages instead of the stock ones; Roundup's own for errors and class lists stay."""
    for name in MAIL_DETECTORS:
        (home / "detectors" / name).unlink(missing_ok=True)
    for page in (home / "html").iterdir():
        if not page.name.startswith("_generic."):
            shutil.rmtree(page) if page.is_dir() else page.unlink()
    shutil.rmtree(home / "static")
    shutil.copytree(CONFIGURATION, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def _roundup_admin(home: Path, command: str) -> None:
    """One command on standard input: arguments, with their passwords, would show in the process list."""
    done = subprocess.run(
        [sys.executable, "-m", "roundup.scripts.roundup_admin", "-i", str(home)],
        input=f"{command}\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0 or "Error" in done.stdout:
        raise TrackerStartError(
            f"roundup-admin {command.partition(' ')[0]}: {(done.stdout + done.stderr)[-800:]}"
        )


def _write_secrets(home: Path, secret: HomeSecrets) -> None:
    body = {name: getattr(secret, name) for name in HomeSecrets.__slots__}
    _write_private(home / "secrets.json", json.dumps(body))


def _read_secrets(home: Path) -> HomeSecrets:
    return HomeSecrets(**json.loads((home / "secrets.json").read_text(encoding="utf-8")))


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _configure(home: Path, url: str, secret: HomeSecrets) -> None:
    """Fill in config.ini. The address may change between starts, and log-in tokens name it."""
    config = (home / "config.ini").read_text(encoding="utf-8")
    for key, value in (
        ("name", "Klantopvolging"),
        ("web", url),
        ("jwt_secret", secret.jwt_secret),
        ("secret_key", secret.web_secret),
        ("enable_xmlrpc", "no"),
        ("instant_registration", "no"),
        ("timezone", "UTC"),
        ("use_browser_language", "no"),
    ):
        config = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", config, count=1)
    _write_private(home / "config.ini", config)


def _listen(port: int) -> socket.socket:
    """A port just left by a killed server takes a moment to be free again."""
    end = time.monotonic() + PATIENCE
    while True:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if time.monotonic() > end:
                raise TrackerStartError(f"port {port} is taken: {error}") from error
            threading.Event().wait(BETWEEN_LOOKS)
            continue
        return listener


def _serve(home: Path, listener: socket.socket, workers: int) -> "subprocess.Popen[bytes]":
    """Processes, not threads: Roundup's session store trips over a fault of Python 3.11 under threads.

    What Roundup wants to mail to its administrator (its own faults) goes into a file of the home.
    """
    options = ["--workers", str(workers), "--timeout", "60", "--graceful-timeout", "10"]
    with (home / "server.log").open("ab") as log:
        command = [
            *(sys.executable, "-m", "gunicorn", "demo.roundup_wsgi:app", *options),
            *("--bind", f"fd://{listener.fileno()}", "--no-control-socket", "--log-level", "warning"),
        ]
        return subprocess.Popen(
            leashed(command),
            cwd=Path(__file__).parents[1],
            env={
                **os.environ,
                "ROUNDUP_HOME": str(home.resolve()),
                "SENDMAILDEBUG": str(home.resolve() / "mail.log"),
                "PYTHONWARNINGS": "ignore",
            },
            pass_fds=(listener.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_until_ready(tracker: RunningTracker, timeout: float) -> None:
    end = time.monotonic() + timeout
    with httpx.Client(trust_env=False, timeout=2.0) as client:
        while time.monotonic() < end and tracker.process.poll() is None:
            if _answers(client, tracker.url):
                return
            threading.Event().wait(BETWEEN_LOOKS)
    tracker.kill()
    words = (tracker.home / "server.log").read_text(encoding="utf-8", errors="replace")[-800:]
    raise TrackerStartError(f"the tracker does not answer on {tracker.url}: {words}")


def _answers(client: httpx.Client, url: str) -> bool:
    """The log-in page, made by Roundup itself from its database."""
    try:
        return client.get(url).status_code == 200
    except httpx.TransportError:
        return False

"""What the hub's image does, without an engine: its install steps, and every role from what they leave.

The environment and the configuration belong to somebody else and cannot be written; the process is an ordinary user
with a folder for temporary files, as in the container. PostgreSQL and RabbitMQ are real.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from docker.prepare import prepare
from settings import ROLES
from tests.docker.files import DOCKER, final_stage, steps
from tests.servers.private import Account, free_port, private_folder, stop, unprivileged, wait_for
from tests.shipped import ROOT

QUIET = ("--quiet", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def account() -> Account:
    return unprivileged("nobody")


@pytest.fixture(scope="module")
def home(account: Account) -> Iterator[Path]:
    """A folder that everybody may look into and only its owner, not the hub's user, may write."""
    with private_folder(Account(), "wegwijzer-image-") as folder:
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def python(home: Path) -> Path:
    """The interpreter of the image's environment, made by the steps of the Dockerfile."""
    wheel = home / "wheel"
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheel)
    run(_interpreter(), "-m", "venv", "--without-pip", home / "venv")
    python = home / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", *QUIET)
    run(*pip, "--require-hashes", "--requirement", DOCKER / "hub" / "runtime.lock")
    run(*pip, "--no-deps", "--no-index", *wheel.glob("*.whl"))
    return python


def _interpreter() -> str:
    """One that an ordinary user may start, too."""
    return shutil.which("python3", path="/usr/bin") or sys.executable


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_dockerfile_has_these_steps():
    """So that this test follows when they change."""
    text = " ".join(step.rest for step in steps(DOCKER / "hub" / "Dockerfile") if step.word == "RUN")

    assert "-m hatchling build --target wheel" in text
    assert re.search(
        r"-m venv --without-pip \S+ && pip --python \S+ install [^&]*--require-hashes [^&]*runtime.lock", text
    )
    assert re.search(r"install [^&]*--no-deps --no-index /wheel/\*.whl", text)


@pytest.mark.slow
def test_the_environment_cannot_install_anything(python: Path):
    for module in ("pip", "setuptools", "hatchling", "pytest"):
        assert subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode


@pytest.mark.slow
def test_every_role_works_for_an_ordinary_user_in_a_read_only_tree(
    python: Path, home: Path, account: Account, postgres_url: str, rabbitmq_url: str
):
    secrets = home / "secrets"
    prepare(secrets)
    secrets.chmod(0o755)  # what mounting does in the container
    for name, value in (("journal_url", postgres_url), ("broker_url", rabbitmq_url)):
        (secrets / name).chmod(0o644)
        (secrets / name).write_text(value)
    with private_folder(account, "wegwijzer-tmp-") as temporary, ExitStack() as running:
        before = _tree(home)
        ports = {role: free_port() for role in ROLES}
        for role in ROLES:
            running.enter_context(RunningRole(role, ports[role], python, home, temporary, account))
        token = (secrets / "metrics_token").read_text().strip()
        with httpx.Client(trust_env=False, timeout=10) as client:
            ready = {
                role: client.get(f"http://127.0.0.1:{port}/health/ready") for role, port in ports.items()
            }
            metrics = client.get(
                f"http://127.0.0.1:{ports['scheduler']}/metrics", headers={"Authorization": f"Bearer {token}"}
            )
            posted = client.post(f"http://127.0.0.1:{ports['intake']}/in/website/form")
            page = client.get(f"http://127.0.0.1:{ports['console']}/login")
        _health_check(python, ports["worker"])
        after = _tree(home)

    assert {
        role: (answer.status_code, answer.json()["status"]) for role, answer in ready.items()
    } == dict.fromkeys(ROLES, (200, "ready"))
    assert "wegwijzer_journal_up 1.0" in metrics.text
    assert (posted.status_code, page.status_code) == (401, 200)
    assert after == before


class RunningRole:
    """A process of one role, as its container starts it; it must end well when it is asked to."""

    def __init__(
        self, role: str, port: int, python: Path, home: Path, temporary: Path, account: Account
    ) -> None:
        self._log = temporary / f"{role}.log"
        self._port = port
        configuration = _city(home, role, port, temporary)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [python.with_name("wegwijzer"), "run", "--role", role, "--log-json"],
                cwd=configuration.parent,
                env=_environment(configuration, temporary),
                stdout=log,
                stderr=log,
                start_new_session=True,
                **account.popen_arguments(),
            )

    def __enter__(self) -> None:
        wait_for(self._ready, self._process, self._log, 60)

    def __exit__(self, *error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(60)
        finally:
            stop(self._process, signal.SIGKILL)
        assert code == 0, self._log.read_text()

    def _ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/health/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False


def _city(home: Path, role: str, port: int, temporary: Path) -> Path:
    """The configuration that compose mounts, with the places of this machine."""
    folder = home / role
    shutil.copytree(DOCKER / "city", folder)
    hub_toml = folder / "hub.toml"
    text = hub_toml.read_text()
    for line, here in (
        ('listen = "0.0.0.0:8080"', f'listen = "127.0.0.1:{port}"'),
        ('data = "/tmp/wegwijzer"', f'data = "{temporary / role}"'),
        ("/run/secrets", str(home / "secrets")),
    ):
        assert line in text
        text = text.replace(line, here)
    hub_toml.write_text(text)
    return hub_toml


def _environment(configuration: Path, temporary: Path) -> dict[str, str]:
    (env,) = (step.rest for step in final_stage(DOCKER / "hub" / "Dockerfile") if step.word == "ENV")
    given = dict(one.split("=", 1) for one in env.split())
    return given | {
        "PATH": os.environ["PATH"],
        "WEGWIJZER_CONFIG": str(configuration),
        "TMPDIR": str(temporary),
    }


def _health_check(python: Path, port: int) -> None:
    """The image's own command."""
    (check,) = (
        step.rest for step in final_stage(DOCKER / "hub" / "Dockerfile") if step.word == "HEALTHCHECK"
    )
    words = re.findall(r'"([^"]+)"', check.partition("CMD ")[2])
    run(python, *(word.replace(":8080", f":{port}") for word in words[1:]))


def _tree(folder: Path) -> dict[str, int]:
    """Every file with the time of its last change, configurations of the roles left out."""
    return {
        str(file): file.stat().st_mtime_ns
        for top in ("venv", "secrets")
        for file in (folder / top).rglob("*")
    }

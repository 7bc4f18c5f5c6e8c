"""The trial's mail server and tracker: their own programs accept the configurations, and the tracker is ready for the hub."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from adapters.roundup.client import RoundupClient
from adapters.roundup.settings import Settings
from tests.docker.files import DOCKER
from tests.servers.missing import missing
from tests.servers.private import free_port, stop, wait_for
from tests.servers.roundup import tracker_on
from tests.shipped import ROOT

JWT = "j" * 64


@pytest.fixture
def exim(tmp_path) -> list[str]:
    """Exim with the trial's configuration, under an account that this machine has."""
    program = shutil.which("exim4", path=f"{os.environ['PATH']}:/usr/sbin") or missing("Exim")
    text = (DOCKER / "mail" / "exim.conf").read_text()
    for setting in ("exim_user", "exim_group", "trusted_users"):
        text = text.replace(f"{setting} = post", f"{setting} = nobody")
    text = text.replace("exim_group = nobody", "exim_group = nogroup").replace("* imap", "* 127.0.0.1")
    file = tmp_path / "exim.conf"
    file.write_text(text.replace("/var/lib/post", str(tmp_path)))
    return [program, "-C", str(file)]


def test_dovecot_accepts_its_configuration(tmp_path):
    program = shutil.which("doveconf") or missing("Dovecot")
    text = (DOCKER / "mail" / "dovecot.conf").read_text()
    file = tmp_path / "dovecot.conf"
    file.write_text(
        text.replace("= post\n", "= nobody\n").replace("uid=post gid=post", "uid=nobody gid=nogroup")
    )

    done = subprocess.run([program, "-n", "-c", file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
    assert (
        "recipient_delimiter = +"
        in subprocess.run([program, "-a", "-c", file], capture_output=True, text=True, check=True).stdout
    )


def test_exim_accepts_its_configuration(exim):
    done = subprocess.run([*exim, "-bV"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Configuration file is" in done.stdout


@pytest.mark.parametrize("address", ["meldingen@leuven.test", "meldingen+abc@leuven.test"])
def test_the_city_s_mail_goes_to_its_mailboxes(exim, address):
    routed = subprocess.run([*exim, "-bt", address], capture_output=True, text=True, check=False).stdout

    assert "router = ours, transport = mailboxes" in routed


def test_what_is_meant_for_citizens_goes_nowhere_else(exim):
    routed = subprocess.run([*exim, "-bt", "an@postvak.example"], capture_output=True, text=True, check=False)

    assert "burgers@leuven.test" in routed.stdout
    assert "router = ours, transport = mailboxes" in routed.stdout


@pytest.fixture
def tracker_port(tmp_path):
    """The port of a tracker that was started as its container starts it."""
    port, secrets, log = free_port(), tmp_path / "secrets", tmp_path / "log"
    secrets.mkdir()
    (secrets / "roundup_jwt").write_text(f"{JWT}\n")
    (secrets / "roundup_handler_password").write_text("geheim woord\n")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, DOCKER / "roundup" / "serve.py"],
            cwd=ROOT,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT),
                "ROUNDUP_HOME": str(tmp_path / "data" / "home"),
                "ROUNDUP_URL": "http://localhost:8081/tracker/",
                "ROUNDUP_DISPATCH": str(DOCKER / "city" / "dispatch.toml"),
                "ROUNDUP_SECRETS": str(secrets),
                "ROUNDUP_BIND": f"127.0.0.1:{port}",
            },
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for(lambda: _answers(port), process, log, 60)
        yield port
    finally:
        stop(process, signal.SIGTERM)


async def test_the_tracker_makes_its_home_and_lets_the_hub_in(tracker_port):
    url = f"http://127.0.0.1:{tracker_port}/tracker/"
    client = RoundupClient(Settings(url=url, origin="http://localhost:8081", jwt_secret=JWT))
    try:
        wrong = await tracker_on(client).ensure_ready(["kcc", "wegen-oost"])
    finally:
        await client.close()

    assert wrong == ()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/tracker/", trust_env=False, timeout=5).is_success
    except httpx.TransportError:
        return False


def test_the_configuration_for_containers_is_the_example_with_other_places():
    example = (ROOT / "demo" / "city" / "hub.toml").read_text().splitlines()
    ours = (DOCKER / "city" / "hub.toml").read_text().splitlines()

    places = {line.partition(" = ")[0] for line in set(ours) - set(example)}
    assert places == {
        *("listen", "data", "secrets", "url", "origin", "imap_host", "smtp_host", "[journal]", "[broker]"),
        "# PostgreSQL and RabbitMQ, with their passwords in the addresses.",
    }
    assert (DOCKER / "city" / "dispatch.toml").read_text() == (
        Path(ROOT) / "demo" / "city" / "dispatch.toml"
    ).read_text()

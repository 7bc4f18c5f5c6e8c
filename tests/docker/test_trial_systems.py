"""The trial's mail server and tracker: their own programs accept the configurations, and the tracker is ready for the hub."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from contextlib import contextmanager

import httpx
import pika
import pika.exceptions
import pytest

from adapters.roundup.client import RoundupClient
from adapters.roundup.settings import Settings
from demo.city_hall import city_file
from demo.engines import rabbitmq
from demo.engines.private import NotInstalledError
from docker import prepare as preparing
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
    example = dict(flat(tomllib.loads(city_file("hub.toml"))))
    ours = dict(flat(tomllib.loads((DOCKER / "city" / "hub.toml").read_text())))

    differ = {name for name in example | ours if example.get(name) != ours.get(name)}
    assert {
        name
        for name in differ
        if not name.startswith(("journal.", "broker.", "adapters.amqp."))
        and not name.endswith(".ca_file")
        and places_of_simulators(str(example.get(name))) != ours.get(name)
    } == {
        *("hub.listen", "hub.data", "hub.secrets", "adapters.tracker.url", "adapters.tracker.origin"),
        *("adapters.mailbox.imap_host", "adapters.mailbox.smtp_host"),
        *("adapters.mijn_burgerprofiel.pages.public_url", "adapters.mijn_burgerprofiel.pages.log_in.issuer"),
        "adapters.mijn_burgerprofiel.reports.issuer",
        *("adapters.eloket.submissions.issuer", "adapters.verenigingsloket.submissions.issuer"),
        *("adapters.dosis.link", "adapters.notificaties.link", "adapters.notificaties.opt_out.public_url"),
        *("adapters.magda.certificate_file", "adapters.magda.key_file"),
    }
    assert (DOCKER / "city" / "dispatch.toml").read_text() == city_file("dispatch.toml")
    assert (DOCKER / "city" / "areas.geojson").read_text() == city_file("areas.geojson")


def places_of_simulators(text):
    """Where the example's systems are in containers."""
    text = text.replace("https://127.0.0.1:8098", "https://simulators:9099")
    guarded = re.sub(r"http://127\.0\.0\.1:8(09[1256])", r"https://simulators:9\1", text)
    return re.sub(r"http://127\.0\.0\.1:(809[347])", r"http://simulators:\1", guarded)


def flat(table, prefix=""):
    """Every setting under its whole name."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@pytest.fixture
def rabbit(tmp_path):
    """RabbitMQ with the trial's configuration and users."""
    preparing.prepare(tmp_path / "secrets")
    try:
        with rabbitmq.prepared() as node:
            definitions = node.folder / "definitions.json"
            definitions.write_bytes((tmp_path / "secrets" / "broker_definitions.json").read_bytes())
            definitions.chmod(0o444)
            text = (DOCKER / "rabbitmq" / "rabbitmq.conf").read_text()
            text = text.replace("/etc/rabbitmq/definitions.json", str(definitions)).replace(
                "= 1GB", "= 100MB"
            )
            node.configuration.write_text(text)
            node.start()
            yield node
    except NotInstalledError as error:
        missing(str(error))


def test_the_broker_knows_the_hub_and_each_system_and_nobody_else(rabbit, tmp_path):
    @contextmanager
    def channel(user, vhost, secret):
        credentials = pika.PlainCredentials(user, (tmp_path / "secrets" / secret).read_text().strip())
        where = pika.ConnectionParameters("127.0.0.1", rabbit.port, vhost, credentials)
        with pika.BlockingConnection(where) as connection:
            yield connection.channel()

    with channel("wegwijzer", "/", "broker_password") as own:
        own.queue_declare("wegwijzer", durable=True)
    with channel("hub", "systems", "amqp_password") as hub:
        hub.exchange_declare("wegwijzer.in.parkeren", durable=True)
        hub.exchange_declare("wegwijzer.in.andere", durable=True)
    with channel("parkeren", "systems", "parkeren_password") as parking:
        parking.confirm_delivery()
        parking.basic_publish("wegwijzer.in.parkeren", "", b"hello")
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="403"):
            parking.basic_publish("wegwijzer.in.andere", "", b"hello")
    for user, vhost, secret in (
        ("parkeren", "/", "parkeren_password"),
        ("hub", "/", "amqp_password"),
        ("guest", "/", "amqp_password"),
    ):
        with pytest.raises(pika.exceptions.AMQPError), channel(user, vhost, secret):
            pass

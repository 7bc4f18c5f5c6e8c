"""The compose file: valid, whole, and as closed as it claims."""

import re
import shutil
import socket
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from canonical_model.contact import Channel, Contact
from canonical_model.identifiers import kbo
from canonical_model.party import Party, PartyKind
from demo.city_hall import city_file
from demo.outside.__main__ import CERTIFICATE, CERTIFICATE_KEY, CITY, PORTS, serving_all
from demo.outside.surroundings import AGENDA, BEHIND_TLS, GUARDED, KEY, NAMED
from docker import prepare as preparing
from hub import Hub
from routes.dispatch import wrong_examples
from settings import ROLES, load
from tests.docker.files import DOCKER, compose
from tests.servers.private import free_port

OUTSIDE = ("dosis", "notificaties", "wegen", "verlichting", "reiniging", "groen", "magda")
SERVICES = compose()["services"]
GARAGE = Contact(
    channel=Channel.ELOKET,
    subject="Oprit",
    text="Mag er een oprit bij?",
    party=Party(kind=PartyKind.ORGANISATION, identifiers=(kbo("0412345614"),)),
)
OURS = {name: one for name, one in SERVICES.items() if "build" in one or name in ROLES}


def test_it_follows_the_compose_specification():
    check = Path(sys.executable).with_name("check-jsonschema")

    done = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", DOCKER / "compose.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_a_service_for_every_role_from_one_image():
    roles = {name: SERVICES[name] for name in ROLES}

    assert {one["image"] for one in roles.values()} == {"wegwijzer:${WEGWIJZER_VERSION:-local}"}
    assert all(one["command"] == ["run", "--role", name, "--log-json"] for name, one in roles.items())


@pytest.mark.parametrize("name", [*OURS, "prometheus", "grafana"])
def test_a_container_is_locked_up(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_only(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_to_a_version(name):
    image = SERVICES[name]["image"]

    assert re.search(r":[\w.${}:-]+$", image)
    assert not image.endswith(":latest")


@pytest.mark.parametrize("name", SERVICES)
def test_no_password_stands_in_the_file(name):
    environment = SERVICES[name].get("environment", {})

    for variable, value in environment.items():
        if re.search("PASSWORD|SECRET|TOKEN|KEY", variable):
            assert value.startswith("/run/secrets"), variable


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(name):
    volumes = [volume.split(":")[0] for volume in SERVICES[name].get("volumes", ())]

    for source in volumes:
        if source.startswith("."):
            assert (DOCKER / source).exists(), source
        else:
            assert source in compose()["volumes"]


def test_every_secret_is_made_and_declared_and_used():
    declared = set(compose()["secrets"])
    used = {
        one["source"] if isinstance(one, dict) else one
        for service in SERVICES.values()
        for one in service.get("secrets", ())
    }

    assert (
        declared
        == used
        == {*preparing.FRESH, *preparing.MADE_FROM}
        - {
            "broker_password",
            "parkeren_password",
        }
    )


def test_the_hub_gets_every_secret_that_its_configuration_names():
    text = re.sub(r"(?m)#.*$", "", (DOCKER / "city" / "hub.toml").read_text())
    named = set(re.findall(r'"secret:([a-z0-9_]+)"', text)) | {"master_keys", "hash_key"}

    assert all(set(SERVICES[role]["secrets"]) >= named for role in ROLES)


def test_the_simulators_get_their_secrets_and_are_where_the_hub_looks_for_them():
    service, text = SERVICES["simulators"], (DOCKER / "city" / "hub.toml").read_text()
    plain = {int(port) for port in re.findall(r"http://simulators:(\d+)", text)}
    behind_tls = {int(port) for port in re.findall(r"https://simulators:(\d+)", text)}

    assert set(service["secrets"]) == {*NAMED, AGENDA, KEY, CERTIFICATE, CERTIFICATE_KEY, CITY}
    assert plain == {PORTS["cleaning"], PORTS["lists"], PORTS["ipdc"]}
    assert behind_tls == {PORTS[name] + BEHIND_TLS for name in (*GUARDED, "magda")}
    assert {int(port.rpartition(":")[2]) for port in service["ports"]} == set(PORTS.values()) - {
        PORTS["lists"]
    }
    assert "inside" in service["networks"]


async def test_the_trials_configuration_loads_and_every_adapter_of_the_demo_can_be_built(tmp_path):
    configuration = trial(tmp_path)

    found = {name: one["system"] for name, one in configuration.settings.adapters.items()}
    assert set(tomllib.loads(city_file("hub.toml"))["adapters"]) < set(found)
    assert "amqp" in found.values()
    assert configuration.settings.api.systems
    assert not wrong_examples(configuration.routes.dispatch)
    hub = Hub(configuration)
    assert hub.quarantined == {}
    assert set(hub.adapters["places"].areas) <= {area.name for area in configuration.routes.dispatch.area}
    await hub.close()


async def test_the_hub_finds_every_simulator_and_both_hold_the_same_secrets(tmp_path):
    """On loopback instead of the containers' network; the certificate has both names."""
    ports = {name: free_port() for name in PORTS} | guarded_ports()
    trial(tmp_path)
    hub_toml = tmp_path / "city" / "hub.toml"
    text = hub_toml.read_text()
    for name, port in PORTS.items():
        text = text.replace(
            f"https://simulators:{port + BEHIND_TLS}", f"https://localhost:{ports[name] + BEHIND_TLS}"
        )
        text = text.replace(f"http://simulators:{port}", f"http://127.0.0.1:{ports[name]}")
    hub_toml.write_text(text)
    catalogue_key = {"x-api-key": (tmp_path / "secrets" / "ipdc").read_text().strip()}

    async with serving_all(tmp_path / "kept", tmp_path / "secrets", "127.0.0.1:1", "127.0.0.1", ports):
        hub = Hub(load(hub_toml))
        found = {name: await hub.adapters[name].check() for name in OUTSIDE}
        named = await hub.adapters["magda"].enricher.enrich(GARAGE)
        await hub.close()
        async with httpx.AsyncClient(trust_env=False) as client:
            page = await client.get(f"http://127.0.0.1:{ports['index']}/")
            asked = await client.get(f"http://127.0.0.1:{ports['magda']}/")
            product = f"http://127.0.0.1:{ports['ipdc']}/id/product/75270"
            answers = [(await client.get(product, headers=one)).status_code for one in (catalogue_key, {})]

    assert answers == [200, 401]
    assert found == dict.fromkeys(OUTSIDE, ())
    assert page.text.count("<a href=") == len(PORTS) - 2
    assert named.party.name == "Garage Vaartkom BV"
    assert "leuven.be/wegwijzer" in asked.text


async def test_who_is_mailed_can_end_messages_on_a_page_of_the_trial(tmp_path):
    hub = Hub(trial(tmp_path))
    link = hub.adapters["notificaties"].way_out("an@postvak.example")
    transport = httpx.ASGITransport(app=hub.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as browser:
        asked = await browser.get(link.removeprefix("https://contact.leuven.test"))
    await hub.close()

    assert link.startswith("https://contact.leuven.test/in/notificaties/afmelden/")
    assert asked.status_code == 200
    assert "<form" in asked.text


def guarded_ports():
    """Free, and so are those behind TLS."""
    return {name: free_pair() for name in (*GUARDED, "magda")}


def free_pair():
    for _ in range(20):
        port = free_port() - BEHIND_TLS
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    return pytest.fail("no two free ports at that distance")


def trial(folder):
    """The trial's configuration with fresh secrets, where the containers would read it."""
    preparing.prepare(folder / "secrets")
    shutil.copytree(DOCKER / "city", folder / "city")
    hub_toml = folder / "city" / "hub.toml"
    text = hub_toml.read_text().replace("/run/secrets", str(folder / "secrets"))
    data = tomllib.loads(text)["hub"]["data"]
    hub_toml.write_text(text.replace(data, str(folder / "data")))
    return load(hub_toml)


def test_secrets_are_made_once_and_stay(tmp_path):
    folder = tmp_path / "secrets"
    first = preparing.prepare(folder)
    kept = {file.name: file.read_text() for file in folder.iterdir()}
    second = preparing.prepare(folder)

    assert set(first) == {*preparing.FRESH, *preparing.MADE_FROM}
    assert second == []
    assert {file.name: file.read_text() for file in folder.iterdir()} == kept
    assert folder.stat().st_mode & 0o077 == 0
    assert kept["database_password"].strip() in kept["journal_url"]
    assert kept["broker_password"].strip() in kept["broker_url"]

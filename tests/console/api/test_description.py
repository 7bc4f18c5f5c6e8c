"""The description of the API is sound, published, asked for with a credential, and true: schemathesis finds nothing."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from console.api.app import describe
from demo.city_hall import city_file, without_crews
from settings import make_secrets
from tests.console.api.conftest import client_of, token_of
from tests.docs.descriptions import PUBLISHED
from tests.servers.private import free_port, wait_for

HERE = Path(__file__).parent
WEGWIJZER = Path(sys.executable).with_name("wegwijzer")
SCHEMATHESIS = Path(sys.executable).with_name("st")
CONFIGURATION = """
[hub]
listen = "127.0.0.1:{port}"
[adapters.tracker]
system = "memory"
[api.systems.kassa]
requests_per_minute = 1000000
"""


def test_the_description_is_valid():
    OpenAPIV31SpecValidator(describe()).validate()


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.name)
def test_what_is_published_is_current(file):
    assert file.read_text() == PUBLISHED[file](), "run `make docs`"


async def test_the_running_hub_describes_itself_to_who_may_know(hub):
    async with client_of(hub, await token_of(hub, "kassa")) as client:
        assert (await client.get("/openapi.json")).json() == json.loads(json.dumps(describe()))


@pytest.fixture
def served(tmp_path):
    """A hub as a process of its own: its address and a token."""
    port = free_port()
    (tmp_path / "dispatch.toml").write_text(without_crews(city_file("dispatch.toml")))
    (tmp_path / "hub.toml").write_text(CONFIGURATION.format(port=port))
    make_secrets(tmp_path / "secrets")
    command = [WEGWIJZER, "--config", tmp_path / "hub.toml"]
    log = tmp_path / "hub.log"
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "run"], stdout=output, stderr=output)
    try:
        wait_for(lambda: _is_ready(port), process, log, 30)
        made = subprocess.run(
            [*command, "credential", "add", "kassa", "--json"], check=True, capture_output=True
        )
        yield f"http://127.0.0.1:{port}/api/v1", json.loads(made.stdout)["token"]
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_schemathesis_finds_nothing(served, tmp_path):
    address, token = served
    (tmp_path / "openapi.json").write_text(json.dumps(describe()))

    done = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", HERE / "schemathesis.toml", "run", tmp_path / "openapi.json"),
            *("--url", address, "-H", f"Authorization: Bearer {token}", "--no-color"),
            *("--suppress-health-check", "all"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:]
    assert "7 selected / 7 total" in done.stdout

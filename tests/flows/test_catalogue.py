"""The product catalogue in a whole hub: read, found by a clerk, answered from, and looked at by the dispatch table."""

import asyncio
import json
import re
import subprocess
import sys
import uuid
from contextlib import asynccontextmanager

import httpx
import pytest
from click.testing import CliRunner

from cli.check import run_checks
from console.access import Role
from console.staff import accounts_of
from demo.outside.ipdc import KEY, running_ipdc
from hub import Hub, main
from settings import load, make_secrets
from tests.flows.city import eventually

CONFIGURATION = """
[hub]
listen = "127.0.0.1:0"
[adapters.counter]
system = "counter"
[adapters.tracker]
system = "memory"
[adapters.ipdc]
system = "ipdc"
url = "{origin}"
api_key = "secret:ipdc"
page_size = 3
"""
DISPATCH = """
default = "kcc"
[[group]]
name = "kcc"
label = "Klantencontactcentrum"
[[group]]
name = "burgerzaken"
label = "Burgerzaken"
[[rule]]
name = "reispassen"
product = ["1446"]
group = "burgerzaken"
[[rule]]
name = "voor kinderen"
product = ["322", "999999"]
group = "burgerzaken"
"""


@pytest.fixture
async def ipdc():
    async with running_ipdc() as catalogue:
        yield catalogue


@pytest.fixture
def path(tmp_path, ipdc):
    make_secrets(tmp_path / "secrets")
    (tmp_path / "secrets" / "ipdc").write_text(KEY)
    (tmp_path / "dispatch.toml").write_text(DISPATCH)
    (tmp_path / "hub.toml").write_text(CONFIGURATION.format(origin=ipdc.origin))
    return tmp_path / "hub.toml"


@asynccontextmanager
async def running(path):
    hub = Hub(load(path))
    await hub.start()
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(hub.app),
            base_url="http://hub.test",
            headers={"Origin": "http://hub.test"},
        ) as client:
            yield hub, client
    finally:
        await hub.close()


async def log_in(hub, client):
    """A clerk with a session of the console; their token for forms."""
    accounts = accounts_of(hub.journal, hub.configuration.settings.console)
    await accounts.add("els", "a-long-enough-password", [Role.KCC_VIEWER])
    page = await client.get("/login")
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    await client.post(
        "/login", data={"name": "els", "password": "a-long-enough-password", "csrf": token, "next": ""}
    )
    return (await client.get("/in/counter/session")).json()["csrf"]


async def test_a_clerk_answers_from_the_catalogue_and_the_case_tells_from_which_version(path, ipdc):
    async with running(path) as (hub, client):
        csrf = await log_in(hub, client)

        async def found():
            answer = await client.get("/in/counter/products", params={"q": "1446"})
            return answer.json()["products"]

        (passport,) = await eventually(found, "the catalogue was read")
        form = {
            "csrf": csrf,
            "id": str(uuid.uuid4()),
            "product": "1446",
            "subject": "Reispas",
            "text": "Wat kost dat?",
            "answered": "1",
            "answer": passport["answer"],
            "source": passport["source"],
        }
        await client.post("/in/counter/", data=form)
        tracker = hub.adapters["tracker"].tracker

        async def noted():
            held = [(case, note.text) for case in tracker._cases.values() for _, note in case.notes.values()]
            return [(case, text) for case, text in held if "Bron:" in text]

        ((case, note),) = await eventually(noted, "the case has its note")

    assert note.startswith("Meteen beantwoord:")
    assert "Kosten\n- Prijs: 65 euro" in note
    assert note.endswith(f"product 1446, versie {passport['version']} van 02/03/2026 11:15.")
    assert case.case.group == "burgerzaken"


async def test_check_looks_at_the_products_of_the_dispatch_table(path, ipdc):
    async with running(path) as (hub, _):

        async def read():
            return await hub.catalogue.get("322")

        await eventually(read, "the catalogue was read")

    found = dict(await run_checks(Hub, load(path)))

    assert found["ipdc"] == ()
    assert found["dispatch, products of ipdc"] == (
        "rule 'voor kinderen' names product 322 (Reispas voor kinderen), which was withdrawn",
        "rule 'voor kinderen' names product 999999, which the catalogue does not know",
    )
    products = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "hub", "--config", path, "products", "--json", "passport"],
        capture_output=True,
        check=True,
    )
    (row,) = json.loads(products.stdout)
    assert (row["product"], row["name"]) == ("1446", "Reispas")


async def test_a_hub_without_a_catalogue_works_as_before(path, tmp_path):
    text = path.read_text()
    path.write_text(text[: text.index("[adapters.ipdc]")])

    async with running(path) as (hub, client):
        await log_in(hub, client)

        assert not hub.catalogue.available
        assert "productencatalogus" not in (await client.get("/in/counter/")).text
    assert "dispatch, products of ipdc" not in dict(await run_checks(Hub, load(path)))
    asked = await asyncio.to_thread(
        CliRunner().invoke, main, ["--config", str(path), "products", "paspoort"], catch_exceptions=False
    )
    assert asked.exit_code == 1
    assert "geen productencatalogus" in asked.output

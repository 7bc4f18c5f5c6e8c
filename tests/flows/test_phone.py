"""Calls by AMI and by webhook into a real hub that is killed again and again: every call is one case, once.

As one process, and with doors, listeners and workers apart: whoever is killed, another listener stands by.
"""

import asyncio
import json
import random
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest

from demo.city_hall import city_file, keep_secret, without_crews
from journal.schema import audit, cases, messages
from settings import make_secrets
from tests.adapters.phone import recordings
from tests.adapters.phone.conftest import POP_TOKEN, SEAL, SECRET
from tests.flows.city import WEGWIJZER
from tests.flows.killed import APART, EMBEDDED, Lives, rows
from tests.servers.private import free_port
from tests.simulators.asterisk import Asterisk
from tests.simulators.cti import Exchange

KILLS = 5
SCENARIOS = {
    "beantwoord": True,
    "opgehangen_in_wachtrij": False,
    "tweede_wachtrij": True,
    "terugbelverzoek": False,
    "voicemail": False,
    "wachtrij_timeout": False,
}
"""Recordings of one call each, and whether the contact centre answered at once."""
CALLERS = 12
HUB_TOML = """
[hub]
listen = "{address}"

[journal]
url = "{journal}"

[adapters.tracker]
system = "memory"

[adapters.phone]
system = "phone"
seal = "secret:phone_seal"
settle_seconds = 0.3
record_seconds = 3
screen_pop_tokens = {{ softphone = "secret:phone_screen_pop" }}

[adapters.phone.systems.cloud]
secrets = ["secret:phone_webhook"]

[adapters.phone.systems.pbx.asterisk]
host = "127.0.0.1"
port = {port}
username = "hub"
secret = "secret:phone_ami"
timeout = 3
records = "{records}"
first_look_back = true
time_zone = "UTC"
inbound_contexts = ["inkomend"]

[adapters.phone.systems.pbx.lines]
"016272001" = "callback"
"016272004" = "voicemail"
"""


@pytest.fixture
async def asterisk(tmp_path):
    async with Asterisk(records=tmp_path / "Master.csv") as exchange:
        exchange.records.touch()
        yield exchange


@pytest.fixture(params=["one process", "apart"])
def crew(request):
    return {"one process": EMBEDDED, "apart": APART}[request.param]


@pytest.fixture
def journal(tmp_path, crew, request):
    """Where the journal is."""
    apart = crew is APART
    return request.getfixturevalue("postgres_url") if apart else f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture
def address(tmp_path, asterisk, journal):
    address = f"127.0.0.1:{free_port()}"
    make_secrets(tmp_path / "secrets")
    for name, value in (
        ("phone_seal", SEAL),
        ("phone_screen_pop", POP_TOKEN),
        ("phone_webhook", SECRET),
        ("phone_ami", asterisk.secret),
    ):
        keep_secret(tmp_path, name, value)
    (tmp_path / "dispatch.toml").write_text(without_crews(city_file("dispatch.toml")))
    text = HUB_TOML.format(address=address, journal=journal, port=asterisk.port, records=asterisk.records)
    (tmp_path / "hub.toml").write_text(text)
    return address


@pytest.fixture
def lives(tmp_path, address, crew):
    lives = Lives(tmp_path, address, crew)
    yield lives
    lives.close()


async def test_every_call_is_one_case_however_often_the_hub_dies(tmp_path, address, journal, asterisk, lives):
    dice = random.Random(11)
    expected = {}
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        calling = asyncio.gather(
            by_line(asterisk, expected, dice), by_webhook(client, address, expected, dice)
        )
        for _ in range(KILLS):
            await lives.begin()
            await asyncio.sleep(dice.uniform(0.2, 2.5))
            await lives.kill(dice)
        await lives.begin()
        await calling
        found = await come_to_rest(journal, expected)
        popped = await who_calls(client, address)
        await lives.dismiss()

    assert found == expected, (tmp_path / "hub.log").read_text()[-3000:]
    assert told_of(journal) == [("contact_received", len(expected))]
    assert popped["number"] == "+32 *** 56"
    assert popped["cases"]
    looks = rows(journal, audit.c.actor, audit.c.subject, audit.c.detail)
    assert {("phone/softphone", case["ref"], "screen-pop") for case in popped["cases"]} == set(looks)
    assert first_line(tmp_path) == sum(expected.values()) * 100 // len(expected)


async def by_line(asterisk, expected, dice):
    """Calls through the exchange, most of them while a hub listens, all of them in its records."""
    for number in range(CALLERS):
        scenario = list(SCENARIOS)[number % len(SCENARIOS)]
        packets, records = recordings.at(datetime.now(UTC), scenario, f"pbx{number}")
        (call,) = recordings.ids(scenario)
        expected["phone/pbx", f"pbx{number}.{call.rpartition('.')[2]}"] = SCENARIOS[scenario]
        half = dice.randrange(len(packets))
        await asterisk.play(packets[:half])
        await asyncio.sleep(dice.uniform(0.05, 0.5))
        await asterisk.play(packets[half:])
        asterisk.write_record(*records)


async def by_webhook(client, address, expected, dice):
    """Calls of an exchange that posts again until it is heard."""
    exchange = Exchange(client=client, address=f"http://{address}/in/phone/cti/cloud", secret=SECRET)
    for number in range(CALLERS):
        answered = bool(number % 3)
        call = f"cloud-{number}"
        expected["phone/cloud", call] = answered
        events = [("newCall", {"to": "016272000"}), *([("answer", {"user": "els"})] if answered else [])]
        for event, fields in [*events, ("hangup", {"cause": "normalClearing" if answered else "cancel"})]:
            await heard(partial(exchange.post, event, call, **{"from": "0470123456", **fields}))
            await asyncio.sleep(dice.uniform(0, 0.1))


async def heard(ask):
    """The answer, asked for again until a hub is there to give it."""
    async with asyncio.timeout(60):
        while True:
            with suppress(httpx.TransportError):
                answer = await ask()
                if answer.status_code == 200:
                    return answer
            await asyncio.sleep(0.1)


async def come_to_rest(journal, expected):
    """The cases by source and reference, once there are as many as expected or nothing moves any more."""
    for _ in range(150):
        found = rows(journal, cases.c.origin, cases.c.origin_ref, cases.c.answered_at_once)
        if len(found) >= len(expected):
            break
        await asyncio.sleep(0.2)
    return {(origin, ref): answered for origin, ref, answered in found}


async def who_calls(client, address):
    answer = await heard(
        lambda: client.post(
            f"http://{address}/in/phone/screen-pop",
            json={"number": "0470 12 34 56"},
            headers={"Authorization": f"Bearer {POP_TOKEN}"},
        )
    )
    return answer.json()


def told_of(journal):
    """How many messages came by phone, by what they were."""
    kinds = [kind for (kind,) in rows(journal, messages.c.kind, where=[messages.c.source.like("phone/%")])]
    return [(kind, kinds.count(kind)) for kind in sorted(set(kinds))]


def first_line(folder):
    """What the command line says of the first line."""
    done = subprocess.run(
        [WEGWIJZER, "--config", folder / "hub.toml", "status", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return json.loads(done.stdout)["first_line"]["share"]

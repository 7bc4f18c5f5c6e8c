"""A website adapter in an application of its own, with an intake in memory and a clock that stands still."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from adapters.website import build
from ports.clock import ManualClock
from tests.adapters.given import given
from tests.adapters.website.memory_intake import MemoryIntake
from tests.simulators.website import Website

FIXTURES = Path(__file__).parent / "fixtures"


class NoCheckpoints:
    """A push adapter must not need any."""

    async def load(self, name):
        raise AssertionError(name)

    async def save(self, name, value):
        raise AssertionError(name)


@pytest.fixture
def fixture_bytes():
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture
def secret():
    return "whsec_" + base64.b64encode(b"a key of thirty-two bytes, or so!").decode()


@pytest.fixture
def token():
    return "a-token-of-enough-characters"


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


@pytest.fixture
def intake():
    return MemoryIntake()


@pytest.fixture
def settings(secret, token):
    return {
        "secrets": [secret],
        "senders": {
            "webteam": {"tokens": [token]},
            "meldpunt": {
                "tokens": ["the-token-of-the-meldpunt"],
                "fields": {
                    "onderwerp": "subject",
                    "bericht": "message",
                    "e_mail": "person.email",
                    "naam": "person.name",
                    "adres.address": "location.address",
                    "adres.city": "location.address",
                    "adres.postal_code": "location.postcode",
                },
                "constants": {"kind": "report"},
                "ignored": ["g-recaptcha-response"],
            },
            "formulieren": {
                "tokens": ["the-token-of-open-formulieren"],
                "fields": {
                    "voornaam": "person.name",
                    "achternaam": "person.name",
                    "omschrijving": "message",
                    "metadata.form_name": "category",
                    "waar.straat": "location.address",
                    "waar.huisnummer": "location.address",
                    "waar.postcode": "location.postcode",
                },
            },
        },
    }


@pytest.fixture
def adapter(settings, intake, clock):
    return build(settings, tools(intake, clock))


@pytest.fixture
def app(adapter):
    app = FastAPI()
    app.include_router(adapter.webhook, prefix="/in/website")
    return app


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test/in/website") as client:
        yield client


@pytest.fixture
def website(client, secret, token):
    return Website(client=client, address="http://hub.test/in/website", secret=secret, token=token)


def tools(intake, clock):
    return given(
        name="website",
        accept=intake,
        checkpoints=NoCheckpoints(),
        clock=clock,
    )

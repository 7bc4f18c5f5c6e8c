"""A DOSIS that runs, an adapter on it, and what a case looks like."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from adapters.dosis import build
from adapters.dosis.settings import Settings
from adapters.memory.feeds import MemoryFeeds
from canonical_model.case import CaseRef
from canonical_model.commands import PublishStatus
from canonical_model.contact import Kind
from canonical_model.public_status import PublicStatus
from demo.outside.digitaal_vlaanderen import TOKEN_PATH, Provider
from demo.outside.dosis import SOURCE, Dosis, running_dosis
from ports.contracts.board import CITIZEN
from ports.contracts.source import RecordingIntake
from tests.adapters.given import given

FIXTURES = Path(__file__).parent / "fixtures"
KEY = RSAKey.generate_key(2048, auto_kid=True)
CASE = CaseRef("LEU-2026-004711")
RIGHTS = {
    "insz": ["Raadpleger"],
    "kbo": ["LeuvenLoket - eloketgebruiker"],
    "vcode": ["LeuvenLoket - verenigingsgebruiker"],
}


@pytest.fixture
def fixture_bytes():
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture
async def dosis():
    async with running_dosis(Dosis(provider=Provider(key=KEY))) as dosis:
        yield dosis


@pytest.fixture
def intake():
    return RecordingIntake()


@pytest.fixture
def tools(intake):
    return given(
        name="dosis",
        accept=intake,
        feeds=MemoryFeeds(),
    )


@pytest.fixture
def push(dosis):
    """The settings for a DOSIS that runs."""
    return {
        "base_url": dosis.origin,
        "result_seconds": 0.3,
        "answer_seconds": 5,
        "log_in": {
            "token_url": f"{dosis.origin}{TOKEN_PATH}",
            "client_id": dosis.provider.client_id,
            "private_key": dosis.provider.private_key,
        },
    }


@pytest.fixture
async def adapter(push, tools):
    adapter = build({"source": SOURCE, "push": push, "rights": RIGHTS, "product": "1446"}, tools)
    yield adapter
    await adapter.close()


@pytest.fixture
def board(adapter):
    return adapter.board


@pytest.fixture
def settings():
    """All that can be set for a feed and for uploads, without a DOSIS."""
    return Settings.model_validate(
        {
            "source": SOURCE,
            "feed": {"tokens": ["a token of at least 24 characters"]},
            "rights": RIGHTS,
            "link": "https://contact.leuven.example/zaken/{case}",
            "due_field": "StreefDatum",
            "manager": {
                "phone": "016000000",
                "email": "kcc@leuven.example",
                "website": "https://www.leuven.example",
                "address": {"street": "Voorbeeldplein", "number": "1", "postcode": "3000"},
            },
            "services": {"wegen": "Wegendienst"},
        }
    )


@pytest.fixture
def publication():
    """The city waits for the citizen."""
    return PublishStatus(
        case=CASE,
        kind=Kind.REPORT,
        subject="Losse tegel voor de deur",
        party=CITIZEN,
        group="wegen",
        product="1446",
        status=PublicStatus.WAITING_FOR_CUSTOMER,
        detail="We wachten op een foto.",
        action="Stuur ons een foto.",
        opened_at=datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
        changed_at=datetime(2026, 3, 2, 9, 15, 0, 250_000, tzinfo=UTC),
        due=datetime(2026, 3, 16, 16, 0, tzinfo=UTC),
    )

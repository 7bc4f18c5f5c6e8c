"""A Notificaties that runs, an adapter on it, and a change to tell of."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey
from msgspec.structs import replace

from adapters.memory.opt_outs import MemoryOptOuts
from adapters.notifications import build
from adapters.notifications.settings import Settings
from canonical_model.case import CaseRef
from canonical_model.commands import Notify
from canonical_model.public_status import PublicStatus
from demo.outside.digitaal_vlaanderen import TOKEN_PATH, Provider
from demo.outside.notifications import BRAND, Notificaties, running_notificaties
from ports.contracts.notices import CITIZEN
from tests.adapters.given import given

FIXTURES = Path(__file__).parent / "fixtures"
KEY = RSAKey.generate_key(2048, auto_kid=True)
CASE = CaseRef("LEU-2026-004711")
OPT_OUT = {
    "public_url": "https://contact.leuven.example",
    "secrets": ["a secret that is long enough to seal"],
}


class NoneNeeded:
    """Notifications hand nothing over and remember nothing."""

    async def __call__(self, inbound):
        raise AssertionError(inbound.source)

    async def load(self, name):
        raise AssertionError(name)

    async def save(self, name, value):
        raise AssertionError(name)


@pytest.fixture
def fixture_bytes():
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture
async def notificaties():
    async with running_notificaties(Notificaties(provider=Provider(key=KEY))) as notificaties:
        yield notificaties


@pytest.fixture
def opt_outs():
    return MemoryOptOuts()


@pytest.fixture
def tools(opt_outs):
    return given(
        name="notificaties",
        accept=NoneNeeded(),
        checkpoints=NoneNeeded(),
        opt_outs=opt_outs,
    )


@pytest.fixture
def own():
    """What is set, but for where the service is."""
    return {
        "base_url": "http://127.0.0.1",
        "log_in": {
            "token_url": f"http://127.0.0.1{TOKEN_PATH}",
            "client_id": "6776",
            "private_key": KEY.as_pem(private=True).decode(),
            "scope": "Notificaties",
        },
        "offerer": "urn://leuven/contact",
        "brand": BRAND,
        "source": "urn://leuven/contact",
        "link": "https://contact.leuven.example/zaken/{case}",
    }


@pytest.fixture
def there(own, notificaties):
    """The same, for a service that runs."""
    log_in = {
        **own["log_in"],
        "token_url": f"{notificaties.origin}{TOKEN_PATH}",
        "private_key": notificaties.provider.private_key,
    }
    return {**own, "base_url": notificaties.origin, "log_in": log_in, "opt_out": OPT_OUT}


@pytest.fixture
async def adapter(there, tools):
    adapter = build(there, tools)
    yield adapter
    await adapter.close()


@pytest.fixture
def notices(adapter):
    return adapter.notices


@pytest.fixture
def settings(own):
    return Settings.model_validate(own)


@pytest.fixture
def notice():
    """A case was answered."""
    return Notify(
        case=CASE,
        party=replace(CITIZEN, email=""),
        subject="Losse tegel voor de deur",
        product="1446",
        status=PublicStatus.ANSWERED,
        detail="De tegel ligt weer vast.",
        changed_at=datetime(2026, 3, 2, 9, 15, tzinfo=UTC),
    )

"""AMQP with a real RabbitMQ of its own: a user per system, names that no other test uses."""

from pathlib import Path
from uuid import uuid4

import pytest

from adapters.amqp import build
from adapters.memory.cases import MemoryCases
from ports.contracts.source import RecordingIntake
from ports.secrets import MemorySecrets
from tests.adapters.given import given
from tests.broker.server import breakable
from tests.simulators.existing_system import ExistingSystem

FIXTURES = Path(__file__).parent / "fixtures"
PASSWORD = "een-goed-wachtwoord"
USERS = {
    "hub": (".*", ".*", ".*"),
    "parking": ("", r".*\.in\.parking", r".*\.(out|refused)\.parking"),
    "groen": ("", r".*\.in\.groen", r".*\.(out|refused)\.groen"),
}
"""User -> what it may configure, write and read: as the page for administrators says."""


@pytest.fixture(scope="session")
def rabbit():
    with breakable() as server:
        server.ctl("eval", " ".join(_made(name, *rights) for name, rights in USERS.items()) + " ok.")
        yield server


def _made(user, configure, write, read):
    def text(words):
        return f'<<"{words}">>'.replace("\\", "\\\\")

    rights = ", ".join(text(f"^{one}$" if one else "^$") for one in (configure, write, read))
    return (
        f"rabbit_auth_backend_internal:add_user({text(user)}, {text(PASSWORD)}, {text('test')}), "
        f"rabbit_auth_backend_internal:set_permissions({text(user)}, {text('/')}, {rights}, {text('test')}),"
    )


@pytest.fixture
def fixture_bytes():
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture
def prefix():
    return f"t{uuid4().hex[:12]}"


@pytest.fixture
def intake():
    return RecordingIntake()


@pytest.fixture
def cases():
    return MemoryCases()


@pytest.fixture
def tools(intake, cases):
    return given(
        name="amqp",
        accept=intake,
        checkpoints=None,
        secrets=MemorySecrets({"hash_key": "ab" * 32}),
        cases=cases,
    )


@pytest.fixture
def settings(rabbit, prefix):
    return {
        "host": "127.0.0.1",
        "port": rabbit.port,
        "tls": False,
        "vhost": "/",
        "user": "hub",
        "password": PASSWORD,
        "prefix": prefix,
        "patience": 2,
        "heartbeat": 2,
        "systems": {
            "parking": {"user": "parking"},
            "groen": {
                "user": "groen",
                "fields": {
                    "melder.naam": "person.name",
                    "melder.mail": "person.email",
                    "onderwerp": "subject",
                    "omschrijving": "message",
                    "plaats.straat": "location.address",
                    "plaats.postcode": "location.postcode",
                },
                "constants": {"category": "zwerfvuil", "kind": "report"},
                "ignored": ["intern_volgnr"],
            },
        },
    }


@pytest.fixture
async def adapter(settings, tools):
    built = build(settings, tools)
    yield built
    await built.close()


@pytest.fixture
def source(adapter):
    """What `parking` submits."""
    return adapter.sources[0]


@pytest.fixture
def outbox(adapter):
    return adapter.informed


@pytest.fixture
def system_named(rabbit, prefix):
    def named(name):
        return ExistingSystem(
            name=name, url=f"amqp://{name}:{PASSWORD}@127.0.0.1:{rabbit.port}/%2F", prefix=prefix
        )

    return named


@pytest.fixture
def parking(system_named):
    return system_named("parking")


@pytest.fixture
def groen(system_named):
    return system_named("groen")

"""Real servers for tests: started once per run when a test first asks, thrown away at the end.

An address in `WEGWIJZER_TEST_POSTGRES` or `WEGWIJZER_TEST_RABBITMQ` is used instead of a private server.
"""

from collections.abc import Iterator

import pytest

from tests.servers import postgres, rabbitmq


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The SQLAlchemy address of a PostgreSQL server that may make databases."""
    with postgres.running() as address:
        yield address


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The SQLAlchemy address of an empty database for this test alone."""
    with postgres.fresh_database(postgres_server) as address:
        yield address


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """The AMQP address of a RabbitMQ server; use queue names of your own."""
    with rabbitmq.running() as address:
        yield address

"""A private RabbitMQ for tests, or the given one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from demo.engines import rabbitmq
from demo.engines.private import NotInstalledError
from tests.servers.missing import missing

VARIABLE = "WEGWIJZER_TEST_RABBITMQ"


@contextmanager
def running() -> Iterator[str]:
    """The AMQP address of a server: the given one, or a private one that nobody else uses."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    try:
        with rabbitmq.running() as node:
            yield node.url
    except NotInstalledError as error:
        missing(str(error))

"""A private RabbitMQ for tests, or the given one."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

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


@contextmanager
def nodes(count: int) -> Iterator[Sequence[rabbitmq.Node]]:
    """So many private servers that know nothing of each other, begun at the same time."""
    with ExitStack() as stack:
        try:
            begun = [stack.enter_context(rabbitmq.prepared()) for _ in range(count)]
        except NotInstalledError as error:
            missing(str(error))
        for node in begun:
            node.launch()
        for node in begun:
            node.wait()
        yield begun

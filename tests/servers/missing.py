"""What happens to a test whose real server is not installed."""

import os
from typing import NoReturn

import pytest

from demo.engines import postgres, rabbitmq
from demo.engines.private import NotInstalledError


def missing(what: str) -> NoReturn:
    """Skip the test and say why; where `CI` is set, fail it: there, everything must be installed."""
    reason = f"{what} is not installed (Debian packages: see .ci/run)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def engines_installed() -> None:
    """Go on only where PostgreSQL and RabbitMQ can be started."""
    try:
        with postgres.prepared(), rabbitmq.prepared():
            return
    except NotInstalledError as error:
        missing(str(error))

"""What all tests share."""

import pytest
import structlog

pytest_plugins = ["tests.servers.fixtures", "tests.side_by_side", "tests.telling", "tests.differences"]

pytest.register_assert_rewrite("ports.contracts")

# By default the log draws every error with the values of all its frames, which takes half a second each time.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

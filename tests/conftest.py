"""What all tests share."""

import pytest

pytest_plugins = ["tests.servers.fixtures"]

pytest.register_assert_rewrite("ports.contracts")

"""Failures inside the behaviour suite show values too."""

import pytest

pytest.register_assert_rewrite("tests.broker.contract", "tests.broker.taking")

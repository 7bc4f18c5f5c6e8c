"""The security page promises tests: every one that it names exists."""

import re

import pytest

from tests.shipped import ROOT

PAGE = (ROOT / "docs" / "operations" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_is_named_exists(file, test):
    assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_the_page_names_tests():
    assert len(NAMED) > 30

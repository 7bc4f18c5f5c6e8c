"""The journals of `tests/journal` and a tracker, for processes that die."""

import pytest

from demo import roundup
from demo.city_hall import groups_of_the_city
from tests.journal.conftest import (
    journal_url,
    postgres_journal,
    postgres_journal_url,
    sqlite_template,
    sqlite_url,
)

__all__ = ["journal_url", "postgres_journal", "postgres_journal_url", "sqlite_template", "sqlite_url"]


@pytest.fixture
def tracker(tmp_path):
    """A real Roundup with the groups of the city."""
    running = roundup.start(tmp_path / "tracker", groups_of_the_city(), workers=2)
    yield running
    running.stop()

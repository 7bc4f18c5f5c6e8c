"""The journals of `tests/journal`, for processes that die."""

from tests.journal.conftest import (
    journal_url,
    postgres_journal,
    postgres_journal_url,
    sqlite_template,
    sqlite_url,
)

__all__ = ["journal_url", "postgres_journal", "postgres_journal_url", "sqlite_template", "sqlite_url"]

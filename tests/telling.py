"""What a test has to say though it passes, such as the seed of its dice: stands at the end of every run."""

from collections.abc import Callable

import pytest

_TOLD = "told"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say something, in whatever process the test runs."""

    def say(words: str) -> None:
        print(words)
        record_property(_TOLD, words)

    return say


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """All that was said."""
    reports = (report for reports in terminalreporter.stats.values() for report in reports)
    for report in reports:
        if getattr(report, "when", "") == "call":
            for name, words in report.user_properties:
                if name == _TOLD:
                    terminalreporter.write_line(f"{report.location[0]}: {words}")

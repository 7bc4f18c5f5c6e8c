"""Tests in several processes, each with servers of its own: `pytest -n 2`. See docs/decisions/0160.

One process begins with the tests that take longest, which mostly wait for real servers, and the others with all that
keeps a processor busy; so two that maltreat a hub seldom meet. Whoever is done first helps the others.
"""

from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ADAPTERS = "tests/adapters/"
LONGEST = (
    "tests/flows/test_crash.py",
    "tests/flows/test_mixed_day.py",
    "tests/flows/test_week.py",
    "tests/flows/test_storm.py",
    "tests/flows/test_demo.py",
    "tests/journal/test_retention.py",
)
"""Files whose every test goes out by itself, the longest first."""


class WaitingBesideWorking(LoadScopeScheduling):
    """Gives out a file at a time; of adapters the whole folder, as its tests share servers that take long to begin."""

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        if file in LONGEST:
            return nodeid
        return str(Path(file).parent) if file.startswith(ADAPTERS) else file

    def _assign_work_unit(self, node):
        chosen = max if node is self.nodes[0] else min
        self.workqueue.move_to_end(chosen(self.workqueue, key=length), last=False)
        super()._assign_work_unit(node)


def length(scope):
    """0 for most, more for what takes longer."""
    file = scope.partition("::")[0]
    return len(LONGEST) - LONGEST.index(file) if file in LONGEST else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return WaitingBesideWorking(config, log)

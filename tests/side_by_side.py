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
    "tests/flows/test_demo.py",
    "tests/flows/test_week.py",
    "tests/flows/test_storm.py",
    "tests/flows/test_mixed_day.py",
    "tests/flows/test_existing_systems.py",
    "tests/flows/test_restore.py",
    "tests/flows/test_phone.py",
    "tests/flows/test_counter.py",
    "tests/flows/test_citizen_story.py",
    "tests/flows/test_reload.py",
    "tests/broker/test_rabbitmq.py",
    "tests/journal/test_retention.py",
    "tests/docker/test_image.py",
    "tests/flows/test_portal.py",
    "tests/flows/test_switched_tracker.py",
    "tests/adapters/request_tracker",
    "tests/adapters/roundup",
)
"""What takes half a minute or more, roughly the longest first; last those that nobody kills."""


class WaitingBesideWorking(LoadScopeScheduling):
    """Gives out a file at a time; of adapters the whole folder, as its tests share servers that take long to begin."""

    def _split_scope(self, nodeid):
        file = Path(nodeid.partition("::")[0])
        return str(file.parent if str(file).startswith(ADAPTERS) else file)

    def _assign_work_unit(self, node):
        chosen = max if node is self.nodes[0] else min
        self.workqueue.move_to_end(chosen(self.workqueue, key=length), last=False)
        super()._assign_work_unit(node)


def length(scope):
    """0 for most, more for what takes longer."""
    return len(LONGEST) - LONGEST.index(scope) if scope in LONGEST else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return WaitingBesideWorking(config, log)

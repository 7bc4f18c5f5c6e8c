"""Who gets which tests when several processes run them."""

from types import SimpleNamespace

import pytest

from tests.shipped import ROOT
from tests.side_by_side import LONGEST, WaitingBesideWorking

FIRST, SECOND, LAST = LONGEST[0], LONGEST[1], LONGEST[-1]
TESTS = [
    "tests/adapters/places/test_client.py::test_a",
    "tests/adapters/places/test_translate.py::test_b",
    "tests/journal/test_x.py::test_c",
    "tests/journal/test_x.py::test_d",
    f"{LAST}/test_y.py::test_e",
    f"{SECOND}::test_f",
    f"{FIRST}::test_g",
]


class Process:
    """Runs what it is told to, at once."""

    shutting_down = False
    gateway = SimpleNamespace(id="gw")

    def __init__(self):
        self.told = []

    def send_runtest_some(self, numbers):
        self.told.append([TESTS[number] for number in numbers])

    def shutdown(self):
        self.shutting_down = True


@pytest.fixture
def processes():
    return Process(), Process()


@pytest.fixture
def scheduler(processes):
    config = SimpleNamespace(
        getvalue=lambda _: ["popen"] * len(processes), option=SimpleNamespace(loadscopereorder=True)
    )
    scheduler = WaitingBesideWorking(config)
    for one in processes:
        scheduler.add_node(one)
        scheduler.add_node_collection(one, TESTS)
    scheduler.schedule()
    return scheduler


def test_one_begins_with_what_takes_longest_and_the_other_with_the_rest(scheduler, processes):
    first, second = processes

    assert first.told == [[f"{FIRST}::test_g"], [f"{SECOND}::test_f"]]
    assert second.told == [TESTS[:2], TESTS[2:4]]


def test_who_has_nothing_left_helps_the_other(scheduler, processes):
    second = processes[1]
    for number in range(3):
        scheduler.mark_test_complete(second, number)

    assert second.told[2:] == [[f"{LAST}/test_y.py::test_e"]]


@pytest.mark.parametrize("scope", LONGEST)
def test_what_takes_longest_is_still_there(scope):
    assert (ROOT / scope).exists()

"""What may follow what in the life of a case."""

import pytest

from canonical_model.status import OPEN, OSLO_STATUS, TRANSITIONS, CaseStatus, may_follow

NEW, WORK, CUSTOMER, FIELD, ANSWERED, CLOSED = CaseStatus

ALLOWED = {
    NEW: {WORK, CUSTOMER, FIELD, ANSWERED, CLOSED},
    WORK: {NEW, CUSTOMER, FIELD, ANSWERED, CLOSED},
    CUSTOMER: {WORK, FIELD, ANSWERED, CLOSED},
    FIELD: {WORK, CUSTOMER, ANSWERED, CLOSED},
    ANSWERED: {WORK, CLOSED},
    CLOSED: {WORK},
}
"""Written down once more, on purpose: a change of the table must be a decision."""


@pytest.mark.parametrize("old", CaseStatus)
@pytest.mark.parametrize("new", CaseStatus)
def test_each_step_is_allowed_or_not(old, new):
    assert may_follow(new, old) is (new is old or new in ALLOWED[old])


def test_every_status_has_its_row_and_its_oslo_number():
    assert TRANSITIONS.keys() == OSLO_STATUS.keys() == set(CaseStatus)


def test_a_case_that_is_done_comes_back_only_through_work():
    done = set(CaseStatus) - OPEN

    assert done == {ANSWERED, CLOSED}
    assert {new for old in done for new in TRANSITIONS[old]} & OPEN == {WORK}


@pytest.mark.parametrize("start", CaseStatus)
def test_every_case_can_be_closed_and_reopened(start):
    reached, waiting = set(), [start]
    while waiting:
        status = waiting.pop()
        if status not in reached:
            reached.add(status)
            waiting += TRANSITIONS[status]

    assert {CLOSED, WORK} <= reached

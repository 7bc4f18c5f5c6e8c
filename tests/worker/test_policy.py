"""What each kind of error means for the next attempt."""

import pytest
from tenacity import wait_fixed

from canonical_model.case import CaseRef
from canonical_model.commands import AddNote
from journal.effects import Claimed, Outcome
from ports.errors import (
    MisconfiguredError,
    NotOfferedError,
    NotSupportedError,
    NotUnderstoodError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.target import Idempotency
from worker.policy import GIVE_UP_AFTER, LONGEST_WAIT, UNEXPECTED_LIMIT, RetryPolicy

NONE, PROBE, KEY = Idempotency.NONE, Idempotency.PROBE, Idempotency.NATIVE_KEY


def claimed(attempt: int = 1, *, probe: bool = False) -> Claimed:
    command = AddNote(case=CaseRef("LEU-2026-000001"), text="-")
    return Claimed(
        id="id",
        key="key",
        case_ref="LEU-2026-000001",
        message_id="m",
        target="tracker",
        action="add_note",
        attempt=attempt,
        probe=probe,
        command=command,
    )


@pytest.mark.parametrize(
    ("error", "idempotency", "outcome", "target_down"),
    [
        (RejectedError("no"), PROBE, Outcome.REJECTED, False),
        (NotUnderstoodError("what?"), PROBE, Outcome.REJECTED, False),
        (NotSupportedError("never"), PROBE, Outcome.REJECTED, False),
        (NotOfferedError("no way"), PROBE, Outcome.SKIPPED, False),
        (TransientError("busy"), PROBE, Outcome.AGAIN, True),
        (TransientError("busy"), NONE, Outcome.AGAIN, True),
        (UncertainError("lost"), PROBE, Outcome.UNKNOWN, True),
        (UncertainError("lost"), KEY, Outcome.UNKNOWN, True),
        (UncertainError("lost"), NONE, Outcome.REJECTED, True),
        (TimeoutError(), PROBE, Outcome.UNKNOWN, True),
        (TimeoutError(), NONE, Outcome.REJECTED, True),
        (KeyError("a mistake in an adapter"), PROBE, Outcome.UNKNOWN, False),
        (KeyError("a mistake in an adapter"), NONE, Outcome.REJECTED, False),
        (MisconfiguredError("no such group"), PROBE, Outcome.AGAIN, False),
        (MisconfiguredError("no such group"), NONE, Outcome.AGAIN, False),
    ],
)
def test_every_error_has_its_outcome(error, idempotency, outcome, target_down):
    judgement = RetryPolicy(wait_fixed(7)).judge(claimed(), error, idempotency)

    assert (judgement.outcome, judgement.target_down) == (outcome, target_down)
    assert judgement.stop_target is isinstance(error, MisconfiguredError)
    assert judgement.what
    if outcome is Outcome.AGAIN:
        assert judgement.wait == 7
    if outcome is Outcome.UNKNOWN:
        assert judgement.wait > 7


@pytest.mark.parametrize("asked", [100_000.0, float("9" * 400)])
def test_nobody_keeps_us_waiting_for_more_than_a_day(asked):
    judgement = RetryPolicy(wait_fixed(7)).judge(claimed(), TransientError("busy", retry_after=asked), PROBE)

    assert judgement.wait == 24 * 3600


@pytest.mark.parametrize("error", [TransientError("busy"), MisconfiguredError("no such group")])
def test_what_could_not_even_be_looked_up_stays_unknown(error):
    assert RetryPolicy().judge(claimed(2, probe=True), error, PROBE).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("retry_after", "wait"), [(None, 7), (3, 7), (300, 300)])
def test_a_target_is_not_asked_sooner_than_it_said(retry_after, wait):
    error = TransientError("busy", retry_after=retry_after)
    assert RetryPolicy(wait_fixed(7)).judge(claimed(), error, PROBE).wait == wait


def test_waits_grow_with_chance_up_to_a_limit():
    policy = RetryPolicy()
    for attempt in (1, 3, 10, 400):
        waits = [policy.wait(attempt) for _ in range(200)]
        assert max(waits) <= min(2.0 ** (attempt - 1), LONGEST_WAIT.total_seconds())
        assert len(set(waits)) > 100


@pytest.mark.parametrize("error", [TransientError("busy"), UncertainError("lost"), TimeoutError()])
def test_nothing_is_tried_for_ever(error):
    policy = RetryPolicy()
    assert policy.judge(claimed(GIVE_UP_AFTER - 1), error, PROBE).outcome is not Outcome.REJECTED
    last = policy.judge(claimed(GIVE_UP_AFTER), error, PROBE)
    assert last.outcome is Outcome.REJECTED
    assert f"{GIVE_UP_AFTER} attempts" in last.what


def test_an_error_that_nobody_foresaw_soon_meets_a_person():
    policy = RetryPolicy()
    error = KeyError("an.peeters@voorbeeld.be")
    assert policy.judge(claimed(UNEXPECTED_LIMIT - 1), error, PROBE).outcome is Outcome.UNKNOWN
    last = policy.judge(claimed(UNEXPECTED_LIMIT), error, PROBE)
    assert last.outcome is Outcome.REJECTED
    assert "KeyError" in last.what
    assert "peeters" not in last.what


def test_an_agreed_pace_is_followed_to_its_end_and_then_a_person_looks():
    error = TransientError("busy", pace=(5, 300))

    judged = [RetryPolicy(wait_fixed(7)).judge(claimed(attempt), error, KEY) for attempt in (1, 2, 3)]

    assert [(one.outcome, one.wait) for one in judged[:2]] == [(Outcome.AGAIN, 5), (Outcome.AGAIN, 300)]
    assert judged[2].outcome is Outcome.REJECTED
    assert "given up after 3 attempts" in judged[2].what


def test_who_asks_for_more_time_than_agreed_gets_it():
    error = TransientError("busy", retry_after=60, pace=(5, 300))

    assert RetryPolicy(wait_fixed(7)).judge(claimed(1), error, KEY).wait == 60

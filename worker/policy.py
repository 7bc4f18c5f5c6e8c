"""What an error means for the next attempt. The one place that decides about retries.

Waits come from tenacity's strategies (exponential with full jitter) and are stored in the journal, so they
survive restarts. A target that said when to come back (`Retry-After`) is not asked sooner.
"""

from datetime import timedelta

import msgspec
from tenacity import RetryCallState, Retrying, wait_random_exponential
from tenacity.wait import wait_base

from journal.claims import Claimed
from journal.effects import Outcome
from journal.verdicts import NOBODY_KNOWS
from ports.errors import (
    MessageError,
    MisconfiguredError,
    NotOfferedError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.target import Idempotency

LONGEST_WAIT = timedelta(minutes=10)
GIVE_UP_AFTER = 500
"""Attempts (some three days at the longest wait) after which a person must look."""
NOBODY_CAN_TELL = "nobody can tell whether it was done: a person must look before it is repeated"
UNEXPECTED_LIMIT = 5
"""Attempts after which an error that no adapter foresaw is put before a person."""


class Judgement(msgspec.Struct, frozen=True):
    """What an attempt came to, for the journal. `wait` in seconds; `target_down` feeds the breaker.

    `error` is the class of the error, when it is another one than what was raised: the console groups failures
    by it.
    """

    outcome: Outcome
    what: str
    wait: float = 0.0
    target_down: bool = False
    stop_target: bool = False
    error: str = ""


class RetryPolicy:
    """Turns errors into judgements."""

    def __init__(self, wait: wait_base | None = None, settle: float = 3.0) -> None:
        self._wait = wait or wait_random_exponential(multiplier=1, max=LONGEST_WAIT.total_seconds())
        self._settle = settle
        self._retrying = Retrying(wait=self._wait)

    def judge(self, effect: Claimed, error: BaseException, idempotency: Idempotency) -> Judgement:
        """What happens next after this error. Sent or not, the worst is assumed unless the error says better."""
        if isinstance(error, RejectedError | MessageError):
            return Judgement(Outcome.REJECTED, error.what)
        if isinstance(error, NotOfferedError):
            return Judgement(Outcome.SKIPPED, error.what)
        if isinstance(error, MisconfiguredError):
            return Judgement(
                self._not_done(effect), error.what, wait=self.wait(effect.attempt), stop_target=True
            )
        pace = error.pace if isinstance(error, TransientError) else ()
        if effect.attempt >= (len(pace) + 1 if pace else GIVE_UP_AFTER):
            return Judgement(
                Outcome.REJECTED,
                f"given up after {effect.attempt} attempts: {_words(error)}",
                target_down=bool(pace),
            )
        if isinstance(error, TransientError):
            agreed = pace[effect.attempt - 1] if pace else self.wait(effect.attempt)
            wait = max(agreed, error.retry_after or 0.0)
            return Judgement(self._not_done(effect), error.what, wait=wait, target_down=True)
        return self._unknown(effect, error, idempotency)

    def wait(self, attempt: int) -> float:
        """Seconds before the attempt after this one."""
        state = RetryCallState(self._retrying, None, (), {})
        state.attempt_number = attempt
        return float(self._wait(state))

    def _unknown(self, effect: Claimed, error: BaseException, idempotency: Idempotency) -> Judgement:
        foreseen = isinstance(error, UncertainError | TimeoutError)
        if idempotency is Idempotency.NONE:
            return Judgement(
                Outcome.REJECTED,
                f"{NOBODY_CAN_TELL} ({_words(error)})",
                target_down=foreseen,
                error=NOBODY_KNOWS,
            )
        if not foreseen and effect.attempt >= UNEXPECTED_LIMIT:
            return Judgement(Outcome.REJECTED, f"an error that nobody foresaw: {_words(error)}")
        wait = self._settle + self.wait(effect.attempt)
        return Judgement(Outcome.UNKNOWN, _words(error), wait=wait, target_down=foreseen)

    @staticmethod
    def _not_done(effect: Claimed) -> Outcome:
        """This try did nothing; but an earlier one may have, if this one was only to look."""
        return Outcome.UNKNOWN if effect.probe else Outcome.AGAIN


def _words(error: BaseException) -> str:
    return getattr(error, "what", "") or type(error).__name__

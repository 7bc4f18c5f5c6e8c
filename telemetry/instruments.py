"""What one process counts and measures while it works, after Prometheus' conventions.

Counters are bound to their labels once, when a source or target is first met: the hot path adds to a number and
looks nothing up. What can be read from the journal (what waits, what is down) is not here but in
`console.metrics`, which reads it when somebody asks. `docs/operations/monitoring.md` explains every metric.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call] # twice the series, and nobody reads them

MESSAGES: Final = Counter(
    "wegwijzer_received_messages",
    "Messages handed over by a source, by what was done with them: accepted, duplicate, not_understood, "
    "refused (same id, other content), turned_away (the journal could not store).",
    ["source", "outcome"],
)
DOORS: Final = Counter(
    "wegwijzer_door_responses",
    "Answers of the doors (adapters that are called over HTTP), by status code.",
    ["adapter", "code"],
)
ATTEMPTS: Final = Counter(
    "wegwijzer_attempts",
    "Tries of effects that were recorded, by outcome: applied, rejected, unknown, again.",
    ["target", "outcome"],
)
RETRIES: Final = Counter("wegwijzer_retries", "Tries that were not the first of their effect.", ["target"])
EFFECTS: Final = Counter(
    "wegwijzer_effects",
    "Effects that ended in a worker's hands, by action and outcome: applied, parked.",
    ["target", "action", "outcome"],
)
ATTEMPT_SECONDS: Final = Histogram(
    "wegwijzer_attempt_duration_seconds",
    "How long a try of an effect took, the answer of the target included.",
    ["target"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
DELIVERY_SECONDS: Final = Histogram(
    "wegwijzer_delivery_duration_seconds",
    "From the moment that a message was accepted until its effect was applied.",
    ["target"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400),
)
COMMIT_WRITES: Final = Histogram(
    "wegwijzer_journal_commit_writes",
    "How many writes shared one durable commit.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
COMMIT_SECONDS: Final = Histogram(
    "wegwijzer_journal_commit_duration_seconds",
    "How long one group of writes took, its durable commit included.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
_QUEUE: Final = Gauge(
    "wegwijzer_journal_queue_length", "Reads and writes that wait for the journal of this process."
)


class SourceMeter:
    """What one source handed over."""

    def __init__(self, source: str) -> None:
        self.accepted = MESSAGES.labels(source, "accepted")
        self.duplicate = MESSAGES.labels(source, "duplicate")
        self.not_understood = MESSAGES.labels(source, "not_understood")
        self.refused = MESSAGES.labels(source, "refused")
        self.turned_away = MESSAGES.labels(source, "turned_away")


class TargetMeter:
    """What was tried towards one target. Outcomes are those of the journal's ledger."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._attempts = {
            outcome: ATTEMPTS.labels(target, outcome)
            for outcome in ("applied", "rejected", "unknown", "again")
        }
        self._retries = RETRIES.labels(target)
        self._attempt_seconds = ATTEMPT_SECONDS.labels(target)
        self._delivery_seconds = DELIVERY_SECONDS.labels(target)

    def tried(
        self, *, action: str, outcome: str, attempt: int, seconds: float, since_accepted: float
    ) -> None:
        """A try was recorded."""
        self._attempts[outcome].inc()
        self._attempt_seconds.observe(seconds)
        if attempt > 1:
            self._retries.inc()
        if outcome == "applied":
            _ended(self._target, action, "applied").inc()
            self._delivery_seconds.observe(max(0.0, since_accepted))
        elif outcome == "rejected":
            _ended(self._target, action, "parked").inc()


@cache
def source_meter(source: str) -> SourceMeter:
    """The meter of a source, made when it is first met. Sources are named by the configuration."""
    return SourceMeter(source)


@cache
def target_meter(target: str) -> TargetMeter:
    """The meter of a target, made when it is first met."""
    return TargetMeter(target)


@cache
def door_counter(adapter: str, code: int) -> Counter:
    """Answers of one door with one status."""
    return DOORS.labels(adapter, str(code))


def committed(writes: int, seconds: float) -> None:
    """A group of writes is durable."""
    COMMIT_WRITES.observe(writes)
    COMMIT_SECONDS.observe(seconds)


def watch_journal_queue(length: Callable[[], int]) -> None:
    """From now on, the queue of the journal is this long."""
    _QUEUE.set_function(length)


@cache
def _ended(target: str, action: str, outcome: str) -> Counter:
    return EFFECTS.labels(target, action, outcome)

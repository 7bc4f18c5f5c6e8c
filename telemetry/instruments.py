"""What one process counts and measures while it works, after Prometheus' conventions.

The hot path adds to plain numbers, found once per source and target; names, labels and text are put to them only when
somebody asks. Each meter is written by one thread. What can be read from the journal (what waits, what is down) is
not here but in `console.metrics`. `docs/operations/monitoring.md` explains every metric.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

ATTEMPT_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DELIVERY_BOUNDS: Final = (*ATTEMPT_BOUNDS, 60.0, 300.0, 1800.0, 7200.0, 86400.0)
COMMIT_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
WRITES_BOUNDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


class Spread:
    """How values are spread: how many lie up to each bound, and their sum."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.sum = 0.0
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)

    def add(self, value: float) -> None:
        """One more value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Each bound with how many lie up to it."""
        found: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            found.append((bound, total))
        return found


@dataclass(slots=True)
class SourceMeter:
    """What one source handed over, by what was done with it."""

    accepted: int = 0
    duplicate: int = 0
    not_understood: int = 0
    refused: int = 0
    turned_away: int = 0


@dataclass(slots=True)
class TargetMeter:
    """What was tried towards one target. Outcomes are those of the journal's ledger."""

    attempts: Counter[str] = field(
        default_factory=lambda: Counter({"applied": 0, "rejected": 0, "unknown": 0, "again": 0})
    )
    ended: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    retries: int = 0
    attempt_seconds: Spread = field(default_factory=lambda: Spread(ATTEMPT_BOUNDS))
    delivery_seconds: Spread = field(default_factory=lambda: Spread(DELIVERY_BOUNDS))

    def tried(self, action: str, outcome: str, attempt: int, seconds: float, since_accepted: float) -> None:
        """A try was recorded."""
        self.attempts[outcome] += 1
        self.attempt_seconds.add(seconds)
        if attempt > 1:
            self.retries += 1
        if outcome == "applied":
            self.ended[action, "applied"] += 1
            self.delivery_seconds.add(max(0.0, since_accepted))
        elif outcome == "rejected":
            self.ended[action, "parked"] += 1


class JournalMeter:
    """How the journal of this process writes."""

    def __init__(self) -> None:
        self.writes = Spread(WRITES_BOUNDS)
        self.seconds = Spread(COMMIT_BOUNDS)
        self.queue_length: Callable[[], int] = _nobody

    def committed(self, writes: int, seconds: float) -> None:
        """A group of writes is durable."""
        self.writes.add(writes)
        self.seconds.add(seconds)


def _nobody() -> int:
    return 0


JOURNAL: Final = JournalMeter()
DOORS: Final[Counter[tuple[str, int]]] = Counter()
"""Answers of the doors, by adapter and HTTP status."""

_SOURCES: Final[dict[str, SourceMeter]] = {}
_TARGETS: Final[dict[str, TargetMeter]] = {}


@cache
def source_meter(source: str) -> SourceMeter:
    """The meter of a source, made when it is first met. Sources are named by the configuration."""
    return _SOURCES.setdefault(source, SourceMeter())


@cache
def target_meter(target: str) -> TargetMeter:
    """The meter of a target, made when it is first met."""
    return _TARGETS.setdefault(target, TargetMeter())


class _Instruments(Collector):
    """Shows the numbers to Prometheus' library."""

    def collect(self) -> Iterable[Metric]:
        yield from _of_doors()
        yield from _of_targets()
        yield from _of_journal()


def _of_doors() -> Iterator[Metric]:
    yield _counter(
        "wegwijzer_received_messages",
        "Messages handed over by a source, by what was done with them: accepted, duplicate, not_understood, "
        "refused (same id, other content), turned_away (the journal could not store).",
        ("source", "outcome"),
        {
            (source, one.name): getattr(meter, one.name)
            for source, meter in _SOURCES.items()
            for one in fields(SourceMeter)
        },
    )
    yield _counter(
        "wegwijzer_door_responses",
        "Answers of the doors (adapters that are called over HTTP), by status code.",
        ("adapter", "code"),
        {(adapter, str(code)): count for (adapter, code), count in DOORS.items()},
    )


def _of_targets() -> Iterator[Metric]:
    yield _counter(
        "wegwijzer_attempts",
        "Tries of effects that were recorded, by outcome: applied, rejected, unknown, again.",
        ("target", "outcome"),
        {(name, how): count for name, one in _TARGETS.items() for how, count in one.attempts.items()},
    )
    yield _counter(
        "wegwijzer_retries",
        "Tries that were not the first of their effect.",
        ("target",),
        {(name,): one.retries for name, one in _TARGETS.items()},
    )
    yield _counter(
        "wegwijzer_effects",
        "Effects that ended in a worker's hands, by action and outcome: applied, parked.",
        ("target", "action", "outcome"),
        {(name, *what): count for name, one in _TARGETS.items() for what, count in one.ended.items()},
    )
    yield _histogram(
        "wegwijzer_attempt_duration_seconds",
        "How long a try of an effect took, the answer of the target included.",
        ("target",),
        {(name,): one.attempt_seconds for name, one in _TARGETS.items()},
    )
    yield _histogram(
        "wegwijzer_delivery_duration_seconds",
        "From the moment that a message was accepted until its effect was applied.",
        ("target",),
        {(name,): one.delivery_seconds for name, one in _TARGETS.items()},
    )


def _of_journal() -> Iterator[Metric]:
    yield _histogram(
        "wegwijzer_journal_commit_writes",
        "How many writes shared one durable commit.",
        (),
        {(): JOURNAL.writes},
    )
    yield _histogram(
        "wegwijzer_journal_commit_duration_seconds",
        "How long one group of writes took, its durable commit included.",
        (),
        {(): JOURNAL.seconds},
    )
    yield GaugeMetricFamily(
        "wegwijzer_journal_queue_length",
        "Reads and writes that wait for the journal of this process.",
        value=JOURNAL.queue_length(),
    )


def _counter(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for names, value in values.items():
        family.add_metric(names, value)
    return family


def _histogram(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], Spread]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=labels)
    for names, spread in values.items():
        family.add_metric(names, spread.buckets(), spread.sum)
    return family


REGISTRY.register(_Instruments())

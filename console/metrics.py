"""`/metrics` for Prometheus: what this process measured, and how the journal stands.

The journal's figures are the same whoever asks, so only processes with the role `scheduler` show them: sum or
maximum over processes stays right. `docs/operations/monitoring.md` explains every metric.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from console.readiness import Look, Process
from journal.journal import Journal
from journal.vitals import Vitals, vitals
from ports.errors import TransientError

FRESH: Final = 5.0
"""Seconds that the journal's figures count: many scrapers cost no more than one."""
JOURNAL_ROLE: Final = "scheduler"


class Metrics:
    """The page of one process. With a token only who sends it may read; "" lets everybody in (loopback)."""

    def __init__(self, journal: Journal, look: Look, *, token: str = "") -> None:
        self._journal = journal
        self._look = look
        self._token = token.encode()
        self._read_at = -FRESH
        self._vitals: Vitals | None = None

    async def page(self, request: Request) -> Response:
        """Text format 0.0.4; 401 without the token."""
        if not self._may_read(request.headers.get("authorization", "")):
            return PlainTextResponse(
                "send the metrics token as `Authorization: Bearer ...`\n",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        process = self._look()
        families = list(_of_process(process))
        if JOURNAL_ROLE in process.roles:
            families += _of_journal(await self._standing())
        return Response(generate_latest(REGISTRY) + _rendered(families), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _may_read(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        return not self._token or (
            scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)
        )

    async def _standing(self) -> Vitals | None:
        """None when the journal is away: its figures are then absent rather than old."""
        now = self._journal.clock.monotonic()
        if now - self._read_at >= FRESH:
            self._read_at = now
            self._vitals = await self._ask()
        return self._vitals

    async def _ask(self) -> Vitals | None:
        try:
            return await self._journal.database.read(
                lambda connection: vitals(connection, self._journal.clock.now())
            )
        except TransientError:
            return None


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _rendered(families: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Families(families))
    return generate_latest(registry)


def _of_process(process: Process) -> Iterator[Metric]:
    yield _gauge(
        "wegwijzer_build_info",
        "The version of the hub and of its configuration; always 1.",
        ("version", "config_version"),
        {(process.version, process.config_version): 1},
    )
    yield _gauge(
        "wegwijzer_role_info",
        "The roles of this process; always 1.",
        ("role",),
        {(role,): 1 for role in sorted(process.roles)},
    )
    yield _gauge(
        "wegwijzer_adapter_quarantined",
        "1 when an adapter could not start.",
        ("adapter",),
        {(name,): out for name, out in process.adapters.items()},
    )
    yield _gauge(
        "wegwijzer_listener_active",
        "1 in the process that listens to a source: the holder of its lease.",
        ("source",),
        {(name,): holds for name, holds in process.listening.items()},
    )
    yield GaugeMetricFamily(
        "wegwijzer_effects_in_flight", "Effects that this process tries now.", value=process.in_flight
    )
    yield GaugeMetricFamily(
        "wegwijzer_broker_reachable",
        "1 when this process reaches the broker.",
        value=float(process.broker_reachable),
    )
    yield CounterMetricFamily(
        "wegwijzer_broker_dropped_ids",
        "Ids left to the sweeper because the broker did not surely get them.",
        value=process.broker_dropped,
    )


def _of_journal(standing: Vitals | None) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "wegwijzer_journal_up", "1 when the journal answered this scrape.", value=float(standing is not None)
    )
    if standing is None:
        return
    yield _gauge(
        "wegwijzer_messages_open",
        "Messages that are not finished, by state: waiting, parked, quarantined.",
        ("source", "state"),
        standing.messages,
    )
    yield _gauge(
        "wegwijzer_effects_open",
        "Effects that are not finished, by state: waiting, parked.",
        ("target", "state"),
        standing.effects,
    )
    yield _gauge(
        "wegwijzer_oldest_waiting_seconds",
        "Age of the oldest effect that is due and not applied.",
        ("target",),
        {(name,): age for name, age in standing.oldest_waiting.items()},
    )
    yield from _of_systems(standing)
    yield _gauge(
        "wegwijzer_listener_lease_seconds",
        "Seconds left of the lease on a source; 0 when nobody listens.",
        ("source",),
        {(name,): left for name, left in standing.leases.items()},
    )
    yield GaugeMetricFamily(
        "wegwijzer_balance_unaccounted",
        "Messages and effects of the last two weeks that the balance does not account for; anything but 0 is a loss.",
        value=standing.unaccounted,
    )


def _of_systems(standing: Vitals) -> Iterator[Metric]:
    systems = standing.systems
    yield _gauge(
        "wegwijzer_system_paused",
        "1 when a person holds a system.",
        ("system",),
        {(one.name,): one.paused for one in systems},
    )
    yield _gauge(
        "wegwijzer_system_held",
        "1 when the circuit breaker of a system is open.",
        ("system",),
        {(one.name,): one.held for one in systems},
    )
    yield _gauge(
        "wegwijzer_system_failures",
        "Failures in a row of a system.",
        ("system",),
        {(one.name,): one.failures for one in systems},
    )
    yield GaugeMetricFamily(
        "wegwijzer_incidents_open", "Systems that are in an incident.", value=sum(one.down for one in systems)
    )


def _gauge(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for names, value in values.items():
        family.add_metric(names, float(value))
    return family

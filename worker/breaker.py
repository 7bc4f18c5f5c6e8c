"""A circuit breaker per target: an outage is one incident, not a thousand errors.

After some failures in a row the target is held; then one effect at a time tries, until one gets through. Of a target
that is seldom tried fewer will do, when they last. The state is in the journal, so all workers, and the lives of one
that dies, share it and people see it.
"""

from dataclasses import dataclass

from journal.instants import micros
from journal.journal import Journal
from journal.operations import Health, SystemState
from ports.clock import Clock

THRESHOLD = 5
FEW = 3
LASTING = 300.0
"""Seconds after which so few failures in a row are an outage too."""
FIRST_HOLD = 2.0
LONGEST_HOLD = 60.0


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    since: float = 0.0  # monotonic: the first of them
    open_until: float = 0.0  # monotonic
    paused: bool = False
    in_flight: int = 0


class Breakers:
    """What this worker may send where."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}

    def know(self, target: str) -> None:
        """Begin to watch a target."""
        self._circuits[target] = _Circuit()

    def held(self) -> frozenset[str]:
        """Targets to which nothing may go now."""
        return frozenset(filter(self.is_held, self._circuits))

    def is_held(self, target: str) -> bool:
        """Whether nothing may go there now."""
        circuit = self._circuits[target]
        return circuit.paused or (circuit.open_until > 0 and circuit.open_until > self._clock.monotonic())

    def cap(self, target: str, concurrency: int) -> int:
        """How many more of its effects may be tried now: one at a time while it is not known to be back."""
        circuit = self._circuits[target]
        return max(0, (1 if self._is_out(circuit) else concurrency) - circuit.in_flight)

    def began(self, target: str) -> None:
        """A try begins."""
        self._circuits[target].in_flight += 1

    def ended(self, target: str) -> None:
        """A try ended, however."""
        self._circuits[target].in_flight -= 1

    async def worked(self, target: str) -> None:
        """It answered. Written down only when that is news."""
        circuit = self._circuits[target]
        if circuit.failures:
            circuit.failures, circuit.open_until = 0, 0.0
            await self._journal.report(Health(target, ok=True))

    async def failed(self, target: str, what: str) -> None:
        """It did not answer; one failure too many holds it for a while."""
        circuit = self._circuits[target]
        if not circuit.failures:
            circuit.since = self._clock.monotonic()
        circuit.failures += 1
        hold = self._hold(circuit)
        if hold:
            circuit.open_until = self._clock.monotonic() + hold
        await self._journal.report(
            Health(target, ok=False, what=what, failures=circuit.failures, open_for=int(hold * 1e6))
        )

    async def stop(self, target: str, what: str) -> None:
        """It can't work until its configuration changes: hold it, tell once, look again once a minute."""
        circuit = self._circuits[target]
        circuit.failures = max(circuit.failures + 1, THRESHOLD)
        circuit.open_until = self._clock.monotonic() + LONGEST_HOLD
        await self._journal.report(
            Health(target, ok=False, what=what, failures=circuit.failures, open_for=int(LONGEST_HOLD * 1e6))
        )

    async def refresh(self) -> None:
        """Take over what people and other workers decided."""
        now = micros(self._clock.now())
        for state in await self._journal.system_states():
            if state.name in self._circuits:
                self._follow(self._circuits[state.name], state, now)

    def _follow(self, circuit: _Circuit, state: SystemState, now: int) -> None:
        circuit.paused = state.paused
        circuit.failures = state.failures
        circuit.since = self._clock.monotonic() - (now - state.failing_since) / 1e6
        left = (state.open_until - now) / 1e6
        circuit.open_until = self._clock.monotonic() + left if left > 0 else 0.0

    def _hold(self, circuit: _Circuit) -> float:
        if not self._is_out(circuit):
            return 0.0
        return min(LONGEST_HOLD, FIRST_HOLD * 2.0 ** min(max(0, circuit.failures - THRESHOLD), 10))

    def _is_out(self, circuit: _Circuit) -> bool:
        if circuit.failures < FEW:
            return False
        lasts = self._clock.monotonic() - circuit.since >= LASTING
        return lasts or circuit.failures >= THRESHOLD

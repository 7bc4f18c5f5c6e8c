"""Not more tries per second than a target can take."""

from ports.clock import Clock

BURST = 0.1
"""How much of a second's tries may come at once."""


class Pace:
    """A bucket of tries that fills with `rate` per second; 0 = no limit."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._largest = max(1.0, rate * BURST)
        self._left = self._largest
        self._filled_at = clock.monotonic()

    def room(self, wanted: int) -> int:
        """How many of these may begin now."""
        if not self._rate:
            return wanted
        now = self._clock.monotonic()
        self._left = min(self._largest, self._left + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return max(0, min(wanted, int(self._left)))

    def began(self) -> None:
        """One try begins."""
        self._left -= 1

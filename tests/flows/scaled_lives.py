"""Many short lives of a hub in which time goes by faster: like `tests.flows.lives`, with `clock` beside `hub.toml`.

What the hub writes down and compares (dates, leases, waits before another try, timers, terms) follows the scaled clock. Talking to
others takes as long as it takes: patience on a line, and the pauses between two looks at a source, are those of the machine.
"""

import sys
from pathlib import Path

import hub
from adapters.digitaal_vlaanderen import service
from adapters.digitaal_vlaanderen.oauth import AccessTokens
from adapters.website import signature
from ports.clock import SystemClock
from tests.flows import lives, scaled
from worker.alarm import Alarm
from worker.listeners import Listener
from worker.reconciler import Reconciler
from worker.scheduler import Scheduler

LOOKS = 0.05
"""Seconds between two rounds of whoever goes round."""


def hasten(clock: scaled.Scaled) -> None:
    """All hubs that begin in this process live by this clock."""
    hub.SystemClock = lambda: clock
    for runner in (Scheduler, Reconciler, Alarm):
        runner.run.__defaults__ = (LOOKS,)
    pause = Listener._pause

    async def shorter(self: Listener, seconds: float) -> None:
        await pause(self, max(0.02, seconds / clock.times))

    Listener._pause = shorter
    # Minutes within which something must arrive would be milliseconds: these two keep the machine's time.
    signature.TOLERANCE *= int(clock.times)
    service.AccessTokens = lambda log_in, _, **more: AccessTokens(log_in, SystemClock(), **more)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    hasten(scaled.read(Path(sys.argv[1]).with_name("clock")))
    lives.main()

"""Notifications that live in memory and obey the contract: for tests, training and what-if."""

from canonical_model.commands import Command, Notify, WithdrawNotice
from canonical_model.decision import Reference
from ports.clock import Clock, SystemClock
from ports.errors import HubError, NotSupportedError, RejectedError, UncertainError
from ports.notices import NOT_WANTED
from ports.opt_outs import OptOuts
from ports.target import Fetch, Idempotency


class MemoryNotices:
    """All promises and errors of `ports.notices.Notices`. `sent` is what arrived, by key, oldest first."""

    def __init__(self, opt_outs: OptOuts, clock: Clock | None = None) -> None:
        self.sent: dict[str, Notify] = {}
        self.failure: HubError | None = None
        self.loses_answers = 0
        self._opt_outs = opt_outs
        self._clock = clock or SystemClock()

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        if not isinstance(command, Notify | WithdrawNotice):
            raise NotSupportedError("notifications in memory tell of changes, and nothing else")
        if self.failure:
            raise self.failure
        if isinstance(command, WithdrawNotice):
            self.sent.pop(command.notice, None)
        elif not await self._send(key, command):
            return NOT_WANTED
        if self.loses_answers:
            self.loses_answers -= 1
            raise UncertainError("the answer of the notifications in memory was lost")
        return key

    async def find(self, key: str, command: Command) -> str | None:
        return key if key in self.sent else None

    async def _send(self, key: str, command: Notify) -> bool:
        numbers = command.party.identifiers
        if not numbers:
            raise RejectedError("the customer can't be reached by notification: no number")
        if command.expires and self._clock.now().date() > command.expires:
            raise RejectedError("it is no news any more")
        names = [Reference(system=one.scheme, value=one.value, exclusive=False) for one in numbers]
        if await self._opt_outs.opted_out(names):
            return False
        self.sent.setdefault(key, command)
        return True

"""A status board that lives in memory and obeys the contract: for tests, training and what-if."""

from dataclasses import dataclass

from canonical_model.case import CaseRef
from canonical_model.commands import Command, PublishStatus, WithdrawStatus
from ports.errors import HubError, NotSupportedError, RejectedError, UncertainError
from ports.standing import OutsideStanding
from ports.target import Fetch, Idempotency


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What was published under a key."""

    key: str
    command: PublishStatus


class MemoryBoard:
    """All promises and errors of `ports.board.StatusBoard`. `published` is what customers see, by case, oldest first."""

    def __init__(self) -> None:
        self.published: dict[CaseRef, list[Publication]] = {}
        self.failure: HubError | None = None
        self.loses_answers = 0

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        if not isinstance(command, PublishStatus | WithdrawStatus):
            raise NotSupportedError("the board in memory shows how cases stand, and nothing else")
        if self.failure:
            raise self.failure
        if isinstance(command, WithdrawStatus):
            self.published.pop(command.case, None)
        else:
            self._publish(key, command)
        if self.loses_answers:
            self.loses_answers -= 1
            raise UncertainError("the answer of the board in memory was lost")
        return key

    async def find(self, key: str, command: Command) -> str | None:
        return key if any(one.key == key for all_ in self.published.values() for one in all_) else None

    async def standing(self, case: CaseRef, outside_id: str) -> OutsideStanding | None:
        known = self.published.get(case)
        if not known:
            return None
        last = known[-1]
        return OutsideStanding(state=last.command.status, outside_id=last.key, at=last.command.changed_at)

    def _publish(self, key: str, command: PublishStatus) -> None:
        known = self.published.get(command.case, [])
        if any(one.key == key for one in known):
            return
        if not command.party.identifiers:
            raise RejectedError("the customer has no number by which the board in memory could show the case")
        if known and command.changed_at < known[-1].command.changed_at:
            raise RejectedError("the board in memory shows a later status already")
        self.published[command.case] = [*known, Publication(key=key, command=command)]

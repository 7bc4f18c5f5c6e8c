"""What a route decides: pure data that the journal writes down in one transaction with the message."""

from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from canonical_model.case import CaseRecord, CaseRef
from canonical_model.commands import Command
from canonical_model.message import Message
from canonical_model.standing import Standing
from canonical_model.value import Value


class Reference(Value, frozen=True, kw_only=True):
    """A name under which an outside system or person knows a case.

    The journal keeps a keyed hash of `value`; `shown` values are kept in the clear too (never personal data).
    An `exclusive` reference belongs to one case only, and the first one to claim it keeps it.
    """

    system: str
    value: str
    exclusive: bool = True
    shown: bool = False


class Sent(Value, frozen=True, kw_only=True):
    """Something of a case that went to a system, or may have. `outside_id` is "" where the answer is not known."""

    target: str
    action: str
    key: str
    outside_id: str = ""


class Match(Value, frozen=True, kw_only=True):
    """A case that the journal knows under one of the references that a route asked for.

    `standings`: how it stands in each outside system that was told of it. `asked_until` (UTC): what the tracker says
    of the status up to then was true before it did what the hub asked; None = nothing was asked. Read for news of the
    tracker only. `sent`: all that went out of it, oldest first; read for an erasure only. `noted_at` (UTC): when the reference was noted; None = just now, or the case's own number.
    """

    reference: Reference
    case: CaseRecord
    standings: tuple[Standing, ...] = ()
    asked_until: datetime | None = None
    noted_at: datetime | None = None
    sent: tuple[Sent, ...] = ()


class Known(Value, frozen=True, kw_only=True):
    """All that a route may know: the matches in the order asked, the next free reference, and the time (UTC).

    `recent_cases`: how many cases of the last 24 hours hang on one of the references that are not exclusive.
    """

    matches: tuple[Match, ...]
    next_ref: CaseRef
    now: datetime
    recent_cases: int = 0


ANSWER: Final = "answer-"
"""How the discriminators of intents begin that bring an answer to the customer."""

NO_ADDRESS: Final = "unreachable-"
"""How they begin when there was an answer, but no address to mail it to."""


AGAIN: Final = "again-"
"""How they begin when it was done before, but a system stands otherwise than it should."""


class Intent(Value, frozen=True, kw_only=True):
    """One intended action towards one system; becomes an effect.

    `discriminator` tells apart several actions of one kind on one case (which answer, which contact), so the
    same intention always gets the same key. `blocking`: while it is not settled, later actions of this case
    towards this system wait.
    """

    target: str
    command: Command
    discriminator: str = ""
    blocking: bool = True
    not_before: datetime | None = None


class Timer(Value, frozen=True, kw_only=True):
    """A date at which a `TimerFired` comes back; one per (case, name), a later one replaces it."""

    name: str
    due: datetime
    round: int = 0


class WorkItem(Value, frozen=True, kw_only=True):
    """Something that a person must look into; one per (case, name), shown to the contact centre until it is done.

    `what` is for people, in Dutch, and never holds personal data.
    """

    name: str
    what: str


class Fate(StrEnum):
    """What becomes of a message."""

    ROUTED = "routed"
    DROPPED = "dropped"
    QUARANTINED = "quarantined"


class Decision(Value, frozen=True, kw_only=True):
    """The outcome of routing one message. `reason` is for people and never holds personal data.

    `case` is the case's new index entry (opened or changed); `rule` names the dispatch rule that matched;
    `finished_items` names work items that need nobody any more. `outlives_case`: its intents hold nothing personal and
    are carried out even when the case is erased meanwhile.
    """

    fate: Fate
    reason: str
    case: CaseRecord | None = None
    intents: tuple[Intent, ...] = ()
    references: tuple[Reference, ...] = ()
    timers: tuple[Timer, ...] = ()
    cancelled_timers: tuple[str, ...] = ()
    standings: tuple[Standing, ...] = ()
    work_items: tuple[WorkItem, ...] = ()
    finished_items: tuple[str, ...] = ()
    rule: str = ""
    outlives_case: bool = False


class Settled(Value, frozen=True, kw_only=True):
    """An effect came to an end, at `at` (UTC). `outside_id` is the target's own id; `action` the command's wire name.

    `refused` is the command itself when the target refused it, or settled it because the customer does not want it.
    """

    target: str
    action: str
    key: str
    applied: bool
    at: datetime
    outside_id: str = ""
    reason: str = ""
    refused: Command | None = None


class Router(Protocol):
    """The routes as the journal sees them. Pure: same arguments, same answer; no I/O."""

    def references(self, message: Message) -> tuple[Reference, ...]:
        """Under which names the case of this message may be known, best evidence first."""
        ...

    def decide(self, message: Message, known: Known) -> Decision:
        """What to do with a message."""
        ...

    def after(self, settled: Settled, case: CaseRecord) -> Decision | None:
        """What to do now that an effect ended; None = nothing."""
        ...

"""Error cards: each kind of failure says in plain words what happened, who must act, and what helps."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from journal.reading.failures import FailureCard


class Party(StrEnum):
    """Who must act."""

    SENDER = "sender"
    SYSTEM = "system"
    ADMINISTRATOR = "administrator"
    INTEGRATOR = "integrator"
    TRIAGE = "triage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """`code` names the texts `remedy.<code>.title`, `.cause` and `.todo`."""

    code: str
    who: Party


REMEDIES: Final[Mapping[str, Remedy]] = {
    "RejectedError": Remedy(code="refused", who=Party.SYSTEM),
    "MisconfiguredError": Remedy(code="misconfigured", who=Party.ADMINISTRATOR),
    "TransientError": Remedy(code="unreachable", who=Party.SYSTEM),
    "UncertainError": Remedy(code="uncertain", who=Party.ADMINISTRATOR),
    "NotUnderstoodError": Remedy(code="not_understood", who=Party.SENDER),
    "NotSupportedError": Remedy(code="not_supported", who=Party.INTEGRATOR),
    "WorkerDied": Remedy(code="worker_died", who=Party.ADMINISTRATOR),
    "Erased": Remedy(code="erased", who=Party.ADMINISTRATOR),
    "SealBroken": Remedy(code="seal_broken", who=Party.ADMINISTRATOR),
    "route": Remedy(code="route", who=Party.INTEGRATOR),
}
TRIAGE: Final = Remedy(code="triage", who=Party.TRIAGE)


def remedy_for(error: str) -> Remedy:
    """The card of an error class; one that nobody described yet goes to triage."""
    return REMEDIES.get(error, TRIAGE)


def by_remedy(cards: tuple[FailureCard, ...]) -> tuple[tuple[Remedy, tuple[FailureCard, ...]], ...]:
    """Cards together when the same party has to do the same; the largest group first."""
    groups: dict[str, list[FailureCard]] = {}
    for card in cards:
        groups.setdefault(remedy_for(card.error).code, []).append(card)
    found = [(remedy_for(members[0].error), tuple(members)) for members in groups.values()]
    return tuple(sorted(found, key=lambda group: -sum(card.count for card in group[1])))


def errors_of(code: str) -> tuple[tuple[str, ...], bool]:
    """The classes of errors under a card; True with it = all classes but these (the card of what nobody knows)."""
    if code == TRIAGE.code:
        return tuple(REMEDIES), True
    return tuple(error for error, remedy in REMEDIES.items() if remedy.code == code), False

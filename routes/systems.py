"""What an existing system hears about the cases that it brought: their fate in the tracker, and every step after it."""

from datetime import datetime
from functools import lru_cache

from canonical_model.case import CaseRecord
from canonical_model.commands import News, TellSystem
from canonical_model.decision import Intent, Settled
from canonical_model.events import CaseChanged
from routes.configuration import RouteConfiguration


@lru_cache(maxsize=1024)
def told_of(origin: str, informed: frozenset[str]) -> tuple[str, ...]:
    """Who hears of cases of this source: its adapter instance, the source itself, and every further way to it.

    Systems that share an instance ("api/kassa") are told apart, so that one that is away holds up no other.
    """
    instance = origin.partition("/")[0]
    return tuple(
        name for name in sorted(informed) if name in (instance, origin) or name.startswith(f"{origin}/")
    )


def opening_told(settled: Settled, case: CaseRecord, configuration: RouteConfiguration) -> tuple[Intent, ...]:
    """The business outcome: the tracker has it, or refuses it."""
    if settled.applied:
        return _told(case, News.ACCEPTED, "accepted", settled.at, configuration)
    return _told(
        case, News.REFUSED, f"refused-{settled.at:%Y%m%d%H%M%S}", settled.at, configuration, settled.reason
    )


def change_told(
    before: CaseRecord, now: CaseRecord, change: CaseChanged, configuration: RouteConfiguration
) -> tuple[Intent, ...]:
    """Each answer once, and the new status when it is new."""
    told: tuple[Intent, ...] = ()
    for each in change.answers:
        told += _told(now, News.ANSWERED, f"answer-{each.key}", each.at, configuration, each.text)
    return told + status_told(before, now, f"status-{change.version}", change.changed_at, configuration)


def status_told(
    before: CaseRecord, now: CaseRecord, discriminator: str, at: datetime, configuration: RouteConfiguration
) -> tuple[Intent, ...]:
    """The new status, when it is new."""
    if now.status is before.status:
        return ()
    return _told(now, News.CHANGED, discriminator, at, configuration)


def _told(
    case: CaseRecord,
    news: News,
    discriminator: str,
    at: datetime,
    configuration: RouteConfiguration,
    text: str = "",
) -> tuple[Intent, ...]:
    targets = told_of(case.origin, configuration.informed)
    if not targets:
        return ()
    command = TellSystem(
        origin=case.origin,
        origin_ref=case.origin_ref,
        case=case.ref,
        news=news,
        status=case.status,
        text=text,
        at=at,
    )
    return tuple(Intent(target=target, command=command, discriminator=discriminator) for target in targets)

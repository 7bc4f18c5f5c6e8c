"""A case is erased: what the authorities' systems show of it goes as well."""

from canonical_model.commands import WithdrawNotice, WithdrawStatus
from canonical_model.decision import Decision, Fate, Intent, Known
from canonical_model.events import CaseErased
from canonical_model.public_status import PublicStatus
from canonical_model.standing import Standing
from routes.configuration import RouteConfiguration
from routes.standings import standing_of

_REASON = "erased"


def decide(event: CaseErased, known: Known, configuration: RouteConfiguration) -> Decision:
    """Withdraw it from the status board and the notification service; nothing where it never stood."""
    match = next(iter(known.matches), None)
    if match is None:
        return Decision(fate=Fate.DROPPED, reason=f"{event.case} is not known")
    shown = [
        standing_of(name, match.standings) for name in (configuration.board, configuration.notices) if name
    ]
    there = [standing for standing in shown if standing and standing.state != PublicStatus.WITHDRAWN]
    return Decision(
        fate=Fate.ROUTED,
        reason=f"{match.case.ref}: erased; withdrawn from {', '.join(one.system for one in there) or 'nowhere else'}",
        case=match.case,
        intents=tuple(_withdrawal(one, event, configuration) for one in there),
        standings=tuple(
            Standing(system=one.system, state=PublicStatus.WITHDRAWN, at=known.now) for one in there
        ),
        outlives_case=True,
    )


def _withdrawal(standing: Standing, event: CaseErased, configuration: RouteConfiguration) -> Intent:
    if standing.system == configuration.board:
        command = WithdrawStatus(case=event.case, reason=_REASON)
        return Intent(target=standing.system, command=command, discriminator=_REASON)
    notice = WithdrawNotice(case=event.case, notice=standing.outside_id)
    return Intent(target=standing.system, command=notice, discriminator=_REASON, blocking=False)

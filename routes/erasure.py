"""A case is erased: everybody who got something of it is asked to forget it, and what no message can do a person does.

What goes by message: the status board, every notification, every work order. The tracker, mailboxes and the systems that
brought the case have their own lists of what is kept how long: a work item for each says what is to be done there.
"""

from typing import Final

from canonical_model.case import CaseRecord
from canonical_model.commands import ForgetWork, WithdrawNotice, WithdrawStatus
from canonical_model.decision import Decision, Fate, Intent, Known, Match, Sent, Settled, WorkItem
from canonical_model.events import CaseErased
from canonical_model.public_status import PublicStatus
from canonical_model.standing import Standing
from routes import field_work
from routes.configuration import RouteConfiguration
from routes.letters import MAIL
from routes.standings import last_order, standing_of
from routes.targets import TRACKER

REASON: Final = "erased"
"""How the discriminators of what an erasure asks begin."""
ITEM: Final = "erased-"
"""How the names of work items begin that say where a person must erase by hand."""
ACTIONS: Final = frozenset({"withdraw_status", "withdraw_notice", "forget_work"})
"""What is asked of others."""
_INFORMED: Final = "informed"
_BY_HAND: Final = {
    TRACKER: "De zaak is gewist: wis ze ook in de tracker.",
    MAIL: "De zaak is gewist: wis de mails ervan in de postvakken (verwerkt en verzonden).",
}
_UNDER_WAY: Final = (
    "De zaak werd gewist terwijl een ploeg ermee bezig was: spreek af of het werk nog moet gebeuren."
)


def decide(event: CaseErased, known: Known, configuration: RouteConfiguration) -> Decision:
    """Ask each of them once for each thing that it got; nothing where the case never was."""
    match = next(iter(known.matches), None)
    if match is None:
        return Decision(fate=Fate.DROPPED, reason=f"{event.case} is not known")
    asked = [intent for sent in match.sent if (intent := _asked(sent, match))]
    intents = tuple({(one.target, one.discriminator): one for one in asked}.values())
    told = ", ".join(sorted({one.target for one in intents})) or "nobody else"
    return Decision(
        fate=Fate.ROUTED,
        reason=f"{match.case.ref}: erased; to be forgotten by {told}",
        case=match.case,
        intents=intents,
        standings=tuple(
            Standing(system=one.system, state=PublicStatus.WITHDRAWN, at=known.now)
            for name in (configuration.board, configuration.notices)
            if (one := standing_of(name, match.standings))
        ),
        work_items=_by_hand(match, configuration),
        outlives_case=True,
    )


def after(settled: Settled, case: CaseRecord) -> Decision | None:
    """One of them did not forget it: a person must see to it."""
    if settled.applied or not settled.key.rpartition("/")[2].startswith(REASON):
        return None
    what = f"De zaak is gewist, maar {settled.target} wist niet wat het ervan heeft: doe het daar zelf, of laat het doen."
    item = WorkItem(name=f"{ITEM}{settled.target}", what=what)
    return Decision(fate=Fate.ROUTED, reason="", case=case, work_items=(item,))


def _asked(sent: Sent, match: Match) -> Intent | None:
    case, step = match.case.ref, sent.key.rpartition("/")[2]
    match sent.action:
        case "publish_status" if not _is_withdrawn(sent.target, match):
            return Intent(
                target=sent.target,
                command=WithdrawStatus(case=case, reason=REASON),
                discriminator=REASON,
            )
        case "notify":
            notice = WithdrawNotice(case=case, notice=sent.outside_id or sent.key)
            return Intent(
                target=sent.target, command=notice, discriminator=f"{REASON}-{step}", blocking=False
            )
        case "order_work" if trip := field_work.trip_in(sent.key):
            forget = ForgetWork(case=case, trip=trip, outside_id=sent.outside_id)
            return Intent(target=sent.target, command=forget, discriminator=f"{REASON}-trip-{trip}")
        case _:
            return None


def _is_withdrawn(board: str, match: Match) -> bool:
    standing = standing_of(board, match.standings)
    return standing is not None and standing.state == PublicStatus.WITHDRAWN


def _by_hand(match: Match, configuration: RouteConfiguration) -> tuple[WorkItem, ...]:
    told = {sent.target for sent in match.sent}
    items = [
        WorkItem(name=f"{ITEM}{target}", what=what) for target, what in _BY_HAND.items() if target in told
    ]
    if systems := sorted({sent.target for sent in match.sent if sent.action == "tell_system"}):
        what = f"De zaak is gewist: laat wissen wat deze systemen ervan hoorden: {', '.join(systems)}."
        items.append(WorkItem(name=f"{ITEM}{_INFORMED}", what=what))
    if field_work.is_under_way(last_order(match.standings, configuration)):
        items.append(WorkItem(name=field_work.ITEM, what=_UNDER_WAY))
    return tuple(items)

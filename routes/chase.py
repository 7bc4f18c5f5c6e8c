"""Process Manager, last line: a case that nobody answers is chased, first at its group, then at the KCC."""

from canonical_model.case import CaseRecord
from canonical_model.commands import AddNote
from canonical_model.contact import Kind
from canonical_model.decision import Decision, Fate, Intent, Known, Timer
from canonical_model.events import TimerFired
from canonical_model.message import MessageId
from canonical_model.status import OPEN
from routes.calendar import working_days_later
from routes.configuration import RouteConfiguration, Terms
from routes.letters import reminder
from routes.targets import TRACKER

CHASE = "chase"
"""Name of the timer that watches a case until it is answered."""


def chase_timer(kind: Kind, known: Known, terms: Terms) -> Timer:
    """When an answer should be there."""
    return Timer(name=CHASE, due=working_days_later(known.now, _term(kind, terms)))


def decide(
    timer: TimerFired, message_id: MessageId, known: Known, configuration: RouteConfiguration
) -> Decision:
    """Remind, and note down when to look again; an answered case is left in peace."""
    case = next((match.case for match in known.matches), None)
    if case is None:
        return Decision(fate=Fate.DROPPED, reason=f"a timer for {timer.case}, which is gone")
    if case.status not in OPEN:
        return Decision(fate=Fate.ROUTED, reason=f"{case.ref}: answered meanwhile", case=case)
    again = Timer(
        name=CHASE,
        round=timer.round + 1,
        due=working_days_later(known.now, configuration.dispatch.terms.reminder),
    )
    whom = case.group if timer.round == 0 else configuration.dispatch.default
    return Decision(
        fate=Fate.ROUTED,
        reason=f"{case.ref}: reminder {timer.round + 1}, to {whom}",
        case=case,
        intents=_reminders(case, whom, timer.round, message_id, configuration),
        timers=(again,),
    )


def _reminders(
    case: CaseRecord, whom: str, turn: int, message_id: MessageId, configuration: RouteConfiguration
) -> tuple[Intent, ...]:
    note = AddNote(case=case.ref, text=f"Herinnering {turn + 1}: dit dossier wacht op antwoord.")
    intents = [Intent(target=TRACKER, command=note, discriminator=f"reminder-{message_id}", blocking=False)]
    address = next((group.email for group in configuration.dispatch.group if group.name == whom), "")
    if address:
        text = "reminder" if turn == 0 else "escalation"
        intents.append(reminder(case, address, text, message_id, configuration))
    return tuple(intents)


def _term(kind: Kind, terms: Terms) -> int:
    match kind:
        case Kind.QUESTION:
            return terms.question
        case Kind.REPORT:
            return terms.report
        case Kind.SUGGESTION:
            return terms.suggestion
        case Kind.COMPLAINT:
            return terms.complaint

"""Take back and give to another group: what was begun for the case outside is called off, and everybody is told once."""

from msgspec.structs import replace

from canonical_model.case import CaseRecord
from canonical_model.commands import AddNote, ChangeCase, WithdrawNotice
from canonical_model.decision import Decision, Fate, Intent, Known
from canonical_model.events import CaseRedispatched
from canonical_model.message import MessageId
from canonical_model.public_status import PublicStatus, public_status
from canonical_model.standing import Standing
from canonical_model.status import OPEN, CaseStatus
from routes import field_work, letters, silence
from routes.chase import chase_timer
from routes.configuration import RouteConfiguration
from routes.dispatch import crew_of
from routes.standings import last_order, order_after, standing_of, state_of
from routes.status_to_customer import Step, Told, tell
from routes.systems import status_told
from routes.targets import TRACKER


def decide(
    event: CaseRedispatched, message_id: MessageId, known: Known, configuration: RouteConfiguration
) -> Decision:
    """The effects of a move. A closed case is opened again by it; the same move twice changes nothing."""
    match = next(iter(known.matches), None)
    if match is None:
        return Decision(fate=Fate.DROPPED, reason=f"{event.case} is not known")
    case = match.case
    if event.group == case.group:
        return Decision(fate=Fate.ROUTED, reason=f"{case.ref} is with {case.group} already", case=case)
    now = replace(case, group=event.group, status=CaseStatus.IN_PROGRESS)
    order = last_order(match.standings, configuration)
    told = (
        field_work.called_off(order, case, "toegewezen aan een andere dienst", known.now)
        + _notice_withdrawn(case, match.standings, message_id, configuration)
        + _work_ordered(now, order, known, configuration)
        + _status(now, match.standings, message_id, known, configuration)
        + _customer(event, now, message_id, configuration)
    )
    waits_for = state_of(order_after(order, told.standings, configuration))
    watch = silence.watch(now, waits_for, known, configuration)
    return Decision(
        fate=Fate.ROUTED,
        reason=f"{case.ref}: taken back from {case.group}, to {event.group}",
        case=now,
        intents=(
            *_in_tracker(event, case, message_id),
            *told.intents,
            *_groups_told(case, now, message_id, configuration),
            *status_told(case, now, f"move-{message_id}", known.now, configuration),
        ),
        references=told.references,
        standings=told.standings,
        timers=(*watch.timers, chase_timer(case.kind, known, configuration.dispatch.terms)),
        cancelled_timers=watch.cancelled,
        finished_items=(field_work.ITEM, *watch.finished),
    )


def _in_tracker(event: CaseRedispatched, case: CaseRecord, message_id: MessageId) -> tuple[Intent, ...]:
    text = f"Van {case.group} naar {event.group} door het KCC: {event.reason}"
    move = ChangeCase(case=case.ref, group=event.group, status=CaseStatus.IN_PROGRESS)
    note = AddNote(case=case.ref, text=text)
    return (  # the note last: what the tracker tells of it has the new group in it
        Intent(target=TRACKER, command=move, discriminator=f"move-{message_id}"),
        Intent(target=TRACKER, command=note, discriminator=f"move-{message_id}", blocking=False),
    )


def _notice_withdrawn(
    case: CaseRecord,
    standings: tuple[Standing, ...],
    message_id: MessageId,
    configuration: RouteConfiguration,
) -> Told:
    notice = standing_of(configuration.notices, standings)
    if notice is None or notice.state == PublicStatus.WITHDRAWN:
        return Told()
    command = WithdrawNotice(case=case.ref, notice=notice.outside_id)
    return Told(
        intents=(
            Intent(
                target=notice.system,
                command=command,
                discriminator=f"move-{message_id}",
                blocking=False,
            ),
        ),
        standings=(Standing(system=notice.system, state=PublicStatus.WITHDRAWN, at=notice.at),),
    )


def _work_ordered(
    now: CaseRecord, order: Standing | None, known: Known, configuration: RouteConfiguration
) -> Told:
    ended = replace(order, state="cancelled") if order else None
    return field_work.ordered(now, crew_of(now, configuration.dispatch), ended, known.now)


def _status(
    now: CaseRecord,
    standings: tuple[Standing, ...],
    message_id: MessageId,
    known: Known,
    configuration: RouteConfiguration,
) -> Told:
    step = Step(name=f"move-{message_id}", status=public_status(now.status), at=known.now)
    return tell(now, step, standings, configuration)


def _customer(
    event: CaseRedispatched, now: CaseRecord, message_id: MessageId, configuration: RouteConfiguration
) -> Told:
    if not event.tell_customer or not now.card.party.email:
        return Told()
    letter = letters.moved(now, f"moved-{message_id}", configuration)
    return Told(intents=(letter,), references=(letters.sent(letter),))


def _groups_told(
    before: CaseRecord, now: CaseRecord, message_id: MessageId, configuration: RouteConfiguration
) -> tuple[Intent, ...]:
    """The old group hears it when it had the case open, the new one always."""
    addresses = {group.name: group.email for group in configuration.dispatch.group}
    told = (("taken_back", before),) if before.status in OPEN else ()
    return tuple(
        letters.reminder(case, addresses[case.group], text, f"{text}-{message_id}", configuration)
        for text, case in (*told, ("handed_over", now))
        if addresses.get(case.group)
    )

"""Work on site: a report goes out to a field team, and what the team does comes back to handlers and customer.

Nothing is called done on somebody's word alone: without a text or a photo of the work, a person looks first.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from canonical_model.case import CaseRecord
from canonical_model.commands import AddNote, CancelWork, ChangeCase, OrderWork
from canonical_model.contact import Language
from canonical_model.decision import Decision, Fate, Intent, Known, Reference, Settled, WorkItem
from canonical_model.events import WorkOrderChanged, WorkShown
from canonical_model.message import MessageId
from canonical_model.public_status import PublicStatus, public_status
from canonical_model.standing import Standing
from canonical_model.status import OPEN, CaseStatus
from canonical_model.work_order import ENDED, MOST_TRIPS, OrderState, WorkOrder, order_id
from routes import silence
from routes.chase import CHASE
from routes.configuration import RouteConfiguration
from routes.standings import DIFFERENCE, last_order, standing_of, state_of
from routes.status_to_customer import Step, Told, tell
from routes.systems import status_told
from routes.targets import TRACKER

_SHOWN = {
    Language.NL: "foto van de uitvoering",
    Language.FR: "photo des travaux",
    Language.EN: "photo of the work",
    Language.DE: "Foto der Arbeiten",
}
_NOT_SHOWN = {
    Language.NL: "zonder foto van de uitvoering",
    Language.FR: "sans photo des travaux",
    Language.EN: "without a photo of the work",
    Language.DE: "ohne Foto der Arbeiten",
}
_PHOTOS = "photos-of-work"
_TRIP: Final = re.compile(r"trip-(?P<trip>[0-9]{1,2})")
_ENDED_BADLY = {
    OrderState.CANCELLED: "De ploeg voert de werkopdracht niet uit",
    OrderState.NOT_FOUND: "De ploeg vond ter plaatse niet wat gemeld werd",
}
ITEM = "field-work"
"""Name of the work item that asks somebody to look at what became of an order."""


def is_under_way(order: Standing | None) -> bool:
    """Whether a field team may still be at it."""
    return order is not None and OrderState(order.state) not in ENDED


def ordered(case: CaseRecord, crew: str, order: Standing | None, at: datetime) -> Told:
    """A work order for this team, on its next trip; nothing while one is under way or nothing is known of the place."""
    trip = order.trip + 1 if order else 1
    work = case.card.field_work
    if not crew or work is None or is_under_way(order) or trip > MOST_TRIPS:
        return Told()
    command = OrderWork(
        order=WorkOrder(
            case=case.ref,
            trip=trip,
            subject=case.card.subject,
            description=work.description,
            category=case.category,
            group=case.group,
            location=work.location,
            attachments=work.attachments,
            due=case.due,
        )
    )
    return Told(
        intents=(Intent(target=crew, command=command, discriminator=f"trip-{trip}"),),
        standings=(Standing(system=crew, state=OrderState.ORDERED, trip=trip, at=at),),
    )


def called_off(order: Standing | None, case: CaseRecord, reason: str, at: datetime) -> Told:
    """The team need not come any more; nothing when none is under way."""
    if order is None or not is_under_way(order):
        return Told()
    command = CancelWork(case=case.ref, trip=order.trip, outside_id=order.outside_id, reason=reason)
    return Told(
        intents=(Intent(target=order.system, command=command, discriminator=f"trip-{order.trip}"),),
        standings=(Standing(system=order.system, state=OrderState.CANCELLED, at=at),),
    )


def trip_in(key: str) -> int | None:
    """On which trip the order is that this effect sends or calls off."""
    found = _TRIP.search(key.rpartition("/")[2])
    return int(found["trip"]) if found else None


def references(news: WorkOrderChanged | WorkShown) -> tuple[Reference, ...]:
    """Under which names the case of this order may be known; of a completion, also whether photos of it were shown."""
    own = (Reference(system="case", value=news.case),) if news.case else ()
    done = isinstance(news, WorkOrderChanged) and news.state is OrderState.DONE
    return (*own, Reference(system=news.system, value=news.outside_id), *((_shown(news),) if done else ()))


def shown(
    photos: WorkShown, message_id: MessageId, known: Known, configuration: RouteConfiguration
) -> Decision:
    """Photos that came by themselves: for the handlers at once, and evidence for a completion, before or after it."""
    match = next(iter(known.matches), None)
    order = standing_of(photos.system, match.standings) if match else None
    change = WorkOrderChanged(
        system=photos.system,
        outside_id=photos.outside_id,
        case=photos.case,
        trip=photos.trip,
        update=photos.update,
        state=state_of(order) or OrderState.ORDERED,
        at=photos.at,
        evidence=photos.evidence,
    )
    decision = decide(change, message_id, known, configuration)
    if decision.case is None:
        return decision
    return replace(decision, references=(*decision.references, _shown(photos)))


def _shown(news: WorkOrderChanged | WorkShown) -> Reference:
    return Reference(system=_PHOTOS, value=f"{news.system}/{news.outside_id}")


def decide(
    change: WorkOrderChanged, message_id: MessageId, known: Known, configuration: RouteConfiguration
) -> Decision:
    """What follows from news of a field team. What is older than what is known only becomes a note."""
    change = replace(change, at=min(change.at, known.now))  # their clock may be ahead
    if change.state is OrderState.DONE and not _is_proven(change) and _were_shown(known):
        change = replace(change, text=_SHOWN[Language.NL])
    match = next(iter(known.matches), None)
    if match is None:
        return Decision(
            fate=Fate.DROPPED,
            reason=f"{change.system} tells of an order {change.outside_id} that is not ours",
        )
    case, order = match.case, standing_of(change.system, match.standings)
    if order is None or _is_old(change, order, case):
        return _late(change, case, order, message_id)
    if _is_unwanted(change, order, match.standings, configuration):
        what = f"{change.system} meldt '{_IN_WORDS[change.state]}' voor werk dat afgezegd is: spreek de ploeg aan."
        late = _late(change, case, order, message_id)
        return replace(late, work_items=(WorkItem(name=ITEM, what=what),))
    news = _News(change, case, match.standings, message_id, known, configuration)
    return news.decision()


def after(settled: Settled, case: CaseRecord) -> Decision:
    """An order or its cancellation reached the team, or it did not: then somebody must talk to the team."""
    if settled.applied:
        named = (Reference(system=settled.target, value=settled.outside_id, shown=True),)
        return Decision(
            fate=Fate.ROUTED,
            reason="",
            case=case,
            standings=(Standing(system=settled.target, outside_id=settled.outside_id, at=settled.at),),
            references=named if settled.outside_id and settled.action == "order_work" else (),
        )
    item = WorkItem(name=ITEM, what=_not_told(settled, case))
    return Decision(fate=Fate.ROUTED, reason="", case=case, work_items=(item,))


def _not_told(settled: Settled, case: CaseRecord) -> str:
    if settled.action == "order_work":
        return f"{settled.target} weigert de werkopdracht: spreek de ploeg zelf aan."
    name = order_id(case.ref, trip_in(settled.key) or 1)
    return f"De werkopdracht {name} bij {settled.target} kon niet worden ingetrokken: bel de ploeg en noem dat nummer."


def _is_old(change: WorkOrderChanged, order: Standing, case: CaseRecord) -> bool:
    if change.trip and change.trip != order.trip:
        return change.trip < order.trip
    if not change.trip and change.outside_id != order.outside_id and (order.outside_id or order.trip > 1):
        return True  # of an earlier trip
    if order.state == change.state:
        evidence_follows = change.state is OrderState.DONE and _is_proven(change) and case.status in OPEN
        return not evidence_follows
    if order.state == OrderState.ORDERED or change.state in ENDED:
        return False
    return change.at < order.at or (OrderState(order.state) in ENDED and change.at == order.at)


def _is_unwanted(
    change: WorkOrderChanged,
    order: Standing,
    standings: tuple[Standing, ...],
    configuration: RouteConfiguration,
) -> bool:
    """Whether this team was called off, or another one has the work now."""
    last = last_order(standings, configuration) or order
    goes_on = order.state == OrderState.CANCELLED and change.state not in ENDED
    return goes_on or last.trip > order.trip


def _were_shown(known: Known) -> bool:
    """Whether photos of this order came before: the handlers have them already."""
    return any(match.reference.system == _PHOTOS for match in known.matches)


def _is_proven(change: WorkOrderChanged) -> bool:
    return bool(change.text.strip() or change.evidence)


def _late(
    change: WorkOrderChanged, case: CaseRecord, order: Standing | None, message_id: MessageId
) -> Decision:
    note = _note(change, case, order, message_id) if change.text or change.evidence else ()
    return Decision(
        fate=Fate.ROUTED,
        reason=f"{case.ref}: nothing newer than what is known of its order",
        case=case,
        intents=note,
    )


def _note(
    change: WorkOrderChanged, case: CaseRecord, order: Standing | None, message_id: MessageId
) -> tuple[Intent, ...]:
    text = f"De ploeg ({change.system}) meldt: {_IN_WORDS[change.state]}."
    if change.text:
        text += f"\n\n{change.text}"
    note = AddNote(case=case.ref, text=text, attachments=change.evidence)
    name = _name_of_words(change, order, text) if change.text or change.evidence else message_id
    return (Intent(target=TRACKER, command=note, discriminator=f"order-{name}", blocking=False),)


def _name_of_words(change: WorkOrderChanged, order: Standing | None, text: str) -> str:
    """The same words and photos of one trip are noted once: the crew's call-back may come after they were asked for."""
    trip = change.trip or (order.trip if order else 0)
    said = (str(trip), text, *(photo.claim for photo in change.evidence))
    return sha256("\n".join(said).encode()).hexdigest()[:12]


_IN_WORDS = {
    OrderState.ORDERED: "de opdracht is ontvangen",
    OrderState.PLANNED: "ingepland",
    OrderState.IN_PROGRESS: "in uitvoering",
    OrderState.DONE: "uitgevoerd",
    OrderState.CANCELLED: "niet uitgevoerd",
    OrderState.NOT_FOUND: "niet gevonden",
}


@dataclass(frozen=True, slots=True)
class _News:
    """News of an order, with all that is known when it comes."""

    change: WorkOrderChanged
    case: CaseRecord
    standings: tuple[Standing, ...]
    message_id: MessageId
    known: Known
    configuration: RouteConfiguration

    def decision(self) -> Decision:
        change, now = self.change, self._case_now()
        told = self._told(now)
        watch = silence.watch(now, change.state, self.known, self.configuration)
        item = self._item()
        return Decision(
            fate=Fate.ROUTED,
            reason=f"{now.ref}: {change.system} says {change.state}",
            case=now,
            intents=(
                *self._in_tracker(
                    now
                ),  # before the note: what the tracker tells of that has the new status in it
                *_note(change, now, standing_of(change.system, self.standings), self.message_id),
                *told.intents,
                *status_told(self.case, now, f"order-{self.message_id}", change.at, self.configuration),
            ),
            references=told.references,
            standings=(*told.standings, self._standing()),
            timers=watch.timers,
            cancelled_timers=(*((CHASE,) if now.status not in OPEN else ()), *watch.cancelled),
            work_items=(item,) if item else (),
            finished_items=(f"{DIFFERENCE}{change.system}", *(() if item else (ITEM, *watch.finished))),
        )

    def _case_now(self) -> CaseRecord:
        if self.case.status not in OPEN:
            return self.case
        if self.change.state is OrderState.DONE and _is_proven(self.change):
            return replace(self.case, status=CaseStatus.ANSWERED)
        if self.change.state in ENDED:
            return replace(self.case, status=CaseStatus.IN_PROGRESS)
        return replace(self.case, status=CaseStatus.WAITING_FOR_FIELD_TEAM)

    def _in_tracker(self, now: CaseRecord) -> tuple[Intent, ...]:
        if now.status is self.case.status:
            return ()
        change = ChangeCase(case=now.ref, status=now.status)
        return (Intent(target=TRACKER, command=change, discriminator=f"order-{self.message_id}"),)

    def _standing(self) -> Standing:
        change = self.change
        return Standing(
            system=change.system,
            state=change.state,
            outside_id=change.outside_id,
            trip=change.trip,
            at=change.at,
        )

    def _told(self, now: CaseRecord) -> Told:
        change = self.change
        done = change.state is OrderState.DONE and _is_proven(self.change)
        if self.case.status not in OPEN and not done:
            return Told()
        status = PublicStatus.EXECUTED if done else public_status(now.status, change.state)
        step = Step(
            name=self.message_id,
            status=status,
            at=change.at,
            detail=self._proof() if done else "",
        )
        return tell(now, step, self.standings, self.configuration)

    def _proof(self) -> str:
        """What the customer is told to know it by: the crew's words, and whether there is a photo."""
        language, words = self.case.card.language, self.change.text.strip()
        if not words or words == _SHOWN[Language.NL]:
            return _SHOWN[language]
        is_shown = self.change.evidence or _were_shown(self.known)
        return words if is_shown else f"{words} ({_NOT_SHOWN[language]})"

    def _item(self) -> WorkItem | None:
        if self.change.state in _ENDED_BADLY:
            return WorkItem(name=ITEM, what=f"{_ENDED_BADLY[self.change.state]}: beslis wat er nu gebeurt.")
        if self.change.state is OrderState.DONE and not _is_proven(self.change):
            what = "De ploeg zegt dat het werk gedaan is, zonder tekst of foto: ga het na voor de klant het hoort."
            return WorkItem(name=ITEM, what=what)
        return None

"""All routes together: which flow takes which event. This is the table to read first."""

from msgspec.structs import replace

from canonical_model.case import CaseRecord
from canonical_model.commands import AddNote
from canonical_model.decision import Decision, Fate, Intent, Known, Reference, Settled
from canonical_model.events import (
    CaseChanged,
    CaseErased,
    CaseRedispatched,
    ContactReceived,
    DeliveryRefused,
    DifferenceFound,
    MailBounced,
    TimerFired,
    WorkOrderChanged,
    WorkShown,
)
from canonical_model.message import Message, MessageId
from canonical_model.standing import Standing
from routes import (
    bounce,
    chase,
    contact_to_case,
    erasure,
    field_work,
    reconcile,
    redispatch,
    silence,
    status_to_customer,
    systems,
    tracker_to_customer,
)
from routes.configuration import RouteConfiguration
from routes.letters import MAIL, REMINDER
from routes.targets import TRACKER

_REFUSED = {
    False: "Een mail aan de klant werd geweigerd. Bereik de klant op een andere manier.",
    True: "Een herinnering aan de behandelaarsgroep werd geweigerd. Kijk het mailadres van de groep na.",
}


class CityRoutes:
    """The `Router` of a city, for one version of its configuration."""

    def __init__(self, configuration: RouteConfiguration) -> None:
        self._configuration = configuration

    def references(self, message: Message) -> tuple[Reference, ...]:
        """Under which names the case of this message may be known."""
        match message.body:
            case ContactReceived(contact=contact):
                return contact_to_case.references(contact)
            case MailBounced(message_id=id_):
                return (Reference(system="mail-id", value=id_),)
            case WorkOrderChanged() | WorkShown() as news:
                return field_work.references(news)
            case (
                CaseChanged(case=ref)
                | TimerFired(case=ref)
                | DeliveryRefused(case=ref)
                | DifferenceFound(case=ref)
                | CaseRedispatched(case=ref)
                | CaseErased(case=ref)
            ):
                return (Reference(system="case", value=ref),)

    def decide(self, message: Message, known: Known) -> Decision:  # noqa: C901, PLR0911 - one flow per event
        """What to do with a message."""
        match message.body:
            case ContactReceived(contact=contact):
                return contact_to_case.decide(contact, message, known, self._configuration)
            case CaseChanged() as change:
                return tracker_to_customer.decide(change, known, self._configuration)
            case TimerFired() as timer:
                return self._reminded(timer, message.id, known)
            case MailBounced() as bounced:
                return bounce.decide(bounced, message.id, known)
            case WorkOrderChanged() as news:
                return field_work.decide(news, message.id, known, self._configuration)
            case WorkShown() as photos:
                return field_work.shown(photos, message.id, known, self._configuration)
            case DeliveryRefused() as refusal:
                return reconcile.refused(refusal, known)
            case DifferenceFound() as difference:
                return reconcile.decide(difference, message.id, known, self._configuration)
            case CaseErased() as erased:
                return erasure.decide(erased, known, self._configuration)
            case CaseRedispatched() as move:
                return redispatch.decide(move, message.id, known, self._configuration)

    def _reminded(self, timer: TimerFired, message_id: MessageId, known: Known) -> Decision:
        if timer.name == silence.SILENCE:
            return silence.decide(timer, known, self._configuration)
        return chase.decide(timer, message_id, known, self._configuration)

    def after(self, settled: Settled, case: CaseRecord) -> Decision | None:
        """What follows when an effect ended: the tracker's number is noted, a refused mail or case is told."""
        if settled.action == "open_case":
            return self._after_opening(settled, case)
        if settled.action in erasure.ACTIONS:
            return erasure.after(settled, case)
        if settled.action in ("order_work", "cancel_work"):
            return field_work.after(settled, case)
        if settled.action in ("publish_status", "notify"):
            return self._after_telling(settled, case)
        if settled.target == MAIL and not settled.applied:
            discriminator = settled.key.rpartition("/")[2]
            note = AddNote(case=case.ref, text=_REFUSED[discriminator.startswith(REMINDER)])
            intent = Intent(
                target=TRACKER, command=note, discriminator=f"refused-{discriminator}", blocking=False
            )
            return Decision(fate=Fate.ROUTED, reason="", case=case, intents=(intent,))
        return None

    def _after_telling(self, settled: Settled, case: CaseRecord) -> Decision | None:
        """The other side's id is noted; whom the notification service does not reach, or must not, gets a mail."""
        if settled.applied:
            standing = Standing(system=settled.target, outside_id=settled.outside_id, at=settled.at)
            instead = status_to_customer.unwanted(settled, case, self._configuration)
            return replace(instead, standings=(standing,))
        if settled.action == "notify":
            return status_to_customer.unnoticed(settled, case, self._configuration)
        return None

    def _after_opening(self, settled: Settled, case: CaseRecord) -> Decision | None:
        told = systems.opening_told(settled, case, self._configuration)
        if not settled.applied:
            return Decision(fate=Fate.ROUTED, reason="", case=case, intents=told) if told else None
        number = Reference(system="tracker", value=settled.outside_id, exclusive=False, shown=True)
        return Decision(
            fate=Fate.ROUTED,
            reason="",
            case=replace(case, tracker_id=settled.outside_id),
            intents=told,
            references=(number,),
        )

"""A mail of ours did not arrive: the handler group hears about it, so that nobody waits for nothing."""

from canonical_model.commands import AddNote
from canonical_model.decision import Decision, Fate, Intent, Known
from canonical_model.events import MailBounced
from canonical_model.message import MessageId
from routes.targets import TRACKER


def decide(bounce: MailBounced, message_id: MessageId, known: Known) -> Decision:
    """A note on the case when the failure is permanent; a delay is only noted here."""
    case = next((match.case for match in known.matches), None)
    if case is None:
        return Decision(fate=Fate.DROPPED, reason="a delivery report about a mail that the hub did not send")
    if not bounce.permanent:
        return Decision(fate=Fate.ROUTED, reason=f"{case.ref}: a mail is delayed", case=case)
    note = AddNote(
        case=case.ref,
        text="Een mail aan de klant kon niet bezorgd worden. Bereik de klant op een andere manier.",
    )
    intent = Intent(target=TRACKER, command=note, discriminator=message_id, blocking=False)
    return Decision(
        fate=Fate.ROUTED, reason=f"{case.ref}: a mail could not be delivered", case=case, intents=(intent,)
    )

"""A finished call as a canonical contact. Pure: the same call, the same contact.

What the contact centre reads about a call is in Dutch, the language it works in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.phone.assembler import Call, Outcome
from adapters.phone.hours import working_hours_later
from canonical_model.attachment import Attachment
from canonical_model.contact import NEW_THREAD, Channel, Contact, Kind, Language, Thread
from canonical_model.events import ContactReceived
from canonical_model.party import ANONYMOUS, Party, PartyKind
from canonical_model.product import marked_source

_BRUSSELS = ZoneInfo("Europe/Brussels")
_LANGUAGES = frozenset(Language)
_KINDS: Mapping[str, Kind] = {
    **{kind.value: kind for kind in Kind},
    "vraag": Kind.QUESTION,
    "melding": Kind.REPORT,
    "suggestie": Kind.SUGGESTION,
    "klacht": Kind.COMPLAINT,
}
_SUBJECTS = {
    Outcome.ANSWERED: "Telefoongesprek",
    Outcome.ABANDONED: "Gemiste oproep",
    Outcome.TIMEOUT: "Gemiste oproep",
    Outcome.VOICEMAIL: "Ingesproken bericht",
    Outcome.CALLBACK: "Vraag om terug te bellen",
}
_ENDS = {
    Outcome.ANSWERED: "Het gesprek werd beantwoord.",
    Outcome.ABANDONED: "De beller hing op voor iemand kon opnemen.",
    Outcome.TIMEOUT: "Niemand kon opnemen binnen de wachttijd.",
    Outcome.VOICEMAIL: "De beller sprak een bericht in.",
    Outcome.CALLBACK: "De beller vraagt om teruggebeld te worden.",
}
_LONGEST_SUBJECT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """When the contact centre works, and how it wants calls to be seen."""

    callback_hours: float
    opens: float
    closes: float
    answered_means_resolved: bool = True
    topics: Mapping[str, str] = field(default_factory=dict[str, str])


def to_event(
    call: Call, office: Office, attachments: tuple[Attachment, ...] = (), thread: Thread = NEW_THREAD
) -> ContactReceived:
    """The contact. What was not answered must be called back within the office's working hours."""
    wrap_up = call.wrap_up
    answered = is_resolved(call, office)
    return ContactReceived(
        contact=Contact(
            channel=Channel.PHONE,
            subject=_subject(call),
            text=_text(call),
            kind=_KINDS.get(wrap_up.kind.casefold()) if wrap_up else None,
            category=_category(call, office),
            product=_product(call),
            language=Language(call.language) if call.language in _LANGUAGES else Language.NL,
            party=_party(call),
            attachments=attachments,
            thread=thread,
            occurred_at=call.began,
            answered=answered,
            answer=wrap_up.answer if wrap_up and answered else "",
            answer_source=marked_source(wrap_up.source) if wrap_up and answered and wrap_up.answer else None,
            callback_by=_callback_by(call, office),
        )
    )


def is_resolved(call: Call, office: Office) -> bool:
    """Whether the contact centre answered at once: nobody need do anything more."""
    if call.outcome is not Outcome.ANSWERED:
        return False
    if call.wrap_up and call.wrap_up.resolved is not None:
        return call.wrap_up.resolved
    return office.answered_means_resolved and call.certain and not call.transferred_to


def _callback_by(call: Call, office: Office) -> datetime | None:
    if call.outcome is Outcome.ANSWERED:
        return None
    return working_hours_later(call.ended, office.callback_hours, opens=office.opens, closes=office.closes)


def _party(call: Call) -> Party:
    if not call.number and not call.name:
        return ANONYMOUS
    return Party(kind=PartyKind.PERSON, name=call.name, phone=call.number)


def _category(call: Call, office: Office) -> str:
    if call.wrap_up and call.wrap_up.category:
        return call.wrap_up.category
    return office.topics.get(call.topic, "")


def _product(call: Call) -> str:
    """What the employee named, else the product from whose text the answer came."""
    if call.wrap_up is None:
        return ""
    source = marked_source(call.wrap_up.source)
    return call.wrap_up.product or (source.product if source else "")


def _subject(call: Call) -> str:
    told = call.wrap_up.subject if call.wrap_up else ""
    subject = told or ": ".join(part for part in (_SUBJECTS[call.outcome], call.topic) if part)
    return " ".join(subject.split())[:_LONGEST_SUBJECT]


def _text(call: Call) -> str:
    notes = call.wrap_up.notes if call.wrap_up else ""
    return "\n\n".join(part for part in (notes, "\n".join(_facts(call))) if part)


def _facts(call: Call) -> list[str]:
    began = call.began.astimezone(_BRUSSELS)
    line = f" naar {call.dialled}" if call.dialled else ""
    facts = [f"Oproep{line} op {began:%d/%m/%Y} om {began:%H:%M}.", _ENDS[call.outcome]]
    if call.outcome is not Outcome.ANSWERED:
        facts.append(_back_to(call))
    if call.slot:
        facts.append(f"Liefst: {call.slot}.")
    if call.agent:
        facts.append(f"Gesproken met: {call.agent}{_talked(call)}.")
    if call.transferred_to:
        facts.append(f"Doorverbonden met: {call.transferred_to}.")
    if call.recording:
        seconds = f" ({call.recording.seconds} s)" if call.recording.seconds else ""
        facts.append(f"Opname{seconds}: {call.recording.name}")
    if not call.certain:
        facts.append(
            "Het einde van dit gesprek is niet gezien: de verbinding met de telefooncentrale was weg."
        )
    return facts


def _back_to(call: Call) -> str:
    return f"Terugbellen naar: {call.number}." if call.number else "Het nummer van de beller is niet bekend."


def _talked(call: Call) -> str:
    if call.answered_at is None or call.ended < call.answered_at:
        return ""
    return f", {(call.ended - call.answered_at).seconds} s"

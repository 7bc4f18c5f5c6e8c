"""Process Manager, first step: a contact opens a case, joins the one it belongs to, or is set aside with a reason.

What proves that a contact belongs to a case: it answers a mail of that case, or it came to a reply address
that the hub signed. A number in a subject line proves nothing by itself: only from the customer of that very
case does it count.
"""

import hmac
import re
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from canonical_model.case import CanonicalCase, CaseCard, CaseRecord, FieldWork
from canonical_model.commands import AddContact, AddNote, ChangeCase, OpenCase
from canonical_model.contact import NEW_THREAD, Automatic, Contact, Kind
from canonical_model.decision import Decision, Fate, Intent, Known, Match, Reference, Timer
from canonical_model.message import Message
from canonical_model.party import ANONYMOUS, Party
from canonical_model.phone_number import e164
from canonical_model.product import with_source
from canonical_model.public_status import public_status
from canonical_model.status import OPEN, CaseStatus
from routes import field_work, silence
from routes.chase import CHASE, chase_timer
from routes.classify import classify
from routes.configuration import RouteConfiguration, Terms
from routes.dispatch import Destination, dispatch
from routes.letters import acknowledgement, sent
from routes.standings import order_after, state_of
from routes.status_to_customer import Step, Told, published, tell
from routes.targets import TRACKER

_REPLY_PREFIX = re.compile(r"^\s*((re|fw|fwd|aw|wg|antw|betr|tr)\s*:\s*)+", re.IGNORECASE)
_SENT_AGAIN = timedelta(days=7)
"""So long a sender may try again: a mail program sends its outbox when it is on line again, with the date of then."""
_AUTOMATIC = {
    Automatic.AUTO_REPLY: "an automatic reply: answering it would start a loop",
    Automatic.OWN_MAIL: "our own mail came back",
}


def references(contact: Contact) -> tuple[Reference, ...]:
    """Under which names the case of this contact may be known, best proof first."""
    thread = contact.thread
    names = [Reference(system="fingerprint", value=contact.fingerprint)] if contact.fingerprint else []
    if thread is not NEW_THREAD:
        names += [Reference(system="mail-id", value=id_) for id_ in reversed(thread.in_reply_to)]
        named = (thread.verified_case, thread.claimed_case)
        names += [Reference(system="case", value=ref) for ref in named if ref]
    return (*names, *_customer(contact.party))


def decide(contact: Contact, message: Message, known: Known, configuration: RouteConfiguration) -> Decision:
    """What becomes of a contact."""
    copy_of = _copied_case(contact, known)
    if copy_of:
        return Decision(
            fate=Fate.DROPPED,
            reason=f"the same contact came before, by another way: {copy_of.ref}",
            case=copy_of,
        )
    if contact.automatic and contact.automatic in _AUTOMATIC:
        return Decision(fate=Fate.DROPPED, reason=_AUTOMATIC[contact.automatic])
    signs = (*contact.suspicions, "bulk") if contact.automatic is Automatic.BULK else contact.suspicions
    case = _proven_case(contact, known)
    if signs and case is None:
        return Decision(
            fate=Fate.QUARANTINED, reason=f"looks like spam ({', '.join(signs)}): the KCC decides"
        )
    if case is None:
        return _open(contact, message, known, configuration)
    return _join(contact, message, case, known, configuration)


def _copied_case(contact: Contact, known: Known) -> CaseRecord | None:
    for match in known.matches:
        if _is_copy(contact, match, known.now):
            return match.case
    return None


def _is_copy(contact: Contact, match: Match, now: datetime) -> bool:
    """Whether this is what came before. Who writes the same again long after, under the same id, means it anew."""
    if match.reference.system != "fingerprint":
        return False
    if match.noted_at is None or contact.occurred_at is None:
        return True
    return min(contact.occurred_at, now) <= match.noted_at + _SENT_AGAIN


def _proven_case(contact: Contact, known: Known) -> CaseRecord | None:
    for match in known.matches:
        by_mail = match.reference.system == "mail-id"
        signed = match.reference.system == "case" and match.case.ref == contact.thread.verified_case
        claimed = match.reference.system == "case" and match.case.ref == contact.thread.claimed_case
        if by_mail or signed or (claimed and _is_customer(contact.party, match.case)):
            return match.case
    return None


def _is_customer(party: Party, case: CaseRecord) -> bool:
    return bool(party.email) and party.email.casefold() == case.card.party.email.casefold()


def _open(contact: Contact, message: Message, known: Known, configuration: RouteConfiguration) -> Decision:
    table = configuration.dispatch
    subject = classify(contact, table)
    destination = dispatch(contact, subject, table)
    timer = _first_timer(contact, subject.kind, known, table.terms)
    case = CaseRecord(
        ref=known.next_ref,
        kind=subject.kind,
        channel=contact.channel,
        group=destination.group,
        status=CaseStatus.CLOSED if contact.answered else CaseStatus.NEW,
        opened_at=known.now,
        due=None if contact.answered else timer.due,
        category=subject.category,
        area=subject.area,
        origin=message.source,
        origin_ref=message.source_ref,
        answered_at_once=contact.answered,
        card=_first_card(contact, subject.kind, configuration),
    )
    names = _names(contact)
    party_ref = _pseudonym(case, names, configuration.pseudonym_key)
    intents = [Intent(target=TRACKER, command=OpenCase(case=_canonical(contact, case, party_ref)))]
    reason = f"opened {case.ref} for {case.group}"
    claimed = contact.thread.claimed_case
    if claimed:
        reason += f"; it mentions {claimed}, which its sender did not prove"
        intents.append(_note(case, f"De afzender verwijst naar {claimed}, maar dat is niet bewezen."))
    told = _outside(case, destination, known, configuration)
    intents += told.intents
    waits_for = state_of(order_after(None, told.standings, configuration))
    watch = silence.watch(case, waits_for, known, configuration)
    hears = _hears_at_once(contact, case, known, configuration)
    return Decision(
        fate=Fate.ROUTED,
        reason=f"{reason}{hears.remark}",
        case=case,
        intents=(*intents, *hears.intents),
        references=(*names, *hears.references),
        timers=() if contact.answered else (timer, *watch.timers),
        standings=told.standings,
        rule=destination.rule,
    )


class _Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer hears at once; `remark` belongs to the reason of the decision."""

    intents: tuple[Intent, ...] = ()
    references: tuple[Reference, ...] = ()
    remark: str = ""


def _hears_at_once(
    contact: Contact, case: CaseRecord, known: Known, configuration: RouteConfiguration
) -> _Heard:
    if contact.answered:
        return _Heard(intents=tuple(_closed_at_once(contact, case)), remark="; answered at once")
    if not _may_acknowledge(contact, known, configuration.dispatch.terms):
        return _Heard(remark="; no acknowledgement: no address, or enough of them today")
    letter = acknowledgement(case, configuration)
    return _Heard(intents=(letter,), references=(sent(letter),))


def _outside(
    case: CaseRecord, destination: Destination, known: Known, configuration: RouteConfiguration
) -> Told:
    """The status board shows the new case, and a field team gets its order where the table says so."""
    told = published(
        case, Step(name="opened", status=public_status(case.status), at=known.now), (), configuration
    )
    if not destination.crew or case.status not in OPEN:
        return told
    order = field_work.ordered(case, destination.crew, None, known.now)
    if not order.intents:
        return told
    waits = ChangeCase(case=case.ref, status=CaseStatus.WAITING_FOR_FIELD_TEAM)
    return told + order + Told(intents=(Intent(target=TRACKER, command=waits, discriminator="ordered"),))


def _first_timer(contact: Contact, kind: Kind, known: Known, terms: Terms) -> Timer:
    if contact.callback_by:
        return Timer(name=CHASE, due=contact.callback_by)
    return chase_timer(kind, known, terms)


def _closed_at_once(contact: Contact, case: CaseRecord) -> list[Intent]:
    """Registered for the record: what was answered, and that nobody need do anything more."""
    close = Intent(
        target=TRACKER,
        command=ChangeCase(case=case.ref, status=CaseStatus.CLOSED),
        discriminator="answered-at-once",
    )
    if not contact.answer:
        return [close]
    note = AddNote(case=case.ref, text=_answered_at_once(contact))
    return [Intent(target=TRACKER, command=note, discriminator="answered-at-once", blocking=False), close]


def _answered_at_once(contact: Contact) -> str:
    return f"Meteen beantwoord:\n\n{with_source(contact.answer, contact.answer_source)}"


def _join(
    contact: Contact,
    message: Message,
    case: CaseRecord,
    known: Known,
    configuration: RouteConfiguration,
) -> Decision:
    waits = case.status not in OPEN or case.status is CaseStatus.WAITING_FOR_CUSTOMER
    reopen = waits and not contact.answered
    status = CaseStatus.IN_PROGRESS if reopen else case.status
    command = AddContact(
        case=case.ref,
        channel=contact.channel,
        subject=contact.subject,
        text=f"{contact.text}\n\n{_answered_at_once(contact)}".strip() if contact.answer else contact.text,
        attachments=contact.attachments,
        reopen=reopen,
    )
    timer = _first_timer(contact, case.kind, known, configuration.dispatch.terms)
    now = replace(case, status=status, card=_card(contact, case.card))
    told = _opened_again(now, message, known, configuration) if reopen else Told()
    return Decision(
        fate=Fate.ROUTED,
        reason=f"joined {case.ref}" + (", which it opened again" if reopen else ""),
        case=now,
        intents=(Intent(target=TRACKER, command=command, discriminator=message.id), *told.intents),
        references=(*_names(contact), *told.references),
        standings=told.standings,
        timers=(timer,) if reopen or contact.callback_by else (),
    )


def _opened_again(now: CaseRecord, message: Message, known: Known, configuration: RouteConfiguration) -> Told:
    standings = next(match.standings for match in known.matches if match.case.ref == now.ref)
    step = Step(name=f"joined-{message.id}", status=public_status(now.status), at=known.now)
    return tell(now, step, standings, configuration)


def _may_acknowledge(contact: Contact, known: Known, terms: Terms) -> bool:
    return (
        bool(contact.party.email)
        and contact.automatic is None
        and known.recent_cases < terms.acknowledgements_per_day
    )


def _canonical(contact: Contact, case: CaseRecord, party_ref: str) -> CanonicalCase:
    return CanonicalCase(
        ref=case.ref,
        kind=case.kind,
        channel=case.channel,
        group=case.group,
        subject=case.card.subject,
        description=contact.text or contact.full_text,
        party_ref=party_ref,
        party=contact.party,
        language=contact.language,
        location=contact.location
        if contact.location.area == case.area
        else replace(contact.location, area=case.area),
        category=case.category,
        product=contact.product,
        due=case.due,
        attachments=contact.attachments,
    )


def _pseudonym(case: CaseRecord, names: tuple[Reference, ...], key: bytes) -> str:
    """The same customer has the same name in the tracker, and nobody can tell who that is."""
    for name in names:
        if not name.exclusive:  # the customer's own
            return f"p-{hmac.new(key, name.value.casefold().encode(), sha256).hexdigest()[:16]}"
    return f"anon-{case.ref}"


def _first_card(contact: Contact, kind: Kind, configuration: RouteConfiguration) -> CaseCard:
    work = None
    if kind is Kind.REPORT and configuration.crews:
        work = FieldWork(
            description=contact.text or contact.full_text,
            location=contact.location,
            attachments=contact.attachments,
        )
    return _card(contact, CaseCard(product=contact.product, field_work=work))


def _card(contact: Contact, before: CaseCard) -> CaseCard:
    subject = before.subject or _without_prefix(contact.subject) or "-"
    party = before.party if before.party.email else contact.party
    language = before.language if before.subject else contact.language
    if not contact.thread.message_id:
        return replace(before, subject=subject, party=party, language=language)
    history = (*before.references, *contact.thread.in_reply_to, contact.thread.message_id)
    return replace(
        before,
        subject=subject,
        party=party,
        language=language,
        last_message_id=contact.thread.message_id,
        references=tuple(dict.fromkeys(history))[-20:],
    )


def _without_prefix(subject: str) -> str:
    prefix = _REPLY_PREFIX.match(subject) if ":" in subject else None
    return (subject[prefix.end() :] if prefix else subject).strip()


def _names(contact: Contact) -> tuple[Reference, ...]:
    names: list[Reference] = []
    if contact.thread.message_id:
        names.append(Reference(system="mail-id", value=contact.thread.message_id))
    if contact.fingerprint:
        names.append(Reference(system="fingerprint", value=contact.fingerprint))
    return (*names, *_customer(contact.party))


def _customer(party: Party) -> tuple[Reference, ...]:
    """How to find all cases of a customer; personal, so only as keyed hash. Phone numbers in one form."""
    if party is ANONYMOUS:
        return ()
    named = [("email", party.email)] if party.email else []
    named += [("phone", e164(party.phone) or party.phone)] if party.phone else []
    named += [(identifier.scheme.value, identifier.value) for identifier in party.identifiers]
    return tuple(Reference(system=system, value=value, exclusive=False) for system, value in named)


def _note(case: CaseRecord, text: str) -> Intent:
    return Intent(
        target=TRACKER, command=AddNote(case=case.ref, text=text), discriminator="mention", blocking=False
    )

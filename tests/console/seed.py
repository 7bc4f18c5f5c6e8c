"""A city's morning, written through the real journal: what the console's tests look at.

The router here is a small one of our own, so that the console's tests do not depend on the city's rules.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from msgspec.structs import replace

from canonical_model.attachment import Attachment, Claim
from canonical_model.case import CanonicalCase, CaseCard, CaseRecord
from canonical_model.commands import AddNote, ChangeCase, OpenCase, SendMail
from canonical_model.contact import Automatic, Channel, Contact, Kind, Thread
from canonical_model.decision import Decision, Fate, Intent, Known, Reference, Settled, Timer
from canonical_model.events import Answer, CaseChanged, ContactReceived
from canonical_model.identifiers import insz
from canonical_model.message import Message
from canonical_model.party import Party, PartyKind
from canonical_model.status import CaseStatus
from journal.effects import ClaimRequest, Outcome, Result
from journal.instants import micros
from journal.journal import Journal, Keys
from journal.migrate import migrate
from journal.operations import Health
from ports.clock import ManualClock
from ports.errors import NotUnderstoodError
from ports.intake import File, Inbound
from routes.chase import CHASE

MORNING = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
TARGETS = ("tracker", "mail", "dosis")
GROUPS = {"afval": "Reiniging", "wegdek": "Openbaar domein", "groen": "Groendienst", "": "Klantendienst"}
XSS = (
    "<script>alert(document.domain)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(2)>",
    "javascript:alert(3)",
    "{{ 7*7 }}${7*7}<%= 7*7 %>",
    "</title><style>*{display:none}</style>",
    '<iframe srcdoc="<script>alert(4)</script>">',
    "<a href='jav&#x09;ascript:alert(5)'>klik</a>",
    '<body onload="alert(6)"><meta http-equiv="refresh" content="0;url=//evil.example">',
    "</textarea><form action=https://evil.example><input name=q>",
)
MARIA = Party(
    kind=PartyKind.PERSON,
    name="Maria Peeters",
    email="maria.peeters@voorbeeld.be",
    phone="+32470123456",
    identifiers=(insz("85.07.30-033.28"),),
)
WILLY = Party(kind=PartyKind.PERSON, name="Willy Claes", email="willy@claes.example")
BAKERY = Party(kind=PartyKind.ORGANISATION, name="Bakkerij De Korenaar", email="info@korenaar.example")


class SeedRouter:
    """Opens a case for each contact, mails an acknowledgement, tells DOSIS about holes in the road."""

    def references(self, message: Message) -> tuple[Reference, ...]:
        if isinstance(message.body, CaseChanged):
            return (Reference(system="case", value=message.body.case),)
        if isinstance(message.body, ContactReceived) and message.body.contact.thread.verified_case:
            return (Reference(system="case", value=message.body.contact.thread.verified_case),)
        return ()

    def decide(self, message: Message, known: Known) -> Decision:
        if isinstance(message.body, CaseChanged):
            return _changed(message.body, known)
        if not isinstance(message.body, ContactReceived):
            return Decision(fate=Fate.DROPPED, reason="niets te doen")
        contact = message.body.contact
        if contact.suspicions:
            return Decision(fate=Fate.QUARANTINED, reason="lijkt op spam: " + ", ".join(contact.suspicions))
        if contact.automatic is Automatic.AUTO_REPLY:
            return Decision(fate=Fate.DROPPED, reason="automatisch antwoord: daar antwoordt de stad niet op")
        if contact.category == "kapot":
            raise LookupError("a route that fails on purpose")
        return _opened(message, contact, known)

    def after(self, settled: Settled, case: CaseRecord) -> Decision | None:
        if settled.target != "tracker" or settled.action != "open_case" or not settled.applied:
            return None
        return Decision(
            fate=Fate.ROUTED,
            reason="",
            case=replace(case, tracker_id=settled.outside_id),
            references=(Reference(system="tracker", value=settled.outside_id, shown=True),),
        )


def _opened(message: Message, contact: Contact, known: Known) -> Decision:
    ref = known.next_ref
    group = GROUPS.get(contact.category, "Klantendienst")
    due = known.now + timedelta(days=5)
    case = CaseRecord(
        ref=ref,
        kind=contact.kind or Kind.QUESTION,
        channel=contact.channel,
        group=group,
        status=CaseStatus.NEW,
        opened_at=known.now,
        due=due,
        category=contact.category,
        area=contact.location.area or "kessel-lo",
        card=CaseCard(
            subject=contact.subject, party=contact.party, last_message_id=contact.thread.message_id
        ),
    )
    canonical = CanonicalCase(
        ref=ref,
        kind=case.kind,
        channel=contact.channel,
        group=group,
        subject=contact.subject,
        description=contact.text,
        party_ref="p-1",
        due=due,
    )
    mail = SendMail(
        message_id=f"{ref}.ack@leuven.example",
        to=contact.party.email or "niemand@leuven.example",
        subject=f"Uw vraag {ref}",
        text="Wij hebben uw vraag goed ontvangen.",
        case=ref,
    )
    warning = replace(mail, message_id=f"{ref}.group@leuven.example", to="groep@leuven.example")
    intents = [
        Intent(target="tracker", command=OpenCase(case=canonical)),
        Intent(target="mail", command=mail, discriminator="ack", blocking=False),
        Intent(target="mail", command=warning, discriminator="group", blocking=False),
    ]
    if contact.category == "wegdek":
        intents.append(Intent(target="dosis", command=AddNote(case=ref, text="Put in het wegdek")))
    references = [
        Reference(system="mail-id", value=contact.thread.message_id or f"{message.source_ref}@x"),
        Reference(system="form", value=message.source_ref, shown=True),
    ]
    if contact.party.email:
        references.append(Reference(system="email", value=contact.party.email, exclusive=False))
    if contact.party.phone:
        references.append(Reference(system="phone", value=contact.party.phone, exclusive=False))
    return Decision(
        fate=Fate.ROUTED,
        reason=f"nieuwe zaak voor {group}",
        rule=f"categorie {contact.category or '*'} + gebied {case.area}",
        case=case,
        intents=tuple(intents),
        references=tuple(references),
        timers=(Timer(name=CHASE, due=due),),
    )


def _changed(body: CaseChanged, known: Known) -> Decision:
    old = known.matches[0].case
    case = replace(old, status=body.status, group=body.group)
    intents = [
        Intent(
            target="mail",
            command=SendMail(
                message_id=f"{old.ref}.{answer.key}@leuven.example",
                to=old.card.party.email,
                subject="Antwoord",
                text=answer.text,
                case=old.ref,
            ),
            discriminator=answer.key,
            blocking=False,
        )
        for answer in body.answers
    ]
    if old.category == "wegdek":
        intents.append(
            Intent(
                target="dosis",
                command=ChangeCase(case=old.ref, status=body.status),
                discriminator=str(body.version),
            )
        )
    return Decision(
        fate=Fate.ROUTED,
        reason=f"de tracker meldt: {body.status}",
        rule="status van de tracker",
        case=case,
        intents=tuple(intents),
    )


@dataclass
class City:
    """A journal in use: takes contacts in and plays the workers."""

    journal: Journal
    clock: ManualClock
    cases: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    number: int = 0

    async def contact(
        self,
        name: str,
        contact: Contact,
        *,
        source: str = "webform",
        files: tuple[File, ...] = (),
        outcome: "Callable[[str, str], tuple[Outcome, str, str]] | None" = None,
    ) -> str:
        """Take a contact in and let the workers do what it asks for; the id of its message."""
        self.number += 1
        accepted = await self.journal.accept(
            Inbound(
                source=source,
                source_ref=f"{source}-{self.number:05d}",
                raw=contact.full_text.encode() or contact.text.encode(),
                media_type="message/rfc822" if source.startswith("mailbox") else "application/json",
                event=ContactReceived(contact=contact),
                files=files,
            )
        )
        self.messages[name] = accepted.receipt.message_id
        await self.work(accepted.effects, outcome or fine)
        row = await self.journal.database.read(
            lambda connection: _case_of(connection, accepted.receipt.message_id)
        )
        if row:
            self.cases[name] = row
        return accepted.receipt.message_id

    async def changed(
        self,
        name: str,
        status: CaseStatus,
        group: str,
        *,
        answers: tuple[Answer, ...] = (),
        outcome: "Callable[[str, str], tuple[Outcome, str, str]] | None" = None,
    ) -> None:
        """The tracker tells that a case changed."""
        self.number += 1
        body = CaseChanged(
            case=self.cases[name],
            tracker_id=str(1000 + self.number),
            version=self.number,
            status=status,
            group=group,
            answers=answers,
            changed_at=self.clock.now(),
        )
        accepted = await self.journal.accept(
            Inbound(
                source="tracker",
                source_ref=f"change-{self.number}",
                raw=b"{}",
                media_type="application/json",
                event=body,
            )
        )
        await self.work(accepted.effects, outcome or fine)

    async def broken(self, name: str, what: str) -> None:
        """A form sends something that nobody understands."""
        self.number += 1
        accepted = await self.journal.accept(
            Inbound(
                source="webform",
                source_ref=f"webform-{self.number:05d}",
                raw=b'{"onderwerp": 3}',
                media_type="application/json",
                problem=NotUnderstoodError(what),
            )
        )
        self.messages[name] = accepted.receipt.message_id

    async def work(
        self, ids: tuple[str, ...], outcome: "Callable[[str, str], tuple[Outcome, str, str]]"
    ) -> None:
        """Claim, try, record, go on with what follows, as the worker does."""
        waiting = list(ids)
        while waiting:
            request = ClaimRequest(ids=tuple(waiting), owner="worker-1", lease=60_000_000)
            waiting = []
            for claimed in (await self.journal.claim(request)).effects:
                started = micros(self.clock.now())
                self.clock.advance(timedelta(milliseconds=420))
                ended, error, what = outcome(claimed.target, claimed.action)
                later = micros(self.clock.now() + timedelta(minutes=10))
                recorded = await self.journal.record(
                    Result(
                        effect_id=claimed.id,
                        attempt=claimed.attempt,
                        owner="worker-1",
                        outcome=ended,
                        started_at=started,
                        outside_id=_outside_id(claimed.target, claimed.key)
                        if ended is Outcome.APPLIED
                        else "",
                        error=error,
                        what=what,
                        retry_at=later if ended in (Outcome.AGAIN, Outcome.UNKNOWN) else 0,
                    )
                )
                waiting += recorded.next
        self.clock.advance(timedelta(seconds=7))


def fine(target: str, action: str) -> tuple[Outcome, str, str]:
    """Everything works."""
    return Outcome.APPLIED, "", ""


def dosis_down(target: str, action: str) -> tuple[Outcome, str, str]:
    """DOSIS does not answer."""
    if target == "dosis":
        return Outcome.AGAIN, "TransientError", "DOSIS geeft geen antwoord binnen 10 seconden"
    return fine(target, action)


def group_missing(target: str, action: str) -> tuple[Outcome, str, str]:
    """The tracker refuses."""
    if target == "tracker":
        return Outcome.REJECTED, "RejectedError", "de tracker kent de groep 'Groendienst' niet"
    return fine(target, action)


def question_refused(target: str, action: str) -> tuple[Outcome, str, str]:
    """The mail relay refuses."""
    if target == "mail":
        return Outcome.REJECTED, "RejectedError", "het adres bestaat niet"
    return fine(target, action)


def mail_lost(target: str, action: str) -> tuple[Outcome, str, str]:
    """Nobody knows whether the mail left."""
    if target == "mail":
        return Outcome.UNKNOWN, "UncertainError", "de verbinding brak na het versturen"
    return fine(target, action)


def new_city(url: str) -> City:
    """An empty city with its journal; start and close the journal around its use."""
    clock = ManualClock(MORNING)
    city = City(_journal(url, clock), clock)
    migrate(city.journal.database.engine)
    return city


def open_city(url: str, like: City) -> City:
    """The city whose journal was copied to `url`."""
    clock = ManualClock(like.clock.now())
    return City(_journal(url, clock), clock, dict(like.cases), dict(like.messages), like.number)


def _journal(url: str, clock: ManualClock) -> Journal:
    return Journal(
        url,
        router=SeedRouter(),
        keys=Keys(masters=(b"m" * 32,), pepper=b"pepper", audit=b"audit"),
        clock=clock,
        shard="test",
        config_version="2026-03-01",
    )


def form(text: str, category: str = "", party: Party = MARIA, **more: object) -> Contact:
    """A contact by web form."""
    contact = Contact(
        channel=Channel.WEB_FORM,
        subject=text[:60],
        text=text,
        category=category,
        kind=Kind.REPORT,
        party=party,
    )
    return replace(contact, **more)


def mail(text: str, message_id: str, party: Party = WILLY, **more: object) -> Contact:
    """A contact by mail."""
    contact = Contact(
        channel=Channel.MAIL,
        subject=text[:60],
        text=text,
        kind=Kind.QUESTION,
        party=party,
        thread=Thread(message_id=message_id),
    )
    return replace(contact, **more)


async def a_morning(city: City) -> City:
    """Cases in every state, a system that is down, things that need somebody."""
    journal = city.journal
    await journal.know_systems(TARGETS)
    await city.contact("old", form("Losliggende stoeptegel in de Bondgenotenlaan", "wegdek"))
    await city.changed("old", CaseStatus.IN_PROGRESS, "Openbaar domein")
    city.clock.advance(timedelta(days=6))
    photo = b"\xff\xd8\xff photo"
    attachment = Attachment(
        claim=Claim(sha256(photo).hexdigest()), name="put.jpg", media_type="image/jpeg", size=len(photo)
    )
    hole = form("Diepe put in de Diestsestraat", "wegdek", attachments=(attachment,))
    await city.contact("answered", hole, files=(File(attachment=attachment, content=photo),))
    await city.changed("answered", CaseStatus.IN_PROGRESS, "Openbaar domein")
    answer = Answer(key="a1", text="De put is gevuld.", at=city.clock.now())
    await city.changed("answered", CaseStatus.ANSWERED, "Openbaar domein", answers=(answer,))
    question = mail("Wanneer wordt het papier opgehaald?", "q1@claes.example")
    await city.contact("question", question, source="mailbox:klantendienst")
    await city.contact("refused", form("Tak over het fietspad", "groen", BAKERY), outcome=group_missing)
    await city.contact("refused-2", form("Dode boom in het park", "groen", WILLY), outcome=group_missing)
    await city.contact("unsure", form("Overvolle vuilnisbak", "afval"), outcome=mail_lost)
    await city.contact("stuck", form("Verzakte kassei aan het station", "wegdek"), outcome=dosis_down)
    await journal.report(
        Health(system="dosis", ok=False, what="geen antwoord", failures=5, open_for=600_000_000)
    )
    await city.broken("broken", "veld 'onderwerp': tekst verwacht, getal gekregen")
    await city.contact("failed-route", form("Niemand begrijpt mij", "kapot"))
    spam = mail("You have WON", "spam@x.example", suspicions=("link naar onbekende site", "geen SPF"))
    await city.contact("spam", spam, source="mailbox:klantendienst")
    ham = mail("Beste, mijn bestelling", "ham@x.example", suspicions=("geen SPF",))
    await city.contact("ham", ham, source="mailbox:klantendienst")
    away = mail("Ik ben afwezig", "away@x.example", automatic=Automatic.AUTO_REPLY)
    await city.contact("away", away, source="mailbox:klantendienst")
    for number, payload in enumerate(XSS):
        nasty = Party(kind=PartyKind.PERSON, name=payload, email=f"x{number}@evil.example")
        await city.contact(f"xss-{number}", form(payload, "afval", nasty, full_text=payload))
    await journal.pause("mail", "sofie", "onderhoud van de mailserver tot 12 u")
    city.clock.advance(timedelta(minutes=3))
    return city


def _outside_id(target: str, key: str) -> str:
    return str(int(sha256(f"{target}/{key}".encode()).hexdigest()[:5], 16))


def _case_of(connection: object, message_id: str) -> str:
    from sqlalchemy import Connection, select

    from journal.schema import messages

    assert isinstance(connection, Connection)
    return (
        connection.execute(select(messages.c.case_ref).where(messages.c.id == message_id)).scalar_one() or ""
    )

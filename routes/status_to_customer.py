"""How a case stands reaches its customer: on the status board, and by a notice or a mail when it matters to him.

Each step is told once. Who is told by the notification service gets no mail beside it; a mail is its fall-back.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from canonical_model.case import CaseRecord
from canonical_model.commands import AddNote, Notify, PublishStatus
from canonical_model.decision import Decision, Fate, Intent, Reference, Settled, WorkItem
from canonical_model.events import Answer
from canonical_model.identifiers import Scheme
from canonical_model.public_status import PublicStatus
from canonical_model.standing import Standing
from routes import letters
from routes.calendar import BRUSSELS
from routes.configuration import RouteConfiguration
from routes.standings import CUSTOMER, standing_of
from routes.targets import TRACKER

MOMENTS = frozenset(
    {
        PublicStatus.WAITING_FOR_CUSTOMER,
        PublicStatus.PLANNED,
        PublicStatus.EXECUTED,
        PublicStatus.ANSWERED,
        PublicStatus.CLOSED,
    }
)
"""The steps that a customer is told about without asking; the others stand on the board only."""
_ALWAYS = MOMENTS - {PublicStatus.PLANNED}
"""The answer, the work that was done, and what only the customer can tell: not news that one can do without."""
_TICK = timedelta(seconds=1)
_USEFUL = timedelta(days=14)
_NO_ADDRESS = (
    "De klant kon niet verwittigd worden: niet via Mijn Burgerprofiel, en er is geen mailadres bekend."
)
_NO_WORDS = "De klant kon niet verwittigd worden via Mijn Burgerprofiel: mail hem zelf wat er te melden is."
"""For a letter that says nothing without the handlers' or the crew's own words, which are not at hand any more."""
_MISSING = {
    PublicStatus.WAITING_FOR_CUSTOMER: "de vraag van de dienst",
    PublicStatus.EXECUTED: "wat er gedaan werd",
    PublicStatus.ANSWERED: "het antwoord",
}
"""The words without which a letter about this step says nothing."""
ITEM = "unnoticed"
"""Name of the work item about a customer who was told neither by a notification nor by mail."""
_TO_DO = {PublicStatus.WAITING_FOR_CUSTOMER: "Beantwoord de vraag van de dienst."}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What goes out, and what is noted of it."""

    intents: tuple[Intent, ...] = ()
    standings: tuple[Standing, ...] = ()
    references: tuple[Reference, ...] = ()

    def __add__(self, other: "Told") -> "Told":
        return Told(
            intents=self.intents + other.intents,
            standings=self.standings + other.standings,
            references=self.references + other.references,
        )


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step in the life of a case as its customer sees it. `name` is unique for this step of this case.

    `answered`: the answer itself goes out for it.
    """

    name: str
    status: PublicStatus
    at: datetime
    detail: str = ""
    answered: bool = False


def tell(
    case: CaseRecord, step: Step, standings: tuple[Standing, ...], configuration: RouteConfiguration
) -> Told:
    """Everything that this step brings about for the customer."""
    return published(case, step, standings, configuration) + _attention(case, step, standings, configuration)


def published(
    case: CaseRecord, step: Step, standings: tuple[Standing, ...], configuration: RouteConfiguration
) -> Told:
    """The status board shows it, with a date that only grows; nothing when it shows that already."""
    board = configuration.board
    before = standing_of(board, standings)
    if not board or not case.card.party.identifiers or (before and before.state == step.status):
        return Told()
    at = max(step.at, before.at + _TICK) if before else step.at
    command = PublishStatus(
        case=case.ref,
        kind=case.kind,
        subject=case.card.subject,
        party=case.card.party,
        group=case.group,
        product=case.card.product,
        status=step.status,
        detail=step.detail,
        action=_TO_DO.get(step.status, ""),
        opened_at=case.opened_at,
        changed_at=at,
        due=case.due,
    )
    return Told(
        intents=(Intent(target=board, command=command, discriminator=f"{step.status}-{step.name}"),),
        standings=(Standing(system=board, state=step.status, at=at),),
    )


def is_noticed(case: CaseRecord, configuration: RouteConfiguration) -> bool:
    """Whether the notification service tells this customer: it knows citizens by their national number."""
    citizen = any(one.scheme is Scheme.INSZ for one in case.card.party.identifiers)
    return citizen and bool(configuration.notices)


def answer_noticed(case: CaseRecord, answer: Answer, at: datetime, configuration: RouteConfiguration) -> Told:
    """A handler's answer for a customer without mail address, once per text."""
    step = Step(name=f"text-{answer.key}", status=PublicStatus.ANSWERED, at=at, detail=answer.text)
    return _notice(case, step, configuration)


def unnoticed(settled: Settled, case: CaseRecord, configuration: RouteConfiguration) -> Decision:
    """The notification service does not reach this customer: a mail does, or the handlers must know."""
    status, _, step = settled.key.rpartition("/")[2].partition("-")
    detail = settled.refused.detail if isinstance(settled.refused, Notify) else ""
    letter = _letter(case, PublicStatus(status), f"instead-{step}", detail, configuration)
    if letter is None:
        return _handed_to_people(case, PublicStatus(status), step)
    letter = letters.with_way_out(letter)
    return Decision(
        fate=Fate.ROUTED, reason="", case=case, intents=(letter,), references=(letters.sent(letter),)
    )


def unwanted(settled: Settled, case: CaseRecord, configuration: RouteConfiguration) -> Decision:
    """Nothing follows for whom the notification service told, or who wants no news and missed only news.

    An answer, or a question that the handlers wait for, reaches whoever opted out as well: by mail, or the handlers know.
    """
    if isinstance(settled.refused, Notify) and settled.refused.status in _ALWAYS:
        return unnoticed(settled, case, configuration)
    return Decision(fate=Fate.ROUTED, reason="", case=case)


def _handed_to_people(case: CaseRecord, status: PublicStatus, step: str) -> Decision:
    """The handlers read it on the case, the contact centre in its work list."""
    reached = bool(case.card.party.email)
    note = AddNote(case=case.ref, text=_NO_WORDS if reached else _NO_ADDRESS)
    intent = Intent(target=TRACKER, command=note, discriminator=f"unnoticed-{step}", blocking=False)
    missing = _MISSING.get(status, "een brief voor deze stap")
    what = f"Een melding ({status}) bereikte de klant niet, en voor een mail ontbreekt {missing}: mail de klant zelf."
    item = WorkItem(name=ITEM, what=what if reached else _NO_ADDRESS)
    return Decision(fate=Fate.ROUTED, reason="", case=case, intents=(intent,), work_items=(item,))


def _attention(
    case: CaseRecord, step: Step, standings: tuple[Standing, ...], configuration: RouteConfiguration
) -> Told:
    before = standing_of(CUSTOMER, standings)
    if before and before.state == step.status:
        return Told()
    told = Standing(system=CUSTOMER, state=step.status, at=step.at)
    if step.status not in MOMENTS:  # no word of it, but what was told before may come once more after it
        return Told(standings=(told,)) if before else Told()
    if step.answered:
        return Told(standings=(told,))
    if is_noticed(case, configuration):
        return _notice(case, step, configuration) + Told(standings=(told,))
    letter = _letter(case, step.status, step.name, step.detail, configuration)
    if letter is None:
        return Told()
    return Told(intents=(letter,), standings=(told,), references=(letters.sent(letter),))


def _notice(case: CaseRecord, step: Step, configuration: RouteConfiguration) -> Told:
    command = Notify(
        case=case.ref,
        party=case.card.party,
        language=case.card.language,
        subject=case.card.subject,
        product=case.card.product,
        status=step.status,
        detail=step.detail,
        changed_at=step.at,
        expires=(step.at + _USEFUL).astimezone(BRUSSELS).date(),
    )
    intent = Intent(target=configuration.notices, command=command, discriminator=f"{step.status}-{step.name}")
    key = f"{case.ref}/{intent.target}/notify/{intent.discriminator}"  # until it arrived, it is called back by that
    return Told(
        intents=(replace(intent, blocking=False),),
        standings=(Standing(system=intent.target, state=step.status, outside_id=key, at=step.at),),
    )


def _letter(
    case: CaseRecord, status: PublicStatus, name: str, detail: str, configuration: RouteConfiguration
) -> Intent | None:
    if not case.card.party.email:
        return None
    match status:
        case PublicStatus.WAITING_FOR_CUSTOMER if detail.strip():
            return letters.waiting_for_customer(case, detail, f"waiting-{name}", configuration)
        case PublicStatus.EXECUTED if detail.strip():
            return letters.done(case, detail, f"done-{name}", configuration)
        case PublicStatus.CLOSED:
            return letters.closed_without_answer(case, configuration)
        case PublicStatus.PLANNED:
            return letters.progress(case, status, f"{status}-{name}", configuration)
        case _:
            return None

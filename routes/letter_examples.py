"""Letters as they would look, for an invented case. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from canonical_model.case import CaseCard, CaseRecord, CaseRef
from canonical_model.commands import SendMail
from canonical_model.contact import Channel, Kind, Language
from canonical_model.decision import Intent
from canonical_model.party import Party, PartyKind
from canonical_model.public_status import PublicStatus
from canonical_model.status import CaseStatus
from routes.configuration import RouteConfiguration
from routes.letters import (
    acknowledgement,
    answer,
    closed_without_answer,
    done,
    moved,
    progress,
    reminder,
    waiting_for_customer,
)

_REF: Final = CaseRef("LEU-2026-000123")
_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    Language.NL: {
        "subject": "Losse stoeptegel in de Bondgenotenlaan",
        "detail": "De ploeg komt langs in de week van 9 maart.",
        "why": "Deze straat wordt door een andere dienst onderhouden.",
        "question": "Voor welk huisnummer ligt de losse tegel?",
        "evidence": "Tegel teruggelegd op 11 maart 2026; de ploeg nam een foto.",
        "answer": "U mag uw fiets daar laten staan. De werken beginnen pas in april.",
    },
    Language.EN: {
        "subject": "Loose paving stone in Bondgenotenlaan",
        "detail": "The crew comes in the week of 9 March.",
        "why": "Another team looks after this street.",
        "question": "In front of which house number is the loose stone?",
        "evidence": "Stone put back on 11 March 2026; the crew took a photo.",
        "answer": "You may leave your bicycle there. The works only begin in April.",
    },
    Language.FR: {
        "subject": "Dalle descellée dans la Bondgenotenlaan",
        "detail": "L'équipe passera dans la semaine du 9 mars.",
        "why": "Cette rue est entretenue par un autre service.",
        "question": "Devant quel numéro se trouve la dalle descellée ?",
        "evidence": "Dalle remise en place le 11 mars 2026 ; l'équipe a pris une photo.",
        "answer": "Vous pouvez y laisser votre vélo. Les travaux ne commencent qu'en avril.",
    },
    Language.DE: {
        "subject": "Lose Gehwegplatte in der Bondgenotenlaan",
        "detail": "Das Team kommt in der Woche vom 9. März.",
        "why": "Für diese Straße ist eine andere Stelle zuständig.",
        "question": "Vor welcher Hausnummer liegt die lose Platte?",
        "evidence": "Platte am 11. März 2026 zurückgelegt; das Team hat ein Foto gemacht.",
        "answer": "Sie dürfen Ihr Fahrrad dort stehen lassen. Die Arbeiten beginnen erst im April.",
    },
}

_Write = Callable[[CaseRecord, Mapping[str, str], RouteConfiguration], Intent]
_WRITERS: Final[Mapping[str, _Write]] = {
    "acknowledgement": lambda case, _, told: acknowledgement(case, told),
    "progress": lambda case, say, told: progress(case, PublicStatus.IN_PROGRESS, "-", told, say["detail"]),
    "waiting": lambda case, say, told: waiting_for_customer(case, say["question"], "-", told),
    "planned": lambda case, say, told: progress(case, PublicStatus.PLANNED, "-", told, say["detail"]),
    "moved": lambda case, say, told: moved(case, "-", told, say["why"]),
    "done": lambda case, say, told: done(case, say["evidence"], "-", told),
    "answer": lambda case, say, told: answer(case, "-", say["answer"], told),
    "closed": lambda case, _, told: closed_without_answer(case, told),
    "reminder": lambda case, _, told: reminder(case, "", "reminder", "-", told),
    "taken_back": lambda case, _, told: reminder(case, "", "taken_back", "-", told),
    "handed_over": lambda case, _, told: reminder(case, "", "handed_over", "-", told),
    "escalation": lambda case, _, told: reminder(case, "", "escalation", "-", told),
}


def example_letter(
    name: str, language: Language, configuration: RouteConfiguration, *, bare: bool = False
) -> SendMail:
    """The mail for the invented case, made as for a real one; `bare`: without what is not always known."""
    say = dict(_WORDS[language])
    if bare:
        say |= {"detail": "", "why": ""}
    command = _WRITERS[name](_case(language, say["subject"], configuration), say, configuration).command
    if not isinstance(command, SendMail):
        raise TypeError("a letter is a mail")
    return command


def example_values(language: Language, configuration: RouteConfiguration) -> dict[str, str]:
    """What stands in each blank of the invented case."""
    labels = {group.name: group.label for group in configuration.dispatch.group}
    known = {"ref": _REF, "city": configuration.city, "group": labels[_group(configuration)]}
    return {**known, **_WORDS[language]}


def _group(configuration: RouteConfiguration) -> str:
    table = configuration.dispatch
    return next((group.name for group in table.group if group.name != table.default), table.default)


def _case(language: Language, subject: str, configuration: RouteConfiguration) -> CaseRecord:
    return CaseRecord(
        ref=_REF,
        kind=Kind.REPORT,
        channel=Channel.MAIL,
        group=_group(configuration),
        status=CaseStatus.IN_PROGRESS,
        opened_at=datetime(2026, 3, 3, 9, 5, tzinfo=UTC),
        card=CaseCard(subject=subject, party=Party(kind=PartyKind.PERSON), language=language),
    )

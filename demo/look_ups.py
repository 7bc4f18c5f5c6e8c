"""What the hub looked up outside in the morning, and whether that is as it should be: the product catalogue and MAGDA."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from demo.catalogue import CityCatalogue, Offer
from demo.outside.magda_page import Question
from demo.scenes import Scene
from journal.schema import audit

MAGDA = "magda"
"""Its name in `city/hub.toml`."""
SERVICES: Mapping[str, str] = {"mijn_burgerprofiel": "GeefPersoon", "eloket": "GeefOnderneming"}
"""What MAGDA is asked about the customers of a portal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer with a text of the catalogue. `current`: the version that the catalogue had when it was looked up.

    `on_case`: the texts of its case in the tracker; `mailed`: those of its citizen's letters.
    """

    offer: Offer = field(repr=False)
    current: str
    on_case: Sequence[str] = field(default=(), repr=False)
    mailed: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueSeen:
    """Product -> version: what the catalogue offers, and what employees find at the counter and on the telephone.

    `sent_twice`: pages and products that were sent whole although the hub had them; `unchanged`: how often a 304 did.
    """

    published: Mapping[str, str]
    counter: Mapping[str, str]
    phone: Mapping[str, str]
    sent_twice: Sequence[str] = ()
    unchanged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUps:
    """Everything that was looked up. `asked`: what MAGDA saw; `audited`: the references that the audit trail has for people."""

    answers: Mapping[str, Answered]
    catalogue: CatalogueSeen
    asked: Sequence[Question]
    audited: frozenset[str]


def references_in_audit(connection: Connection) -> frozenset[str]:
    """Under which references the hub says that it asked MAGDA about people."""
    subjects = connection.execute(select(audit.c.subject).where(audit.c.actor == MAGDA)).scalars()
    return frozenset(subject.rpartition(" ")[2] for subject in subjects)


def seen_in(catalogue: CityCatalogue, counter: Sequence[Offer], phone: Sequence[Offer]) -> CatalogueSeen:
    """What the catalogue offers beside what employees found by its numbers."""
    whole = catalogue.system.whole
    return CatalogueSeen(
        published=catalogue.offered(),
        counter={one.id: one.version for one in counter},
        phone={one.id: one.version for one in phone},
        sent_twice=tuple(place for (place, _), count in whole.items() if count > 1),
        unchanged=catalogue.system.unchanged,
    )


def wrong_look_ups(scenes: Sequence[Scene], found: LookUps, names: Mapping[str, str]) -> list[str]:
    """Everything that is not as it should be. `names`: the customer's name on each case, by its title."""
    return [
        *_of_catalogue(found.catalogue),
        *_of_answers(scenes, found.answers),
        *_of_magda(scenes, found.asked, found.audited),
        *_of_names(scenes, names),
    ]


def _of_catalogue(seen: CatalogueSeen) -> list[str]:
    wrong = [
        f"{where} kent producten {dict(known)}, de catalogus biedt {dict(seen.published)}"
        for where, known in (("de balie", seen.counter), ("de telefoon", seen.phone))
        if known != seen.published
    ]
    wrong += [f"uit de catalogus tweemaal gehaald: {place}" for place in seen.sent_twice]
    if not seen.unchanged:
        wrong.append("de catalogus antwoordde nooit dat er niets veranderd was")
    return wrong


def _of_answers(scenes: Sequence[Scene], answers: Mapping[str, Answered]) -> list[str]:
    """Every answer once, word for word, with version and date; and the same version is the same text everywhere."""
    wrong: list[str] = []
    for scene in scenes:
        if scene.search:
            answered = answers.get(scene.name)
            wrong += _of_answer(scene, answered) if answered else [f"{scene.name}: geen antwoord gevonden"]
    texts: dict[str, str] = {}
    for name, answered in answers.items():
        offer = answered.offer
        if texts.setdefault(offer.version, offer.answer) != offer.answer:
            wrong.append(f"{name}: een andere tekst van versie {offer.version} dan elders")
    return wrong


def _of_answer(scene: Scene, answered: Answered) -> list[str]:
    offer = answered.offer
    wrong: list[str] = []
    if offer.id != scene.product:
        wrong.append(f"{scene.name}: product {offer.id} in plaats van {scene.product}")
    if offer.version != answered.current:
        wrong.append(f"{scene.name}: versie {offer.version} in plaats van {answered.current}")
    for where, texts in _places(scene, answered).items():
        found = sum(_plain(offer.given) in _plain(text) for text in texts)
        if found != 1:
            wrong.append(f"{scene.name}: het antwoord met versie en datum staat {found} keer {where}")
    return wrong


def _places(scene: Scene, answered: Answered) -> Mapping[str, Sequence[str]]:
    on_case = {"op de zaak": answered.on_case}
    return {**on_case, "in de brieven": answered.mailed} if scene.is_handling else on_case


def _of_magda(scenes: Sequence[Scene], asked: Sequence[Question], audited: frozenset[str]) -> list[str]:
    """One question for every customer without a name, in their order; about people, with a line in the audit trail."""
    wanted = [(SERVICES[scene.door], _code(scene)) for scene in scenes if scene.magda]
    found = [(one.service, one.code) for one in asked]
    wrong = [] if found == wanted else [f"vragen aan MAGDA: {found}, verwacht {wanted}"]
    persons = SERVICES["mijn_burgerprofiel"]
    references = frozenset(one.reference for one in asked if one.service == persons)
    if references != audited:
        wrong.append(f"vragen over personen: {len(references)}, in het auditspoor: {len(audited)}")
    return wrong


def _code(scene: Scene) -> str:
    """Which trouble MAGDA makes in this scene."""
    return {"well": "", "busy": "99995"}.get(scene.magda, scene.magda.rpartition(" ")[2])


def _of_names(scenes: Sequence[Scene], names: Mapping[str, str]) -> list[str]:
    return [
        f"zaak {scene.subject!r} is van {names.get(scene.subject)!r}, MAGDA zei {scene.known_as!r}"
        for scene in scenes
        if scene.magda and names.get(scene.subject) != scene.known_as
    ]


def _plain(text: str) -> str:
    """Without the breaks of lines: mail programs set them anew."""
    return " ".join(text.split())

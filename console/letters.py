"""Letters for who edits them: what is in force, and what a draft would look like and lack."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from canonical_model.commands import SendMail
from canonical_model.contact import Language
from journal.letter_texts import InForce, TextVersion
from routes.configuration import RouteConfiguration
from routes.letter_check import Draft, Finding, check_letter, draft_of, fills_in
from routes.letter_examples import example_letter
from routes.letter_kinds import LETTERS, LetterKind
from routes.own_texts import OwnText, overlaid, usable, with_texts


def _as_written(mail: SendMail) -> str:
    return mail.text


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRoom:
    """What the pages about letters need of the hub.

    `configuration` is that of the files, as it is now. `shown` is a mail's text as its recipient reads it.
    """

    configuration: Callable[[], RouteConfiguration]
    shown: Callable[[SendMail], str] = _as_written


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A letter in one language: the words in force, and since when and by whom, if not the file's.

    `number` is that of its newest version, 0 = none. `left_out` is a saved text that can't be used any more.
    """

    kind: LetterKind
    language: Language
    draft: Draft
    number: int = 0
    since: datetime | None = None
    by: str = ""
    left_out: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def own(self) -> bool:
        """Whether people wrote these words here."""
        return self.since is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A letter for the invented case, as its recipient would read it."""

    subject: str
    text: str


def own_texts(saved: InForce) -> tuple[OwnText, ...]:
    """What was saved, in the words of the routes; what follows the files again, and an unknown language, is left out."""
    known = {language.value for language in Language}
    return tuple(
        OwnText(
            language=Language(version.language),
            name=version.name,
            draft=Draft(subject=version.subject, text=version.text),
        )
        for version in saved.versions
        if version.language in known and version.subject is not None and version.text is not None
    )


def deciding(files: RouteConfiguration, saved: InForce) -> RouteConfiguration:
    """The configuration by which the hub decides: the files', with what people saved over its letters."""
    return overlaid(files, own_texts(saved))


def left_out(saved: InForce) -> tuple[str, ...]:
    """The saved letters that can't be used any more, as `<language>: <name>`."""
    return tuple(f"{one.language}: {one.name}" for one in own_texts(saved) if not usable(one))


def standings(files: RouteConfiguration, saved: InForce) -> Mapping[tuple[str, Language], Standing]:
    """Every letter in each language that it is used in."""
    told = deciding(files, saved)
    versions = {(version.name, version.language): version for version in saved.versions}
    unusable = {(one.name, one.language) for one in own_texts(saved) if not usable(one)}
    return {
        (kind.name, language): _standing(
            kind,
            language,
            draft_of(told.texts, language, kind.name),
            versions.get((kind.name, language)),
            left_out=(kind.name, language) in unusable,
        )
        for kind in LETTERS.values()
        for language in kind.languages
    }


def preview(
    room: LetterRoom, name: str, language: Language, draft: Draft, *, bare: bool = False
) -> Preview | None:
    """What this draft would look like; None when no letter can be made of it."""
    if not fills_in(name, draft):
        return None
    told = room.configuration()
    mine = OwnText(language=language, name=name, draft=draft)
    told = replace(told, texts=with_texts(told.texts, [mine]))
    mail = example_letter(name, language, told, bare=bare)
    return Preview(subject=mail.subject, text=room.shown(mail))


def faults(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that are refused."""
    return tuple(finding for finding in findings if finding.fault)


def _standing(
    kind: LetterKind, language: Language, draft: Draft, newest: TextVersion | None, *, left_out: bool
) -> Standing:
    standing = Standing(
        kind=kind,
        language=language,
        draft=draft,
        number=newest.number if newest else 0,
        left_out=left_out,
        findings=check_letter(kind.name, language, draft),
    )
    if newest is None or newest.text is None or left_out:
        return standing
    return replace(standing, since=newest.saved_at, by=newest.saved_by)

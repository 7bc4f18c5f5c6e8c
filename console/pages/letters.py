"""The texts of mails: who may look sees what is sent and where; administrators write it, after having seen it."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import ndiff
from typing import Final

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from canonical_model.contact import Language
from console.access import Right, requires
from console.desk import SHORTEST_REASON, ProblemError, Visit, Visiting
from console.letters import LetterRoom, Standing, faults, preview, standings
from journal.letter_texts import NewText, TextVersion, in_force, one_version, versions_of
from routes.letter_check import Draft, check_letter, draft_of
from routes.letter_examples import example_values
from routes.letter_kinds import LETTERS

router = APIRouter()

_OFTEN_UNKNOWN: Final = "detail"
"""The blank that leaves its paragraph out when nothing is known; the preview can show that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What somebody has in the form. `seen`: the newest version when they began; -1 = not told."""

    draft: Draft
    seen: int
    reason: str = ""
    anyway: bool = False
    bare: bool = False


@router.get("/texts")
@requires(Right.LOOK)
async def texts(visit: Visiting) -> Response:
    """Every letter, where it is used, and how it stands in each language."""
    room = _room(visit)
    saved = await visit.desk.read(in_force)
    return visit.page(
        "texts.html", kinds=tuple(LETTERS.values()), standings=standings(room.configuration(), saved)
    )


@router.get("/texts/{name}/{language}")
@requires(Right.LOOK)
async def text(name: str, language: str, visit: Visiting) -> Response:
    """One letter in one language, and what it looks like."""
    standing = await _standing(visit, name, language)
    form = Form(draft=standing.draft, seen=standing.number, bare=visit.query("bare") == "1")
    return await _page(visit, standing, form)


@router.post("/texts/{name}/{language}")
@requires(Right.TEXTS)
async def write(name: str, language: str, visit: Visiting) -> Response:
    """Show what a draft would look like, or save it; nothing that is refused is saved."""
    standing = await _standing(visit, name, language)
    form = _form(visit.form)
    if visit.form.get("do") != "save":
        return await _page(visit, standing, form)
    if form.draft == standing.draft:
        return visit.go(_path(standing), done="text_unchanged")
    return await _save(visit, standing, form, form.draft)


@router.get("/texts/{name}/{language}/versions/{number}")
@requires(Right.LOOK)
async def version(name: str, language: str, number: str, visit: Visiting) -> Response:
    """An earlier version, and what is different now."""
    standing = await _standing(visit, name, language)
    old, draft = await _version(visit, standing, number)
    return visit.page(
        "text_version.html",
        standing=standing,
        number=int(number),
        version=old,
        draft=draft,
        lines=_difference(draft, standing.draft),
        shown=preview(_room(visit), name, standing.language, draft),
    )


@router.post("/texts/{name}/{language}/versions/{number}/restore")
@requires(Right.TEXTS)
async def restore(name: str, language: str, number: str, visit: Visiting) -> Response:
    """Let an earlier version hold again, as a new one. What is refused by now goes to the form instead."""
    standing = await _standing(visit, name, language)
    old, draft = await _version(visit, standing, number)
    form = Form(draft=draft, seen=standing.number, reason=visit.reason(), anyway=True)
    from_files = old is None or old.text is None
    return await _save(visit, standing, form, None if from_files else draft)


async def _save(visit: Visit, standing: Standing, form: Form, draft: Draft | None) -> Response:
    """Save this draft (None: as in the files) or show the form with why not."""
    wrong = _why_not(standing, form)
    if wrong:
        return await _page(visit, standing, form, wrong=wrong)
    await visit.desk.journal.letter_texts.save(
        NewText(
            language=standing.language,
            name=standing.kind.name,
            seen=standing.number,
            subject=draft.subject if draft else None,
            text=draft.text if draft else None,
            actor=visit.actor,
            reason=form.reason,
        )
    )
    return visit.go(_path(standing), done="text_saved")


def _why_not(standing: Standing, form: Form) -> str:
    findings = check_letter(standing.kind.name, standing.language, form.draft)
    if form.seen != standing.number:
        return "meanwhile"
    if faults(findings):
        return "faults"
    if findings and not form.anyway:
        return "doubts"
    return "" if len(form.reason) >= SHORTEST_REASON else "reason"


async def _page(visit: Visit, standing: Standing, form: Form, *, wrong: str = "") -> Response:
    room, name, language = _room(visit), standing.kind.name, standing.language
    versions = await visit.desk.read(lambda connection: versions_of(connection, language, name))
    return visit.page(
        "text.html",
        status={"": 200, "meanwhile": 409}.get(wrong, 422),
        standing=standing,
        form=form,
        wrong=wrong,
        findings=check_letter(name, language, form.draft),
        shown=preview(room, name, language, form.draft, bare=form.bare),
        values=example_values(language, room.configuration()),
        may_be_bare=_OFTEN_UNKNOWN in standing.kind.blanks,
        versions=versions,
    )


def _room(visit: Visit) -> LetterRoom:
    if visit.desk.letters is None:
        raise ProblemError(404, "not_found")
    return visit.desk.letters


async def _standing(visit: Visit, name: str, language: str) -> Standing:
    room = _room(visit)
    saved = await visit.desk.read(in_force)
    known = {language.value: language for language in Language}
    found = standings(room.configuration(), saved).get((name, known.get(language, Language.NL)))
    if found is None or found.language != language:
        raise ProblemError(404, "not_found")
    return found


async def _version(visit: Visit, standing: Standing, number: str) -> tuple[TextVersion | None, Draft]:
    """A version with its words; number 0 is that of the files."""
    if _whole(number) < 0:
        raise ProblemError(404, "not_found")
    name, language = standing.kind.name, standing.language

    def look(connection: Connection) -> TextVersion | None:
        return one_version(connection, language, name, int(number))

    found = await visit.desk.read(look)
    if found is None and int(number):
        raise ProblemError(404, "not_found")
    if found is None or found.subject is None or found.text is None:
        return found, draft_of(_room(visit).configuration().texts, language, name)
    return found, Draft(subject=found.subject, text=found.text)


def _form(given: Mapping[str, str]) -> Form:
    return Form(
        draft=Draft(
            subject=_lines(given.get("subject", "")).strip(),
            text=_lines(given.get("text", "")).strip("\n") + "\n",
        ),
        seen=_whole(given.get("seen", "")),
        reason=given.get("reason", "").strip()[:500],
        anyway=given.get("anyway") == "1",
        bare=given.get("bare") == "1",
    )


def _whole(number: str) -> int:
    """The number of a version; -1 = it is none."""
    return int(number) if number.isascii() and number.isdigit() and len(number) < len("999999999") else -1


def _lines(words: str) -> str:
    """As browsers send lines, made plain; blanks at their ends are no part of a letter."""
    return "\n".join(line.rstrip() for line in words.replace("\r\n", "\n").split("\n"))


def _difference(old: Draft, now: Draft) -> tuple[tuple[str, str], ...]:
    """Each line with what became of it: "same", "gone" or "new"."""
    before, after = ([draft.subject, "", *draft.text.splitlines()] for draft in (old, now))
    meaning = {"  ": "same", "- ": "gone", "+ ": "new"}
    return tuple((meaning[line[:2]], line[2:]) for line in ndiff(before, after) if line[:2] in meaning)


def _path(standing: Standing) -> str:
    return f"/texts/{standing.kind.name}/{standing.language}"

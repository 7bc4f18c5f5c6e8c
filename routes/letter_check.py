"""What is wrong with the text of a letter, before any customer reads it. Pure.

A fault is refused where people edit; a doubt is told, and they decide.
"""

import re
import string
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from canonical_model.contact import Language
from routes.configuration import Texts
from routes.letter_kinds import LETTERS, LetterKind

LONGEST_SUBJECT: Final = 120
"""Signs of a subject before anything is filled in."""
LONGEST_TEXT: Final = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A letter as somebody wrote it, with its blanks still open."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not right in the `subject` or `text`. `words`: which of them, or the bound that was passed."""

    code: str
    part: str
    words: str = ""

    @property
    def fault(self) -> bool:
        """Whether the text may not be used like this."""
        return self.code in FAULTS


FAULTS: Final = (
    *("empty", "too_long", "one_line", "odd_signs", "broken_blank", "unknown_blank", "missing_blank"),
    *("missing_number", "says_mended"),
)
DOUBTS: Final = ("promise", "markup", "long_line")

_MENDED: Final = re.compile(
    r"\b(?:"
    r"opgelost\w*|hersteld\w*|verholpen\w*|gerepareerd\w*|gefikst\w*|gefixt\w*|in orde gebracht|is (?:nu )?in orde"
    r"|r[ée]solu(?:e|s|es)?|r[ée]par[ée](?:e|s|es)?|r[ée]gl[ée](?:e|s|es)?|remis(?:e|es)? en état"
    r"|solved|resolved|fixed|repaired|mended|put right|sorted out"
    r"|gelöst\w*|behoben\w*|repariert\w*|instand ?gesetzt\w*|erledigt\w*|in ordnung gebracht"
    r")\b"
)
"""Whatever the language of the letter: a wrong word may stand in any."""

_PROMISES: Final[Mapping[Language, re.Pattern[str]]] = {
    Language.NL: re.compile(
        r"\b(?:binnen (?:de |het |een )?\S+ (?:werkda\w+|kalenderda\w+|da\w+|uur|uren|week\w*|weken|maand\w*)"
        r"|beloven|beloofd|belooft|gegarandeerd\w*|garan(?:tie|deren|deert)|zeker|morgen|vandaag"
        r"|meteen|onmiddellijk|dadelijk|zo snel mogelijk|spoedig|lossen|oplossen|oplossing|herstel(?:len|t)?"
        r"|uitgevoerd)\b"
    ),
    Language.FR: re.compile(
        r"\b(?:(?:dans|sous|endéans) (?:les |un |une )?\S+ (?:jours?|heures?|semaines?|mois)"
        r"|promet\w*|promis\w*|promesse|garanti\w*|certainement|immédiatement|demain|aujourd'hui"
        r"|au plus vite|dès que possible|les plus brefs délais|bientôt|résoudre|résoudrons|solution|réparer|réparons"
        r"|exécuté\w*)\b"
    ),
    Language.EN: re.compile(
        r"\b(?:within (?:the |a |an )?\S+ (?:working days?|days?|hours?|weeks?|months?)"
        r"|promis\w*|guarante\w*|certainly|definitely|immediately|right away|tomorrow|today"
        r"|as soon as possible|shortly|soon|solve|resolve|solution|fix|repair|carried out)\b"
    ),
    Language.DE: re.compile(
        r"\b(?:(?:innerhalb|binnen) (?:von |der |eines |einer )?\S+ (?:werktag\w*|tag\w*|stunde\w*|woche\w*|monat\w*)"
        r"|verspr[eo]ch\w*|garant\w*|bestimmt|sicherlich|sofort|umgehend|unverzüglich|(?<!guten )morgen|heute"
        r"|so schnell wie möglich|schnellstmöglich|bald|lösen|lösung|beheben|reparieren|ausgeführt)\b"
    ),
}
_MARKUP: Final = re.compile(r"</?[a-zA-Z][^<>]{0,80}>|&[a-z]{2,8};|\*\*[^*\s]")
_LONGEST_WORD: Final = 78


def check_letter(name: str, language: Language, draft: Draft) -> tuple[Finding, ...]:
    """All that is wrong with this letter, faults first; `KeyError` when no letter has this name."""
    kind = LETTERS[name]
    found = [*_shape(draft), *_blanks(kind, draft), *_meaning(kind, language, draft)]
    return tuple(sorted(found, key=lambda finding: not finding.fault))


def fills_in(name: str, draft: Draft) -> bool:
    """Whether a letter can be made of this draft at all."""
    codes = {finding.code for finding in _blanks(LETTERS[name], draft)}
    return not codes & {"broken_blank", "unknown_blank"}


def wrong_texts(texts: Texts) -> tuple[str, ...]:
    """The faults in all letters, one line each, for who edits the files."""
    return tuple(
        f"{language}: {name}: {finding.part} {finding.code.replace('_', ' ')}"
        + (f": {finding.words}" if finding.words else "")
        for language in Language
        for name in LETTERS
        for finding in check_letter(name, language, draft_of(texts, language, name))
        if finding.fault
    )


def draft_of(texts: Texts, language: Language, name: str) -> Draft:
    """The letter as it stands in these texts."""
    words = texts[language]
    return Draft(subject=words[f"{name}_subject"], text=words[name])


def _shape(draft: Draft) -> Iterator[Finding]:
    for part, words, most in (
        ("subject", draft.subject, LONGEST_SUBJECT),
        ("text", draft.text, LONGEST_TEXT),
    ):
        if not words.strip():
            yield Finding(code="empty", part=part)
        if len(words) > most:
            yield Finding(code="too_long", part=part, words=str(most))
        if any(unicodedata.category(sign) in ("Cc", "Cs", "Co") and sign != "\n" for sign in words):
            yield Finding(code="odd_signs", part=part)
    if "\n" in draft.subject:
        yield Finding(code="one_line", part="subject")


def _blanks(kind: LetterKind, draft: Draft) -> Iterator[Finding]:
    in_text: set[str] = set()
    for part, words in (("subject", draft.subject), ("text", draft.text)):
        names = _names(words)
        if names is None:
            yield Finding(code="broken_blank", part=part)
            continue
        for name in sorted(names - set(kind.blanks)):
            yield Finding(code="unknown_blank", part=part, words=name)
        if part == "subject" and "ref" not in names:
            yield Finding(code="missing_number", part=part)
        in_text = names
    for name in kind.needed:
        if name not in in_text:
            yield Finding(code="missing_blank", part="text", words=name)


def _names(words: str) -> set[str] | None:
    """What stands between braces; None when the braces don't pair or hold more than a name."""
    found: set[str] = set()
    try:
        for _, name, how, conversion in string.Formatter().parse(words):
            if how or conversion:
                return None
            if name is not None:
                found.add(name)
    except ValueError:
        return None
    return found


def _meaning(kind: LetterKind, language: Language, draft: Draft) -> Iterator[Finding]:
    for part, words in (("subject", draft.subject), ("text", draft.text)):
        plain = _plain(words)
        mended = _MENDED.findall(plain)
        if mended and not kind.evidenced:
            yield Finding(code="says_mended", part=part, words=_told(mended))
        promises = _PROMISES[language].findall(plain)
        if promises and not kind.evidenced:
            yield Finding(code="promise", part=part, words=_told(promises))
        if markup := _MARKUP.findall(words):
            yield Finding(code="markup", part=part, words=_told(markup))
        if any(len(word) > _LONGEST_WORD for word in words.split()):
            yield Finding(code="long_line", part=part)


def _plain(words: str) -> str:
    """Small letters, one blank between words, without signs that nobody sees."""
    seen = "".join(
        sign for sign in unicodedata.normalize("NFKC", words) if unicodedata.category(sign) != "Cf"
    )
    return " ".join(seen.lower().replace("\u2019", "'").split())


def _told(words: list[str]) -> str:
    return ", ".join(dict.fromkeys(words))

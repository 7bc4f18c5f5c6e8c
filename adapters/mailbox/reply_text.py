# mailparser_reply without types: their values get one where they come in
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What somebody wrote now, apart from the history that mail programs put below it."""

import re

from mailparser_reply import EmailReplyParser

from canonical_model.contact import Language
from canonical_model.reply_address import signed, verified_case

MARKERS: dict[Language, str] = {
    Language.NL: "Gelieve boven deze lijn te antwoorden",
    Language.EN: "Please reply above this line",
    Language.FR: "Veuillez répondre au-dessus de cette ligne",
    Language.DE: "Bitte antworten Sie oberhalb dieser Zeile",
}

_EXAMINED = 30_000
_SHORT_TEXT = 10_000
_SHORT_LINE = 500
_PROOF = re.compile(r"\b([A-Za-z]{2,5}-20[0-9]{2}-[0-9]{6,9}-[0-9a-fA-F]{16})\b")
_QUOTED = re.compile(r"\s*(?:>|\|\s)")
_MARKER = re.compile(r"[>|\s]*-{2,}\s*(?:" + "|".join(MARKERS.values()) + r")\s*-{2,}", re.IGNORECASE)
_ATTRIBUTION = re.compile(
    r"[>\s]*(?:"
    r"Op\s.{4,200}\s(?:schreef|heeft)\b.{0,200}:"
    r"|.{2,200}\sschreef\s(?:op|het volgende)\b.{0,200}:"
    r"|On\s.{4,200}\swrote\s?:"
    r"|Le\s.{4,200}\sa\sécrit\s?:"
    r"|Am\s.{4,200}\sschrieb\b.{0,200}:"
    r")\s*$",
    re.IGNORECASE | re.DOTALL,
)
_SEPARATOR = re.compile(
    r"[>\s]*(?:_{20,}|-{3,}\s*(?:original message|oorspronkelijk bericht|doorgestuurd bericht|forwarded message|"
    r"message d'origine|message transféré|message original|ursprüngliche nachricht|weitergeleitete nachricht)"
    r"\s*-{3,}|(?:begin doorgestuurd bericht|begin forwarded message|début du message (?:transféré|réexpédié))\s*:)"
    r"\s*$",
    re.IGNORECASE,
)
_HEADER_LINE = re.compile(
    r"[>*\s]*(?:van|from|de|von|verzonden|sent|envoyé|gesendet|datum|date|aan|to|à|an|cc|onderwerp|subject|objet|"
    r"betreff)\s*:\**\s*\S",
    re.IGNORECASE,
)
_FIRST_HEADER_LINE = re.compile(r"[>*\s]*(?:van|from|de|von)\s*:\**\s*\S", re.IGNORECASE)


def marker_line(language: Language, proof: str) -> str:
    """The line above which answers are asked; a `proof` lets a reply find its case even without headers."""
    line = f"--- {MARKERS[language]} ---"
    return f"{line} [{proof}]" if proof else line


def proof(case: str, secret: bytes) -> str:
    """The case with its signature, as it stands in a reply address."""
    return signed("x@y", case, secret).partition("@")[0].removeprefix("x+")


def proven_case(text: str, secret: bytes) -> str:
    """The case of the first true proof in a text, "" when there is none."""
    cases = (verified_case(f"x+{found}@y", secret) for found in _PROOF.findall(text))
    return next(filter(None, cases), "")


def reply_text(full: str) -> str:
    """The part written now; the whole text when it was written below or between the quoted lines.

    Cuts at our marker line, at "Op ... schreef ...:" in four languages, at a block of Van/Verzonden/Aan
    lines, and at separators. A cut that would leave nothing is not made.
    """
    lines = full.split("\n")
    cut = _history_starts(lines)
    if cut is None:
        return _second_opinion(full)
    top = "\n".join(lines[:cut]).strip()
    if not top or _written_between(lines[cut:]):
        return full.strip()
    return top


def _history_starts(lines: list[str]) -> int | None:
    found = (index for index in range(min(len(lines), _EXAMINED)) if _starts_history(lines, index))
    return next(found, None)


def _starts_history(lines: list[str], index: int) -> bool:
    line = lines[index]
    if len(line) > 400 or not line.strip():
        return False
    if _MARKER.match(line) or _SEPARATOR.match(line) or _is_header_block(lines[index : index + 6]):
        return True
    folded = " ".join(
        part[:400] for part in lines[index : index + 3]
    )  # clients break the line after 70 signs
    if _ATTRIBUTION.match(line):
        return True
    return line.lstrip("> ")[:3] in {"Op ", "On ", "Le ", "Am "} and any(
        _ATTRIBUTION.match(text) for text in (" ".join(lines[index : index + 2])[:400], folded)
    )


def _is_header_block(lines: list[str]) -> bool:
    if not _FIRST_HEADER_LINE.match(lines[0]):
        return False
    filled = [line for line in lines if line.strip()]
    return sum(_HEADER_LINE.match(line[:200]) is not None for line in filled[:5]) >= 3


def _written_between(history: list[str]) -> bool:
    """Whether somebody wrote below or between lines quoted with `>`."""
    quoted = [index for index, line in enumerate(history) if _QUOTED.match(line)]
    if not quoted:
        return False
    return any(line.strip() and not _QUOTED.match(line) for line in history[quoted[0] :])


def _second_opinion(full: str) -> str:
    """Patterns of more mail programs; only for short texts and lines, as they may take cubic time."""
    if not full.strip() or len(full) > _SHORT_TEXT or max(map(len, full.split("\n"))) > _SHORT_LINE:
        return full.strip()
    flat = "\n".join(line.strip() for line in full.split("\n"))
    first = EmailReplyParser(languages=["nl", "fr", "de", "en"]).read(flat).replies[0]
    newest, history = first.content.strip(), flat.strip().removeprefix(first.content.strip())
    if not newest or first.headers or history == flat.strip() or _written_between(history.split("\n")):
        return full.strip()
    return str(newest)

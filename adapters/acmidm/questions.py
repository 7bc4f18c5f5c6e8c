"""The further questions of a category, on a page: what was answered, what must be mended, and the words for handlers. Pure."""

import math
import re
from collections.abc import Mapping
from datetime import date

from adapters.acmidm.settings import Category, Question

PREFIX = "answer."
"""How the names of the fields begin; a box of several `choices` has its number behind the name."""
YES, NO = "ja", "nee"
_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")


def answers_in(texts: Mapping[str, str]) -> dict[str, str]:
    """What the form says, by field; what was left empty is not there."""
    answers = {name.removeprefix(PREFIX): text for name, text in texts.items() if name.startswith(PREFIX)}
    return {name: text.strip() for name, text in answers.items() if text.strip()}


def mistakes_in_answers(category: Category, answers: Mapping[str, str]) -> dict[str, str]:
    """What the customer must mend: field of the form -> code of the text that says so."""
    codes = {
        f"{PREFIX}{name}": _mistake(question, _answer(name, question, answers))
        for name, question in category.fields.items()
    }
    return {name: code for name, code in codes.items() if code}


def in_words(category: Category, answers: Mapping[str, str]) -> str:
    """One line for each answer, under its question, as handlers read it."""
    lines = ((question.title, _answer(name, question, answers)) for name, question in category.fields.items())
    return "\n".join(f"{title}: {', '.join(given)}" for title, given in lines if given)


def _answer(name: str, question: Question, answers: Mapping[str, str]) -> tuple[str, ...]:
    if question.kind == "choices":
        return tuple(
            option for number, option in enumerate(question.options) if f"{name}.{number}" in answers
        )
    return (answers[name],) if name in answers else ()


def _mistake(question: Question, given: tuple[str, ...]) -> str:
    if not given:
        return "empty" if question.required else ""
    if question.kind == "choices":
        return ""
    if len(given[0]) > question.max_length:
        return "long"
    return "" if _fits(question, given[0]) else question.kind


def _fits(question: Question, text: str) -> bool:
    match question.kind:
        case "number":
            return _is_number(text.replace(",", "."))
        case "integer":
            return _INTEGER.fullmatch(text) is not None
        case "boolean":
            return text in (YES, NO)
        case "date":
            return _is_date(text)
        case "choice":
            return text in question.options
        case "text" | "choices":
            return True


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True

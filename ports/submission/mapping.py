"""Brings the flat answers of a form builder to the contract, following the sender's configuration.

What nobody mapped is not lost: it is written under the message, one line per answer.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from ports.submission.answers import Answers
from ports.submission.contract import Organisation, Person, Place, Submission
from ports.submission.errors import SubmissionError
from ports.submission.strict_json import misfit

_PLAIN = (
    "id",
    "submitted_at",
    "kind",
    "category",
    "product",
    "subject",
    "message",
    "language",
    "case",
    "honeypot",
    "filled_in_seconds",
)
_NESTED = {
    f"{branch}.{field}": field
    for branch, struct in (("person", Person), ("organisation", Organisation), ("location", Place))
    for field in struct.__struct_fields__
}
PATHS = frozenset({*_PLAIN, *_NESTED})
"""All places of the contract that a form field can be mapped to."""

FLAT: dict[str, str] = {
    **{path: path for path in PATHS},
    **{field: path for path, field in _NESTED.items() if path != "organisation.name"},
    "organisation": "organisation.name",
}
"""Our own flat names: `email` is `person.email`, `kbo` is `organisation.kbo`, `name` is the person's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one sender's fields go into the contract."""

    fields: Mapping[str, str]
    constants: Mapping[str, str]
    ignored: Collection[str]


def to_submission(
    answers: Answers, plan: Plan, id_: str, labels: Mapping[str, str] | None = None
) -> Submission:
    """The submission; unmapped answers end up under the message, with their label where one is known."""
    placed, rest = _placed(answers.texts, plan)
    named = labels or {}
    lines = [f"{named.get(name, name)}: {text}" for name, text in rest.items()]
    message = "\n\n".join(part for part in (placed.get("message", ""), "\n".join(lines)) if part)
    placed = {**plan.constants, **placed, "id": id_, "message": message}
    if not placed.get("subject"):
        placed["subject"] = message.strip().partition("\n")[0][:80]
    return _submission(placed, answers)


def to_submission_of_known_fields(answers: Answers, plan: Plan, id_: str) -> Submission:
    """As `to_submission`, but a field that is not mapped is refused: this sender follows our contract."""
    placed, rest = _placed(answers.texts, plan)
    if rest:
        raise SubmissionError("$", "contains a field that the contract does not have")
    return _submission({**plan.constants, **placed, "id": id_}, answers)


def _placed(texts: Mapping[str, str], plan: Plan) -> tuple[dict[str, str], dict[str, str]]:
    parts: dict[str, list[str]] = {}
    order = [name for name in plan.fields if name in texts]
    for name in order:
        parts.setdefault(plan.fields[name], []).append(texts[name])
    rest = {
        name: text for name, text in texts.items() if name not in plan.fields and name not in plan.ignored
    }
    return {path: _joined(path, texts_) for path, texts_ in parts.items()}, rest


def _joined(path: str, texts: list[str]) -> str:
    return ("\n\n" if path == "message" else " ").join(texts)


def _submission(placed: Mapping[str, str], answers: Answers) -> Submission:
    tree: dict[str, object] = {"attachments": answers.uploads}
    branches: dict[str, dict[str, str]] = {}
    for path, text in placed.items():
        branch, dot, field = path.partition(".")
        if dot:
            branches.setdefault(branch, {})[field] = text
        else:
            tree[path] = text
    try:
        return msgspec.convert({**tree, **branches}, Submission, strict=False)
    except msgspec.ValidationError as error:
        raise misfit(error) from None

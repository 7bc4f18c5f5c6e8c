"""How each door's body is read: pure functions from bytes to what will be handed over.

`raw` is what will be kept, and what tells a retry from another submission under the same id. Our own JSON is
kept byte for byte. Where files came along, and at the other doors always, it is the answers with the files
taken out (Claim Check), all in a fixed order: a retry may send them in another order, with another multipart
boundary or with the time of the attempt, and must still be recognised. What cannot be read is kept as it came.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

import msgspec

from adapters.website.settings import Sender
from ports.files import FileRules
from ports.intake import File
from ports.submission.answers import Answers, Json, from_multipart, from_tree, tree_of_urlencoded
from ports.submission.contract import Submission
from ports.submission.errors import Flaw, SubmissionError
from ports.submission.files import to_files, without_files
from ports.submission.mapping import FLAT, Plan, to_submission, to_submission_of_known_fields
from ports.submission.strict_json import decoded

_DRUPAL_BASE_FIELDS = frozenset({
    "sid", "serial", "uuid", "token", "uri", "created", "completed", "changed", "in_draft", "current_page",
    "remote_addr", "uid", "webform_id", "entity_type", "entity_id", "locked", "sticky", "notes",
    "form_build_id", "form_token", "form_id", "op",
})  # fmt: skip
_DRUPAL_USUAL_FIELDS = {"langcode": "language", "completed": "submitted_at"}
_DRUPAL_FILE_PARTS = ("id", "name", "uri", "mime", "uuid", "data")


class _GenericJson(msgspec.Struct, frozen=True):
    """What Open Formulieren posts; it may grow members that we do not know."""

    values: dict[str, Any]
    metadata: dict[str, Any] = {}
    values_schema: dict[str, Any] = {}


_CONTRACT = msgspec.json.Decoder(Submission)
_GENERIC_JSON = msgspec.json.Decoder(_GenericJson)
_TREE: "msgspec.json.Decoder[dict[str, Json]]" = msgspec.json.Decoder(dict[str, Any])


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """A submission with its files, and the sender's own id for it."""

    source_ref: str
    submission: Submission
    files: tuple[File, ...]
    raw: bytes


def read_json(body: bytes, webhook_id: str, rules: FileRules) -> Understood:
    """Our own contract. All `read_*` raise `SubmissionError`."""
    submission = decoded(_CONTRACT, body)
    files = to_files(submission.attachments, rules) if submission.attachments else ()
    return Understood(
        source_ref=webhook_id,
        submission=submission,
        files=files,
        raw=without_files(msgspec.structs.replace(submission, attachments=()), files) if files else body,
    )


def read_form(body: bytes, content_type: str, key: str, sender: Sender, rules: FileRules) -> Understood:
    """A multipart form with our own flat field names; its id is the field `id` or the key from the header."""
    if not content_type.startswith("multipart/form-data"):
        raise SubmissionError("$", "send multipart/form-data", flaw=Flaw.WRONG_TYPE)
    answers = from_multipart(content_type, body)
    id_ = answers.texts.get("id", key)
    if not id_:
        raise SubmissionError("$.id", "give the submission an id, in field `id` or header Idempotency-Key")
    submission = to_submission_of_known_fields(answers, plan_of(sender), id_)
    return _lifted(answers, submission, id_, rules)


def read_drupal(body: bytes, content_type: str, day: date, sender: Sender, rules: FileRules) -> Understood:
    """Drupal Webform's remote post; without the element `uuid`, content and day stand in for an id."""
    answers = _drupal_answers(_drupal_tree(body, content_type))
    files = to_files(answers.uploads, rules)
    id_ = answers.texts.get(sender.id_field or "uuid", "") or _content_id(answers, files, day)
    plan = plan_of(sender, ignored=_DRUPAL_BASE_FIELDS, fields=_DRUPAL_USUAL_FIELDS)
    return _lifted(answers, to_submission(answers, plan, id_), id_, rules)


def read_open_formulieren(body: bytes, sender: Sender, rules: FileRules) -> Understood:
    """Open Formulieren's generic JSON. Its metadata has the time of the attempt: it is not kept."""
    posted = decoded(_GENERIC_JSON, body)
    answers = from_tree(posted.values)
    metadata = {f"metadata.{name}": text for name, text in from_tree(posted.metadata).texts.items()}
    id_field = sender.id_field or "metadata.public_reference"
    id_ = {**answers.texts, **metadata}.get(id_field, "")
    if not id_:
        raise SubmissionError(f"$.{id_field}", "is missing: it identifies the submission")
    plan = plan_of(sender, ignored=metadata)
    everything = replace(answers, texts={**answers.texts, **metadata})
    submission = to_submission(everything, plan, id_, _titles(posted.values_schema))
    return _lifted(answers, submission, id_, rules)


def plan_of(sender: Sender, *, ignored: Iterable[str] = (), fields: Mapping[str, str] | None = None) -> Plan:
    """The sender's mapping; our own flat names still work for what it leaves open."""
    taken = set(sender.fields.values())
    usual = {name: path for name, path in {**FLAT, **(fields or {})}.items() if path not in taken}
    return Plan(
        fields={**usual, **sender.fields},
        constants=sender.constants,
        ignored={*ignored, *sender.ignored, sender.id_field},
    )


def _lifted(answers: Answers, submission: Submission, id_: str, rules: FileRules) -> Understood:
    files = to_files(answers.uploads, rules)
    return Understood(
        source_ref=id_,
        submission=msgspec.structs.replace(submission, attachments=()),
        files=files,
        raw=without_files(dict(sorted(answers.texts.items())), files),
    )


def _content_id(answers: Answers, files: tuple[File, ...], day: date) -> str:
    content = without_files(dict(sorted(answers.texts.items())), files)
    return f"content:{sha256(content + day.isoformat().encode()).hexdigest()}"


def _drupal_tree(body: bytes, content_type: str) -> Mapping[str, Json]:
    if content_type.startswith("application/json"):
        return decoded(_TREE, body)
    if content_type.startswith("application/x-www-form-urlencoded"):
        return tree_of_urlencoded(body)
    raise SubmissionError("$", "send application/x-www-form-urlencoded or JSON", flaw=Flaw.WRONG_TYPE)


def _drupal_answers(tree: Mapping[str, Json]) -> Answers:
    """Drupal sends a file element thrice: its number, `_element` with the data, and `element__...`."""
    file_elements = [name[1:] for name, value in tree.items() if name.startswith("_") and _has_file(value)]
    told_twice = {
        name
        for element in file_elements
        for name in (element, *(f"{element}__{part}" for part in _DRUPAL_FILE_PARTS))
    }
    return from_tree({name: value for name, value in tree.items() if name not in told_twice})


def _has_file(value: Json) -> bool:
    if isinstance(value, list):
        return any(_has_file(one) for one in value)
    return isinstance(value, Mapping) and "data" in value


def _titles(schema: Mapping[str, Json]) -> dict[str, str]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    titles = {name: one.get("title") for name, one in properties.items() if isinstance(one, Mapping)}
    return {name: title for name, title in titles.items() if isinstance(title, str)}

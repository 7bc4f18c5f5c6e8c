"""What form builders post, whatever the syntax, as flat answers: a name with dots and a text, plus files.

Nested values get dotted names (`address.city`, `rooms.0.name`); a choice of several becomes `a, b`.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl

from ports.forms import FormError, read_form
from ports.submission.contract import Upload
from ports.submission.errors import Flaw, SubmissionError

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

_DEEPEST = 12
_MOST_FIELDS = 500
_BRACKETS = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A form as it was filled in. Empty answers are left out; order as sent."""

    texts: Mapping[str, str]
    uploads: tuple[Upload, ...]


def from_tree(tree: Mapping[str, Json]) -> Answers:
    """Answers from nested JSON; `{file_name, content}` and `{name, uri, data}` are files in base64."""
    texts: dict[str, str] = {}
    uploads: list[Upload] = []
    for name, leaf in _leaves(tree, "", 0):
        if isinstance(leaf, Upload):
            uploads.append(leaf)
        elif leaf:
            texts[name] = leaf
    _refuse_nul(texts.values())
    return Answers(texts=texts, uploads=tuple(uploads))


def tree_of_urlencoded(body: bytes) -> dict[str, Json]:
    """`a=1&b[c]=2&d[]=3` as PHP reads it: `{"a": "1", "b": {"c": "2"}, "d": ["3"]}`.

    A name that comes twice is refused: PHP would keep the last, others the first.
    """
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise SubmissionError(
            "$", f"is not a urlencoded form in UTF-8 of at most {_MOST_FIELDS} fields", flaw=Flaw.MALFORMED
        ) from None
    tree: dict[str, Json] = {}
    for name, value in pairs:
        _plant(tree, _keys(name), value)
    return {name: _with_lists(value) for name, value in tree.items()}


def from_multipart(content_type: str, body: bytes) -> Answers:
    """Answers from multipart/form-data."""
    try:
        form = read_form(content_type, body)
    except FormError as error:
        raise SubmissionError("$", error.what, flaw=Flaw.MALFORMED) from None
    return Answers(
        texts={name: text for name, text in form.texts.items() if text},
        uploads=tuple(Upload(name=upload.name, content=upload.content) for upload in form.uploads),
    )


def _leaves(value: Json, name: str, depth: int) -> Iterator[tuple[str, str | Upload]]:
    if depth > _DEEPEST:
        raise SubmissionError("$", "is nested too deeply", flaw=Flaw.MALFORMED)
    if isinstance(value, Mapping):
        yield from _of_mapping(value, name, depth)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from _of_list(value, name, depth)
    else:
        yield name, _text(value)


def _of_mapping(value: Mapping[str, Json], name: str, depth: int) -> Iterator[tuple[str, str | Upload]]:
    upload = _upload(value)
    if upload:
        yield name, upload
        return
    if name and value and all(isinstance(chosen, bool) for chosen in value.values()):
        yield name, ", ".join(option for option, chosen in value.items() if chosen)
        return
    for key, inner in value.items():
        yield from _leaves(inner, f"{name}.{key}" if name else key, depth + 1)


def _of_list(value: Sequence[Json], name: str, depth: int) -> Iterator[tuple[str, str | Upload]]:
    if all(one is None or isinstance(one, str | bool | int | float) for one in value):
        texts = [_text(one) for one in value]
        yield name, ", ".join(text for text in texts if text)
        return
    for position, inner in enumerate(value):
        yield from _leaves(inner, f"{name}.{position}", depth + 1)


def _text(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "ja" if value else "nee"
    return str(value).replace("\r\n", "\n")


def _upload(value: Mapping[str, Json]) -> Upload | None:
    if set(value) == {"file_name", "content"}:
        return _decoded_upload(value["file_name"], value["content"])
    if {"name", "uri", "data"} <= set(value):
        return _decoded_upload(value["name"], value["data"])
    return None


def _decoded_upload(name: Json, data: Json) -> Upload | None:
    if not isinstance(name, str) or not isinstance(data, str):
        return None
    try:
        return Upload(name=name[-500:], content=base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        raise SubmissionError("$.attachments", "a file is not in base64") from None


def _keys(name: str) -> list[str]:
    bracketed = _BRACKETS.fullmatch(name)
    if not bracketed:
        return [name]
    keys = [bracketed[1], *bracketed[2][1:-1].split("][")]
    if len(keys) > _DEEPEST:
        raise SubmissionError("$", "is nested too deeply", flaw=Flaw.MALFORMED)
    return keys


def _plant(tree: dict[str, Json], keys: list[str], value: str) -> None:
    branch = tree
    for key in keys[:-1]:
        inner = branch.setdefault(key or str(len(branch)), {})
        if not isinstance(inner, dict):
            raise SubmissionError("$", "uses a field both with and without [...]", flaw=Flaw.MALFORMED)
        branch = inner
    last = keys[-1] or str(len(branch))
    if last in branch:
        raise SubmissionError("$", "holds the same field twice", flaw=Flaw.MALFORMED)
    branch[last] = value


def _with_lists(value: Json) -> Json:
    if not isinstance(value, Mapping):
        return value
    inner = {key: _with_lists(one) for key, one in value.items()}
    if list(inner) == [str(position) for position in range(len(inner))]:
        return list(inner.values())
    return inner


def _refuse_nul(texts: Iterable[str]) -> None:
    if any("\0" in text for text in texts):
        raise SubmissionError("$", "holds a NUL character: remove it")

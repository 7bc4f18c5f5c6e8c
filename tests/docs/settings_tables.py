"""Tables of settings in the pages, written from the settings themselves: `make docs` renews them.

A page asks with `<!-- settings: adapters.website.settings -->` ... `<!-- end -->`; what stands between is ours.
"""

import re
from collections.abc import Iterator
from enum import EnumType
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tests.shipped import ROOT

ASKED = re.compile(r"(<!-- settings: ([a-z0-9_.]+) -->\n).*?(<!-- end -->)", re.DOTALL)
PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    SecretStr: "secret",
    SecretBytes: "secret",
}


def pages() -> Iterator[Path]:
    """The pages that ask for a table."""
    return (page for page in sorted((ROOT / "docs").rglob("*.md")) if ASKED.search(page.read_text()))


def renewed(text: str) -> str:
    """The page with its tables as the code says now."""
    return ASKED.sub(lambda asked: f"{asked[1]}{tables(asked[2])}{asked[3]}", text)


def tables(module: str) -> str:
    """One table for each model of the module whose settings have help texts; the main one, last there, first here."""
    models = [
        value
        for value in vars(import_module(module)).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module
    ]
    return "".join(
        f"\n{_table(model)}\n" for model in reversed(models) if any(map(_help, model.model_fields.values()))
    )


def _table(model: type[BaseModel]) -> str:
    title = f"**{model.__name__}**: {(getdoc(model) or '').splitlines()[0]}"
    rows = [
        f"| `{name}` | {_kind(field)} | {_default(field)} | {_help(field)} |"
        for name, field in _fields(model)
    ]
    return "\n".join([title, "", "| setting | kind | default | what for |", "|---|---|---|---|", *rows, ""])


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    return ((field.alias or name, field) for name, field in model.model_fields.items())


def _kind(field: FieldInfo) -> str:
    return _words(field.annotation).replace("|", "\\|")


def _words(kind: object) -> str:
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, EnumType):
        return " or ".join(f"`{member.value}`" for member in kind)
    inner = [part for part in get_args(kind) if part not in (..., NoneType)]
    return _composed(get_origin(kind), inner) if inner else str(getattr(kind, "__name__", kind))


def _composed(origin: object, inner: list[object]) -> str:
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(map(_words, inner))
    if origin is Annotated:
        return _words(inner[0])
    return f"table of {_words(inner[1])}" if origin is dict else f"list of {_words(inner[0])}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = (
        field.default
        if field.default is not PydanticUndefined
        else field.get_default(call_default_factory=True)
    )
    if value in ("", (), {}, None, frozenset(), SecretStr("")) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, dict):
        return ", ".join(f"`{name}` = `{one}`" for name, one in value.items())
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(f"`{one}`" for one in sorted(map(str, value)))
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _help(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    for page in pages():
        page.write_text(renewed(page.read_text()))
        print(f"renewed {page.relative_to(ROOT)}")

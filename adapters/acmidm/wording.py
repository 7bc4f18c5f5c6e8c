"""The words of the pages: catalogues in plain Dutch and English, and dates as people here write them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

LANGUAGES: Final = ("nl", "en")
_ZONE = ZoneInfo("Europe/Brussels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One language. Texts are plain text; whoever shows them escapes them."""

    language: str
    texts: Mapping[str, str]

    def text(self, key: str, **words: object) -> str:
        """The text of this key with its blanks filled in; `KeyError` when there is none."""
        return self.texts[key].format(**words)

    def known(self, group: str, value: str) -> str:
        """The text of a value of a closed set; a value that nobody described is shown as it is."""
        return self.texts.get(f"{group}.{value}", value)

    def day(self, at: datetime) -> str:
        """`3 maart 2026`, in local time."""
        local = at.astimezone(_ZONE)
        return f"{local.day} {self.text(f'month.{local.month}')} {local.year}"

    def time(self, at: datetime) -> str:
        """`3 maart 2026, 09:05`, in local time."""
        return f"{self.day(at)}, {at.astimezone(_ZONE):%H:%M}"


def load() -> dict[str, Wording]:
    """All languages."""
    return {language: Wording(language=language, texts=read_texts(language)) for language in LANGUAGES}


def read_texts(language: str) -> dict[str, str]:
    """The catalogue of a language with dotted keys."""
    file = resources.files("adapters.acmidm") / "texts" / f"{language}.toml"
    return dict(_flat("", tomllib.loads(file.read_text("utf-8"))))


Texts: TypeAlias = "Mapping[str, str | Texts]"


def _flat(prefix: str, table: Texts) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        found += [(key, value)] if isinstance(value, str) else _flat(f"{key}.", value)
    return found

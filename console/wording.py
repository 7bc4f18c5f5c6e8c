"""The words of the console: catalogues in plain Dutch and English, and dates as people here write them."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from canonical_model.case import CASE_REF

LANGUAGES: Final = ("nl", "en")
_SETS: Final = {
    "status": "case_status",
    "before": "case_status",
    "theirs": "outside_state",
    "ours": "outside_state",
    "plan": "plan_state",
}
"""Blanks of sentences that hold a value of a closed set."""
_BLANKS: Final = {"ref": CASE_REF.pattern, "case": CASE_REF.pattern, "why": ".+?"}
"""What may stand in a blank; in the others no `;`, with which another sentence begins."""
_FOLDER = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One language. Texts are plain text; whoever shows them escapes them."""

    language: str
    texts: Mapping[str, str]
    zone: ZoneInfo

    def text(self, key: str, **words: object) -> str:
        """The text of this key with its blanks filled in; `KeyError` when there is none."""
        return self.texts[key].format(**words)

    def count(self, key: str, number: int, **words: object) -> str:
        """`key.one` or `key.many`, with {n}."""
        return self.text(f"{key}.{'one' if number == 1 else 'many'}", n=number, **words)

    def known(self, group: str, value: str) -> str:
        """The text of a value of a closed set; a value that nobody described is shown as it is."""
        return self.texts.get(f"{group}.{value}", value)

    def said(self, sentence: str) -> str:
        """What the hub says in English, in its journal or when it refuses; what nobody translated stays as it is.

        A sentence may be several, with `; ` in between.
        """
        whole = self._said(sentence)
        if whole is not None:
            return whole
        return "; ".join(self._said(part) or part for part in sentence.split("; "))

    def _said(self, sentence: str) -> str | None:
        for key, shape in _said_shapes():
            if found := shape.fullmatch(sentence):
                words = {
                    name: self.known(_SETS.get(name, ""), word) for name, word in found.groupdict().items()
                }
                return self.text(key, **words)
        return None

    def bounded(self, number: int, most: int) -> str:
        """A count that stopped at a bound says so: `1000+`."""
        return f"{number}+" if number >= most else str(number)

    def time(self, at: datetime | None) -> str:
        """`3 maart 2026, 09:05`, in local time; a dash when there is none."""
        if at is None:
            return "-"
        local = at.astimezone(self.zone)
        return f"{self.day(local.date())}, {local:%H:%M}"

    def clock(self, at: datetime) -> str:
        """`09:05:12`, in local time."""
        return f"{at.astimezone(self.zone):%H:%M:%S}"

    def short(self, at: datetime, now: datetime) -> str:
        """The time of today, or day and time of another day."""
        local = at.astimezone(self.zone)
        if local.date() == now.astimezone(self.zone).date():
            return f"{local:%H:%M:%S}"
        return f"{local.day} {self.text(f'month.{local.month}')}, {local:%H:%M}"

    def day(self, day: date) -> str:
        """`3 maart 2026`."""
        return f"{day.day} {self.text(f'month.{day.month}')} {day.year}"

    def local_day(self, at: datetime) -> str:
        """The day in local time."""
        return self.day(at.astimezone(self.zone).date())

    def since(self, at: datetime, now: datetime) -> str:
        """How long ago (or how long until), roughly: `6 dagen`."""
        seconds = int(abs((now - at).total_seconds()))
        for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
            if seconds >= length:
                return self.count(f"duration.{unit}", seconds // length)
        return self.text("duration.moment")


def load(zone: str) -> dict[str, Wording]:
    """All languages, for this time zone."""
    return {
        language: Wording(language=language, texts=read_texts(language), zone=ZoneInfo(zone))
        for language in LANGUAGES
    }


@cache
def read_texts(language: str) -> Mapping[str, str]:
    """The catalogue of a language with dotted keys, read once."""
    return MappingProxyType(
        dict(_flat("", tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))))
    )


@cache
def _said_shapes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What each English sentence looks like, those with the most words of their own first."""
    shapes = [(key, text) for key, text in read_texts("en").items() if key.startswith("said.")]
    shapes.sort(key=lambda one: -sum(len(words) for words, *_ in Formatter().parse(one[1])))
    return tuple((key, re.compile("".join(_shape(text)), re.DOTALL)) for key, text in shapes)


def _shape(text: str) -> Iterator[str]:
    for words, name, *_ in Formatter().parse(text):
        yield re.escape(words)
        if name:
            yield f"(?P<{name}>{_BLANKS.get(name, '[^;]+?')})"


Texts: TypeAlias = "Mapping[str, str | Texts]"


def _flat(prefix: str, table: Texts) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        found += [(key, value)] if isinstance(value, str) else _flat(f"{key}.", value)
    return found

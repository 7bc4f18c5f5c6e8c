"""What the routes are told: the city's dispatch table, terms and texts, as typed values.

`parse` takes the text of the files (the hub reads them) and refuses, with the place, what does not fit.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Annotated

import msgspec

from canonical_model.contact import Channel, Kind, Language
from canonical_model.status import CaseStatus
from canonical_model.work_order import OrderState
from routes.words import spoken


class DispatchError(ValueError):
    """The dispatch table or a text file does not fit; says where and what is expected."""


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A handler group of the tracker, and where reminders for it go."""

    name: str
    label: str
    email: str = ""


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the city, recognised by postcode or by the words that people use for it."""

    name: str
    words: tuple[str, ...] = ()
    postcodes: tuple[str, ...] = ()


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A subject, recognised by words when the sender did not choose one."""

    name: str
    words: tuple[str, ...]
    kind: Kind | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the dispatch table. Empty conditions fit everything; the first line that fits wins.

    `crew` names the adapter of the field team whose planning gets a work order at once.
    """

    name: str
    group: str
    crew: str = ""
    kind: tuple[Kind, ...] = ()
    product: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    area: tuple[str, ...] = ()
    channel: tuple[Channel, ...] = ()
    addressed_to: tuple[str, ...] = ()


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contact with the group that must get it; `wegwijzer check` tries them all."""

    expect: str
    kind: Kind | None = None
    category: str = ""
    product: str = ""
    area: str = ""
    channel: Channel = Channel.MAIL
    addressed_to: str = ""
    text: str = ""
    subject: str = ""


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Working days: until a case should be answered, per kind; between reminders; and acknowledgements a day."""

    question: int = 10
    report: int = 15
    suggestion: int = 20
    complaint: int = 10
    reminder: int = 3
    acknowledgements_per_day: int = 5


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must happen to a case before so many working days are over; silence is told to the contact centre.

    Empty conditions fit everything; the first line that fits wins. `order` fits the state of its work order.
    """

    what: str
    within: Annotated[int, msgspec.Meta(ge=1, le=250)]
    kind: tuple[Kind, ...] = ()
    category: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    status: tuple[CaseStatus, ...] = ()
    order: tuple[OrderState, ...] = ()


class Dispatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """The dispatch file as a whole. What every contact asks of it is put together once, and kept with it (`dict`)."""

    default: str
    group: tuple[Group, ...]
    area: tuple[Area, ...] = ()
    category: tuple[Category, ...] = ()
    rule: tuple[Rule, ...] = ()
    example: tuple[Example, ...] = ()
    expect: tuple[Expectation, ...] = ()
    terms: Terms = Terms()

    @cached_property
    def places(self) -> tuple[tuple[str, str], ...]:
        """By which words an area is recognised, and its name; in the order of the table."""
        return tuple(
            (spoken(name), area.name) for area in self.area for name in (*area.postcodes, *area.words)
        )

    @cached_property
    def topics(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        """By which words a category is recognised, and its name; in the order of the table."""
        return tuple((tuple(spoken(word) for word in entry.words), entry.name) for entry in self.category)

    def rules_for(self, category: str) -> tuple[Rule, ...]:
        """The rules for this category and those for any, in the order of the table: no other can fit."""
        return self._by_category.get(category, self._for_any)

    @cached_property
    def _by_category(self) -> dict[str, tuple[Rule, ...]]:
        named = {name for rule in self.rule for name in rule.category}
        return {
            name: tuple(rule for rule in self.rule if not rule.category or name in rule.category)
            for name in named
        }

    @cached_property
    def _for_any(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rule if not rule.category)


Texts = Mapping[Language, Mapping[str, str]]
GIVEN = ("ref", "subject", "city", "group", "answer", "detail", "question", "evidence")
"""What a text may have filled in; which of them in which text: `routes.letter_kinds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteConfiguration:
    """All that the routes are told. `version` changes when any of it does.

    `informed` names the adapters whose systems want to hear how the cases go that they brought; `board` and `notices`
    those of the status board and the notification service, "" = there is none; `crews` those of the field teams.
    """

    dispatch: Dispatch
    texts: Texts
    city: str
    mail_domain: str
    pseudonym_key: bytes = field(repr=False)
    version: str
    informed: frozenset[str] = frozenset()
    board: str = ""
    notices: str = ""
    crews: frozenset[str] = frozenset()

    @property
    def told_outside(self) -> tuple[str, ...]:
        """The targets of the status board, the notification service and the field teams."""
        return (*sorted(self.crews), *(name for name in (self.board, self.notices) if name))


def parse_dispatch(text: str) -> Dispatch:
    """The table in this TOML text; `DispatchError` names the line or field that does not fit."""
    try:
        dispatch = msgspec.convert(tomllib.loads(text), Dispatch)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise DispatchError(f"dispatch table: {error}") from error
    groups = {group.name for group in dispatch.group}
    for group, where in [
        (dispatch.default, "default"),
        *((r.group, f"rule {r.name!r}") for r in dispatch.rule),
    ]:
        if group not in groups:
            raise DispatchError(f"dispatch table: {where} names group {group!r}, which is not in [[group]]")
    named = [(entry.name, entry.words) for entry in dispatch.category]
    named += [(entry.name, entry.words) for entry in dispatch.area]
    for name, words in named:
        if empty := [word for word in words if not any(sign.isalnum() for sign in word)]:
            raise DispatchError(f"dispatch table: {name!r} has {empty[0]!r} among its words: that is none")
    return dispatch


def parse_texts(files: Mapping[str, str], beneath: Texts | None = None) -> Texts:
    """Texts per language from TOML, keyed by language; every language must have every text.

    What `files` lack comes from the texts `beneath`. Between braces stand only the names in `GIVEN`.
    """
    texts = {language: dict(words) for language, words in (beneath or {}).items()}
    for name, content in files.items():
        try:
            own = msgspec.convert(tomllib.loads(content), dict[str, str])
            texts[Language(name)] = {**texts.get(Language(name), {}), **own}
        except (ValueError, msgspec.ValidationError) as error:
            raise DispatchError(f"texts {name}: {error}") from error
        _try_out(name, own)
    every = set[str]().union(*texts.values())
    for language in Language:
        if missing := every - texts.get(language, {}).keys():
            raise DispatchError(f"texts {language}: missing {', '.join(sorted(missing))}")
    return texts


def _try_out(language: str, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        try:
            text.format(**dict.fromkeys(GIVEN, ""))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DispatchError(
                f"texts {language}: {name} does not fill in: write {{name}} with one of {', '.join(GIVEN)}"
            ) from error


def version_of(*parts: str) -> str:
    """A short name for exactly these configuration texts."""
    return sha256("\0".join(parts).encode()).hexdigest()[:12]

"""What happens in a week, and when: who writes, which completion is never told, who is away."""

import base64
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.flows.field_teams import WORDS

HOUR = timedelta(hours=1)
OUTAGE = 4 * HOUR
ONE_IN = 20
"""So many completions of a team, of which one is never told."""
LATE = 3.0
"""Hours after which a device without reception tells Open311 what its crew did; the hub looks back one hour."""
TEAMS = tuple(WORDS)
KASSA = "api/kassa/webhook"
GARAGE = "amqp/garage"
TARGETS = (
    KASSA, "dosis", "wegen", GARAGE, "tracker", "groen", "mail", "catalogus", "notificaties", "reiniging", "verlichting",
)  # fmt: skip
"""Whoever the hub asks or tells, by the name under which it reports an outage. The webhook comes first: by its agreed pace the next try may
be ten hours later.
"""
ADDRESSES = "adressen"
PEOPLE = "magda"
REGISTERS = (ADDRESSES, PEOPLE)
"""Whoever is only asked about a contact on its way in, by adapter: that they are away is no incident."""
SUBJECTS = {
    "wegen": "Losse tegel",
    "verlichting": "Kapotte lamp",
    "reiniging": "Zwerfvuil",
    "groen": "Omgevallen boom",
}
DONE = {
    "wegen": "Tegel vastgelegd",
    "verlichting": "Lamp vervangen",
    "reiniging": "Alles opgeruimd",
    "groen": "Boom weggehaald",
}
SHOWING = ("reiniging", "groen")
"""Teams whose systems tell photos of the work."""


@dataclass(kw_only=True)
class Citizen:
    """Somebody whose every word is known, so that it can be searched for where it may not be."""

    number: int

    @property
    def first_name(self) -> str:
        return f"Filomena{self.number}"

    @property
    def last_name(self) -> str:
        return f"Quaghebeur{self.number}"

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def email(self) -> str:
        return f"quaghebeur.{self.number}@postvak.example"

    @property
    def insz(self) -> str:
        born = f"{60 + self.number % 39:02}0730{self.number % 997 + 1:03}"
        return f"{born}{97 - int(born) % 97:02}"

    @property
    def phone(self) -> str:
        return f"04789{self.number:05}"

    @property
    def house(self) -> str:
        return str(self.number + 1)

    @property
    def street(self) -> str:
        return f"Schapenstraat {self.house}"


PLANTED = (
    "filomena", "quaghebeur", "postvak.example", "schapenstraat", "wratten", "linkervoet",
    base64.b64encode(b"quaghebeu").decode().lower(),
)  # fmt: skip
"""What every citizen has; the last is how each mail address begins where it is encoded."""
_NUMBERS = re.compile(r"(?=(04789\d{5}|\d\d0730\d{5}))")


def named_in(text: str, citizens: Sequence[Citizen]) -> list[str]:
    """Which words and numbers of the citizens are in a text."""
    lowered = text.lower()
    known = {number for one in citizens for number in (one.insz, one.phone)}
    return [
        *(word for word in PLANTED if word in lowered),
        *sorted(known.intersection(_NUMBERS.findall(lowered))),
    ]


@dataclass(kw_only=True)
class Story:
    """A contact and what becomes of it. `kind`: a team, "question", "silent", "system" or "garage". Hours are counted from the beginning.

    `waits`: until the first and the second step. `lost`: how the completion fails to be told; "" = it is told. `times`: how often the
    sender sends it.
    """

    number: int
    kind: str
    hour: float
    waits: tuple[float, float]
    times: int = 1
    lost: str = ""
    reordered: bool = False
    done_at: datetime | None = None

    @property
    def is_work(self) -> bool:
        """Whether a field team is needed."""
        return self.kind in TEAMS

    @property
    def mails(self) -> bool:
        """Whether the citizen gave a mail address."""
        return not self.is_work or self.number % 2 == 0

    @property
    def is_named(self) -> bool:
        """Whether the citizen gives a name; else the national number tells it to whoever may look it up."""
        return self.is_work or self.number % 2 == 0

    @property
    def citizen(self) -> Citizen:
        return Citizen(number=self.number)

    @property
    def subject(self) -> str:
        return f"{SUBJECTS.get(self.kind, 'Vraag')} nr. {self.number:04}."

    @property
    def done(self) -> str:
        """What the crew writes when it is done: crews name people too."""
        return f"{DONE[self.kind]} bij {self.citizen.name}"

    @property
    def photo(self) -> bytes:
        """What the crew shows, where its system can."""
        content = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + f"{self.number:04}".encode() + bytes(64)
        return content if self.kind in SHOWING else b""

    @property
    def is_shown(self) -> bool:
        """Whether the photo can reach anybody."""
        return bool(self.photo) and self.lost != "swallowed"

    @property
    def submission(self) -> dict[str, Any]:
        person = {"insz": self.citizen.insz, "phone": self.citizen.phone}
        if self.is_named:
            person["name"] = self.citizen.name
        if self.mails:
            person["email"] = self.citizen.email
        return {
            "id": f"week-{self.number}",
            "subject": self.subject,
            "message": f"{self.subject} Ik ben {self.citizen.name}, {self.citizen.street}, en heb wratten op mijn linkervoet.",
            "kind": "report" if self.is_work else "question",
            "language": "nl",
            "person": person,
            "location": {"address": self.citizen.street, "postcode": "3000"},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A target or a register that is away for four hours."""

    target: str
    hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What happens when, all of it known beforehand."""

    stories: tuple[Story, ...]
    outages: tuple[Outage, ...]

    @property
    def ends(self) -> float:
        return max(one.hour + sum(one.waits) for one in self.stories)

    @property
    def lost(self) -> list[Story]:
        """Those whose completion is never told."""
        return [one for one in self.stories if one.lost]

    @property
    def citizens(self) -> list[Citizen]:
        """Everybody who writes."""
        return [one.citizen for one in self.stories]

    def story_in(self, text: str) -> Story:
        """Whose subject is in this text."""
        found = re.search(r"nr\. (\d+)", text)
        assert found, "every subject has its number"
        return self.stories[int(found[1]) - 1]


def script(days: float, dice: random.Random) -> Script:
    """Contacts at all hours, and during every outage something for whoever is away."""
    hours = days * 24
    away = (*REGISTERS, *TARGETS)
    apart = (hours - 6) / len(away)
    outages = tuple(Outage(target=name, hour=3 + apart * i) for i, name in enumerate(away))
    told = [*_all_day(hours, days, dice), ("silent", 0.1, (0.5, 0.5))]
    for outage in outages:
        told += _during(outage)
    told.sort(key=lambda one: one[1])
    stories = tuple(
        Story(number=number, kind=kind, hour=hour, waits=waits, times=2 if dice.random() < 0.2 else 1)
        for number, (kind, hour, waits) in enumerate(told, 1)
    )
    for team in TEAMS:
        _decide_about([one for one in stories if one.kind == team], dice)
    return Script(stories=stories, outages=outages)


_Planned = tuple[str, float, tuple[float, float]]


def _all_day(hours: float, days: float, dice: random.Random) -> Iterator[_Planned]:
    kinds = (*TEAMS, "question", "system", "garage")
    hour, count = 0.5, 0
    while hour < hours:
        yield kinds[count % len(kinds)], hour, (dice.uniform(1, 4), dice.uniform(1, 4))
        hour, count = hour + dice.uniform(0.5, 1.5) * max(0.8, days / 7), count + 1


def _during(outage: Outage) -> Iterator[_Planned]:
    """Something that is under way when it begins, and something new."""
    mine = {
        KASSA: "system",
        GARAGE: "garage",
        "catalogus": "question",
        PEOPLE: "question",
        ADDRESSES: "wegen",
    }.get(outage.target, outage.target)
    kinds = (
        (mine,)
        if mine in (*TEAMS, "system", "garage", "question")
        else ("wegen", "groen", "question", "system")
    )
    for kind in kinds if outage.target not in REGISTERS else ():
        yield kind, outage.hour - 1, (1.5, 1)
        yield kind, outage.hour - 0.8, (1.5, 1)
    for number, after in enumerate((0.2, 0.4, 0.6, 0.8, 1)):
        yield kinds[number % len(kinds)], outage.hour + after, (1, 1)


def _decide_about(orders: list[Story], dice: random.Random) -> None:
    """Which completions of a team are never told, and which of its steps come in the wrong order."""
    dice.shuffle(orders)
    lost = max(1, round(len(orders) / ONE_IN))
    for number, one in enumerate(orders[:lost]):
        one.lost = "lost"
        if one.kind == "reiniging":
            one.lost = ("swallowed", "late")[(number + dice.randrange(2)) % 2]
    for one in orders[lost : lost + max(1, len(orders) // 5)]:
        one.reordered = True

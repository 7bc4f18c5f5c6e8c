"""What people and the hub itself ask of a large journal: every page of the console, and every question of its parts."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from sqlalchemy import Connection, func, select

from canonical_model.customer import CustomerKey, customer_name
from console import ConsoleSettings, create_console
from console.access import Role
from console.accounts import Accounts
from journal.balance import balance_sheet
from journal.comparing import due, tracked_cases
from journal.effects import SweepRequest
from journal.instants import micros
from journal.journal import Journal
from journal.reading.messages import receipt_of
from journal.retention import RULES
from journal.schema import cases, effects, messages
from journal.vitals import vitals
from tests.bench.fates import SCHOOL, found_as

ORIGIN = "http://console.test"
PASSWORD = "een lang wachtwoord"
Look = Callable[[int], Awaitable[Any]]
"""One look, at something about the `number`th seeded contact."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """How the seeded contacts are called: the first one follows the case that was there before them."""

    prefix: str
    first: int

    def ref(self, number: int) -> str:
        return f"{self.prefix}-{self.first + number:06d}"


async def seeded(journal: Journal) -> Seeded:
    """Where the seeded cases begin."""
    first: str = await journal.database.read(
        lambda connection: connection.execute(select(func.min(cases.c.ref))).scalar_one()
    )
    prefix, _, digits = first.rpartition("-")
    return Seeded(prefix, int(digits) + 1)


class Visitor:
    """An administrator at the console, in this process: what is timed is the whole page."""

    def __init__(self, client: httpx.AsyncClient, journal: Journal, names: Seeded) -> None:
        self._client = client
        self._journal = journal
        self._names = names
        self._csrf = ""

    @classmethod
    async def logged_in(cls, journal: Journal) -> "Visitor":
        """Somebody who may look at everything."""
        await Accounts(journal.database, journal.clock).add("beheer", PASSWORD, list(Role))
        app = create_console(journal, ConsoleSettings())
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=ORIGIN, headers={"Origin": ORIGIN}
        )
        visitor = cls(client, journal, await seeded(journal))
        await visitor._renew()
        await visitor._post("/login", {"name": "beheer", "password": PASSWORD, "next": ""})
        await visitor._renew()
        return visitor

    async def leave(self) -> None:
        await self._client.aclose()

    def pages(self) -> Mapping[str, Look]:
        """Every page that people of the contact centre and administrators use."""
        return {
            "start": self._at("/"),
            "newest_messages": self._at("/messages"),
            "messages_waiting": self._at("/messages?state=waiting"),
            "messages_parked": self._at("/messages?state=parked"),
            "messages_of_nobody": self._at("/messages?source=nobody"),
            "message": self._message,
            "effect": self._effect,
            "search_case": self._search(self._names.ref),
            "search_tracker": self._search(lambda number: f"id-{self._names.ref(number)}"),
            "search_nothing": self._search(lambda number: f"unknown-{number}", leads=False),
            "search_mail": self._search(partial(self._found, "email"), leads=False),
            "search_phone": self._search(partial(self._found, "phone"), leads=False),
            "search_insz": self._search(partial(self._found, "insz"), leads=False),
            "case": self._case,
            "customer_by_mail": self._customer("email"),
            "customer_by_phone": self._customer("phone"),
            "customer_by_insz": self._customer("insz"),
            "customer_of_10000": self._school,
            "customer_of_case": self._customer_of_case,
            "failures": self._at("/failures"),
            "work_list": self._at("/worklist"),
            "quarantine": self._at("/quarantine"),
            "balance": self._at("/balance"),
            "balance_csv": self._at("/balance.csv"),
            "systems": self._at("/systems"),
            "replays": self._at("/replays"),
            "replay_form": self._at("/replays/new"),
            "audit": self._at("/audit"),
        }

    def outage_pages(self) -> Mapping[str, Look]:
        """Those that show what failed, for when a very long outage was parked."""
        every = self.pages()
        return {name: every[name] for name in ("start", "failures", "messages_parked", "systems")}

    def _at(self, path: str) -> Look:
        return lambda _number: self._get(path)

    def _search(self, words: Callable[[int], str], *, leads: bool = True) -> Look:
        async def look(number: int) -> None:
            answer = await self._client.get("/search", params={"q": words(number)})
            if answer.status_code != (303 if leads else 200):
                raise LookupError(f"a search ended with {answer.status_code}")

        return look

    def _found(self, system: str, number: int) -> str:
        return found_as(system, number, self._names.ref(number))

    async def _case(self, number: int) -> None:
        page = await self._get(f"/cases/{self._names.ref(number)}")
        if "A*** P***" not in page:
            raise LookupError("a seeded case does not open")

    async def _message(self, number: int) -> None:
        await self._get(f"/messages/{await self._id_of(messages, number)}")

    async def _effect(self, number: int) -> None:
        await self._get(f"/effects/{await self._id_of(effects, number)}")

    async def _id_of(self, table: Any, number: int) -> str:
        query = select(table.c.id).where(table.c.case_ref == self._names.ref(number)).limit(1)
        return str(await self._journal.database.read(lambda connection: connection.execute(query).scalar()))

    def _customer(self, system: str) -> Look:
        return lambda number: self._history(
            "/customer", {"key": system, "number": self._found(system, number)}, self._names.ref(number)
        )

    async def _school(self, _number: int) -> None:
        await self._history("/customer", {"key": "email", "number": SCHOOL}, self._names.prefix)

    async def _customer_of_case(self, number: int) -> None:
        ref = self._names.ref(number)
        await self._history(f"/cases/{ref}/customer", {}, ref)

    async def _history(self, path: str, who: Mapping[str, str], expected: str) -> None:
        why = {"purpose": "contact", "reason": "belt terug"}
        answer = await self._post(path, {**who, **why})
        if expected not in await self._get(answer.headers["location"]):
            raise LookupError("a seeded customer has no history")

    async def _get(self, path: str) -> str:
        answer = await self._client.get(path)
        if answer.status_code != 200:
            raise LookupError(f"{path} answered {answer.status_code}")
        return answer.text

    async def _post(self, path: str, form: Mapping[str, str]) -> httpx.Response:
        answer = await self._client.post(path, data={**form, "csrf": self._csrf})
        if answer.status_code != 303:
            raise LookupError(f"{path} answered {answer.status_code}")
        return answer

    async def _renew(self) -> None:
        page = await self._get("/accessibility")
        self._csrf = page.split('name="csrf" value="', 1)[1].split('"', 1)[0]


def own_questions(journal: Journal, names: Seeded) -> Mapping[str, Look]:
    """What the parts of the hub ask again and again: sweeper, timers, reconciler, silence, retention, monitor, adapters."""
    now = micros(journal.clock.now())

    def read(question: Callable[[Connection], Any]) -> Awaitable[Any]:
        return journal.database.read(question)

    async def by_phone(number: int) -> None:
        name = customer_name(CustomerKey.PHONE, found_as("phone", number, names.ref(number)))
        if not await journal.cases.known_under(name.references):
            raise LookupError("a caller is not recognised")

    def after(number: int) -> Callable[[Connection], Any]:
        return lambda connection: tracked_cases(connection, names.ref(number), now, 50)

    return {
        "sweep": lambda _: journal.sweep(SweepRequest()),
        "sweep_bulk": lambda _: journal.sweep(SweepRequest(bulk=True)),
        "due_timers": lambda _: journal.due_timers(),
        "compare_customers": lambda _: read(lambda c: due(c, now, 0, "customer", 10)),
        "compare_dosis": lambda _: read(lambda c: due(c, now, 0, "dosis", 10)),
        "compare_tracker": lambda number: read(after(number)),
        "monitor": lambda _: read(lambda c: vitals(c, journal.clock.now())),
        "balance_cli": lambda _: read(lambda c: balance_sheet(c, journal.clock.now())),
        "caller_known": by_phone,
        "portal_list": lambda _: journal.cases.brought_by("bench"),
        "case_for_adapter": lambda number: journal.cases.view(names.ref(number)),
        "outcome": lambda number: journal.cases.outcome("bench", f"seed-{number}"),
        "receipt": lambda number: read(lambda c: receipt_of(c, f"{number:032x}")),
        **{f"retention_{rule.name}": partial(_walk, journal, rule) for rule in RULES},
    }


async def _walk(journal: Journal, rule: Any, _number: int) -> None:
    await journal.retain(rule)


async def timed(look: Look, numbers: Sequence[int]) -> list[float]:
    """Milliseconds of each look, the quickest first."""
    times = []
    for number in numbers:
        started = time.perf_counter()
        await look(number)
        times.append((time.perf_counter() - started) * 1000)
    return sorted(times)

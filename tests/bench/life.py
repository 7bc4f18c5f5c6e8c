"""A hub's own parts over a journal, without doors and with targets that answer at once: what the growth is measured on."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.in_process import InProcessBroker
from canonical_model.contact import Channel, Contact
from canonical_model.events import ContactReceived
from canonical_model.identifiers import insz
from canonical_model.party import Party, PartyKind
from journal.journal import Journal, Keys
from ports.clock import SystemClock
from ports.intake import Inbound
from ports.target import Idempotency
from routes.configuration import RouteConfiguration, parse_dispatch, parse_texts
from routes.router import CityRoutes
from settings import shipped_texts
from tests.bench.fates import found_as
from worker.breaker import Breakers
from worker.intake import Doorway
from worker.loop import TargetLimits, Worker, WorkerSettings
from worker.replays import Replaying

DISPATCH = """
default = "kcc"
[[group]]
name = "kcc"
label = "Klantencontactcentrum"
"""
TARGETS = ("tracker", "mail")


class AtOnce:
    """A target that has always done it already."""

    idempotency = Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: object, fetch: object) -> str:
        return f"id-{key.partition('/')[0]}"

    async def find(self, key: str, command: object) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class Life:
    """The parts that are at work."""

    journal: Journal
    door: Doorway
    replaying: Replaying

    async def feed(self, count: int, first: int = 0) -> list[float]:
        """Hand all messages over, 64 at a time; resident memory in MB after each eighth."""
        slots = asyncio.Semaphore(64)
        memory: list[float] = []

        async def one(number: int) -> None:
            async with slots:
                await self.door(contact(number))

        eighth = max(1, count // 8)
        for start in range(first, first + count, eighth):
            await asyncio.gather(
                *(one(number) for number in range(start, min(start + eighth, first + count)))
            )
            memory.append(resident_mb())
        return memory

    async def finished(self) -> None:
        """Return when no effect is on its way any more."""
        while await self.journal.database.read(_unfinished):  # noqa: ASYNC110 - it is the database that knows
            await asyncio.sleep(0.02)


@asynccontextmanager
async def living(url: str, keys: Keys) -> AsyncIterator[Life]:
    """A journal that is up to date, and its worker."""
    clock, broker = SystemClock(), InProcessBroker()
    journal = Journal(url, router=CityRoutes(_routes()), keys=keys, clock=clock, shard="bench")
    await journal.start()
    await journal.know_systems(TARGETS)
    limits = TargetLimits(concurrency=128)
    worker = Worker(
        journal,
        broker,
        {name: AtOnce() for name in TARGETS},
        breakers=Breakers(journal, clock),
        clock=clock,
        settings=WorkerSettings(name="bench", limits=dict.fromkeys(TARGETS, limits)),
    )
    working = asyncio.create_task(worker.run())
    yield Life(journal, Doorway(journal, broker), Replaying(journal, broker, "bench"))
    await worker.stop()
    await working
    await journal.close()


def contact(number: int) -> Inbound:
    """A form of a customer with an address, a telephone and a national number."""
    text = f"Vraag {number}. " + "Kan ik mijn afspraak verzetten? " * 50
    party = Party(
        kind=PartyKind.PERSON,
        name="An Peeters",
        email=f"an{number}@example.org",
        phone=f"+324{80_000_000 + number:08d}",
        identifiers=(insz(found_as("insz", number, ""), allow_test_numbers=True),),
    )
    body = Contact(channel=Channel.WEB_FORM, subject=f"Vraag {number}", text=text, party=party)
    return Inbound(
        source="bench",
        source_ref=str(number),
        raw=text.encode(),
        media_type="text/plain",
        event=ContactReceived(contact=body),
    )


def resident_mb() -> float:
    """Memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _routes() -> RouteConfiguration:
    return RouteConfiguration(
        dispatch=parse_dispatch(DISPATCH),
        texts=parse_texts(shipped_texts()),
        city="Leuven",
        mail_domain="leuven.test",
        pseudonym_key=os.urandom(32),
        version="bench",
    )


def _unfinished(connection: Any) -> int:
    return int(
        connection.exec_driver_sql(
            "SELECT count(*) FROM (SELECT 1 FROM effects WHERE handout_at IS NOT NULL LIMIT 1) AS unfinished"
        ).scalar_one()
    )

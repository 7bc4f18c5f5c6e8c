"""How cost grows: the standard job, and what people look at, with more and more messages in the journal.

    python -m tests.bench.growth [--sizes 1000,100000,1000000] [--only sqlite|postgresql] [--json]

For each database and size: a fresh journal is filled (`tests/bench/seed.py`), then messages go the whole way
through the hub's own parts (accepted, routed, claimed, applied by a target that answers at once, recorded) and
are timed, memory is read after each eighth of them, and then each page is asked for fifty times. The goal:
95 of 100 looks within 300 ms at a million messages. Ends with 1 when a page misses it.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import func, select

from broker.in_process import InProcessBroker
from canonical_model.contact import Channel, Contact
from canonical_model.customer import CustomerKey, customer_name
from canonical_model.events import ContactReceived
from canonical_model.party import Party, PartyKind
from journal import reading
from journal.balance import balance_sheet
from journal.customer_history import customer_history, hashed
from journal.database import open_engine
from journal.instants import micros
from journal.journal import Journal, Keys
from journal.migrate import migrate
from journal.schema import cases
from ports.clock import SystemClock
from ports.intake import Inbound
from ports.target import Idempotency
from routes.configuration import RouteConfiguration, parse_dispatch, parse_texts
from routes.router import CityRoutes
from settings import shipped_texts
from tests.bench.seed import found_as, seed
from tests.servers import postgres
from worker.breaker import Breakers
from worker.intake import Doorway
from worker.loop import TargetLimits, Worker, WorkerSettings

DISPATCH = """
default = "kcc"
[[group]]
name = "kcc"
label = "Klantencontactcentrum"
"""


class AtOnce:
    """A target that has always done it already."""

    idempotency = Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: object, fetch: object) -> str:
        return f"id-{key[:15]}"

    async def find(self, key: str, command: object) -> str | None:
        return None


LOOKS = 50
GOAL = 300.0
"""Milliseconds within which 95 of 100 looks must be answered."""


async def grow(url: str, size: int, fed: int) -> dict[str, Any]:
    """Fill the journal to `size`, then feed it; figures by name."""
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    clock, broker = SystemClock(), InProcessBroker()
    routes = RouteConfiguration(
        dispatch=parse_dispatch(DISPATCH),
        texts=parse_texts(shipped_texts()),
        city="Leuven",
        mail_domain="leuven.test",
        pseudonym_key=os.urandom(32),
        version="bench",
    )
    keys = Keys(masters=(os.urandom(32),), pepper=os.urandom(32), audit=os.urandom(32))
    journal = Journal(url, router=CityRoutes(routes), keys=keys, clock=clock, shard="bench")
    await journal.start()
    limits = TargetLimits(concurrency=128)
    worker = Worker(
        journal,
        broker,
        {"tracker": AtOnce(), "mail": AtOnce()},
        breakers=Breakers(journal, clock),
        clock=clock,
        settings=WorkerSettings(name="bench", limits={"tracker": limits, "mail": limits}),
    )
    working = asyncio.create_task(worker.run())
    door = Doorway(journal, broker)
    await feed(door, 1)
    await finished(journal)
    await asyncio.to_thread(seed, journal.database.engine, journal.keyring, size, micros(clock.now()))
    await asyncio.to_thread(journal.database.engine.dispose)
    started = time.perf_counter()
    memory = await feed(door, fed, first=1)
    await finished(journal)
    rate = fed / (time.perf_counter() - started)
    await worker.stop()
    await working
    result = {"stored": size, "messages_per_s": round(rate), "rss_mb": memory, **await look(journal, size)}
    await journal.close()
    return result


async def finished(journal: Journal) -> None:
    """Return when no effect is on its way any more."""
    while await journal.database.read(unfinished):  # noqa: ASYNC110 - it is the database that knows
        await asyncio.sleep(0.02)


async def feed(door: Doorway, count: int, first: int = 0) -> list[float]:
    """Hand all messages over, 64 at a time; resident memory in MB after each eighth."""
    slots = asyncio.Semaphore(64)
    memory: list[float] = []

    async def one(number: int) -> None:
        async with slots:
            await door(contact(number))

    eighth = max(1, count // 8)
    for start in range(first, first + count, eighth):
        await asyncio.gather(*(one(number) for number in range(start, min(start + eighth, first + count))))
        memory.append(resident_mb())
    return memory


def contact(number: int) -> Inbound:
    text = f"Vraag {number}. " + "Kan ik mijn afspraak verzetten? " * 50
    party = Party(kind=PartyKind.PERSON, name="An Peeters", email=f"an{number}@example.org")
    body = Contact(channel=Channel.WEB_FORM, subject=f"Vraag {number}", text=text, party=party)
    return Inbound(
        source="bench",
        source_ref=str(number),
        raw=text.encode(),
        media_type="text/plain",
        event=ContactReceived(contact=body),
    )


def unfinished(connection: Any) -> int:
    return connection.exec_driver_sql(
        "SELECT count(*) FROM (SELECT 1 FROM effects WHERE handout_at IS NOT NULL LIMIT 1) AS unfinished"
    ).scalar_one()


async def look(journal: Journal, count: int) -> dict[str, float]:
    """Median, 95th percentile and worst of fifty looks at each page, in milliseconds."""
    now, keyring = datetime.now(UTC), journal.keyring
    turns = [turn * count // LOOKS for turn in range(LOOKS)]
    first = await journal.database.read(first_case)
    prefix, _, digits = first.rpartition("-")

    def ref(number: int) -> str:
        return f"{prefix}-{int(digits) + 1 + number:06d}"

    def found(number: int, system: str) -> Callable[[Any], Any]:
        words = found_as(system, number, ref(number)) if system else ref(number)
        return lambda connection: certainly(reading.search(connection, keyring, words), words)

    def customer(number: int) -> Callable[[Any], Any]:
        name = customer_name(CustomerKey.EMAIL, found_as("email", number, ref(number)))
        names = hashed(keyring, name.references)
        return lambda connection: certainly(customer_history(connection, keyring, names).rows, "a customer")

    looks: dict[str, Callable[[int], Callable[[Any], Any]]] = {
        "newest": lambda _: reading.newest_messages,
        "search_case": lambda number: found(number, ""),
        "customer": customer,
        "search_tracker": lambda number: found(number, "tracker"),
        "case_page": lambda number: lambda c: opened(reading.passport(c, keyring, ref(number), now)),
        "failures": lambda _: reading.failures,
        "balance": lambda _: lambda c: certainly(balance_sheet(c, now).sources, "balance"),
    }
    took: dict[str, float] = {}
    for name, make in looks.items():
        times = sorted([await timed(journal, make(number)) for number in turns])
        took[f"{name}_p50_ms"] = round(statistics.median(times), 2)
        took[f"{name}_p95_ms"] = round(times[int(LOOKS * 0.95)], 2)
        took[f"{name}_worst_ms"] = round(times[-1], 2)
    return took


async def timed(journal: Journal, question: Callable[[Any], Any]) -> float:
    """Milliseconds until it is answered."""
    started = time.perf_counter()
    await journal.database.read(question)
    return (time.perf_counter() - started) * 1000


def certainly(answer: Any, words: str) -> Any:
    """The answer, which must not be empty: nothing found is found quickly."""
    if not answer:
        raise LookupError(f"the seeded journal does not know {words}")
    return answer


def opened(passport: reading.Passport | None) -> reading.Passport:
    """The case page, which must show its customer: an unopened card is read quickly."""
    if passport is None or passport.citizen.email == "-":
        raise LookupError("a seeded case does not open")
    return passport


def first_case(connection: Any) -> str:
    """The case that the seeded ones follow."""
    return connection.execute(select(func.min(cases.c.ref))).scalar_one()


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def main() -> None:
    chosen = _options()
    results = {}
    for name in [chosen.only] if chosen.only else ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder, _server(name) as server:
            for size in chosen.sizes:
                with _fresh(server, Path(folder) / f"{size}.db") as url:
                    result = results[f"{name}_{size}"] = uvloop.run(grow(url, size, chosen.feed))
                for field, value in {"database": name, **result}.items():
                    print(f"{field:26} {value}", flush=True)
    if chosen.json:
        print(json.dumps(results))
    slow = [name for result in results.values() for name, value in result.items() if _misses(name, value)]
    sys.exit(f"over {GOAL:.0f} ms: {', '.join(slow)}" if slow else 0)


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--sizes",
        type=lambda text: [int(size) for size in text.split(",")],
        default=[1_000, 100_000, 1_000_000],
        help="messages stored before the measuring begins (default: 1000,100000,1000000)",
    )
    options.add_argument("--feed", type=int, default=5_000, help="messages through the hub at each size")
    options.add_argument("--only", choices=["sqlite", "postgresql"], help="one database (default: both)")
    options.add_argument(
        "--folder", type=Path, help="where SQLite's file is put (default: a temporary folder)"
    )
    options.add_argument("--json", action="store_true", help="one JSON object as the last line")
    return options.parse_args()


@contextmanager
def _server(name: str) -> Iterator[str]:
    if name == "sqlite":
        yield ""
        return
    with postgres.running() as server:
        yield server


@contextmanager
def _fresh(server: str, file: Path) -> Iterator[str]:
    if server:
        with postgres.fresh_database(server) as url:
            yield url
        return
    yield f"sqlite:///{file}"
    file.unlink()


def _misses(name: str, value: Any) -> bool:
    return name.endswith("_p95_ms") and value > GOAL


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped, too
    main()

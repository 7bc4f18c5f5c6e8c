"""How cost grows: 100,000 messages through the hub's own parts, then what people look at, timed.

    python -m tests.bench.growth [--messages 100000] [--json]

Every message goes the whole way (accepted, routed, claimed, applied by a target that answers at once,
recorded). Memory is sampled all along: the last quarter must not need more than the second. Then the
newest-messages page, the search by a reference and the case page are asked for fifty times each.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from broker.in_process import InProcessBroker
from canonical_model.contact import Channel, Contact
from canonical_model.events import ContactReceived
from canonical_model.party import Party, PartyKind
from hub import _texts
from journal import reading
from journal.database import open_engine
from journal.journal import Journal, Keys
from journal.migrate import migrate
from ports.clock import SystemClock
from ports.intake import Inbound
from ports.target import Idempotency
from routes.configuration import RouteConfiguration, parse_dispatch, parse_texts
from routes.router import CityRoutes
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


async def grow(url: str, count: int) -> dict[str, Any]:
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    clock, broker = SystemClock(), InProcessBroker()
    routes = RouteConfiguration(
        dispatch=parse_dispatch(DISPATCH),
        texts=parse_texts(_texts(None)),
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
    memory = await feed(Doorway(journal, broker), count)
    while await journal.database.read(unfinished):  # noqa: ASYNC110 - it is the database that knows
        await asyncio.sleep(0.2)
    await worker.stop()
    await working
    result = {"messages": count, "rss_mb": memory, **await look(journal, count)}
    await journal.close()
    return result


async def feed(door: Doorway, count: int) -> list[float]:
    """Hand all messages over, 64 at a time; resident memory in MB after each eighth."""
    slots = asyncio.Semaphore(64)
    memory: list[float] = []

    async def one(number: int) -> None:
        async with slots:
            await door(contact(number))

    eighth = max(1, count // 8)
    for start in range(0, count, eighth):
        await asyncio.gather(*(one(number) for number in range(start, min(start + eighth, count))))
        memory.append(resident_mb())
        print(f"{start + eighth:>9} messages, {memory[-1]:.0f} MB", flush=True)
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
        "SELECT count(*) FROM (SELECT 1 FROM effects WHERE handout_at IS NOT NULL LIMIT 1) AS some"
    ).scalar_one()


async def look(journal: Journal, count: int) -> dict[str, float]:
    """Median and worst of fifty looks at each page, in milliseconds."""
    now, year = datetime.now(UTC), datetime.now(UTC).year
    keyring, steps = journal.keyring, max(1, count // 50)

    def ref(turn: int) -> str:
        return f"LEU-{year}-{turn * steps + 1:06d}"

    looks: dict[str, Callable[[int], Callable[[Any], Any]]] = {
        "list": lambda _: reading.newest_messages,
        "search_case": lambda turn: lambda c: reading.search(c, keyring, ref(turn)),
        "search_mail": lambda turn: lambda c: reading.search(c, keyring, f"an{turn * steps}@example.org"),
        "case_page": lambda turn: lambda c: reading.passport(c, keyring, ref(turn), now),
        "failures": lambda _: reading.failures,
        "balance": lambda _: lambda c: reading.balance(c, now),
    }
    took: dict[str, float] = {}
    for name, make in looks.items():
        times = []
        for turn in range(50):
            started = time.perf_counter()
            await journal.database.read(make(turn))
            times.append((time.perf_counter() - started) * 1000)
        took[f"{name}_ms_p50"] = round(statistics.median(times), 2)
        took[f"{name}_ms_max"] = round(max(times), 2)
    return took


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=100_000)
    options.add_argument("--json", action="store_true", help="one JSON object as the last line")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = uvloop.run(grow(f"sqlite:///{folder}/journal.db", chosen.messages))
    for name, value in result.items():
        print(f"{name:22} {value}")
    if chosen.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()

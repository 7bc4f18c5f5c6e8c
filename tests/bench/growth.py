"""How cost grows: the standard job, and what people look at, with more and more messages in the journal.

    python -m tests.bench.growth [--sizes 1000,100000,1000000] [--only sqlite|postgresql] [--json]

For each database and size: a fresh journal is filled (`tests/bench/seed.py`), then messages go the whole way
through the hub's own parts (accepted, routed, claimed, applied by a target that answers at once, recorded) and
are timed, memory is read after each eighth of them, and then each page of the console is asked for fifty times,
and so is every question that the hub's parts ask by themselves (`tests/bench/looks.py`). At last the newest tenth
of all messages, 100,000 at most, is parked as by a long outage, looked at, and replayed by one plan. The goal: 95
of 100 looks within 300 ms. Ends with 1 when one misses it with 100,000 messages or more.
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
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import uvloop

from journal.database import open_engine
from journal.instants import micros
from journal.journal import Keys
from journal.migrate import migrate
from journal.replay_ledger import Selection
from journal.replay_reading import one_plan
from ports.clock import SystemClock
from tests.bench.life import Life, living, resident_mb
from tests.bench.looks import Look, Visitor, own_questions, seeded, timed
from tests.bench.outage import park_newest
from tests.bench.seed import seed
from tests.bench.untouched import Reads
from tests.servers import postgres

LOOKS = 50
GOAL = 300.0
"""Milliseconds within which 95 of 100 looks must be answered, whatever is stored."""
LARGE = 100_000
"""From so many stored messages on, the goal decides how the program ends."""
PLANNED = 100_000
"""Rows of the replay plan, at most."""


def grow(url: str, size: int, fed: int, what: str) -> dict[str, Any]:
    """Fill the journal to `size`, then feed it, look at it, and replay a tenth of it; figures by name.

    A process of its own fills it, so that the memory measured is not what making the indexes took.
    """
    keys = Keys(masters=(os.urandom(32),), pepper=os.urandom(32), audit=os.urandom(32))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        apart.submit(_filled, url, keys, size, what).result()
    return uvloop.run(measure(url, keys, size, fed, _teller(what)))


def _filled(url: str, keys: Keys, size: int, what: str) -> None:
    uvloop.run(fill(url, keys, size, _teller(what)))


async def fill(url: str, keys: Keys, size: int, tell: Callable[[str], None]) -> None:
    """A journal with one contact that the hub dealt with, and `size` copies of it."""
    migrate_once(url)
    async with living(url, keys) as life:
        await life.feed(1)
        await life.finished()
        keyring = life.journal.keyring
    engine = open_engine(url)
    await asyncio.to_thread(seed, engine, keyring, size, micros(SystemClock().now()), tell)
    engine.dispose()


async def measure(url: str, keys: Keys, size: int, fed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """The figures of a journal that is filled."""
    async with living(url, keys) as life:
        result = {"stored": size, **await _fed(life, fed)}
        visitor = await Visitor.logged_in(life.journal)
        numbers = [turn * size // LOOKS for turn in range(LOOKS)]
        questions = own_questions(life.journal, await seeded(life.journal))
        for name, look in {**visitor.pages(), **questions}.items():
            result |= await _looked(name, look, numbers)
        tell("every page and question was asked")
        result |= await _after_an_outage(life, visitor, numbers, min(size // 10, PLANNED), tell)
        await visitor.leave()
    return result


def migrate_once(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()


async def _fed(life: Life, count: int) -> dict[str, Any]:
    reads = await Reads.of(life.journal)
    started, used = time.perf_counter(), time.process_time()
    memory = await life.feed(count, first=1)
    await life.finished()
    return {
        "messages_per_s": round(count / (time.perf_counter() - started)),
        "cpu_s_per_1000": round((time.process_time() - used) / count * 1000, 2),
        "rss_mb": memory,
        **await reads.since(life.journal, count),
    }


async def _looked(name: str, look: Look, numbers: list[int]) -> dict[str, float]:
    """Median, 95th percentile and worst of the looks, in milliseconds."""
    times = await timed(look, numbers)
    return {
        f"{name}_p50_ms": round(statistics.median(times), 2),
        f"{name}_p95_ms": round(times[int(len(times) * 0.95)], 2),
        f"{name}_worst_ms": round(times[-1], 2),
    }


async def _after_an_outage(
    life: Life, visitor: Visitor, numbers: list[int], rows: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    await park_newest(life.journal, rows)
    tell(f"{rows} messages parked")
    result: dict[str, Any] = {"planned_rows": rows, "planned_rss_mb": [resident_mb()]}
    for name, look in visitor.outage_pages().items():
        result |= await _looked(f"outage_{name}", look, numbers)
    started = time.perf_counter()
    replays, memory = life.journal.replays, result["planned_rss_mb"]
    plan_id = await replays.plan(Selection(target="tracker"), "beheer", "measured")
    while await replays.freeze(plan_id):
        pass
    memory.append(resident_mb())
    result["frozen_rows_per_s"] = round(rows / (time.perf_counter() - started))
    tell("the plan is frozen")
    started = time.perf_counter()
    await replays.start(plan_id, "beheer")
    while (plan := await _plan(life, plan_id)).in_flight or plan.waiting:
        await life.replaying.advance()
        if plan.released // (rows // 8 + 1) >= len(memory) - 1:
            memory.append(resident_mb())
        await asyncio.sleep(0.02)  # not once a second as the scheduler does: the limit is to be seen
    memory.append(resident_mb())
    result["replayed_rows_per_s"] = round(rows / (time.perf_counter() - started))
    return result


async def _plan(life: Life, plan_id: str) -> Any:
    view = await life.journal.database.read(lambda connection: one_plan(connection, plan_id))
    if view is None:
        raise LookupError("the plan is gone")
    return view.plan


def main() -> None:
    chosen = _options()
    results: dict[str, dict[str, Any]] = {}
    for name in [chosen.only] if chosen.only else ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder, _server(name, chosen.folder) as server:
            for size in chosen.sizes:
                with _fresh(server, Path(folder) / f"{size}.db") as url:
                    result = results[f"{name}_{size}"] = grow(url, size, chosen.feed, f"{name} {size}")
                _show(name, result)
    for name in ("sqlite", "postgresql"):
        _compare(name, [results[key] for key in results if key.startswith(name)])
    if chosen.json:
        print(json.dumps(results))
    slow = [
        f"{which} {name}"
        for which, result in results.items()
        for name, value in result.items()
        if result["stored"] >= LARGE and _misses(name, value)
    ]
    sys.exit(f"over {GOAL:.0f} ms: {', '.join(slow)}" if slow else 0)


def _teller(what: str) -> Callable[[str], None]:
    began = time.monotonic()
    return lambda words: print(
        f"[{what}, {time.monotonic() - began:4.0f} s] {words}", file=sys.stderr, flush=True
    )


def _show(name: str, result: Mapping[str, Any]) -> None:
    for field, value in {"database": name, **result}.items():
        print(f"{field:40} {value}", flush=True)


def _compare(name: str, results: list[dict[str, Any]]) -> None:
    """What the same job costs with the most stored, beside the least."""
    if len(results) > 1:
        ordered = sorted(results, key=lambda result: result["stored"])
        ratio = ordered[-1]["messages_per_s"] / ordered[0]["messages_per_s"]
        print(
            f"{name}: with {ordered[-1]['stored']} stored, {ratio:.2f} of the messages/s with {ordered[0]['stored']}"
        )


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
        "--folder",
        type=Path,
        help="where the databases are put, for PostgreSQL a folder that its user may enter: 15 GB for a million (default: a temporary folder)",
    )
    options.add_argument("--json", action="store_true", help="one JSON object as the last line")
    return options.parse_args()


@contextmanager
def _server(name: str, folder: Path | None) -> Iterator[str]:
    """On the disk: a million messages are not to be kept in memory."""
    if name == "sqlite":
        yield ""
        return
    with postgres.breakable(folder) as server:
        yield server.address


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

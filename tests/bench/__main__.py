"""The standard job of the hub, measured on this machine: `make bench`, `make bench ARGS=--json`.

HTTP POST of a signed 2 KB contact (64 connections) -> validated, durably accepted, deduplicated, canonical,
routed over 20 groups, delivered by HTTP to a fast sink, every step in the journal. Contestants, load and sink are
processes of their own on the same cores. Contestants take turns, round by round; the median of the rounds counts.
Beside them: how often this disk can commit.
"""

import argparse
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests.bench import contestants, peers
from tests.bench.contestants import Engines, Running, started
from tests.bench.peers import environment
from tests.servers.private import free_port

Start = Callable[[Path, int, Engines], AbstractContextManager[Running]]
HUBS: dict[str, Start] = {
    "embedded": contestants.embedded,
    "one_process": contestants.one_process,
    "distributed": contestants.distributed,
}
NEED_NOTHING = {"embedded", "one_process"}
"""Those that run without PostgreSQL and RabbitMQ."""


def main() -> None:
    chosen = _options()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        result = run(Path(folder), chosen)
    for name, value in result.items():
        print(f"{name:26} {value}")
    if chosen.json:
        print(json.dumps(result))


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options.add_argument("--messages", type=int, default=12_000, help="messages per round of the hub")
    options.add_argument("--rounds", type=int, default=3, help="rounds under full load; the median counts")
    options.add_argument("--light", type=int, default=1500, help="messages at light load (100 a second)")
    options.add_argument("--folder", type=Path, help="where the journal is put (default: a temporary folder)")
    options.add_argument(
        "--only",
        choices=[*HUBS, "hubs", "all"],
        default="all",
        help="the hub on one set-up, on all, or beside its peers (default: all that can run here)",
    )
    return options.parse_args()


def run(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    raw = raw_commits(folder)
    starts = _contestants(chosen.only)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in starts}
    with contestants.engines(wanted=bool(starts.keys() - NEED_NOTHING)) as engines, _sink() as sink:
        light = {
            name: _light(folder, name, starts[name], sink, engines, chosen) for name in starts if name in HUBS
        }
        for turn in range(chosen.rounds):
            for name, start in starts.items():
                print(f"==> round {turn + 1} of {chosen.rounds}: {name}", file=sys.stderr, flush=True)
                rounds[name].append(_round(folder / f"{name}-{turn}", start, sink, engines, chosen, name))
    results = {name: _middle(rounds[name]) | light.get(name, {}) for name in starts}
    return _report(results, raw)


def _contestants(only: str) -> dict[str, Start]:
    if only in HUBS:
        return {only: HUBS[only]}
    if missing := contestants.missing_engines():
        print(f"Only the hub on SQLite: {missing}", file=sys.stderr)
        return {name: start for name, start in HUBS.items() if name in NEED_NOTHING}
    if only == "hubs":
        return HUBS
    if why := environment.prepare():
        print(f"The hub without its peers: {why}", file=sys.stderr)
        return HUBS
    return HUBS | peers.STARTS


def _round(
    folder: Path, start: Start, sink: int, engines: Engines, chosen: argparse.Namespace, name: str
) -> dict[str, float]:
    count = chosen.messages if name in HUBS else min(chosen.messages, peers.MESSAGES)
    folder.mkdir()
    with start(folder, sink, engines) as running:
        load(running, 0, 500, 64, 0)  # warm up
        settle(sink, 500)
        return full_load(running, sink, 1_000_000, count)


def _light(
    folder: Path, name: str, start: Start, sink: int, engines: Engines, chosen: argparse.Namespace
) -> dict[str, float]:
    place = folder / f"{name}-light"
    place.mkdir()
    with start(place, sink, engines) as running:
        load(running, 0, 500, 64, 0)
        settle(sink, 500)
        return light_load(running, sink, chosen.light)


def _middle(rounds: list[dict[str, float]]) -> dict[str, Any]:
    def median(name: str) -> float:
        return statistics.median(one[name] for one in rounds)

    return {
        "messages_per_s": round(median("messages_per_s")),
        "accepted_per_s": round(median("accepted_per_s")),
        "cpu_s_per_1000": round(median("cpu_s_per_1000"), 3),
        "peak_rss_mb": round(max(one["peak_rss_mb"] for one in rounds)),
        "lost": sum(one["lost"] for one in rounds),
        "doubled": sum(one["doubled"] for one in rounds),
        "refused": sum(one["refused"] for one in rounds),
        "rounds": [round(one["messages_per_s"]) for one in rounds],
    }


def _report(results: dict[str, dict[str, Any]], raw: int) -> dict[str, Any]:
    """The first hub's figures in front, then those of every other contestant, then how they compare."""
    first = next(iter(results))
    report: dict[str, Any] = {
        **results[first],
        "commits_per_s_raw": raw,
        "messages_per_raw_commit": round(results[first]["messages_per_s"] / raw, 2),
        **{name: result for name, result in results.items() if name != first},
    }
    best = max(
        (result["messages_per_s"] for name, result in results.items() if name in peers.DURABLE), default=0
    )
    if best:
        ratios = {name: round(results[name]["messages_per_s"] / best, 1) for name in HUBS if name in results}
        report["times_the_best_durable_peer"] = ratios
    return report


def full_load(running: Running, sink: int, first: int, count: int) -> dict[str, float]:
    cpu = sum(map(cpu_seconds, running.pids))
    sent = load(running, first, count, 64, 0)
    delivered = settle(sink, count)
    cpu = sum(map(cpu_seconds, running.pids)) - cpu
    last = max((times[-1] for times in delivered.values()), default=sent["ended"])
    return {
        "messages_per_s": len(delivered) / ((last - sent["started"]) / 1e9),
        "accepted_per_s": (count - sent["refused"]) / ((sent["ended"] - sent["started"]) / 1e9),
        "cpu_s_per_1000": cpu / count * 1000,
        "peak_rss_mb": sum(map(peak_rss_mb, running.pids)),
        "lost": len(sent["sent"].keys() - delivered.keys()) - sent["refused"],
        "doubled": sum(len(times) > 1 for times in delivered.values()),
        "refused": sent["refused"],
    }


def light_load(running: Running, sink: int, count: int) -> dict[str, float]:
    """Milliseconds from sending the contact to its arrival at the sink, at 100 a second."""
    sent = load(running, 500_000, count, 8, 100)
    delivered = settle(sink, count)
    took = sorted((delivered[key][0] - at) / 1e6 for key, at in sent["sent"].items() if key in delivered)
    return {
        "p50_ms_light": round(took[len(took) // 2], 2),
        "p99_ms_light": round(took[int(len(took) * 0.99)], 2),
    }


def load(running: Running, first: int, count: int, connections: int, rate: float) -> dict[str, Any]:
    ports = ",".join(map(str, running.ports))
    arguments = [ports, *map(str, (first, count, connections, rate)), running.secret]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def settle(port: int, expected: int) -> dict[str, list[int]]:
    """Wait until everything came (or nothing more comes for ten seconds)."""
    delivered: dict[str, list[int]] = {}
    quiet_since = time.monotonic()
    while len(delivered) < expected and time.monotonic() - quiet_since < 10:
        time.sleep(0.2)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/report") as answer:
            news = json.load(answer)["deliveries"]
        for key, times in news.items():
            delivered.setdefault(key, []).extend(times)
        if news:
            quiet_since = time.monotonic()
    return delivered


def raw_commits(folder: Path, count: int = 400) -> int:
    """Transactions a second that this disk makes durable with one writer and nothing else, 2 KB each."""
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (a BLOB)")
    started_at = time.monotonic()
    for _ in range(count):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (?)", (b"x" * 2048,))
        connection.execute("COMMIT")
    connection.close()
    return round(count / (time.monotonic() - started_at))


@contextmanager
def _sink() -> Iterator[int]:
    port = free_port()
    with started([sys.executable, "-m", "tests.bench.sink", str(port)], port):
        yield port


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()

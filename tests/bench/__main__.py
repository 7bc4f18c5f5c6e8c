"""The standard job of the hub, measured on this machine: `make bench`, `make bench ARGS=--json`.

HTTP POST of a signed 2 KB contact (64 connections) -> validated, durably accepted, deduplicated, canonical,
routed over 20 groups, delivered by HTTP to a fast sink, every step in the journal. The hub, the load and the
sink are processes of their own on the same two cores. Beside it: how often this disk can commit.
"""

import argparse
import base64
import json
import os
import resource
import secrets
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

GROUPS = 20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options.add_argument("--messages", type=int, default=12_000, help="messages per round")
    options.add_argument("--rounds", type=int, default=3, help="rounds under full load; the median counts")
    options.add_argument("--light", type=int, default=1500, help="messages at light load (100 a second)")
    options.add_argument("--folder", type=Path, help="where the journal is put (default: a temporary folder)")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        result = run(Path(folder), chosen)
    for name, value in result.items():
        print(f"{name:22} {value}")
    if chosen.json:
        print(json.dumps(result))


def run(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    raw = raw_commits(folder)
    sink_port, hub_port = free_port(), free_port()
    secret = write_configuration(folder, hub_port, sink_port)
    sink = start([sys.executable, "-m", "tests.bench.sink", str(sink_port)], sink_port)
    hub = start([sys.executable, "hub.py", "--config", str(folder / "hub.toml"), "run"], hub_port)
    try:
        load(hub_port, 0, 500, 64, 0, secret)  # warm up
        settle(sink_port, 500)
        light = light_load(hub_port, sink_port, chosen.light, secret)
        rounds = [
            full_load(hub_port, sink_port, hub.pid, 1_000_000 * (n + 1), chosen.messages, secret)
            for n in range(chosen.rounds)
        ]
        peak = peak_rss_mb(hub.pid)
    finally:
        for process in (hub, sink):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
    middle = statistics.median(one["messages_per_s"] for one in rounds)
    return {
        "messages_per_s": round(middle),
        "accepted_per_s": round(statistics.median(one["accepted_per_s"] for one in rounds)),
        **light,
        "cpu_s_per_1000": round(statistics.median(one["cpu_s_per_1000"] for one in rounds), 3),
        "peak_rss_mb": peak,
        "lost": sum(one["lost"] for one in rounds),
        "doubled": sum(one["doubled"] for one in rounds),
        "refused": sum(one["refused"] for one in rounds),
        "commits_per_s_raw": raw,
        "messages_per_raw_commit": round(middle / raw, 2),
        "rounds": [round(one["messages_per_s"]) for one in rounds],
    }


def full_load(
    hub_port: int, sink_port: int, pid: int, first: int, count: int, secret: str
) -> dict[str, float]:
    cpu = cpu_seconds(pid)
    sent = load(hub_port, first, count, 64, 0, secret)
    delivered = settle(sink_port, count)
    cpu = cpu_seconds(pid) - cpu
    last = max(times[-1] for times in delivered.values())
    return {
        "messages_per_s": count / ((last - sent["started"]) / 1e9),
        "accepted_per_s": count / ((sent["ended"] - sent["started"]) / 1e9),
        "cpu_s_per_1000": cpu / count * 1000,
        "lost": len(sent["sent"].keys() - delivered.keys()),
        "doubled": sum(len(times) > 1 for times in delivered.values()),
        "refused": sent["refused"],
    }


def light_load(hub_port: int, sink_port: int, count: int, secret: str) -> dict[str, float]:
    """Milliseconds from sending the contact to its arrival at the sink, at 100 a second."""
    sent = load(hub_port, 500_000, count, 8, 100, secret)
    delivered = settle(sink_port, count)
    took = sorted((delivered[key][0] - at) / 1e6 for key, at in sent["sent"].items() if key in delivered)
    return {
        "p50_ms_light": round(took[len(took) // 2], 2),
        "p99_ms_light": round(took[int(len(took) * 0.99)], 2),
    }


def load(port: int, first: int, count: int, connections: int, rate: float, secret: str) -> dict[str, Any]:
    arguments = [str(one) for one in (port, first, count, connections, rate, secret)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load", *arguments], check=True, capture_output=True, text=True
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
    connection.execute("PRAGMA journal_mode=TRUNCATE")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (a BLOB)")
    started = time.monotonic()
    for _ in range(count):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (?)", (b"x" * 2048,))
        connection.execute("COMMIT")
    connection.close()
    return round(count / (time.monotonic() - started))


def write_configuration(folder: Path, hub_port: int, sink_port: int) -> str:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / "secrets").mkdir()
    for name in ("master_keys", "hash_key"):
        (folder / "secrets" / name).write_text(secrets.token_hex(32))
    (folder / "secrets" / "webhook").write_text(secret)
    (folder / "hub.toml").write_text(
        f'[hub]\nlisten = "127.0.0.1:{hub_port}"\n'
        "[targets.tracker]\nconcurrency = 64\n"
        f'[adapters.sink]\nsystem = "tests.bench.sink:build"\nurl = "http://127.0.0.1:{sink_port}"\n'
        '[adapters.website]\nsystem = "website"\nsecrets = ["secret:webhook"]\n'
    )
    groups = "".join(f'[[group]]\nname = "groep-{n}"\nlabel = "Groep {n}"\n' for n in range(GROUPS))
    rules = "".join(
        f'[[rule]]\nname = "onderwerp {n}"\ncategory = ["onderwerp-{n}"]\ngroup = "groep-{n}"\n'
        for n in range(GROUPS)
    )
    area = '[[area]]\nname = "kessel-lo"\npostcodes = ["3010"]\n'
    (folder / "dispatch.toml").write_text(f'default = "groep-0"\n{groups}{area}{rules}')
    return secret


def start(command: list[str], port: int) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": "."})
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"{command[1:3]} did not start")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    main()

"""The benchmarks themselves work: a few messages, nothing timed."""

import json
import subprocess
import sys

FIGURES = {
    "messages_per_s",
    "p50_ms_light",
    "p99_ms_light",
    "cpu_s_per_1000",
    "peak_rss_mb",
    "lost",
    "doubled",
    "commits_per_s_raw",
}


def last_line(*command: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", *command, "--json"], check=True, capture_output=True, text=True, timeout=120
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_the_standard_job_ends_with_its_figures_and_loses_and_doubles_nothing():
    figures = last_line(
        "tests.bench", "--only", "embedded", "--messages", "100", "--rounds", "1", "--light", "20"
    )
    assert figures.keys() >= FIGURES
    assert (figures["lost"], figures["doubled"], figures["refused"]) == (0, 0, 0)


def test_growth_fills_a_journal_whose_cases_are_found_and_open():
    results = last_line("tests.bench.growth", "--only", "sqlite", "--sizes", "1500", "--feed", "20")
    found = results["sqlite_1500"]
    assert (found["stored"], found["planned_rows"]) == (1500, 150)
    assert {"newest_messages_p95_ms", "search_tracker_p95_ms", "case_p95_ms", "sweep_p95_ms"} <= found.keys()

"""Health and readiness, per role: what is tried, what is named, what is only worth a look."""

import asyncio
import json
from collections.abc import Mapping

import pytest
from starlette.requests import Request

from console.readiness import Process, Readiness
from ports.clock import SystemClock
from ports.errors import TransientError
from tests.telemetry.small_hub import configured, running


class SomeJournal:
    """Stores, refuses to, or never answers."""

    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.clock = SystemClock()
        self.writes = 0
        self._error = error
        self._hangs = hangs

    async def lease(self, name: str, owner: str, seconds: float) -> bool:
        self.writes += 1
        if self._hangs:
            await asyncio.sleep(3600)
        if self._error:
            raise self._error
        return True


def process(*roles: str, **more: object) -> Process:
    return Process(version="1", config_version="c", roles=frozenset(roles), **more)


async def asked(process: Process, journal: SomeJournal | None = None) -> tuple[int, Mapping[str, object]]:
    answer = await Readiness(journal or SomeJournal(), lambda: process, name="me").ready(_REQUEST)
    return answer.status_code, json.loads(bytes(answer.body))


_REQUEST = Request({"type": "http", "headers": []})


async def test_a_whole_hub_is_degraded_by_a_broken_adapter_and_says_which(tmp_path):
    async with running(configured(tmp_path / "hub")) as small:
        answer = await small.client.get("/health/ready")
        alive = await small.client.get("/health/live")

    assert alive.json() == {"status": "alive"}
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded",
        "roles": ["console", "intake", "listener", "scheduler", "worker"],
        "journal": "writable",
        "broker": "reachable",
        "quarantined": ["nowhere"],
        "listening": ["tracker/changes"],
    }


async def test_a_journal_that_does_not_store_is_not_ready():
    status, body = await asked(process("intake"), SomeJournal(TransientError("the disk is full")))

    assert (status, body["status"], body["journal"]) == (503, "waiting", "the disk is full")


async def test_a_journal_that_does_not_answer_is_not_ready(monkeypatch):
    monkeypatch.setattr("console.readiness.PATIENCE", 0.05)

    status, body = await asked(process("intake"), SomeJournal(hangs=True))

    assert (status, body["status"]) == (503, "waiting")


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (("worker",), (503, "waiting")),
        (("worker", "scheduler"), (503, "waiting")),
        (("intake",), (200, "degraded")),
        (("intake", "worker"), (200, "degraded")),
        (("listener",), (200, "degraded")),
    ],
)
async def test_without_a_broker_doors_stay_open_and_workers_wait(roles, expected):
    status, body = await asked(process(*roles, broker_reachable=False))

    assert (status, body["status"], body["broker"]) == (*expected, "away")


async def test_who_is_stopping_is_not_ready():
    assert (await asked(process("intake", stopping=True)))[0] == 503


async def test_asking_often_writes_once():
    journal = SomeJournal()
    readiness = Readiness(journal, lambda: process("intake"), name="me")

    await asyncio.gather(*(readiness.ready(_REQUEST) for _ in range(50)))

    assert journal.writes == 1

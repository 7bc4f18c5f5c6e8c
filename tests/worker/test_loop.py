"""The worker: claim, apply, record; and what it does when something in between goes wrong."""

import asyncio
from datetime import timedelta

import pytest
import structlog
from msgspec.structs import replace

from broker.in_process import InProcessBroker
from canonical_model.case import CaseCard
from journal.database import StoreUnavailableError
from journal.effects import ClaimRequest
from journal.schema import effects
from ports.errors import (
    MisconfiguredError,
    NotSupportedError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.notices import NOT_WANTED
from ports.target import Idempotency
from tests.journal.scene import AN, inbound, open_with, recount, rows
from tests.worker.stage import PretendedSystem, until
from worker.loop import TargetLimits


async def test_what_is_accepted_is_applied(stage, tracker):
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(50)))
    await stage.settle()

    assert await stage.states() == {"applied": 50}
    assert set(tracker.world.values()) == {1}
    assert (await recount(stage.journal))["done"] == 50


@pytest.mark.parametrize("error", [RejectedError("no such group"), NotSupportedError("never")])
async def test_what_is_refused_waits_for_a_person(stage, tracker, error):
    tracker.answers = [error]
    await stage.accept(inbound("1"))
    await stage.settle()
    await stage.pass_time(3600, step=600)

    (row,) = await rows(stage.journal, effects)
    assert (row.state, row.reason) == ("parked", error.what)
    assert len(tracker.tries) == 1
    assert await stage.message_states() == {"parked": 1}


async def test_what_a_customer_does_not_want_is_settled_and_the_routes_see_what_it_was(
    stage, tracker, monkeypatch
):
    seen = []

    async def apply(key, command, fetch):
        return NOT_WANTED

    def of_an(message, known):
        opened = open_with("tracker")(message, known)
        return replace(opened, case=replace(opened.case, card=CaseCard(subject="-", party=AN)))

    monkeypatch.setattr(tracker, "apply", apply)
    stage.routes.decide_with = of_an
    stage.routes.after_with = lambda settled, case: seen.append((settled, case.card.party))
    await stage.accept(inbound("1"))
    await until(lambda: bool(seen))

    ((settled, party),) = seen
    assert (settled.applied, settled.outside_id) == (True, NOT_WANTED)
    assert settled.refused.text == "1-0"
    assert await stage.states() == {"applied": 1}
    assert party == AN  # for a letter that may go instead


async def test_what_was_certainly_not_done_is_tried_again(stage, tracker):
    tracker.answers = [TransientError("busy"), TransientError("busy")]
    await stage.accept(inbound("1"))
    await stage.settle()
    await stage.pass_time(5)

    assert await stage.outcomes() == ["again", "again", "applied"]
    assert tracker.looks == []
    assert set(tracker.world.values()) == {1}


async def test_a_target_that_says_when_is_not_asked_sooner(stage, tracker):
    tracker.answers = [TransientError("busy", retry_after=120)]
    await stage.accept(inbound("1"))
    await stage.settle()
    await stage.pass_time(119)
    assert len(tracker.tries) == 1
    await stage.pass_time(1)
    assert len(tracker.tries) == 2


@pytest.mark.parametrize(
    "error", [UncertainError("lost"), TimeoutError(), ConnectionResetError(), KeyError("x")]
)
async def test_an_unknown_outcome_is_looked_up_before_it_is_repeated(stage, tracker, error):
    tracker.answers = [tracker.does_it_then(error), error]
    await stage.accept(inbound("done"))
    await stage.settle()
    await stage.accept(inbound("not done"))
    await stage.settle()
    await stage.pass_time(5)

    assert await stage.states() == {"applied": 2}
    assert set(tracker.world.values()) == {1}
    assert len(tracker.looks) == 2
    assert len(tracker.tries) == 3
    found = {row.outside_id for row in await rows(stage.journal, effects)}
    assert any(id_.startswith("found-") for id_ in found)


async def test_a_target_that_never_answers_is_left_after_a_while(open_stage, tracker):
    async def never(_key):
        await asyncio.sleep(3600)

    tracker.answers = [never]
    stage = await open_stage(limits={"tracker": TargetLimits(patience=0.05)})
    await stage.accept(inbound("1"))
    await stage.settle()
    assert await stage.states() == {"unknown": 1}
    await stage.pass_time(5)
    assert await stage.states() == {"applied": 1}
    assert len(tracker.looks) == 1


async def test_where_nobody_can_tell_a_person_decides_and_then_it_is_sent(open_stage):
    fax = PretendedSystem(idempotency=Idempotency.NONE)
    fax.answers = [UncertainError("lost")]
    stage = await open_stage({"tracker": fax})
    await stage.accept(inbound("1"))
    await stage.settle()
    await stage.pass_time(3600, step=600)
    (row,) = await rows(stage.journal, effects)
    assert row.state == "parked"
    assert "nobody can tell" in row.reason
    assert len(fax.tries) == 1

    await stage.broker.hand_out(await stage.journal.replay_effect(row.id, "admin", "it did not arrive"))
    await stage.settle()
    assert await stage.states() == {"applied": 1}
    assert (len(fax.tries), fax.looks) == (2, [])


async def test_where_nobody_can_tell_a_dead_worker_means_a_person_decides(open_stage):
    fax = PretendedSystem(idempotency=Idempotency.NONE)
    stage = await open_stage({"tracker": fax})
    (id_,) = (await stage.journal.accept(inbound("1"))).effects
    await _claimed_by_a_dead_worker(stage, id_)
    await stage.pass_time(120, step=30)

    assert await stage.states() == {"parked": 1}
    assert (fax.tries, fax.looks) == ([], [])
    await stage.broker.hand_out(await stage.journal.replay_effect(id_, "admin", "it did not arrive"))
    await stage.settle()
    assert await stage.states() == {"applied": 1}


async def test_what_a_dead_worker_did_is_found_and_not_repeated(stage, tracker):
    (id_,) = (await stage.journal.accept(inbound("1"))).effects
    key = await _claimed_by_a_dead_worker(stage, id_)
    tracker.world[key] = 1
    await stage.pass_time(120, step=30)

    assert await stage.states() == {"applied": 1}
    assert (tracker.tries, tracker.looks) == ([], [key])


async def test_a_claim_that_grew_too_old_is_not_sent(open_stage, tracker):
    stage = await open_stage(lease=60.0)
    (id_,) = (await stage.journal.accept(inbound("1"))).effects
    claim = stage.journal.claim

    async def slow(request):
        claimed = await claim(request)
        stage.clock.advance(timedelta(seconds=30))
        return claimed

    stage.journal.claim = slow
    await stage.broker.hand_out([id_])
    await stage.settle()
    assert tracker.tries == []
    assert await stage.states() == {"due": 1}
    stage.journal.claim = claim
    await stage.pass_time(5)
    assert await stage.states() == {"applied": 1}
    assert len(tracker.tries) == 1


async def test_an_effect_without_adapter_waits_for_a_person(stage):
    stage.routes.decide_with = open_with("fax")
    await stage.accept(inbound("1"))
    await stage.settle()

    (row,) = await rows(stage.journal, effects)
    assert (row.state, row.reason) == ("parked", "no adapter is configured for 'fax'")


async def test_a_misconfigured_target_is_stopped_and_told_once(stage, tracker):
    tracker.always = MisconfiguredError("the token is refused")
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(20)))
    await stage.settle()
    await stage.pass_time(3600, step=20)

    (incident,) = await stage.incidents()
    assert (incident.what, incident.closed_at) == ("the token is refused", None)
    assert len(tracker.tries) < 20 + 2 * 60
    tracker.always = None
    await stage.pass_time(1200, step=20)
    assert await stage.states() == {"applied": 20}
    assert len(await stage.incidents()) == 1
    assert (await stage.incidents())[0].closed_at


async def test_no_more_at_once_than_the_target_can_take(open_stage, tracker):
    async def slowly(_key):
        await asyncio.sleep(0.003)

    tracker.always = slowly
    stage = await open_stage(limits={"tracker": TargetLimits(concurrency=4)}, broker=InProcessBroker())
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(200)))
    # 200 at 4 a time: a worker that sleeps whenever its targets are full would need half a minute
    await until(lambda: len(tracker.world) == 200 and not stage.worker.in_flight, seconds=8)

    assert 1 < tracker.most_at_once <= 4
    assert set(tracker.world.values()) == {1}


async def test_what_is_kept_back_is_remembered_once(open_stage, tracker):
    gate = asyncio.Event()
    tracker.always = lambda _key: gate.wait()
    stage = await open_stage(limits={"tracker": TargetLimits(concurrency=1)})
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(10)))
    for _ in range(20):
        stage.clock.advance(timedelta(seconds=1))
        await stage.broker.hand_out([row.id for row in await rows(stage.journal, effects)])
        await asyncio.sleep(0.03)

    assert len(stage.worker._kept_back["tracker"]) == 9
    gate.set()
    await stage.settle()
    await stage.pass_time(60, step=20)
    assert await stage.states() == {"applied": 10}


async def test_a_budget_is_spread_over_minutes(open_stage, tracker):
    stage = await open_stage(limits={"tracker": TargetLimits(budget=10)})
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(35)))
    await stage.settle()
    per_minute = [len(tracker.tries)]
    for _ in range(6):
        before = len(tracker.tries)
        await stage.pass_time(60, step=5)
        per_minute.append(len(tracker.tries) - before)

    assert max(per_minute) <= 10
    assert sum(per_minute) == 35


async def test_a_rate_is_kept_every_second(open_stage, tracker):
    stage = await open_stage(limits={"tracker": TargetLimits(rate=4)})
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(20)))
    await until(lambda: len(tracker.tries) == 1)
    per_second = []
    while sum(per_second) < 19:
        before = len(tracker.tries)
        for _ in range(8):
            stage.clock.advance(timedelta(seconds=1 / 8))
            await asyncio.sleep(0.06)
        per_second.append(len(tracker.tries) - before)
        assert len(per_second) < 20

    assert max(per_second) <= 4
    assert set(tracker.world.values()) == {1}


async def test_a_target_that_takes_four_a_second_gets_everything_in_the_end(open_stage, tracker):
    """It says 429 to whoever comes sooner; nothing is given up, and nobody else waits for it."""
    taken: list[float] = []

    async def at_most_four(key: str) -> None:
        now = stage.clock.monotonic()
        if sum(now - then < 1 for then in taken) >= 4:
            raise TransientError("too many requests", retry_after=1)
        taken.append(now)

    tracker.always = at_most_four
    mail = PretendedSystem()
    stage = await open_stage({"tracker": tracker, "mail": mail})
    both = open_with("tracker", "mail")
    stage.routes.decide_with = both
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(30)))
    await stage.settle()
    assert len(mail.world) == 30

    await stage.pass_time(240)

    assert await stage.states() == {"applied": 60}
    assert set(tracker.world.values()) == {1}


async def test_stopping_lets_what_is_in_flight_finish_and_starts_nothing_more(open_stage, tracker):
    gate = asyncio.Event()
    tracker.always = lambda _key: gate.wait()
    stage = await open_stage(limits={"tracker": TargetLimits(concurrency=3)})
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(10)))
    await until(lambda: tracker.at_once == 3)
    stopping = asyncio.create_task(stage.worker.stop())
    await asyncio.sleep(0.02)
    assert not stopping.done()
    gate.set()
    await stopping

    assert stage.worker.in_flight == 0
    assert await stage.states() == {"applied": 3, "due": 7}
    assert len(tracker.tries) == 3


async def test_stopping_waits_for_a_claim_that_is_under_way(stage, tracker):
    claim = stage.journal.claim
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slow(request):
        claimed = await claim(request)
        asked.set()
        await answered.wait()
        return claimed

    stage.journal.claim = slow
    await stage.accept(inbound("1"))
    await asked.wait()
    stopping = asyncio.create_task(stage.worker.stop())
    await asyncio.sleep(0.01)
    answered.set()
    await stopping

    assert await stage.states() == {"applied": 1}


async def test_stopping_does_not_wait_for_ever(open_stage, tracker):
    gate = asyncio.Event()
    tracker.always = lambda _key: gate.wait()
    stage = await open_stage()
    await stage.accept(inbound("1"))
    await until(lambda: tracker.at_once == 1)
    with structlog.testing.capture_logs() as logs:
        await stage.worker.stop(patience=0.05)

    assert [log["event"] for log in logs] == ["stopped_in_flight"]
    assert await stage.states() == {"claimed": 1}
    gate.set()


async def test_an_outcome_is_told_again_until_the_journal_takes_it(stage, tracker, monkeypatch):
    sleep = asyncio.sleep
    monkeypatch.setattr("worker.loop.asyncio.sleep", lambda _seconds: sleep(0))
    record, failures = stage.journal.record, iter([True, True])

    async def unavailable(result):
        if next(failures, False):
            raise StoreUnavailableError("disk full")
        return await record(result)

    stage.journal.record = unavailable
    with structlog.testing.capture_logs() as logs:
        await stage.accept(inbound("1"))
        await stage.settle()

    assert await stage.states() == {"applied": 1}
    assert [log["event"] for log in logs].count("record_failed") == 2
    assert set(tracker.world.values()) == {1}


async def test_a_journal_that_is_away_stops_no_worker(stage, tracker, monkeypatch):
    sleep = asyncio.sleep
    monkeypatch.setattr("worker.loop.asyncio.sleep", lambda _seconds: sleep(0))
    claim, failures = stage.journal.claim, iter([True, True])

    async def unavailable(request):
        if next(failures, False):
            raise StoreUnavailableError("database away")
        return await claim(request)

    stage.journal.claim = unavailable
    await stage.accept(inbound("1"))
    await stage.settle()
    await stage.pass_time(90, step=30)

    assert await stage.states() == {"applied": 1}


async def test_errors_are_logged_without_what_they_say_about_people(stage, tracker):
    tracker.answers = [RejectedError("no such group", detail="group 12"), KeyError("an.peeters@voorbeeld.be")]
    with structlog.testing.capture_logs() as logs:
        for number in range(2):
            await stage.accept(inbound(f"{number}"))
            await stage.settle()

    failed = [log for log in logs if log["event"] == "attempt_failed"]
    assert [log["error"] for log in failed] == ["RejectedError", "KeyError"]
    assert all("peeters" not in repr({k: v for k, v in log.items() if k != "exc_info"}) for log in failed)


async def _claimed_by_a_dead_worker(stage, id_) -> str:
    claim = await stage.journal.claim(ClaimRequest(ids=(id_,), owner="w/dead", lease=60_000_000))
    return claim.effects[0].key

"""The ledger against a model of it: whatever happens in whatever order, nothing is lost and nothing done twice.

The model says what the journal must answer; a pretended system outside counts what really happened to it.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from canonical_model.contact import Thread
from canonical_model.decision import Decision, Fate
from journal.database import open_engine
from journal.effects import MAX_DEATHS, SETTLE, Claimed, ClaimRequest, Outcome, Result, SweepRequest
from journal.instants import micros
from journal.journal import Journal
from journal.schema import effects, metadata
from ports.clock import ManualClock
from ports.errors import NotUnderstoodError, RejectedError
from ports.intake import Inbound
from tests.journal.scene import (
    KEYS,
    LEASE,
    START,
    PlannedRoutes,
    contact,
    contact_message,
    new_case,
    note,
    recount,
    rows,
)

TARGETS = ("tracker", "mail")
WAITING = ("due", "unknown")
ENDS = ("applied", "rejected", "again", "unknown, applied", "unknown, not applied")
GRACE, MINUTE = 20_000_000, 60_000_000


@dataclass
class Effect:
    """An effect as the model knows it; `truth` counts what the system outside saw."""

    id: str
    key: str
    case: str
    target: str
    seq: int
    blocking: bool
    message: str
    due_at: int
    handout_at: int | None
    state: str = "due"
    attempts: int = 0
    deaths: int = 0
    owner: str = ""
    truth: int = 0


@dataclass
class Model:
    """The rules of the ledger in their simplest form."""

    effects: dict[str, Effect] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    def before(self, one: Effect) -> list[Effect]:
        lane = [
            other for other in self.effects.values() if (other.case, other.target) == (one.case, one.target)
        ]
        return [other for other in lane if other.seq < one.seq]

    def may_start(self, one: Effect, now: int) -> bool:
        return (
            one.state in WAITING
            and one.due_at <= now
            and one.target not in self.held
            and not any(_in_the_way(other) for other in self.before(one))
        )

    def to_hand_out(self, now: int) -> list[Effect]:
        return [
            one
            for one in self.effects.values()
            if one.handout_at is not None and one.handout_at <= now and one.target not in self.held
        ]


def _in_the_way(other: Effect) -> bool:
    return other.state in (*WAITING, "claimed") or (other.state == "parked" and other.blocking)


class Ledger(RuleBasedStateMachine):
    """Random life of a journal."""

    def __init__(self, url: str) -> None:
        super().__init__()
        _empty(url)
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock(START)
        self.routes = PlannedRoutes()
        self.journal = Journal(url, router=self.routes, keys=KEYS, clock=self.clock, shard="1")
        self.run(self.journal.start())
        self.run(self.journal.know_systems(TARGETS))
        self.model = Model()
        self.names = count(1)
        self.cases: list[str] = []
        self.sent: list[Inbound] = []
        self.quarantined: list[str] = []
        self.claims: list[Claimed] = []
        self.states = Counter()

    def run(self, call):
        return self.loop.run_until_complete(call)

    @property
    def now(self) -> int:
        return micros(self.clock.now())

    @rule(
        lane=st.integers(0, 1),
        wanted=st.lists(st.tuples(st.sampled_from(TARGETS), st.booleans()), min_size=1, max_size=3),
    )
    def accept(self, lane, wanted):
        """A message opens a case or joins one, and wants some effects."""
        name = f"m{next(self.names)}"
        ref = self.cases[lane] if lane < len(self.cases) else f"LEU-2026-{len(self.cases) + 1:06d}"

        def decide(_message, known):
            case = known.matches[0].case if known.matches else new_case(known)
            intents = tuple(
                note(case.ref, target, f"{name}-{number}", blocking=blocking)
                for number, (target, blocking) in enumerate(wanted)
            )
            return Decision(fate=Fate.ROUTED, reason="", case=case, intents=intents)

        self.routes.decide_with = decide
        message = contact_message(name, contact(thread=Thread(claimed_case=ref)))
        accepted = self.run(self.journal.accept(message))
        self.sent.append(message)
        if ref not in self.cases:
            self.cases.append(ref)
        taken = sum(one.case == ref for one in self.model.effects.values())
        assert len(accepted.effects) == len(wanted)
        for number, (id_, (target, blocking)) in enumerate(zip(accepted.effects, wanted, strict=True)):
            self.model.effects[id_] = Effect(
                id=id_,
                key=f"{ref}/{target}/add_note/{name}-{number}",
                case=ref,
                target=target,
                seq=taken + number,
                blocking=blocking,
                message=accepted.receipt.message_id,
                due_at=self.now,
                handout_at=self.now + GRACE,
            )

    @rule(fate=st.sampled_from(["dropped", "quarantined", "not understood"]))
    def accept_without_effects(self, fate):
        """A message that leads to nothing is somewhere all the same."""
        name = f"m{next(self.names)}"
        message = contact_message(name, contact())
        if fate == "not understood":
            message = replace(message, event=None, problem=NotUnderstoodError("odd"))
        else:
            self.routes.decide_with = lambda _message, _known: Decision(fate=Fate(fate), reason="so")
        receipt = self.run(self.journal.accept(message)).receipt
        self.sent.append(message)
        if fate == "quarantined":
            self.quarantined.append(receipt.message_id)
        else:
            self.states["parked" if fate == "not understood" else fate] += 1

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), other=st.booleans())
    def accept_again(self, data, other):
        """The same again gives its receipt; the same name with another content is refused."""
        message = data.draw(st.sampled_from(self.sent))
        if not other:
            assert self.run(self.journal.accept(message)).receipt.duplicate
            return
        try:
            self.run(self.journal.accept(replace(message, raw=message.raw + b"!")))
        except RejectedError:
            return
        raise AssertionError("another content under a used name was accepted")

    @precondition(lambda self: self.quarantined)
    @rule(release=st.booleans())
    def judge_quarantine(self, release):
        id_ = self.quarantined.pop()
        if not release:
            self.run(self.journal.drop_message(id_, "kcc", "spam"))
            self.states["dropped"] += 1
            return
        self.routes.decide_with = lambda _message, known: Decision(
            fate=Fate.ROUTED, reason="", case=new_case(known)
        )
        assert self.run(self.journal.replay_message(id_, "kcc", "real")) == ()
        self.cases.append(f"LEU-2026-{len(self.cases) + 1:06d}")
        self.states["done"] += 1

    @rule(owner=st.sampled_from(["w/1", "w/2"]))
    def claim(self, owner):
        """Whoever asks for everything gets exactly what may start."""
        self._claim(owner, list(self.model.effects))

    @precondition(lambda self: self.model.effects)
    @rule(owner=st.sampled_from(["w/1", "w/2", "w/3"]), data=st.data())
    def hand_out(self, owner, data):
        """The broker hands out what it likes: some of it twice, in any order, and what is long done."""
        ids = st.sampled_from(list(self.model.effects))
        self._claim(owner, data.draw(st.lists(ids, min_size=1, max_size=6), label="ids"))

    def _claim(self, owner, ids):
        expected = {id_ for id_ in ids if self.model.may_start(self.model.effects[id_], self.now)}
        request = ClaimRequest(ids=tuple(ids), owner=owner, lease=LEASE, held=frozenset(self.model.held))
        taken = self.run(self.journal.claim(request)).effects
        assert sorted(one.id for one in taken) == sorted(expected)
        for claimed in sorted(taken, key=lambda one: one.key):  # ids are chance: examples must repeat
            one = self.model.effects[claimed.id]
            assert (claimed.attempt, claimed.probe) == (one.attempts + 1, one.state == "unknown")
            one.state, one.attempts, one.owner = "claimed", one.attempts + 1, owner
            one.handout_at = self.now + LEASE
            self.claims.append(claimed)

    @precondition(lambda self: self.claims)
    @rule(
        data=st.data(),
        end=st.sampled_from(ENDS),
        wait=st.sampled_from([0, 5_000_000, 90_000_000]),
    )
    def finish(self, data, end, wait):
        """A worker does its work and tells; one whose claim is over is not listened to."""
        self._finish(data.draw(st.integers(0, len(self.claims) - 1)), end, wait)

    @rule(owner=st.sampled_from(["w/1", "w/2"]), ends=st.lists(st.sampled_from(ENDS), min_size=1, max_size=4))
    def work(self, owner, ends):
        """A worker takes all it can get and finishes it."""
        self.claim(owner)
        for number in range(len(self.claims)):
            self._finish(0, ends[number % len(ends)], 0)

    @rule(owner=st.sampled_from(["w/1", "w/2"]))
    def sleep_past_the_lease(self, owner):
        """A worker takes all it can get, sleeps too long, and will wake up late."""
        self.claim(owner)
        self.clock.advance(timedelta(microseconds=LEASE))
        self.sweep()

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def tell_again(self, data):
        """An outcome that was told and whose answer was lost is told again, perhaps when others have gone on."""
        claimed = self.claims[data.draw(st.integers(0, len(self.claims) - 1))]
        result = self._result(claimed, Outcome.APPLIED, 0)
        self._finish(self.claims.index(claimed), "applied", 0)
        assert self.run(self.journal.record(result)).stale

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), applied=st.booleans())
    def die(self, data, applied):
        """A worker dies, before or after the system outside did it."""
        claimed = self.claims.pop(data.draw(st.integers(0, len(self.claims) - 1)))
        one = self.model.effects[claimed.id]
        if (one.state, one.attempts) == ("claimed", claimed.attempt):
            self._worked(one, claimed, "unknown, applied" if applied else "unknown, not applied")

    @rule(seconds=st.sampled_from([1, 19, 20, 61, 3600]))
    def time_passes(self, seconds):
        self.clock.advance(timedelta(seconds=seconds))

    @rule()
    def sweep(self):
        """Exactly what is due and was not handed out lately; claims that ran out become unknown."""
        due = self.model.to_hand_out(self.now)
        swept = self.run(self.journal.sweep(SweepRequest(held=frozenset(self.model.held))))
        expected = set()
        for one in due:
            one.handout_at = self.now + MINUTE
            if one.state == "claimed":
                one.state, one.deaths, one.due_at = "unknown", one.deaths + 1, self.now
            if one.deaths >= MAX_DEATHS and one.state == "unknown":
                one.state, one.handout_at = "parked", None
                continue
            expected.add(one.id)
        assert set(swept) == expected

    @rule(owner=st.sampled_from(["w/1", "w/2", "w/"]))
    def bury(self, owner):
        """A hub that was alone starts anew: what it held and what it had handed out is looked after at once."""
        self.run(self.journal.bury(owner))
        for one in self.model.effects.values():
            if one.state in WAITING and one.due_at <= self.now:
                one.handout_at = min(one.handout_at, self.now)
            if one.state == "claimed" and one.owner.startswith(owner):
                one.handout_at = min(one.handout_at, self.now + SETTLE)

    @precondition(lambda self: self.model.effects)
    @rule(data=st.data())
    def replay(self, data):
        one = data.draw(st.sampled_from(list(self.model.effects.values())), label="effect")
        handed = self.run(self.journal.replay_effect(one.id, "admin", "again"))
        assert handed == ((one.id,) if one.state == "parked" else ())
        if one.state == "parked":
            one.state = "unknown" if one.attempts else "due"
            one.deaths, one.due_at, one.handout_at = 0, self.now, self.now

    @precondition(lambda self: self.model.effects)
    @rule(data=st.data())
    def skip(self, data):
        one = data.draw(st.sampled_from(list(self.model.effects.values())), label="effect")
        try:
            self.run(self.journal.skip_effect(one.id, "admin", "by hand"))
        except RejectedError:
            assert one.state in ("applied", "skipped", "claimed")
            return
        assert one.state in (*WAITING, "parked")
        one.state, one.handout_at = "skipped", None

    @rule(name=st.sampled_from(TARGETS))
    def pause_or_resume(self, name):
        if name in self.model.held:
            self.run(self.journal.resume(name, "admin"))
        else:
            self.run(self.journal.pause(name, "admin", "maintenance"))
        self.model.held ^= {name}
        paused = {state.name for state in self.run(self.journal.system_states()) if state.paused}
        assert paused == self.model.held

    @invariant()
    def the_journal_is_as_the_model_says(self):
        for row in self.run(rows(self.journal, effects)):
            one = self.model.effects[row.id]
            assert (row.key, row.seq, row.state) == (one.key, one.seq, one.state)
            assert (row.attempts, row.deaths, row.handout_at) == (one.attempts, one.deaths, one.handout_at)

    @invariant()
    def nothing_is_done_twice(self):
        assert all(one.truth <= 1 for one in self.model.effects.values())
        assert all(one.truth == 1 for one in self.model.effects.values() if one.state == "applied")

    @invariant()
    def nothing_waits_without_somebody_to_wake_it(self):
        for one in self.model.effects.values():
            assert (one.handout_at is not None) == (one.state in (*WAITING, "claimed"))

    @invariant()
    def the_balance_is_exact(self):
        counted = self.run(recount(self.journal))
        expected = Counter(self.states)
        expected["quarantined"] += len(self.quarantined)
        for message in {one.message for one in self.model.effects.values()}:
            mine = [one.state for one in self.model.effects.values() if one.message == message]
            is_open = any(state not in ("applied", "skipped") for state in mine)
            expected["parked" if "parked" in mine else "waiting" if is_open else "done"] += 1
        assert counted == +expected + Counter(received=len(self.sent))

    def teardown(self):
        """Whatever state it was left in: with time, a working world and a person, everything comes to an end."""
        try:
            self._bring_to_an_end()
        finally:
            self.run(self.journal.close())
            self.loop.close()

    def _bring_to_an_end(self):
        for target in list(self.model.held):
            self.pause_or_resume(target)
        for _ in range(100):
            if all(one.state in ("applied", "skipped") for one in self.model.effects.values()):
                break
            self.clock.advance(timedelta(seconds=91))
            self.sweep()
            self.claim("w/1")
            while self.claims:
                claimed = self.claims.pop()
                one = self.model.effects[claimed.id]
                if (one.state, one.attempts) == ("claimed", claimed.attempt):
                    outcome = self._worked(one, claimed, "applied")
                    self.run(self.journal.record(self._result(claimed, outcome, 0)))
                    self._ended(one, outcome, 0)
            for one in self.model.effects.values():
                if one.state == "parked":
                    self.run(self.journal.skip_effect(one.id, "admin", "by hand"))
                    one.state, one.handout_at = "skipped", None
        self.the_journal_is_as_the_model_says()
        self.nothing_is_done_twice()
        self.the_balance_is_exact()
        assert {one.state for one in self.model.effects.values()} <= {"applied", "skipped"}

    def _finish(self, index: int, end: str, wait: int) -> None:
        claimed = self.claims.pop(index)
        one = self.model.effects[claimed.id]
        ours = (one.state, one.attempts) == ("claimed", claimed.attempt)
        outcome = self._worked(one, claimed, end) if ours else Outcome.APPLIED
        told = self.run(self.journal.record(self._result(claimed, outcome, wait)))
        assert told.stale is not ours
        if ours:
            self._ended(one, outcome, wait)

    def _worked(self, one: Effect, claimed: Claimed, end: str) -> Outcome:
        """What a worker does: look first when it was told to; then the world answers."""
        assert not any(_in_the_way(other) for other in self.model.before(one)), "out of order"
        if claimed.probe and one.truth:
            return Outcome.APPLIED
        if end in ("applied", "unknown, applied"):
            one.truth += 1
        return {"applied": Outcome.APPLIED, "rejected": Outcome.REJECTED, "again": Outcome.AGAIN}.get(
            end, Outcome.UNKNOWN
        )

    def _ended(self, one: Effect, outcome: Outcome, wait: int) -> None:
        one.state = {"applied": "applied", "rejected": "parked", "unknown": "unknown", "again": "due"}[
            outcome
        ]
        waits = one.state in WAITING
        one.due_at = self.now + wait
        one.handout_at = self.now + wait if waits else None

    def _result(self, claimed: Claimed, outcome: Outcome, wait: int) -> Result:
        owner = self.model.effects[claimed.id].owner
        return Result(claimed.id, claimed.attempt, owner, outcome, self.now, retry_at=self.now + wait)


def test_the_ledger_follows_its_model(journal_url):
    examples = 30 if journal_url.startswith("sqlite") else 8
    run_state_machine_as_test(
        lambda: Ledger(journal_url),
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def _empty(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        for table in metadata.tables.values():
            connection.execute(table.delete())
    engine.dispose()

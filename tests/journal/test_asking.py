"""What the tracker was asked, and whether it did it yet, is known to whoever decides about its news: on both databases."""

from msgspec.structs import replace

from canonical_model.case import CaseRef
from canonical_model.commands import ChangeCase
from canonical_model.decision import Decision, Fate, Intent
from canonical_model.events import CaseChanged, TimerFired
from canonical_model.status import CaseStatus
from journal.asking import NOT_YET
from journal.effects import Outcome
from tests.journal.scene import claim, inbound, open_with, record, together

REF = CaseRef("LEU-2026-000001")


def news(clock, version):
    return CaseChanged(
        case=REF,
        tracker_id="7",
        version=version,
        status=CaseStatus.NEW,
        group="kcc",
        changed_at=clock.now(),
    )


def asking(message, known, name="a"):
    asked = Intent(
        target="tracker", command=ChangeCase(case=REF, status=CaseStatus.CLOSED), discriminator=name
    )
    return replace(open_with()(message, known), intents=(asked,))


async def heard(planned, plan, clock, version):
    """What a route knows when the tracker tells something."""
    seen = []

    def decide(message, known):
        seen.extend(match.asked_until for match in known.matches)
        return Decision(fate=Fate.ROUTED, reason="", case=known.matches[0].case)

    plan.decide_with = decide
    await planned.accept(inbound(f"changes/{version}", news(clock, version), source="tracker/changes"))
    return seen


async def test_a_case_of_which_nothing_was_asked_is_news_at_once(planned, plan, clock):
    plan.decide_with = open_with("tracker")
    await planned.accept(inbound("open"))
    assert await heard(planned, plan, clock, 1) == [None]


async def test_what_was_asked_is_awaited_until_it_is_done(planned, plan, clock):
    plan.decide_with = asking
    (effect,) = (await planned.accept(inbound("open"))).effects
    assert await heard(planned, plan, clock, 1) == [NOT_YET]
    (claimed,) = (await claim(planned, effect)).effects
    assert await heard(planned, plan, clock, 2) == [NOT_YET]
    done = clock.now()
    await record(planned, claimed, Outcome.APPLIED)
    assert await heard(planned, plan, clock, 3) == [done]


async def test_what_was_refused_is_not_awaited(planned, plan, clock):
    plan.decide_with = asking
    (effect,) = (await planned.accept(inbound("open"))).effects
    (claimed,) = (await claim(planned, effect)).effects
    await record(planned, claimed, Outcome.REJECTED)
    assert await heard(planned, plan, clock, 1) == [None]


async def test_what_is_asked_in_the_same_transaction_is_awaited_too(planned, plan, clock):
    plan.decide_with = open_with()
    await planned.accept(inbound("open"))
    seen = []

    def decide(message, known):
        if isinstance(message.body, TimerFired):
            return asking(message, known)
        seen.extend(match.asked_until for match in known.matches)
        return Decision(fate=Fate.ROUTED, reason="", case=known.matches[0].case)

    plan.decide_with = decide
    await together(
        planned,
        planned.accept(inbound("timer", TimerFired(case=REF, name="x"), source="timer")),
        planned.accept(inbound("changes/1", news(clock, 1), source="tracker/changes")),
    )
    assert seen == [NOT_YET]

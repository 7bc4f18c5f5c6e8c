"""What people and schedules do: pause, replay, skip, release, drop, lease, remember, erase."""

import asyncio
from datetime import timedelta

import pytest

from canonical_model.contact import Automatic, Thread
from canonical_model.decision import Decision, Fate
from journal.database import open_engine
from journal.effects import Outcome, SweepRequest
from journal.journal import ERASURE
from journal.operations import Health
from journal.schema import audit, bodies, cases, data_keys, effects, files, incidents, messages, systems
from ports.errors import NotUnderstoodError, RejectedError
from ports.intake import Inbound
from tests.journal.scene import (
    apply_all,
    attached,
    claim,
    contact,
    contact_message,
    effect_states,
    inbound,
    note,
    open_with,
    record,
    recount,
    rows,
    together,
)

FIRST = "LEU-2026-000001"


async def parked_effect(journal) -> str:
    """An effect that was tried and refused."""
    (id_,) = (await journal.accept(inbound("parked"))).effects
    (held,) = (await claim(journal, id_)).effects
    await record(journal, held, Outcome.REJECTED, what="no such group")
    return id_


async def test_a_replayed_effect_is_looked_up_first(planned):
    id_ = await parked_effect(planned)

    assert (await planned.preview_replay(id_)).verdict == "probe"
    assert await planned.replay_effect(id_, "admin", "the group exists now") == (id_,)
    (held,) = (await claim(planned, id_)).effects
    assert (held.probe, held.deaths) == (True, 0)
    await record(planned, held, Outcome.APPLIED)
    assert (await recount(planned))["done"] == 1


async def test_a_replayed_effect_that_nobody_takes_is_swept(planned, clock):
    id_ = await parked_effect(planned)
    await planned.replay_effect(id_, "admin", "again")
    clock.advance(timedelta(seconds=20))

    assert await planned.sweep(SweepRequest()) == (id_,)


async def test_two_people_replay_at_once_and_it_happens_once(planned):
    id_ = await parked_effect(planned)

    both = await asyncio.gather(*(planned.replay_effect(id_, who, "again") for who in ("an", "bart")))
    assert sorted(both) == [(), (id_,)]
    assert len(await apply_all(planned, [id_, id_])) == 1
    assert await planned.replay_effect(id_, "carla", "again") == ()
    assert (await claim(planned, id_)).effects == ()
    assert (await recount(planned))["done"] == 1


async def test_an_applied_effect_is_never_tried_again(planned):
    (id_,) = (await planned.accept(inbound("1"))).effects
    await apply_all(planned, [id_])

    assert (await planned.preview_replay(id_)).verdict == "skip"
    assert await planned.replay_effect(id_, "admin", "to be sure") == ()
    assert (await claim(planned, id_)).effects == ()


async def test_what_is_under_way_is_left_alone_and_what_was_erased_is_not_sent(planned):
    (id_,) = (await planned.accept(inbound("1"))).effects

    assert (await planned.preview_replay(id_)).verdict == "under_way"
    await planned.erase_case(FIRST, "dpo", "asked")
    assert (await planned.preview_replay(id_)).verdict == "erased"
    with pytest.raises(RejectedError, match="no effect has id"):
        await planned.preview_replay("0" * 32)
    with pytest.raises(RejectedError, match="no effect"):
        await planned.replay_effect("0" * 32, "admin", "")


async def test_a_skipped_effect_frees_its_lane(planned, plan):
    plan.decide_with = open_with("tracker", "tracker")
    first, second = (await planned.accept(inbound("1"))).effects
    (held,) = (await claim(planned, first, second)).effects
    await record(planned, held, Outcome.REJECTED)

    assert await planned.skip_effect(first, "admin", "done by hand") == (second,)
    assert await apply_all(planned, [second]) == [f"{FIRST}/tracker/add_note/1-1"]
    assert (await recount(planned))["done"] == 1


async def test_only_what_waits_or_is_parked_can_be_skipped(planned):
    (id_,) = (await planned.accept(inbound("1"))).effects
    (held,) = (await claim(planned, id_)).effects
    with pytest.raises(RejectedError):
        await planned.skip_effect(id_, "admin", "while it is being tried")
    await record(planned, held, Outcome.APPLIED)
    with pytest.raises(RejectedError):
        await planned.skip_effect(id_, "admin", "after it was applied")
    assert (await recount(planned))["done"] == 1


async def test_two_people_skip_at_once_and_it_counts_once(planned):
    id_ = await parked_effect(planned)

    both = await asyncio.gather(
        *(planned.skip_effect(id_, who, "by hand") for who in ("an", "bart")), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["RejectedError", "tuple"]
    assert (await recount(planned))["done"] == 1


async def test_skip_and_replay_at_once_leave_one_winner(planned):
    id_ = await parked_effect(planned)

    await together(
        planned, planned.skip_effect(id_, "an", "by hand"), planned.replay_effect(id_, "bart", "again")
    )
    assert list((await effect_states(planned)).values()) == ["skipped"]
    assert (await recount(planned))["done"] == 1


async def test_a_message_whose_route_failed_is_decided_again(planned, plan):
    def broken(_message, _known):
        raise RuntimeError("a mistake")

    plan.decide_with = broken
    receipt = (await planned.accept(inbound("1"))).receipt
    with pytest.raises(RejectedError, match="a route failed"):
        await planned.replay_message(receipt.message_id, "admin", "too early")
    plan.decide_with = open_with("tracker")
    started = await planned.replay_message(receipt.message_id, "admin", "mended")

    assert len(started) == 1
    assert (await recount(planned))["waiting"] == 1
    assert await apply_all(planned, started)
    assert (await recount(planned))["done"] == 1
    assert (await rows(planned, data_keys))[0].case_ref == FIRST


async def test_two_people_replay_a_message_at_once_and_it_opens_one_case(planned, plan):
    def broken(_message, _known):
        raise RuntimeError("a mistake")

    plan.decide_with = broken
    id_ = (await planned.accept(inbound("1"))).receipt.message_id
    plan.decide_with = open_with("tracker")
    both = await asyncio.gather(
        *(planned.replay_message(id_, who, "again") for who in ("an", "bart")), return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in both) == ["RejectedError", "tuple"]
    assert len(await rows(planned, cases)) == 1
    await recount(planned)


@pytest.mark.parametrize("signs", [{"suspicions": ("link_farm",)}, {"automatic": Automatic.BULK}])
async def test_quarantine_is_left_by_a_person_only(journal, signs):
    receipt = (await journal.accept(contact_message("1", contact(**signs)))).receipt
    assert (await recount(journal))["quarantined"] == 1
    assert await rows(journal, cases) == []

    started = await journal.replay_message(receipt.message_id, "kcc", "this is a real question")
    assert started
    assert len(await rows(journal, cases)) == 1
    assert (await recount(journal))["waiting"] == 1


async def test_a_message_is_dropped_by_a_person_with_a_reason(journal):
    spam = contact(suspicions=("link_farm",))
    id_ = (await journal.accept(contact_message("1", spam))).receipt.message_id
    await journal.drop_message(id_, "kcc", "advertising")

    (row,) = await rows(journal, messages)
    assert row.state == "dropped"
    assert "dropped by kcc: advertising" in row.reason
    with pytest.raises(RejectedError):
        await journal.drop_message(id_, "kcc", "again")
    with pytest.raises(RejectedError):
        await journal.replay_message(id_, "kcc", "changed my mind")
    assert (await recount(journal))["dropped"] == 1


async def test_what_was_not_understood_can_be_dropped_but_not_replayed(journal):
    problem = NotUnderstoodError("no text")
    odd = Inbound(source="web", source_ref="1", raw=b"?", media_type="text/plain", problem=problem)
    id_ = (await journal.accept(odd)).receipt.message_id

    with pytest.raises(RejectedError, match="never understood"):
        await journal.replay_message(id_, "admin", "please")
    await journal.drop_message(id_, "admin", "noise")
    assert (await recount(journal))["dropped"] == 1


async def test_a_message_with_a_case_is_neither_replayed_nor_dropped(journal):
    id_ = (await journal.accept(inbound("1"))).receipt.message_id
    for act in (journal.replay_message, journal.drop_message):
        with pytest.raises(RejectedError):
            await act(id_, "admin", "a mistake")
    assert (await recount(journal))["waiting"] == 1


async def test_pause_and_resume_are_on_the_board_and_in_the_trail(planned):
    await planned.know_systems(["tracker"])
    await planned.know_systems(["tracker", "mail"])
    await planned.pause("tracker", "admin", "maintenance")
    (tracker,) = await rows(planned, systems, systems.c.name == "tracker")
    assert (tracker.paused, tracker.paused_by, tracker.paused_reason) == (True, "admin", "maintenance")
    await planned.resume("tracker", "admin")

    assert not any(state.paused for state in await planned.system_states())
    assert [row.action for row in await rows(planned, audit)] == ["system_paused", "system_resumed"]
    with pytest.raises(RejectedError, match="no system is called"):
        await planned.pause("fax", "admin", "")


async def test_an_outage_is_one_incident_with_a_beginning_and_an_end(planned, clock):
    await planned.know_systems(["tracker"])
    for failures in range(1, 50):
        clock.advance(timedelta(seconds=1))
        open_for = 2_000_000 if failures >= 5 else 0
        await planned.report(
            Health("tracker", ok=False, what="connection refused", failures=failures, open_for=open_for)
        )
    (one,) = await rows(planned, incidents)
    assert (one.system, one.what, one.closed_at) == ("tracker", "connection refused", None)
    await planned.report(Health("tracker", ok=True))
    await planned.report(Health("tracker", ok=True))
    await planned.report(Health("unknown", ok=False, what="who?", failures=9, open_for=1))

    (one,) = await rows(planned, incidents)
    assert one.closed_at > one.opened_at
    (state,) = await planned.system_states()
    assert (state.failures, state.open_until, state.incident_id) == (0, 0, None)


@pytest.mark.parametrize("first", ["crew", "crew/orders"])
async def test_a_system_that_is_away_on_both_ways_is_one_incident_until_both_are_open(planned, clock, first):
    await planned.know_systems(["crew", "crew/orders"])
    away = {
        "crew": Health("crew", ok=False, what="away", failures=5, open_for=1),
        "crew/orders": Health("crew/orders", ok=False, what="away", failures=3, open_for=1, behind="crew"),
    }
    (second,) = away.keys() - {first}
    await planned.report(away[first])
    await planned.report(away[second])

    await planned.report(Health(first, ok=True))
    (one,) = await rows(planned, incidents)
    assert (one.system, one.closed_at) == ("crew", None)
    await planned.report(Health(second, ok=True))
    (one,) = await rows(planned, incidents)
    assert one.closed_at


async def test_a_lease_is_held_by_one_and_moves_when_it_ends(journal, clock):
    assert await journal.lease("source/mail", "a", 15)
    assert not await journal.lease("source/mail", "b", 15)
    assert await journal.lease("source/mail", "a", 15)
    assert await journal.lease("source/other", "b", 15)
    clock.advance(timedelta(seconds=15))
    assert await journal.lease("source/mail", "b", 15)
    assert not await journal.lease("source/mail", "a", 15)
    assert await journal.lease("source/mail", "b", 0)
    assert await journal.lease("source/mail", "a", 15)


async def test_many_ask_for_a_lease_and_one_gets_it(journal):
    got = await asyncio.gather(*(journal.lease("source/mail", f"w/{n}", 15) for n in range(20)))
    assert sum(got) == 1


async def test_checkpoints_are_remembered_per_owner(journal):
    assert await journal.load_checkpoint("mailbox", "uid") is None
    await journal.save_checkpoint("mailbox", "uid", "7")
    await together(journal, *(journal.save_checkpoint("mailbox", "uid", str(n)) for n in range(8, 12)))
    await journal.save_checkpoint("tracker", "uid", "1")

    assert await journal.load_checkpoint("mailbox", "uid") == "11"
    assert await journal.load_checkpoint("tracker", "uid") == "1"


async def test_checkpoints_are_found_by_how_their_names_begin(journal):
    for name, value in (("open/2", "b"), ("open/1", "a"), ("open/3", ""), ("openly", "c"), ("open_4", "d")):
        await journal.save_checkpoint("planning", name, value)
    await journal.save_checkpoint("tracker", "open/9", "z")

    assert await journal.saved_checkpoints("planning", "open/") == {"open/1": "a", "open/2": "b"}
    assert await journal.saved_checkpoints("planning", "open_") == {"open_4": "d"}
    assert await journal.saved_checkpoints("planning", "nothing") == {}


async def test_erasing_a_case_destroys_its_keys_bodies_and_files(journal):
    photo = attached(b"a photo of the pavement")
    first = contact(attachments=(photo.attachment,), thread=Thread(message_id="a@x"))
    kept = contact("Iets anders.", party=contact().party)
    one = (await journal.accept(contact_message("1", first, files=(photo,)))).receipt
    two = contact("Nog iets.", thread=Thread(in_reply_to=("a@x",)))
    await journal.accept(contact_message("2", two))
    other = (await journal.accept(contact_message("3", kept))).receipt

    with pytest.raises(RejectedError, match="LEU-2026-999999"):
        await journal.erase_case("LEU-2026-999999", "dpo", "request 12")
    assert await rows(journal, messages, messages.c.source == ERASURE) == []

    assert await journal.erase_case(FIRST, "dpo", "request 12") == 2
    assert await journal.erase_case(FIRST, "dpo", "request 12") == 0
    (told,) = await rows(journal, messages, messages.c.source == ERASURE)
    assert {row.message_id for row in await rows(journal, data_keys)} == {other.message_id, told.id}
    assert await rows(journal, files) == []
    left = await rows(journal, bodies, bodies.c.key_id.not_in((other.message_id, told.id)))
    assert left
    assert all(row.raw is None and row.canonical is None for row in left)
    assert (await rows(journal, cases, cases.c.ref == FIRST))[0].card is None
    with pytest.raises(RejectedError, match="erased"):
        await journal.file(one.message_id, photo.attachment.claim)
    with pytest.raises(RejectedError, match="erased"):
        await journal.reveal(one.message_id, "kcc", "to see")
    assert (await journal.reveal(other.message_id, "kcc", "to see")).raw == b"raw of 3"
    await recount(journal)


async def test_what_was_sealed_is_revealed_with_a_line_in_the_trail(journal):
    accepted = await journal.accept(inbound("1"))
    message = await journal.reveal(accepted.receipt.message_id, "kcc", "the customer called")
    effect = await journal.reveal(accepted.effects[0], "kcc", "the customer called")

    card = await journal.reveal(FIRST, "kcc", "the customer called")

    assert (card.kind, card.name) == ("case", "case_card")
    assert b"an.peeters@voorbeeld.be" in card.canonical
    assert (message.kind, message.name) == ("message", "contact_received")
    assert (effect.kind, effect.name) == ("effect", "open_case")
    assert b"Het voetpad is kapot." in message.canonical
    lines = [(row.actor, row.action, row.detail) for row in await rows(journal, audit)]
    assert lines == [
        ("kcc", "message_revealed", "the customer called"),
        ("kcc", "effect_revealed", "the customer called"),
        ("kcc", "case_revealed", "the customer called"),
    ]


async def test_a_look_that_was_refused_is_in_the_trail_too(journal):
    with pytest.raises(RejectedError):
        await journal.reveal("LEU-2026-999999", "kcc", "curious")
    await journal.accept(inbound("1"))
    await journal.erase_case(FIRST, "dpo", "asked")
    with pytest.raises(RejectedError, match="erased"):
        await journal.reveal(FIRST, "kcc", "curious")

    actions = [row.action for row in await rows(journal, audit)]
    assert actions == ["reveal_failed", "case_erased", "reveal_failed"]


async def test_every_act_of_a_person_is_in_the_trail(planned):
    await planned.know_systems(["tracker"])
    id_ = await parked_effect(planned)
    await planned.replay_effect(id_, "an", "r1")
    await planned.skip_effect(id_, "bart", "r2")
    await planned.pause("tracker", "carla", "r3")
    await planned.erase_case(FIRST, "dpo", "r4")

    lines = [(row.actor, row.action, row.subject, row.detail) for row in await rows(planned, audit)]
    assert lines == [
        ("an", "effect_replayed", id_, "r1"),
        ("bart", "effect_skipped", id_, "r2"),
        ("carla", "system_paused", "tracker", "r3"),
        ("dpo", "case_erased", FIRST, "r4"),
    ]
    assert await planned.verify_audit() is None


async def test_effects_of_a_journal_opened_again_go_on(planned, open_journal, plan, journal_url):
    (id_,) = (await planned.accept(inbound("1"))).effects
    await planned.close()
    open_engine(journal_url).dispose()
    again = await open_journal(plan)

    assert len(await apply_all(again, [id_])) == 1
    assert (await rows(again, effects))[0].state == "applied"


async def test_what_was_erased_before_it_went_out_holds_up_no_withdrawal(planned, plan, clock):
    plan.decide_with = open_with("dosis", "wegen")
    accepted = await planned.accept(inbound("1"))
    plan.decide_with = lambda _message, known: Decision(
        fate=Fate.ROUTED,
        reason="",
        case=known.matches[0].case,
        intents=(note(FIRST, "dosis", "withdraw"),),
        outlives_case=True,
    )
    await planned.erase_case(FIRST, "dpo", "asked")
    assert (await claim(planned, *accepted.effects)).effects == ()  # nothing can be sent any more

    clock.advance(timedelta(minutes=2))
    (withdrawal,) = await planned.sweep(SweepRequest())
    (claimed,) = (await claim(planned, withdrawal)).effects
    assert claimed.key.endswith("withdraw")

"""Taking messages in: once each, into the right case, or visibly set aside."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
import structlog
from msgspec.structs import replace

from canonical_model.case import CaseRef
from canonical_model.commands import AddContact, OpenCase
from canonical_model.contact import Thread
from canonical_model.decision import Reference, Timer
from canonical_model.events import TimerFired
from canonical_model.party import Party
from journal.journal import Keys
from journal.schema import bodies, case_history, cases, effects, messages, references, timers
from ports.errors import NotUnderstoodError, RejectedError
from ports.intake import Inbound
from tests.journal.scene import (
    AN,
    apply_all,
    attached,
    claim,
    contact,
    contact_message,
    inbound,
    new_case,
    note,
    open_with,
    recount,
    rows,
    together,
)


async def test_the_same_reference_gives_the_same_receipt_and_nothing_else(journal):
    first = await journal.accept(inbound("form-1"))
    again = await journal.accept(inbound("form-1"))

    assert again.receipt.message_id == first.receipt.message_id
    assert (first.receipt.duplicate, again.receipt.duplicate) == (False, True)
    assert first.effects
    assert again.effects == ()
    assert len(await rows(journal, cases)) == 1
    assert (await recount(journal))["received"] == 1


async def test_the_same_reference_of_another_source_is_another_message(journal):
    first = await journal.accept(inbound("1", source="web"))
    other = await journal.accept(inbound("1", source="phone"))

    assert not other.receipt.duplicate
    assert other.receipt.message_id != first.receipt.message_id


async def test_the_same_reference_with_another_content_is_refused(journal):
    await journal.accept(inbound("form-1", raw=b"one"))

    with pytest.raises(RejectedError, match="used before for another content"):
        await journal.accept(inbound("form-1", raw=b"another"))
    assert (await recount(journal))["received"] == 1


async def test_a_hundred_at_once_are_one_message(journal):
    accepted = await asyncio.gather(*(journal.accept(inbound("form-1")) for _ in range(100)))

    assert len({one.receipt.message_id for one in accepted}) == 1
    assert sum(not one.receipt.duplicate for one in accepted) == 1
    assert len(await rows(journal, cases)) == 1
    assert (await recount(journal))["received"] == 1


async def test_a_conflicting_twin_in_the_same_commit_is_refused_and_the_first_is_kept(journal):
    twins = [journal.accept(inbound("form-1", raw=raw)) for raw in (b"one", b"another")]
    first, second = await together(journal, *twins)

    assert not first.receipt.duplicate
    assert isinstance(second, RejectedError)


async def test_one_mail_in_three_mailboxes_is_one_case(journal):
    mail = contact(fingerprint="the-same-mail")
    boxes = ("info", "openbaardomein", "burgemeester")
    await together(journal, *(journal.accept(contact_message("uid-7", mail, source=box)) for box in boxes))

    assert len(await rows(journal, cases)) == 1
    states = sorted((row.state, row.reason) for row in await rows(journal, messages))
    assert [state for state, _ in states] == ["dropped", "dropped", "waiting"]
    assert all("the same contact came before" in reason for state, reason in states if state == "dropped")
    await recount(journal)


async def test_a_mail_that_was_written_long_after_under_the_same_id_is_not_lost_as_a_copy(journal, clock):
    for number, days in enumerate((0, 3, 30)):
        clock.advance(timedelta(days=days))
        alarm = contact("Storing lift", fingerprint="the-same-id", occurred_at=clock.now())
        await journal.accept(contact_message(f"{number}", alarm))

    assert [row.ref for row in await rows(journal, cases)] == ["LEU-2026-000001", "LEU-2026-000002"]
    assert Counter(row.state for row in await rows(journal, messages))["dropped"] == 1


async def test_a_reply_joins_the_case_of_the_mail_that_it_answers(journal):
    await journal.accept(contact_message("1", contact(thread=Thread(message_id="a@voorbeeld.be"))))
    reply = contact(
        "En nog iets.", thread=Thread(message_id="b@voorbeeld.be", in_reply_to=("a@voorbeeld.be",))
    )
    await journal.accept(contact_message("2", reply))

    (case,) = await rows(journal, cases)
    assert {row.case_ref for row in await rows(journal, messages)} == {case.ref}
    assert await _actions(journal, case.ref) == ["open_case", "send_mail", "add_contact"]


async def test_a_reply_to_a_mail_of_ours_joins_its_case(journal):
    accepted = await journal.accept(contact_message("1", contact()))
    taken = await claim(journal, *accepted.effects)
    letter = next(one.command for one in taken.effects if one.target == "mail")
    reply = contact(
        "Dank u.", thread=Thread(in_reply_to=(letter.message_id,)), party=Party(email="nicht@x.be")
    )
    await journal.accept(contact_message("2", reply))

    assert len(await rows(journal, cases)) == 1


async def test_a_signed_reply_address_is_proof_whoever_writes(journal):
    ref = await _opened(journal)
    stranger = contact(party=Party(email="buur@voorbeeld.be"), thread=Thread(verified_case=ref))
    await journal.accept(contact_message("2", stranger))

    assert len(await rows(journal, cases)) == 1


@pytest.mark.parametrize(
    ("sender", "cases_after"), [(AN.email.upper(), 1), ("buur@voorbeeld.be", 2), ("", 2)]
)
async def test_a_number_in_a_subject_counts_only_from_the_customer(journal, sender, cases_after):
    ref = await _opened(journal)
    claiming = contact(party=replace(AN, email=sender), thread=Thread(claimed_case=ref))
    await journal.accept(contact_message("2", claiming))

    found = await rows(journal, cases)
    assert len(found) == cases_after
    if cases_after == 2:
        (message,) = await rows(journal, messages, messages.c.source_ref == "2")
        assert "its sender did not prove" in message.reason


async def test_what_was_not_understood_is_kept_and_shown(journal):
    broken = Inbound(
        source="web",
        source_ref="form-9",
        raw=b"{not json",
        media_type="application/json",
        problem=NotUnderstoodError("field 'text' is missing"),
    )
    receipt = (await journal.accept(broken)).receipt
    again = (await journal.accept(broken)).receipt

    (row,) = await rows(journal, messages)
    assert (row.state, row.kind, row.reason) == ("parked", "not_understood", "field 'text' is missing")
    assert (await journal.reveal(receipt.message_id, "an admin", "to see")).raw == b"{not json"
    assert again.duplicate
    assert (await recount(journal))["parked"] == 1


async def test_a_route_that_fails_parks_its_message_and_others_go_on(planned, plan):
    def decide(message, known):
        if message.source_ref == "bad":
            raise AttributeError("a mistake in a route")
        return open_with("tracker")(message, known)

    plan.decide_with = decide
    with structlog.testing.capture_logs() as logs:
        bad, good = await together(planned, planned.accept(inbound("bad")), planned.accept(inbound("good")))

    assert (bad.effects, len(good.effects)) == ((), 1)
    states = {row.source_ref: row.state for row in await rows(planned, messages)}
    assert states == {"bad": "parked", "good": "waiting"}
    assert [log["event"] for log in logs] == ["route_failed"]
    await recount(planned)


@pytest.mark.parametrize("error", [AttributeError, RuntimeError, AssertionError])
async def test_a_route_that_fails_on_references_parks_its_message_too(planned, plan, error):
    before = plan.references

    def names(message):
        if message.source_ref == "bad":
            raise error("a mistake in a route")
        return before(message)

    plan.references = names
    bad, good = await together(planned, planned.accept(inbound("bad")), planned.accept(inbound("good")))

    assert (bad.effects, len(good.effects)) == ((), 1)
    assert {row.source_ref: row.state for row in await rows(planned, messages)}["bad"] == "parked"
    plan.references = before
    assert len(await planned.replay_message(bad.receipt.message_id, "An Admin", "the route was mended")) == 1


async def test_a_decision_with_the_same_intention_twice_writes_it_once(planned, plan):
    def decide(_message, known):
        case = new_case(known)
        twice = (note(case.ref, "tracker", "once"), note(case.ref, "tracker", "once"))
        return replace(open_with()(_message, known), case=case, intents=twice)

    plan.decide_with = decide
    accepted = await planned.accept(inbound("1"))

    assert len(accepted.effects) == 1
    assert len(await rows(planned, effects)) == 1
    await recount(planned)


async def test_attachments_are_fetched_by_their_claim(journal):
    photo = attached(b"\xff\xd8 a photo")
    what = contact(attachments=(photo.attachment,))
    receipt = (await journal.accept(contact_message("1", what, files=(photo,)))).receipt

    assert await journal.file(receipt.message_id, photo.attachment.claim) == b"\xff\xd8 a photo"
    with pytest.raises(RejectedError, match="erased"):
        await journal.file(receipt.message_id, "0" * 64)


async def test_the_same_photo_twice_in_one_message_is_kept_once(journal):
    photo = attached(b"a photo")
    receipt = (await journal.accept(inbound("1", files=(photo, photo)))).receipt

    assert await journal.file(receipt.message_id, photo.attachment.claim) == b"a photo"


async def test_cases_are_numbered_in_a_row(journal):
    for number in range(5):
        await journal.accept(inbound(f"form-{number}"))
    await asyncio.gather(*(journal.accept(inbound(f"more-{number}")) for number in range(5)))

    found = [row.ref for row in await rows(journal, cases)]
    assert found == [f"LEU-2026-{number:06d}" for number in range(1, 11)]


async def test_every_year_begins_with_one(journal, clock):
    await journal.accept(inbound("old"))
    clock.jump(clock.now().replace(year=2027) - clock.now())
    await journal.accept(inbound("new"))

    assert [row.ref for row in await rows(journal, cases)] == ["LEU-2026-000001", "LEU-2027-000001"]


async def test_every_change_of_group_in_one_commit_is_in_the_history(planned, plan):
    moves = iter(["kcc", "groen", "kcc"])

    def decide(message, known):
        decision = open_with("tracker")(message, known)
        return replace(decision, case=replace(decision.case, group=next(moves)))

    plan.decide_with = decide
    ref = "LEU-2026-000001"
    joining = contact(thread=Thread(claimed_case=ref))
    await together(planned, *(planned.accept(contact_message(str(n), joining)) for n in range(3)))

    steps = [row.handler_group for row in await rows(planned, case_history)]
    assert steps == ["kcc", "groen", "kcc"]


async def test_what_hangs_on_a_customer_in_one_commit_is_counted_once_per_case(planned, plan):
    seen = []

    def decide(message, known):
        seen.append(known.recent_cases)
        decision = open_with("tracker")(message, known)
        return replace(decision, references=(Reference(system="email", value="an@x.be", exclusive=False),))

    plan.decide_with = decide
    before = plan.references
    plan.references = lambda message: (
        *before(message),
        Reference(system="email", value="an@x.be", exclusive=False),
    )
    joining = contact(thread=Thread(claimed_case="LEU-2026-000001"))
    await together(planned, *(planned.accept(contact_message(str(n), joining)) for n in range(4)))
    await planned.accept(contact_message("5", joining))

    assert seen == [0, 1, 1, 1, 1]


async def test_a_timer_fires_once(planned, plan, clock):
    await _with_timer(planned, plan, clock)

    (due,) = await planned.due_timers()
    fired = TimerFired(case=CaseRef(due.case_ref), name=due.name, round=due.round)
    await asyncio.gather(
        *(planned.accept(inbound(f"{due.case_ref}/{due.due_at}", fired, source="timer")) for _ in range(3))
    )

    assert await planned.due_timers() == ()
    assert [row.source for row in await rows(planned, messages)].count("timer") == 1
    await recount(planned)


async def test_a_timer_message_that_sets_the_timer_anew_leaves_the_new_one(planned, plan, clock):
    await _with_timer(planned, plan, clock)
    later = clock.now() + timedelta(days=2)
    plan.decide_with = lambda message, known: replace(
        open_with()(message, known), timers=(Timer(name="chase", due=later, round=1),)
    )
    (due,) = await planned.due_timers()
    await planned.accept(inbound("t", TimerFired(case=CaseRef(due.case_ref), name="chase"), source="timer"))

    (row,) = await rows(planned, timers)
    assert row.round == 1
    assert await planned.due_timers() == ()


async def test_a_timer_set_and_cancelled_in_one_commit_is_gone(planned, plan, clock):
    def decide(message, known):
        decision = open_with("tracker")(message, known)
        if message.source_ref == "0":
            return replace(decision, timers=(Timer(name="chase", due=clock.now()),))
        return replace(decision, cancelled_timers=("chase",))

    plan.decide_with = decide
    joining = contact(thread=Thread(claimed_case="LEU-2026-000001"))
    await together(planned, *(planned.accept(contact_message(str(n), joining)) for n in range(2)))

    assert await rows(planned, timers) == []


async def test_commands_wait_sealed_and_come_out_whole(journal):
    accepted = await journal.accept(contact_message("1", contact()))

    taken = await claim(journal, *accepted.effects)
    commands = {one.target: one.command for one in taken.effects}
    assert isinstance(commands["tracker"], OpenCase)
    assert commands["tracker"].case.description == "Het voetpad is kapot."
    assert commands["mail"].to == AN.email


async def test_a_follow_up_waits_behind_the_opening_of_its_case(journal):
    accepted = await journal.accept(contact_message("1", contact(thread=Thread(message_id="a@x"))))
    more = await journal.accept(
        contact_message("2", contact("Nog iets", thread=Thread(in_reply_to=("a@x",))))
    )

    early = await claim(journal, *more.effects)
    assert early.effects == ()
    order = await apply_all(journal, accepted.effects)
    assert [key.split("/")[2] for key in order if "/tracker/" in key] == ["open_case", "add_contact"]
    assert (await recount(journal))["done"] == 2


async def test_a_reply_to_a_case_that_was_erased_opens_a_new_one(journal):
    ref = await _opened(journal, thread=Thread(message_id="a@x"))
    await journal.erase_case(ref, "dpo", "asked by the customer")

    reply = contact(
        "Bent u er nog?", thread=Thread(message_id="b@x", in_reply_to=("a@x",), verified_case=ref)
    )
    accepted = await journal.accept(contact_message("2", reply))

    assert len(await rows(journal, cases)) == 2
    taken = await claim(journal, *accepted.effects)
    assert any(isinstance(one.command, OpenCase) for one in taken.effects)
    assert not any(isinstance(one.command, AddContact) for one in taken.effects)
    await recount(journal)


async def test_a_case_whose_master_key_is_gone_parks_its_messages_and_others_go_on(journal, open_journal):
    await _opened(journal, thread=Thread(message_id="a@x"))
    rotated = await open_journal(
        keys=Keys(masters=(b"n" * 32,), pepper=b"p" * 32, audit=b"a" * 32), shard="2"
    )
    reply = contact("Bent u er nog?", thread=Thread(in_reply_to=("a@x",)))
    other = contact("Iets anders", party=Party(email="bart@x.be"))
    await together(
        rotated, rotated.accept(contact_message("2", reply)), rotated.accept(contact_message("3", other))
    )

    states = {row.source_ref: (row.state, row.reason) for row in await rows(journal, messages)}
    assert states["2"][0] == "parked"
    assert "master key" in states["2"][1]
    assert states["3"][0] == "waiting"
    await recount(journal)


async def test_a_category_longer_than_a_column_does_not_stop_a_contact(journal):
    odd = contact(category="x" * 300 + "\0\n", product="\0")
    await journal.accept(contact_message("1", odd))

    (case,) = await rows(journal, cases)
    assert len(case.category) <= 100


async def test_names_of_people_are_kept_as_keyed_hashes(journal):
    await _opened(journal)

    kept = await rows(journal, references)
    assert {row.system for row in kept} >= {"email", "phone"}
    assert not [row for row in kept if row.system in ("email", "phone") and row.shown]
    assert all(len(row.hash) == 32 for row in kept)


async def test_no_body_is_stored_open(journal):
    await _opened(journal)

    for row in await rows(journal, bodies):
        assert b"voetpad" not in (row.raw or b"") + (row.canonical or b"")


async def _opened(journal, **fields) -> str:
    await journal.accept(contact_message("1", contact(**fields)))
    (case,) = await rows(journal, cases)
    return case.ref


async def _actions(journal, ref) -> list[str]:
    found = await rows(journal, effects, effects.c.case_ref == ref)
    return [row.action for row in sorted(found, key=lambda row: row.seq)]


async def _with_timer(planned, plan, clock) -> None:
    plan.decide_with = lambda message, known: replace(
        open_with()(message, known), timers=(Timer(name="chase", due=clock.now()),)
    )
    await planned.accept(inbound("1"))
    plan.decide_with = open_with()

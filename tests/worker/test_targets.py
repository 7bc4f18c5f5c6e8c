"""Commands on a tracker and a relay: whatever breaks off wherever, and whoever repeats it, one object results."""

import asyncio

import pytest
from msgspec.structs import replace

from adapters.memory.mail import MemoryMail
from adapters.memory.tracker import MemoryTracker
from canonical_model.commands import AddContact, AddNote, ChangeCase, SendMail
from canonical_model.contact import Channel, Thread
from canonical_model.decision import Decision, Fate, Intent, Known
from canonical_model.status import CaseStatus
from journal.effects import ClaimRequest, Outcome, Result
from journal.schema import effects
from ports.errors import NotSupportedError, RejectedError, TransientError, UncertainError
from ports.target import Idempotency
from tests.journal.scene import (
    START,
    attached,
    city_routes,
    contact,
    contact_message,
    new_case,
    open_case,
    rows,
)
from tests.worker.stage import Stage
from worker.targets import MailTarget, TrackerTarget

FIRST = "LEU-2026-000001"
PHOTOS = (attached(b"one", "een.jpg"), attached(b"two", "twee.jpg"))
ATTACHMENTS = tuple(file.attachment for file in PHOTOS)


@pytest.fixture
def office():
    return MemoryTracker()


@pytest.fixture
def relay():
    return MemoryMail()


@pytest.fixture
async def hub(open_stage, office, relay) -> Stage:
    return await open_stage({"tracker": TrackerTarget(office), "mail": MailTarget(relay)})


COMMANDS = {
    "a further contact": AddContact(
        case=FIRST, channel=Channel.MAIL, subject="s", text="more", attachments=ATTACHMENTS
    ),
    "a contact that opens it again": AddContact(
        case=FIRST, channel=Channel.MAIL, subject="s", text="more", attachments=ATTACHMENTS, reopen=True
    ),
    "a note": AddNote(case=FIRST, text="for the handlers"),
    "a change": ChangeCase(case=FIRST, status=CaseStatus.IN_PROGRESS, group="groen"),
    "a mail": SendMail(message_id="1@leuven.test", to="an@voorbeeld.be", subject="s", text="t"),
}


def wants(command):
    """A route that opens a case and wants this command too."""

    def decide(_message, known):
        case = new_case(known)
        intents = [open_case(case)]
        if command is not None:
            target = "mail" if isinstance(command, SendMail) else "tracker"
            intents.append(Intent(target=target, command=command, discriminator="it"))
        return Decision(fate=Fate.ROUTED, reason="", case=case, intents=tuple(intents))

    return decide


@pytest.mark.parametrize("lost_after", range(6))
@pytest.mark.parametrize("name", COMMANDS)
async def test_an_answer_lost_anywhere_leaves_one_of_each(hub, office, relay, name, lost_after):
    office.lose_answer_after(lost_after)
    relay.lose_answer_after(lost_after)
    hub.routes.decide_with = wants(COMMANDS[name])
    await hub.accept(contact_message("1", contact(), files=PHOTOS))
    await hub.settle()
    await hub.pass_time(30)

    assert await hub.states() == {"applied": 2}
    await _one_of_each(office, relay, COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
async def test_two_people_who_replay_what_timed_out_get_one_of_each(hub, office, relay, name):
    hub.routes.decide_with = wants(None)
    await hub.accept(contact_message("open", contact()))
    await hub.settle()
    hub.routes.decide_with = _joins(COMMANDS[name])
    joining = contact(thread=Thread(claimed_case=FIRST))
    office.lose_answer_after(0)
    relay.lose_answer_after(0)
    await hub.journal.accept(contact_message("1", joining, files=PHOTOS))  # and nobody is told
    await _done_by_a_worker_that_lost_the_answer(hub)
    (parked,) = await rows(hub.journal, effects, effects.c.state == "parked")

    replays = await asyncio.gather(
        *(hub.journal.replay_effect(parked.id, who, "again") for who in ("an", "bart"))
    )
    for ids in replays:
        await hub.broker.hand_out([*ids, parked.id])
    await hub.settle()
    await hub.pass_time(30)
    assert await hub.states() == {"applied": 2}
    await _one_of_each(office, relay, COMMANDS[name])


@pytest.mark.parametrize("lost_after", range(4))
async def test_a_case_that_was_made_without_its_attachments_is_completed(
    open_stage, office, relay, lost_after
):
    office.lose_answer_after(lost_after)
    targets = {"tracker": TrackerTarget(office), "mail": MailTarget(relay)}
    hub = await open_stage(targets, router=city_routes())
    await hub.accept(contact_message("1", contact(attachments=ATTACHMENTS), files=PHOTOS))
    await hub.settle()
    await hub.pass_time(30)

    (case,) = office.cases
    assert sorted(case.attachments) == ["een.jpg", "twee.jpg"]
    assert await hub.states() == {"applied": 2}
    assert len(relay.sent) == 1


async def test_a_case_without_its_attachments_is_not_found_as_done(office):
    target = TrackerTarget(office)
    case = open_case(_case())
    command = replace(case.command, case=replace(case.command.case, attachments=ATTACHMENTS))
    await office.create_if_absent(command.case)
    assert await target.find("key", command) is None
    assert await target.apply("key", command, _fetch) == (await target.find("key", command))
    assert len(office.cases) == 1


async def test_a_case_that_the_tracker_does_not_have_is_a_matter_for_people(office):
    with pytest.raises(RejectedError, match="0 cases with number"):
        await TrackerTarget(office).apply("key", COMMANDS["a note"], _fetch)


async def test_nobody_does_what_is_not_his_business(office, relay):
    with pytest.raises(NotSupportedError):
        await TrackerTarget(office).apply("key", COMMANDS["a mail"], _fetch)
    with pytest.raises(NotSupportedError):
        await MailTarget(relay).apply("key", COMMANDS["a note"], _fetch)
    assert await TrackerTarget(office).find("key", COMMANDS["a mail"]) is None


async def test_a_target_can_do_what_its_product_can(office):
    assert TrackerTarget(office).idempotency is Idempotency.NATIVE_KEY
    assert MailTarget(MemoryMail(Idempotency.NONE)).idempotency is Idempotency.NONE


async def test_a_relay_that_can_not_tell_leaves_it_to_people(open_stage, office):
    relay = MemoryMail(Idempotency.NONE)
    hub = await open_stage({"tracker": TrackerTarget(office), "mail": MailTarget(relay)})
    relay.lose_answer_after(0)
    hub.routes.decide_with = wants(COMMANDS["a mail"])
    await hub.accept(contact_message("1", contact()))
    await hub.settle()
    await hub.pass_time(60, step=10)

    assert await hub.states() == {"applied": 1, "parked": 1}
    assert len(relay.sent) == 1


async def test_attachments_are_fetched_only_when_they_are_missing(hub, office):
    hub.routes.decide_with = wants(COMMANDS["a further contact"])
    office.fail_with(TransientError("busy"))
    await hub.accept(contact_message("1", contact(), files=PHOTOS))
    await hub.settle()
    await hub.pass_time(10)

    (case,) = office.cases
    assert len(case.attachments) == 2


def _joins(command):
    def decide(_message, known):
        case = known.matches[0].case
        target = "mail" if isinstance(command, SendMail) else "tracker"
        intent = Intent(target=target, command=command, discriminator="it")
        return Decision(fate=Fate.ROUTED, reason="", case=case, intents=(intent,))

    return decide


async def _done_by_a_worker_that_lost_the_answer(hub) -> None:
    """... and it is put before a person."""
    (effect,) = [row for row in await rows(hub.journal, effects) if row.state == "due"]
    claim = await hub.journal.claim(ClaimRequest(ids=(effect.id,), owner="w/9", lease=60_000_000))
    (held,) = claim.effects
    with pytest.raises(UncertainError):
        await hub.targets[held.target].apply(held.key, held.command, _fetch)
    await hub.journal.record(
        Result(held.id, held.attempt, "w/9", Outcome.REJECTED, 0, error="rejected", what="who knows")
    )


def _case():
    return new_case(Known(matches=(), next_ref=FIRST, now=START))


async def _fetch(attachment) -> bytes:
    return next(file.content for file in PHOTOS if file.attachment == attachment)


async def _one_of_each(office, relay, command) -> None:
    (case,) = office.cases
    texts = [note.text for note in case.notes]
    match command:
        case AddContact():
            assert texts.count("more") == 1
            assert sorted(case.attachments) == ["een.jpg", "twee.jpg"]
            assert case.status is (CaseStatus.IN_PROGRESS if command.reopen else CaseStatus.NEW)
        case AddNote():
            assert texts.count("for the handlers") == 1
        case ChangeCase():
            assert (case.status, case.group) == (CaseStatus.IN_PROGRESS, "groen")
        case SendMail():
            assert len(relay.sent) == 1

"""Orders that are out are asked after until they have ended, whatever happens in between."""

from datetime import timedelta

import pytest

from adapters.planning import build
from canonical_model.attachment import Attachment, Claim
from canonical_model.commands import OrderWork
from canonical_model.work_order import OrderState, order_id, parse_order_id
from demo.outside.planning import Mood
from ports.contracts.crew import BEFORE, a_photo, no_files, photo_bytes, some_work
from ports.errors import TransientError, UncertainError
from tests.adapters.planning.conftest import settings_for


@pytest.fixture
def crew(adapter):
    return adapter.crew


@pytest.fixture
def source(adapter):
    return adapter.sources[0]


async def ordered(crew, work=None):
    work = work or some_work()
    return await crew.apply("key", OrderWork(order=work), no_files)


def states(intake):
    return [inbound.event.state for inbound in intake.understood]


async def test_an_order_whose_answer_was_lost_is_followed_too(crew, source, planning, intake):
    work = some_work()
    planning.moods.append(Mood.ANSWER_LOST)
    with pytest.raises(UncertainError):
        await ordered(crew, work)

    assert await crew.find("key", OrderWork(order=work)) == order_id(work.case, 1)
    planning.tell(order_id(work.case, 1), "Gepland")
    await source.poll()

    assert states(intake) == [OrderState.PLANNED]


@pytest.mark.parametrize("mood", [Mood.TRUNCATED, Mood.EMPTY, Mood.OTHER_ROOT])
async def test_an_order_whose_answer_was_bad_is_made_once(crew, planning, mood):
    work = some_work()
    planning.moods.append(mood)
    with pytest.raises(UncertainError):
        await ordered(crew, work)

    assert await ordered(crew, work) == order_id(work.case, 1)
    assert len(planning.orders) == 1


@pytest.mark.parametrize("step", range(2))
async def test_whoever_dies_between_two_steps_orders_once_and_follows_it(
    crew, source, planning, tools, intake, step
):
    work, save, saved = some_work(), tools.checkpoints.save, []

    async def fuse(name, value):
        saved.append(name)
        if len(saved) == step + 1:
            raise TransientError("died")
        await save(name, value)

    tools.checkpoints.save = fuse
    with pytest.raises(TransientError):
        await ordered(crew, work)
    await ordered(crew, work)
    planning.tell(order_id(work.case, 1), "Gepland")
    await source.poll()

    assert len(planning.orders) == 1
    assert states(intake) == [OrderState.PLANNED]


async def test_an_order_whose_answer_was_late_is_made_once(planning, planning_host, tools):
    adapter = build(settings_for(planning_host.address, answer_seconds=0.2), tools)
    work = some_work()
    planning.moods.append(Mood.LATE)
    with pytest.raises(UncertainError):
        await ordered(adapter.crew, work)

    assert await ordered(adapter.crew, work) == order_id(work.case, 1)
    assert len(planning.orders) == 1
    await adapter.close()


async def test_an_order_that_ended_is_not_asked_after_any_more(crew, source, planning, intake):
    id_ = await ordered(crew)
    planning.tell(id_, "Uitgevoerd", "Klaar")
    await source.poll()
    planning.actions.clear()

    await source.poll()
    await ordered(crew, some_work(case=id_.rpartition(".")[0]))  # a second try of the same order
    await source.poll()

    assert planning.actions == ["CreateWorkOrder"]
    assert states(intake) == [OrderState.DONE]


async def test_the_same_word_with_another_remark_is_news(crew, source, planning, intake):
    id_ = await ordered(crew)
    for remark in ("Ploeg 3", "Ploeg 3", "Ploeg 4"):
        planning.tell(id_, "Gepland", remark)
        await source.poll()

    assert [inbound.event.text for inbound in intake.understood] == ["Ploeg 3", "Ploeg 4"]


async def test_there_and_back_again_is_three_changes(crew, source, planning, intake):
    id_ = await ordered(crew)
    for status in ("Gepland", "In uitvoering", "Gepland"):
        planning.tell(id_, status)
        await source.poll()

    assert states(intake) == [OrderState.PLANNED, OrderState.IN_PROGRESS, OrderState.PLANNED]


async def test_what_changes_while_it_could_not_be_noted_is_not_lost(crew, source, planning, intake, tools):
    """Accepted, and then the process died: the next look finds something else under the same number."""
    id_ = await ordered(crew)
    planning.tell(id_, "Gepland")
    note = tools.checkpoints.kept[f"open/{id_}"]
    await source.poll()
    tools.checkpoints.kept[f"open/{id_}"] = note

    await source.poll()
    planning.tell(id_, "Uitgevoerd")
    tools.checkpoints.kept[f"open/{id_}"] = note
    await source.poll()

    assert states(intake) == [OrderState.PLANNED, OrderState.DONE]


async def test_an_order_that_is_not_shown_for_a_while_is_nobodys_business(crew, source, planning, intake):
    id_ = await ordered(crew)
    planning.omitted.add(id_)
    assert await source.poll() == 0
    unseen = await crew.standing(parse_order_id(id_)[0], id_)
    planning.omitted.clear()
    planning.tell(id_, "Uitgevoerd", "Hersteld")

    assert await source.poll() == 1

    assert (unseen.state, states(intake), intake.problems) == ("", [OrderState.DONE], [])


async def test_an_order_that_vanished_is_put_before_a_person_once(crew, source, planning, intake, clock):
    id_ = await ordered(crew)
    planning.orders.clear()

    assert await source.poll() == 0
    clock.advance(timedelta(hours=5))
    assert await source.poll() == 1
    assert await source.poll() == 0

    (problem,) = intake.problems
    assert id_ in problem.problem.what


async def test_one_order_without_an_answer_does_not_hold_up_the_others(crew, source, planning, intake):
    ids = sorted([await ordered(crew), await ordered(crew)])
    for id_ in ids:
        planning.tell(id_, "Gepland")
    planning.moods.append(Mood.SERVER_FAULT)

    with pytest.raises(TransientError):
        await source.poll()

    assert [inbound.event.outside_id for inbound in intake.understood] == [ids[1]]


async def test_a_round_is_given_up_after_three_orders_without_an_answer(crew, source, planning):
    for _ in range(6):
        await ordered(crew)
    planning.actions.clear()
    planning.moods += [Mood.SERVER_FAULT] * 6

    with pytest.raises(TransientError):
        await source.poll()

    assert len(planning.actions) == 3


async def test_what_is_remembered_is_not_about_people(crew, source, planning, tools):
    id_ = await ordered(crew, some_work(subject="Jan Peeters"))
    planning.tell(id_, "Gepland", "Jan Peeters was thuis")
    await source.poll()

    assert "Peeters" not in str(tools.checkpoints.kept)


async def test_a_photo_that_is_too_large_is_named_and_not_fetched(planning, planning_host, tools):
    adapter = build(settings_for(planning_host.address, max_photo_bytes=10), tools)
    work = some_work(attachments=(a_photo(),))

    await adapter.crew.apply("key", OrderWork(order=work), no_files)
    await adapter.close()

    assert planning.orders[0].photo == b""
    assert f"Nog 1 bijlage(n) in zaak {work.case}." in planning.orders[0].text


async def test_the_first_photo_goes_along_and_no_film(crew, planning):
    film = Attachment(claim=Claim("0" * 64), name="film.mp4", media_type="video/mp4", size=10)
    await crew.apply("key", OrderWork(order=some_work(attachments=(film, a_photo()))), photo_bytes)

    assert planning.orders[0].photo == BEFORE

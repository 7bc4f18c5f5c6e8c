"""An order takes several steps, and any of them may fail: what was done is never done again."""

import pytest
from msgspec.structs import replace

from adapters.citycontrol import build
from adapters.citycontrol.ledger import Ledger
from canonical_model.commands import CancelWork, OrderWork
from canonical_model.work_order import OrderState, order_id
from demo.outside.citycontrol import PASSWORD, Mood, Step
from ports.contracts.crew import AFTER, BEFORE, a_photo, cancelled, no_files, photo_bytes, some_work
from ports.errors import MisconfiguredError, NotOfferedError, RejectedError, TransientError, UncertainError
from ports.standing import OutsideStanding
from ports.target import Idempotency
from tests.adapters.citycontrol.conftest import settings_for


@pytest.fixture
def work():
    return some_work(attachments=(a_photo(BEFORE), a_photo(AFTER, "detail.jpg")))


async def ordered(crew, work):
    return await crew.apply("key", OrderWork(order=work), photo_bytes)


def made(citycontrol, work):
    """How often the case was made, how often a photo was sent, and which photos are there."""
    case = citycontrol.cases[order_id(work.case, work.trip)]
    return case.created, case.document_sendings, sorted(content for _, content in case.documents.values())


BOTH = sorted((BEFORE, AFTER))


async def test_a_photo_that_is_refused_never_makes_the_case_again(crew, citycontrol, work):
    citycontrol.documents_mood = Mood.FO03_CLIENT
    for _ in range(3):
        with pytest.raises(RejectedError):
            await ordered(crew, work)

    citycontrol.documents_mood = Mood.WELL
    await ordered(crew, work)

    assert made(citycontrol, work) == (1, 2, BOTH)


async def test_the_second_photo_that_fails_does_not_send_the_first_again(
    crew_without_questions, citycontrol, work
):
    citycontrol.moods += [Mood.WELL, Mood.WELL, Mood.FO03_CLIENT]
    with pytest.raises(RejectedError, match="file 2"):
        await ordered(crew_without_questions, work)

    await ordered(crew_without_questions, work)

    assert made(citycontrol, work) == (1, 2, BOTH)
    assert citycontrol.actions == [
        "CreeerZaak_Lk01",
        "VoegZaakdocumentToe_Lk01",
        "VoegZaakdocumentToe_Lk01",
        "VoegZaakdocumentToe_Lk01",
    ]


@pytest.mark.parametrize("mood", [Mood.BV03_LOST, Mood.TRUNCATED, Mood.TWO_BV03])
async def test_a_lost_confirmation_is_asked_after(crew, citycontrol, work, mood):
    citycontrol.moods.append(mood)
    with pytest.raises(UncertainError):
        await ordered(crew, work)

    assert await crew.find("key", OrderWork(order=work)) is None  # the case is there, its photos are not
    await ordered(crew, work)

    assert made(citycontrol, work) == (1, 2, BOTH)
    assert await crew.find("key", OrderWork(order=work)) == order_id(work.case, 1)


async def test_a_lost_confirmation_of_a_photo_is_asked_after(crew, citycontrol, work):
    citycontrol.moods += [Mood.WELL, Mood.WELL, Mood.BV03_LOST]
    with pytest.raises(UncertainError):
        await ordered(crew, work)

    assert await crew.find("key", OrderWork(order=work)) == order_id(work.case, 1)
    await ordered(crew, work)

    assert made(citycontrol, work) == (1, 2, BOTH)


@pytest.mark.parametrize("step", range(6))
async def test_whoever_dies_between_two_steps_does_none_of_them_twice(
    crew, citycontrol, checkpoints, work, step
):
    """Everything that is remembered may be the last thing that was not: the next life looks what is there."""
    save, saved = checkpoints.save, []

    async def fuse(name, value):
        saved.append(name)
        if len(saved) == step + 1:
            raise TransientError("died")
        await save(name, value)

    checkpoints.save = fuse
    if step < 5:
        with pytest.raises(TransientError):
            await ordered(crew, work)
    await ordered(crew, work)

    assert made(citycontrol, work) == (1, 2, BOTH)
    assert await crew.find("key", OrderWork(order=work)) == order_id(work.case, 1)
    assert (await crew.standing(work.case, "")).outside_id == order_id(work.case, 1)


async def test_refused_but_made_counts_as_made(crew, citycontrol, work):
    citycontrol.moods += [Mood.FO03_CREATED, Mood.FO03_CREATED, Mood.FO03_CREATED]

    await ordered(crew, work)

    assert made(citycontrol, work) == (1, 2, BOTH)


async def test_a_problem_of_its_own_is_tried_three_times_more(crew, citycontrol, work):
    citycontrol.moods.append(Mood.FO03_SERVER)

    with pytest.raises(TransientError) as raised:
        await ordered(crew, work)

    assert raised.value.pace == (60.0, 600.0, 3600.0)
    await ordered(crew, work)
    assert made(citycontrol, work) == (1, 2, BOTH)


async def test_a_refusal_that_cannot_be_asked_after_goes_to_a_person_with_what_to_do(
    crew_without_questions, citycontrol, work
):
    citycontrol.moods.append(Mood.FO03_CREATED)

    with pytest.raises(RejectedError, match=f"{work.case}.01.*look in CityControl"):
        await ordered(crew_without_questions, work)


def test_without_questions_nobody_can_tell(crew, crew_without_questions):
    assert (crew.idempotency, crew_without_questions.idempotency) == (Idempotency.PROBE, Idempotency.NONE)


async def test_without_questions_what_was_confirmed_is_still_known(crew_without_questions, citycontrol, work):
    crew = crew_without_questions

    assert await crew.standing(work.case, "") is None
    id_ = await ordered(crew, work)
    await ordered(crew, work)

    assert made(citycontrol, work) == (1, 2, BOTH)
    assert await crew.find("key", OrderWork(order=work)) == id_
    assert await crew.standing(work.case, "") == OutsideStanding(state="", outside_id=id_)


async def test_without_questions_an_order_of_long_ago_may_still_be_there(crew_without_questions, work):
    """Never "not there", which would order it again."""
    standing = await crew_without_questions.standing(work.case, "LEU-2026-000123.01")

    assert standing == OutsideStanding(state="", outside_id="LEU-2026-000123.01")


async def test_a_case_that_vanished_over_there_is_made_again_with_its_photos(crew, citycontrol, work):
    await ordered(crew, work)
    citycontrol.cases.clear()

    assert await crew.standing(work.case, "") is None
    await ordered(crew, work)

    assert made(citycontrol, work) == (1, 2, BOTH)


async def test_the_trip_is_raised_to_what_the_other_side_mentions(crew, citycontrol, tools, work):
    await Ledger(tools.checkpoints).heard_of(work.case, 3)
    await Ledger(tools.checkpoints).heard_of(work.case, 2)

    ids = [await ordered(crew, replace(work, trip=trip)) for trip in (1, 1, 2, 9)]

    assert ids == [order_id(work.case, trip) for trip in (4, 4, 5, 9)]


async def test_its_own_mention_of_an_order_that_is_out_raises_nothing(crew, citycontrol, tools, work):
    citycontrol.moods.append(Mood.BV03_LOST)
    with pytest.raises(UncertainError):
        await ordered(crew, work)
    await Ledger(tools.checkpoints).heard_of(work.case, 1)

    assert await ordered(crew, work) == order_id(work.case, 1)
    assert made(citycontrol, work)[0] == 1


async def test_after_ninety_nine_trips_there_is_no_number_left(crew, tools, work):
    await Ledger(tools.checkpoints).heard_of(work.case, 99)

    with pytest.raises(RejectedError, match="99"):
        await ordered(crew, work)


async def test_what_the_profile_cannot_do_is_said_to_a_person(crew_without_questions, work):
    id_ = await ordered(crew_without_questions, work)

    with pytest.raises(NotOfferedError, match=id_):
        await crew_without_questions.apply("key", cancelled(work, id_), no_files)


@pytest.mark.parametrize(
    ("way", "action"),
    [("actualiseerZaakstatus", "actualiseerZaakstatus_Lk01"), ("updateZaak", "updateZaak_Lk01")],
)
async def test_an_order_is_taken_back_the_way_that_was_agreed(crew_with, citycontrol, work, way, action):
    crew = crew_with(cancelling=way)
    id_ = await ordered(crew, work)

    await crew.apply("key", cancelled(work, "", "Dubbel"), no_files)

    case = citycontrol.cases[id_]
    assert citycontrol.actions[-1] == action
    assert (case.status, case.result, case.remark) == ("Geannuleerd", "Geannuleerd", "Dubbel")


async def test_a_cancelling_whose_answer_was_lost_is_asked_after(crew, citycontrol, work):
    id_ = await ordered(crew, work)
    citycontrol.moods.append(Mood.BV03_LOST)
    with pytest.raises(UncertainError):
        await crew.apply("key", cancelled(work, id_), no_files)

    assert await crew.find("key", cancelled(work, id_)) == id_


async def test_a_status_that_nobody_explained_is_told_as_unclear(crew, citycontrol, work):
    id_ = await ordered(crew, work)
    citycontrol.cases[id_].status = "Wacht op materiaal"

    assert (await crew.standing(work.case, id_)).state == ""


async def test_the_case_stands_as_it_does_over_there(crew, citycontrol, work):
    id_ = await ordered(crew, work)
    await citycontrol.step(id_, Step.NOT_FOUND, "Geen tegel gezien")

    standing = await crew.standing(work.case, "")

    assert (standing.state, standing.outside_id, standing.text) == (
        OrderState.NOT_FOUND,
        id_,
        "Geen tegel gezien",
    )
    assert standing.at is not None


async def test_what_is_remembered_is_not_about_people(crew, checkpoints, work):
    await ordered(crew, work)

    assert {part for name in checkpoints.kept for part in [name.partition("/")[0]]} == {
        "sent",
        "last",
        "there",
    }
    assert "Losse" not in str(checkpoints.kept)


async def test_the_check_says_what_is_wrong(crew_with, citycontrol):
    assert await crew_with().check() == ()
    assert "`password`" in (await crew_with(password="verkeerd-wachtwoord").check())[0]
    away = await crew_with(url="http://127.0.0.1:9/", questions_url="").check()
    assert away == ("CityControl can't be reached",)
    (missing,) = await crew_with(ca_file="/bestaat/niet", questions_url="").check()
    assert "ca_file" in missing


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"caller": {}}, "caller"),
        ({"caller": {"username": "x"}}, "caller"),
        ({"caller": {"username": "x", "passwords": ["kort"]}}, "caller"),
        ({"caller": {"certificate_header": "X-Cert"}}, "caller"),
        ({"url": "ftp://x"}, "url"),
        ({"url": "http://citycontrol.example/"}, "https"),
        ({"results": {"Klaar": "klaar"}}, "results"),
        ({"onbekend": 1}, "onbekend"),
    ],
)
def test_wrong_settings_are_named_and_never_told(tools, changes, setting):
    with pytest.raises(MisconfiguredError) as raised:
        build(settings_for("https://citycontrol.example", **changes), tools)

    assert setting in raised.value.what
    assert PASSWORD not in raised.value.what


async def test_the_reason_of_a_cancelling_is_cut_and_clean(crew, citycontrol, work):
    id_ = await ordered(crew, work)

    await crew.apply(
        "key", CancelWork(case=work.case, trip=1, outside_id=id_, reason="x\x00" * 2000), no_files
    )

    assert len(citycontrol.cases[id_].remark) == 1000

"""What really happened to others: orders made with an error for an answer, photos lost, tokens that never resolve."""

from datetime import timedelta

import pytest

from adapters.field_open311.adapter import Planning
from adapters.field_open311.client import PlanningClient
from adapters.field_open311.settings import Settings
from canonical_model.commands import OrderWork
from canonical_model.location import NOWHERE
from canonical_model.work_order import order_id
from demo.field_planning import FieldPlanning, Manners
from ports.contracts.crew import AFTER, BEFORE, a_photo, cancelled, key_of, no_files, photo_bytes, some_work
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError
from tests.adapters.field_open311.conftest import KEY


async def ordered(crew, work):
    return await crew.apply(key_of(work), OrderWork(order=work), photo_bytes)


async def found(crew, work):
    return await crew.find(key_of(work), OrderWork(order=work))


def already_there(planning, work):
    name = order_id(work.case, work.trip)
    planning._made({"service_code": "voetpad", "description": f"Tegel\n\n[{name}]"}, [])


def posts(planning):
    return planning.asked.count("POST /v2/requests.json")


async def test_an_error_for_an_answer_and_the_order_exists(crew, planning):
    work = some_work()
    planning.bad_days.answer_500_after_making = 1

    with pytest.raises(UncertainError):
        await ordered(crew, work)

    assert await found(crew, work) == next(iter(planning.jobs))
    assert await ordered(crew, work) == next(iter(planning.jobs))
    assert len(planning.jobs) == 1


async def test_a_duplicate_is_done(crew, planning, checkpoints):
    work = some_work()
    first = await ordered(crew, work)
    checkpoints.kept.clear()
    planning.bad_days.call_it_a_duplicate = True
    planning.bad_days.hide_lists = 1

    assert await ordered(crew, work) == first
    assert len(planning.jobs) == 1


async def test_a_duplicate_of_what_nobody_can_show_goes_to_a_person(crew, planning, checkpoints):
    work = some_work()
    await ordered(crew, work)
    checkpoints.kept.clear()
    planning.bad_days.call_it_a_duplicate = True
    planning.bad_days.hide = True

    with pytest.raises(RejectedError, match="duplicate"):
        await ordered(crew, work)


class TestWithPatience:
    @pytest.fixture
    def more_settings(self):
        return {"visible_seconds": 30}

    async def test_after_a_lost_answer_the_order_gets_time_to_appear(self, crew, field, planning, clock):
        work = some_work()
        field.lose_answer()
        with pytest.raises(UncertainError):
            await ordered(crew, work)
        planning.bad_days.hide = True
        assert await found(crew, work) is None

        with pytest.raises(TransientError) as raised:
            await ordered(crew, work)

        assert raised.value.retry_after == 30
        assert posts(planning) == 1
        planning.bad_days.hide = False
        clock.advance(timedelta(seconds=31))
        assert await ordered(crew, work) == next(iter(planning.jobs))
        assert posts(planning) == 1

    async def test_what_never_appeared_is_sent_again(self, crew, field, planning, clock):
        work = some_work()
        field.lose_answer()
        with pytest.raises(UncertainError):
            await ordered(crew, work)
        planning.jobs.clear()
        clock.advance(timedelta(seconds=31))

        await ordered(crew, work)

        assert len(planning.jobs) == 1

    async def test_what_was_not_sent_need_not_wait(self, crew, field, planning, line):
        work = some_work()
        planning.bad_days.nobody_home = 1
        with pytest.raises(TransientError):
            await ordered(crew, work)

        assert await ordered(crew, work)


async def test_an_order_that_told_its_number_is_never_sent_twice(crew, planning, clock):
    work = some_work()
    await ordered(crew, work)
    planning.bad_days.hide = True
    clock.advance(timedelta(hours=1))

    with pytest.raises(TransientError):
        await ordered(crew, work)
    clock.advance(timedelta(hours=24))
    with pytest.raises(RejectedError):
        await ordered(crew, work)

    assert posts(planning) == 1


class TestInBatches:
    @pytest.fixture
    def planning(self, clock):
        return FieldPlanning(api_key=KEY, batch=True, now=clock.now)

    async def test_a_token_is_asked_until_it_has_a_number(self, crew, planning):
        work = some_work()
        planning.bad_days.token_lookups = 2
        for _ in range(2):
            with pytest.raises(TransientError) as raised:
                await ordered(crew, work)
            assert raised.value.retry_after == 60

        assert await ordered(crew, work) == next(iter(planning.jobs))
        assert posts(planning) == 1

    async def test_a_token_that_never_resolves_goes_to_a_person(self, crew, planning, clock):
        work = some_work()
        planning.bad_days.token_lookups = None
        with pytest.raises(TransientError):
            await ordered(crew, work)
        assert await found(crew, work) is None
        clock.advance(timedelta(hours=25))

        with pytest.raises(RejectedError):
            await ordered(crew, work)

        assert posts(planning) == 1


async def test_photos_that_got_lost_go_to_a_person_and_the_order_stands_once(crew, planning, field):
    work = some_work(attachments=(a_photo(BEFORE), a_photo(AFTER)))
    planning.bad_days.lose_photos = True

    with pytest.raises(RejectedError, match="2 of its photos"):
        await ordered(crew, work)

    assert await found(crew, work) is None
    planning.bad_days.lose_photos = False
    await ordered(crew, work)
    assert await field.photos(order_id(work.case, work.trip)) == (BEFORE, AFTER)
    assert len(planning.jobs) == 1


class TestWithADoor:
    @pytest.fixture
    def more_settings(self, door):
        return {"photo_door": door}

    async def test_photos_that_got_lost_as_files_go_by_address(self, crew, planning, field, open_door):
        work = some_work(attachments=(a_photo(BEFORE),))
        planning.bad_days.lose_photos = True

        await ordered(crew, work)

        assert await field.photos(order_id(work.case, work.trip)) == (BEFORE,)


class TestWithoutPhotos:
    @pytest.fixture
    def more_settings(self):
        return {"photos": "none"}

    async def test_only_their_number_goes_along(self, crew, field):
        work = some_work(attachments=(a_photo(BEFORE),))

        await ordered(crew, work)

        assert "Foto's bij de melding: 1" in await field.card(order_id(work.case, work.trip))


async def test_an_answer_lost_on_a_photo_makes_no_second_photo(crew, planning, field, line):
    work = some_work(attachments=(a_photo(BEFORE), a_photo(AFTER)))
    planning.bad_days.answer_500_after_making = 2
    for _ in range(2):
        with pytest.raises(UncertainError):
            await ordered(crew, work)

    await ordered(crew, work)

    assert await field.photos(order_id(work.case, work.trip)) == (BEFORE, AFTER)


async def test_a_cancellation_whose_answer_got_lost_is_not_told_twice(crew, planning):
    work = some_work()
    id_ = await ordered(crew, work)
    planning.bad_days.answer_500_after_making = 1
    command = cancelled(work, id_)

    with pytest.raises(UncertainError):
        await crew.apply("k", command, no_files)

    assert await crew.find("k", command) == id_
    assert await crew.apply("k", command, no_files) == id_
    assert len(planning.steps) == 1


async def test_who_takes_nothing_older_is_told_without_a_date(crew, planning):
    work = some_work()
    id_ = await ordered(crew, work)
    planning.bad_days.nothing_older = True

    await crew.apply("k", cancelled(work, id_), no_files)

    assert [step.status for step in planning.steps] == ["cancelled"]


async def test_a_cancellation_without_the_outside_id_finds_its_order(crew, planning):
    work = some_work()
    await ordered(crew, work)

    assert await crew.apply("k", cancelled(work, ""), no_files) == next(iter(planning.jobs))


@pytest.mark.parametrize("change", [{"category": "onbekend"}, {"location": NOWHERE}])
async def test_what_the_planning_cannot_take_is_not_sent(crew, planning, change):
    with pytest.raises(RejectedError):
        await ordered(crew, some_work(**change))

    assert posts(planning) == 0


class TestWrongKey:
    @pytest.fixture
    def more_settings(self):
        return {"api_key": "a-wrong-key"}

    async def test_a_refused_key_stops_everything(self, crew, source):
        for asked in (ordered(crew, some_work()), source.poll()):
            with pytest.raises(MisconfiguredError, match="api_key"):
                await asked
        (wrong,) = await crew.check()
        assert "api_key" not in wrong or "a-wrong-key" not in wrong


async def test_the_check_names_services_that_are_not_offered(settings, client, orders, clock):
    wanted = settings.model_copy(update={"services": {"a": "voetpad", "b": "zwembad"}})

    assert await Planning(wanted, client, orders, None, clock).check() == (
        "the planning has no service 'zwembad'",
    )


async def test_a_planning_that_is_elsewhere_is_said_so(settings, orders, clock):
    moved = settings.model_copy(update={"url": settings.url.replace("/v2", "/v3")})
    client = PlanningClient(moved)

    (wrong,) = await Planning(moved, client, orders, None, clock).check()
    await client.close()

    assert "check `url`" in wrong


class TestFullLists:
    @pytest.fixture
    def planning(self, clock):
        return FieldPlanning(api_key=KEY, limit=5, now=clock.now)

    @pytest.fixture
    def more_settings(self):
        return {"page_limit": 5}

    async def test_an_order_is_found_in_lists_that_end_early(self, crew, planning, clock):
        works = [some_work() for _ in range(8)]
        for work in works:
            already_there(planning, work)
            clock.advance(timedelta(hours=9))

        assert await found(crew, works[0]) == "SR-1"
        assert await found(crew, works[-1]) == "SR-8"


class TestManyPages:
    @pytest.fixture
    def manners(self):
        return Manners.LOOSE

    async def test_an_order_is_found_on_a_later_page(self, crew, planning):
        works = [some_work() for _ in range(45)]
        for work in works:
            already_there(planning, work)

        assert await found(crew, works[0]) == "SR-1"


async def test_a_refusal_does_not_repeat_what_we_sent(crew, planning):
    def echo(fields):
        raise_refusal(f"description may not be {fields['description']}")

    planning._check_order = echo
    work = some_work()

    with pytest.raises(RejectedError) as raised:
        await ordered(crew, work)

    assert "tegel" not in f"{raised.value.what} {raised.value.detail}"


def raise_refusal(words):
    from demo.field_planning import RefusedError

    raise RefusedError(400, words)


def test_photos_by_address_need_a_door():
    with pytest.raises(ValueError, match="photo_door"):
        Settings.model_validate({"url": "http://x.test", "photos": "media_url"})

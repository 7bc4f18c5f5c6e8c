"""The feed on good and bad days: in order or not, once or twice, cut off anywhere, and never lost."""

import itertools
import random
from datetime import timedelta

import pytest
import structlog

from canonical_model.contact import Language
from ports.contracts.products import NOW, PASSPORT, WITHDRAWN
from ports.errors import AdapterError, MisconfiguredError, RejectedError, TransientError


async def names(adapter):
    """Every product with its Dutch name and whether it was withdrawn."""
    found = {}
    for number in (PASSPORT, "75270", "320", "321", WITHDRAWN):
        product = await adapter.products.get(number)
        found[number] = product and (product.text(Language.NL).name, product.withdrawn)
    return found


ALL = {
    PASSPORT: ("Reispas", False),
    "75270": ("Rijbewijs", False),
    "320": ("Geboorteaangifte", False),
    "321": ("Reispas aan huis", False),
    WITHDRAWN: ("Reispas voor kinderen", True),
}


async def test_all_pages_are_read_and_only_the_last_is_asked_for_again(life, ipdc, read_through):
    adapter = await read_through(life())
    assert await names(adapter) == ALL
    ipdc.asked.clear()

    await read_through(adapter, rounds=2)

    assert ipdc.asked == ["/doc/conceptsnapshot?pageNumber=2&limit=3"] * 2
    assert ipdc.unchanged == 2


async def test_between_looks_nobody_is_asked(life, ipdc, clock):
    source = life(poll_seconds=60).sources[0]
    await source.poll()
    ipdc.asked.clear()

    await source.poll()
    clock.advance(timedelta(seconds=59))
    await source.poll()
    assert ipdc.asked == []

    clock.advance(timedelta(seconds=2))
    await source.poll()
    assert len(ipdc.asked) == 1


async def test_a_restart_goes_on_where_the_last_life_was(life, ipdc, read_through):
    await read_through(life())
    ipdc.asked.clear()
    ipdc.publish("500", "2026-04-01T10:00:00Z", naam={"nl": "Zwembad"})

    adapter = await read_through(life())

    assert ipdc.asked[0] == "/doc/conceptsnapshot?pageNumber=2&limit=3"
    assert [one.id for one in await adapter.products.search("zwembad")] == ["500"]


@pytest.mark.parametrize("seed", range(8))
async def test_versions_in_any_order_and_however_often_end_the_same(life, ipdc, read_through, seed):
    dice = random.Random(seed)
    ipdc.versions = dice.sample(ipdc.versions, len(ipdc.versions)) + dice.choices(ipdc.versions, k=5)

    adapter = await read_through(life())

    found = await names(adapter)
    assert {number: found[number] for number in ALL if number != WITHDRAWN} == {
        number: ALL[number] for number in ALL if number != WITHDRAWN
    }
    gone = await adapter.products.search("kinderen")
    assert gone == ()


async def test_a_withdrawn_product_that_comes_back_is_offered_again(life, ipdc, read_through, clock):
    ipdc.publish(WITHDRAWN, "2026-05-01T10:00:00Z", naam={"nl": "Reispas voor kinderen"})

    adapter = await read_through(life())

    assert [one.id for one in await adapter.products.search("kinderen")] == [WITHDRAWN]


@pytest.mark.parametrize("fields", [{"gearchiveerd": True}, {"uitgesloten": True}])
async def test_an_archived_product_is_not_offered(life, ipdc, read_through, fields):
    ipdc.publish(PASSPORT, "2026-05-01T10:00:00Z", naam={"nl": "Reispas"}, **fields)

    adapter = await read_through(life())

    assert PASSPORT not in [one.id for one in await adapter.products.search("reispas")]
    assert (await adapter.products.get(PASSPORT)).withdrawn


async def test_products_of_other_places_are_not_offered(life, ipdc, read_through):
    for number, areas in (
        ("501", ["BE24224062"]),
        ("502", "BE24"),
        ("503", [{"id": "BE23446021"}]),
        ("504", []),
    ):
        ipdc.publish(
            number,
            "2026-04-01T10:00:00Z",
            naam={"nl": f"Zwembad {number}"},
            geografischToepassingsgebieden=areas,
        )

    adapter = await read_through(life(area="BE24224062"))

    assert [one.id for one in await adapter.products.search("zwembad")] == ["501", "502", "504"]


@pytest.mark.parametrize(
    ("mood", "error"),
    [
        ("busy", TransientError),
        ("broken", TransientError),
        ("slow", TransientError),
        ("login page", TransientError),
        ("half", TransientError),
        ("closed", MisconfiguredError),
        ("other format", RejectedError),
        ("loop", RejectedError),
        ("elsewhere", RejectedError),
    ],
)
async def test_a_bad_day_stops_the_round_and_loses_nothing(life, ipdc, read_through, mood, error):
    adapter = await read_through(life())
    ipdc.publish("500", "2026-04-01T10:00:00Z", naam={"nl": "Zwembad"})
    ipdc.publish("501", "2026-04-02T10:00:00Z", naam={"nl": "Sporthal"})
    ipdc.publish("502", "2026-04-02T10:00:00Z", naam={"nl": "Bibliotheek"})
    ipdc.mood = mood

    with pytest.raises(error):
        await read_through(adapter)

    assert await names(adapter) == ALL
    ipdc.mood = "well"
    await read_through(adapter)
    assert [one.id for one in await adapter.products.search("sporthal")] == ["501"]


async def test_ipdc_says_when_to_come_back(life, ipdc, read_through):
    ipdc.mood = "busy"

    with pytest.raises(TransientError) as refused:
        await read_through(life())

    assert refused.value.retry_after == 30


async def test_a_version_that_cant_be_read_goes_to_people_once_and_the_rest_goes_on(
    life, ipdc, intake, read_through
):
    ipdc.publish("500", "2026-04-01T10:00:00Z", naam="Zwembad")
    ipdc.publish("501", "2026-04-02T10:00:00Z", naam={"nl": "Sporthal"})

    adapter = await read_through(life())
    await read_through(adapter)

    (problem,) = intake.problems
    assert "naam" in problem.problem.what
    assert b'"Zwembad"' in problem.raw
    assert [one.id for one in await adapter.products.search("sporthal")] == ["501"]


async def test_the_place_does_not_move_on_before_people_have_what_cant_be_read(
    life, ipdc, intake, read_through
):
    ipdc.publish("500", "2026-04-01T10:00:00Z", naam="Zwembad")
    ipdc.publish("501", "2026-04-02T10:00:00Z", naam={"nl": "Sporthal"})
    intake.room_for(0)

    with pytest.raises(TransientError):
        await read_through(life())
    intake.room_for(None)
    await read_through(life())

    assert len(intake.problems) == 1


async def test_a_page_that_is_gone_means_reading_from_the_beginning(life, ipdc, read_through):
    adapter = await read_through(life())
    ipdc.page_size = 100
    ipdc.publish("500", "2026-04-01T10:00:00Z", naam={"nl": "Zwembad"})

    with pytest.raises(TransientError, match="from its beginning"):
        await read_through(adapter)
    await read_through(adapter)

    assert await names(adapter) == ALL
    assert [one.id for one in await adapter.products.search("zwembad")] == ["500"]


async def test_a_long_feed_is_read_at_the_agreed_pace(life, ipdc, clock):
    ipdc.page_size = 1
    source = life(requests_per_minute=4).sources[0]

    await source.poll()
    assert len(ipdc.asked) == 4

    await source.poll()
    assert len(ipdc.asked) == 4
    clock.advance(timedelta(seconds=61))
    await source.poll()
    assert len(ipdc.asked) == 7


async def test_a_journal_that_is_away_costs_only_reading_again(life, checkpoints, read_through):
    checkpoints.failure = TransientError("the journal is away")
    adapter = life()
    with pytest.raises(TransientError, match="journal"):
        await read_through(adapter)

    checkpoints.failure = None
    await read_through(adapter)

    assert await names(life()) == ALL


@pytest.mark.parametrize("saves", range(1, 6))
async def test_dying_between_two_saves_loses_nothing(life, checkpoints, read_through, saves):
    """The process ends after this many saves: a new one begins with what was saved by then."""
    countdown = itertools.count(1)
    keep = checkpoints.save

    async def dying(name, value):
        if next(countdown) > saves:
            raise KeyboardInterrupt
        await keep(name, value)

    checkpoints.save = dying
    with pytest.raises(KeyboardInterrupt):
        await read_through(life())
    checkpoints.save = keep

    assert await names(await read_through(life())) == ALL


async def test_while_it_is_being_read_the_catalogue_answers(life, ipdc, read_through, checkpoints):
    """A question in the middle of a round neither waits for it nor takes anything away from it."""
    adapter = life()
    page = adapter.sources[0]._client.page

    async def asked_meanwhile(place, etag):
        await adapter.products.search("reispas")
        return await page(place, etag)

    adapter.sources[0]._client.page = asked_meanwhile
    await read_through(adapter)

    assert await names(adapter) == ALL
    assert await names(life()) == ALL


async def test_products_are_read_by_number_and_later_asked_whether_they_hold(life, ipdc, clock):
    source = (adapter := life(feed="", numbers=[PASSPORT, "320", "999999"])).sources[0]
    await source.poll()
    clock.jump(NOW - clock.now())

    assert [one.id for one in await adapter.products.search("e")] == ["320", PASSPORT]
    assert ipdc.asked == [f"/id/product/{number}" for number in (PASSPORT, "320", "999999")]

    ipdc.asked.clear()
    clock.advance(timedelta(hours=1))
    await source.poll()
    assert ipdc.asked == []

    clock.advance(timedelta(hours=25))
    await source.poll()
    assert (len(ipdc.asked), ipdc.unchanged) == (3, 2)


async def test_a_number_that_is_gone_withdraws_its_product(life, ipdc, clock):
    adapter = life(feed="", numbers=[PASSPORT])
    await adapter.sources[0].poll()
    ipdc.versions.clear()
    clock.advance(timedelta(hours=25))

    await adapter.sources[0].poll()

    assert await adapter.products.search("reispas") == ()
    assert (await adapter.products.get(PASSPORT)).withdrawn


async def test_the_same_product_by_feed_and_by_number_is_one(life, ipdc, read_through):
    by_feed = await (await read_through(life())).products.get(PASSPORT)

    both = await read_through(life(numbers=[PASSPORT]), rounds=2)

    assert len(await both.products.search("passport")) == 1
    assert (await both.products.get(PASSPORT)).version == by_feed.version


@pytest.mark.parametrize("mood", ["closed", "broken"])
async def test_the_key_is_in_no_error_and_no_log(life, ipdc, read_through, mood):
    ipdc.mood = mood
    with structlog.testing.capture_logs() as lines, pytest.raises(AdapterError) as failed:
        await read_through(life())

    assert "catalogue-key" not in f"{failed.value} {failed.value.detail} {lines}"

"""The catalogue in use: searched, asked by number, kept across restarts, and good while IPDC is away."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from adapters.ipdc import build
from canonical_model.contact import Channel, Contact, Language
from ports.contracts.enricher import EnricherContract
from ports.contracts.products import NOW, PASSPORT, WITHDRAWN, ProductsContract
from ports.errors import MisconfiguredError, RejectedError, TransientError

POOR = Contact(
    channel=Channel.WEB_FORM,
    subject="Reispas",
    text="Hoe lang duurt dat?",
    product=f"https://ipdc.vlaanderen.be/id/product/{PASSPORT}",
)


@pytest.fixture
async def read(life, read_through, clock):
    """The adapter, at the moment NOW, with the whole feed read."""
    adapter = await read_through(life())
    clock.jump(NOW - clock.now())
    return adapter


class TestIpdc(ProductsContract):
    @pytest.fixture
    def products(self, read):
        return read.products


class TestIpdcAsEnricher(EnricherContract):
    @pytest.fixture
    def enricher(self, read):
        return read.enricher

    @pytest.fixture
    def poor(self):
        return POOR


async def test_the_answer_is_the_same_plain_text_for_everybody(read):
    product = await read.products.get(PASSPORT)

    assert product.text(Language.NL).answer == (
        "U reist ermee buiten de Europese Unie.\n\n"
        "Hoe\n- Aanvragen: Maak een afspraak aan het loket.\n\n"
        "Kosten\n- Prijs: 65 euro\n\n"
        "Meer informatie\n- https://www.leuven.be/reispas"
    )
    assert product.text(Language.EN).answer == (
        "For travelling outside the European Union.\n\nCosts\n- Price: 65 euro\n\n"
        "More information\n- https://www.leuven.be/reispas"
    )
    assert product.modified == datetime(2026, 3, 2, 10, 15, 0, 358437, tzinfo=UTC)
    assert len(product.version) == 36


async def test_the_city_chooses_how_customers_are_addressed(life, read_through):
    formal = await (await read_through(life())).products.get(PASSPORT)
    informal = await (await read_through(life(form="informal"))).products.get(PASSPORT)

    assert formal.text(Language.NL).answer.startswith("U reist")
    assert informal.text(Language.NL).answer.startswith("Je reist")
    assert formal.version == informal.version


async def test_after_a_restart_the_catalogue_is_there_before_ipdc_is_asked(read, life, ipdc):
    ipdc.mood = "broken"
    ipdc.asked.clear()

    afresh = life()

    assert [one.id for one in await afresh.products.search("paspoort passport")] == []
    assert [one.id for one in await afresh.products.search("passport")] == [PASSPORT]
    assert await afresh.products.get(PASSPORT) == await read.products.get(PASSPORT)
    assert ipdc.asked == []


async def test_another_process_sees_what_the_reading_one_wrote(read, life, ipdc, clock, read_through):
    other = life()
    assert await other.products.search("zwembad") == ()
    ipdc.publish("500", "2026-04-01T10:00:00Z", naam={"nl": "Zwembad"})

    await read_through(read)

    assert [one.id for one in await read.products.search("zwembad")] == ["500"]
    assert [one.id for one in await other.products.search("zwembad")] == ["500"]


async def test_what_another_release_wrote_is_read_afresh(read, life, checkpoints, read_through):
    checkpoints.kept = dict.fromkeys(checkpoints.kept, '{"parts": 1}')
    adapter = life()
    assert await adapter.products.search("reispas") == ()

    await read_through(adapter)

    assert [one.id for one in await adapter.products.search(PASSPORT)] == [PASSPORT]


async def test_a_product_outside_the_feed_is_asked_for_once(life, ipdc, clock):
    products = life(feed="", numbers=[WITHDRAWN]).products

    first, again = await products.get(PASSPORT), await products.get(PASSPORT)

    assert first == again
    assert first.text(Language.NL).name == "Reispas"
    assert ipdc.asked == [f"/id/product/{PASSPORT}"]


async def test_later_it_is_asked_whether_it_still_holds(life, ipdc, clock):
    products = life(feed="", numbers=[WITHDRAWN]).products
    first = await products.get(PASSPORT)
    clock.advance(timedelta(hours=25))

    assert await products.get(PASSPORT) == first
    assert ipdc.unchanged == 1


async def test_a_number_that_nobody_knows_is_not_asked_for_time_and_again(life, ipdc):
    products = life().products

    assert [await products.get("999999") for _ in range(3)] == [None] * 3
    assert ipdc.asked == ["/id/product/999999"]


async def test_an_identity_that_refers_to_its_document_is_followed(life, ipdc):
    ipdc.redirects = True

    product = await life().products.get(PASSPORT)

    assert product.id == PASSPORT
    assert ipdc.asked == [f"/id/product/{PASSPORT}", f"/doc/product/{PASSPORT}"]


@pytest.mark.parametrize(
    ("mood", "error", "words"),
    [
        ("busy", TransientError, "429"),
        ("broken", TransientError, "500"),
        ("closed", MisconfiguredError, "api_key"),
        ("slow", TransientError, "longer than"),
        ("login page", TransientError, "something else"),
        ("half", TransientError, "something else"),
    ],
)
async def test_a_bad_day_of_ipdc_is_told_as_what_happens_next(life, ipdc, mood, error, words):
    ipdc.mood = mood

    with pytest.raises(error, match=words):
        await life().products.get(PASSPORT)


async def test_what_was_looked_up_stays_good_while_ipdc_is_away(life, ipdc, clock):
    products = life().products
    first = await products.get(PASSPORT)
    clock.advance(timedelta(hours=25))
    ipdc.mood = "broken"

    assert await products.get(PASSPORT) == first


async def test_nobody_listens(life, settings, tools):
    adapter = build({**settings, "url": "http://127.0.0.1:9"}, tools)

    with pytest.raises(TransientError, match="can't be reached"):
        await adapter.products.get(PASSPORT)
    await adapter.close()


async def test_no_more_questions_than_agreed(life, clock):
    products = life(requests_per_minute=2).products
    for number in ("1", "2"):
        await products.get(number)

    with pytest.raises(TransientError) as refused:
        await products.get("3")

    assert 0 < refused.value.retry_after <= 60
    clock.advance(timedelta(seconds=61))
    assert await products.get("3") is None


@pytest.mark.parametrize(
    ("named", "number"),
    [
        (f"https://ipdc.vlaanderen.be/id/product/{PASSPORT}", PASSPORT),
        ("reispas", PASSPORT),
        ("PASSPORT", PASSPORT),
        ("Reispas aan huis", "Reispas aan huis"),
        ("Onbekend", "Onbekend"),
        ("999999", "999999"),
        ("", ""),
    ],
)
async def test_a_product_that_was_named_gets_its_number(read, named, number):
    contact = replace(POOR, product=named)

    assert (await read.enricher.enrich(contact)).product == number


async def test_the_self_test_asks_and_changes_nothing(life, ipdc, checkpoints):
    assert await life(numbers=[PASSPORT]).check() == ()
    assert checkpoints.kept == {}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"api_key": "another"}, "api_key"),
        ({"feed": "/doc/other"}, "no such feed"),
        ({"numbers": ["999999"]}, "no product 999999"),
        ({"feed": "/id/product/1446"}, "format change"),
    ],
)
async def test_the_self_test_says_what_to_do(life, changed, words):
    (found,) = await life(**changed).check()

    assert words in found


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"url": "ipdc"}, "url"),
        ({"url": "https://ipdc.vlaanderen.be/path"}, "url"),
        ({"feed": ""}, "nothing to read"),
        ({"feed": "doc"}, "feed"),
        ({"product_path": "/id/product"}, "product_path"),
        ({"numbers": ["Reispas"]}, "numbers"),
        ({"look_up_seconds": 3}, "look_up_seconds"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(settings, tools, changed, words):
    with pytest.raises(MisconfiguredError, match=words) as refused:
        build({**settings, **changed}, tools)

    assert "catalogue-key" not in str(refused.value)


async def test_another_product_than_asked_for_is_refused(life):
    with pytest.raises(RejectedError, match="another product"):
        await life(product_path="/id/product/75270?{number}").products.get(PASSPORT)

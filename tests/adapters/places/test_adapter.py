"""The enricher: what it adds, what it leaves alone, and what happens on the registers' bad days."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from adapters.places import build
from adapters.places.client import RegisterClient
from adapters.places.settings import Register
from canonical_model.contact import Channel, Contact
from canonical_model.location import NOWHERE, Location, Point
from ports.contracts.enricher import EnricherContract
from ports.errors import MisconfiguredError, RejectedError, TransientError
from tests.adapters.places.conftest import AREAS
from tests.simulators.basisregisters import KEY

HEVERLEE = Point(latitude=50.8568, longitude=4.6937)


def contact(**location):
    return Contact(channel=Channel.REPORT_APP, subject="Lamp", text="stuk", location=Location(**location))


class TestGeometryAlone(EnricherContract):
    @pytest.fixture
    def enricher(self, places):
        return places

    @pytest.fixture
    def poor(self):
        return contact(point=HEVERLEE)


class TestWithRegisters(EnricherContract):
    @pytest.fixture
    def enricher(self, informed):
        return informed

    @pytest.fixture
    def poor(self):
        return contact(address="Naamsesteenweg 210", postcode="3001")


async def enriched(enricher, **location):
    return (await enricher.enrich(contact(**location))).location


async def test_a_point_gets_its_area_and_its_metres(places):
    station = Point(latitude=50.8798, longitude=4.7005)

    location = await enriched(places, point=station)

    assert location == Location(
        area="leuven", point=replace(station, lambert_x=673346.02, lambert_y=674437.18)
    )


async def test_what_the_customer_chose_is_never_overruled(informed):
    chosen = {"address": "bij mij voor de deur", "postcode": "3010", "area": "wijgmaal", "point": HEVERLEE}

    location = await enriched(informed, **chosen)

    assert (location.address, location.postcode, location.area) == (
        "bij mij voor de deur",
        "3010",
        "wijgmaal",
    )
    assert (location.point.latitude, location.point.longitude) == (HEVERLEE.latitude, HEVERLEE.longitude)


async def test_outside_the_city_there_is_no_area(places):
    location = await enriched(places, point=Point(latitude=51.0536, longitude=3.7220))

    assert location.area == ""
    assert location.point.lambert_x


@pytest.mark.parametrize("address", ["172893 171870", "672892.4 671873.3"])
async def test_metres_as_an_address_become_a_point_with_an_area(places, address):
    location = await enriched(places, address=address)

    assert location.area == "heverlee"
    assert location.address == address


async def test_a_contact_without_a_place_is_left_alone(informed, registers):
    silent = Contact(channel=Channel.MAIL, subject="s", text="Naamsesteenweg 210")

    assert await informed.enrich(silent) is silent
    assert silent.location == NOWHERE
    assert registers.asked == []


async def test_out_of_the_box_nobody_is_asked(places, registers):
    location = await enriched(places, address="Naamsesteenweg 210", postcode="3001")

    assert location == Location(address="Naamsesteenweg 210", postcode="3001")


@pytest.mark.parametrize("grid", ["31370", "3812"])
async def test_an_address_gets_its_point_and_its_area(informed, registers, grid):
    registers.grid = grid

    location = await enriched(informed, address="Naamsesteenweg 210", postcode="3001")

    assert location.area == "heverlee"
    assert location.address == "Naamsesteenweg 210"
    assert registers.asked == ["/v2/adresmatch?postcode=3001&straatnaam=Naamsesteenweg&huisnummer=210"]


async def test_a_match_adds_the_postcode(informed):
    assert (await enriched(informed, address="Diestsesteenweg 112")).postcode == "3010"


async def test_the_boxes_of_one_building_are_one_place(informed):
    assert (await enriched(informed, address="Bondgenotenlaan 12, 3000 Leuven")).area == "leuven"


async def test_an_address_that_two_villages_have_gets_no_point(informed):
    assert (await enriched(informed, address="Kerkstraat 1")).point is None
    assert (await enriched(informed, address="Kerkstraat 1, 3012 Wilsele")).area == "wilsele"


async def test_an_address_elsewhere_is_found_elsewhere(informed):
    location = await enriched(informed, address="Veldstraat 10, 9000 Gent")

    assert location.point is not None
    assert location.area == ""


async def test_a_partial_match_is_not_believed(informed):
    assert (await enriched(informed, address="Naamsestraat 999")).point is None


async def test_the_id_of_an_address_becomes_an_address(informed):
    location = await enriched(informed, address="https://data.vlaanderen.be/id/adres/3706808")

    assert location.address == "Naamsesteenweg 210, 3001 Leuven"
    assert (location.postcode, location.area) == ("3001", "heverlee")


@pytest.mark.parametrize("number", ["3706814", "1"])
async def test_hazard_410_an_address_that_was_removed_stays_as_it_was_given(informed, registers, number):
    address = f"https://data.vlaanderen.be/id/adres/{number}"

    with capture_logs() as logs:
        locations = [await enriched(informed, address=address) for _ in range(2)]

    assert locations == [Location(address=address)] * 2
    assert len(registers.asked) == 1
    assert {log["event"] for log in logs} == {"registered_address_is_gone"}


async def test_a_point_gets_the_nearest_address_that_is_near(informed):
    near = await enriched(informed, point=Point(latitude=50.85675, longitude=4.69400))
    far = await enriched(informed, point=Point(latitude=50.8400, longitude=4.6900))

    assert near.address == "Naamsesteenweg 210, 3001 Leuven"
    assert far.address == ""
    assert far.area == "heverlee"


async def test_the_same_question_is_asked_once(informed, registers):
    for _ in range(3):
        await enriched(informed, address="Naamsesteenweg 210", postcode="3001")

    assert len(registers.asked) == 1


async def test_after_a_day_it_only_asks_whether_it_still_holds(informed, registers, clock):
    first = await enriched(informed, address="Naamsesteenweg 210", postcode="3001")
    clock.advance(timedelta(hours=25))

    again = await enriched(informed, address="Naamsesteenweg 210", postcode="3001")

    assert again == first
    assert (len(registers.asked), registers.unchanged) == (2, 1)


async def test_what_changed_in_the_register_is_read_anew(informed, registers, clock):
    await enriched(informed, address="Naamsesteenweg 210", postcode="3001")
    clock.advance(timedelta(hours=25))
    registers.etag += 1

    await enriched(informed, address="Naamsesteenweg 210", postcode="3001")

    assert (len(registers.asked), registers.unchanged) == (2, 0)


@pytest.mark.parametrize("mood", ["busy", "broken", "closed", "slow", "dripping", "login page", "half"])
async def test_on_a_bad_day_the_contact_goes_on_with_what_geometry_knows(informed, registers, mood):
    registers.mood = mood

    with capture_logs() as logs:
        by_point = await enriched(informed, point=HEVERLEE)
        by_words = await enriched(informed, address="Naamsesteenweg 210", postcode="3001")

    assert by_point.area == "heverlee"
    assert by_words == Location(address="Naamsesteenweg 210", postcode="3001")
    assert {"place_not_looked_up"} <= {log["event"] for log in logs}
    assert "Naamsesteenweg" not in str(logs)
    assert "50.85" not in str(logs)


@pytest.mark.parametrize(("mood", "seconds"), [("busy", 30), ("broken", 60), ("closed", 60), ("slow", 60)])
async def test_hazard_429_a_register_in_trouble_is_left_alone_and_asked_again_later(
    informed, registers, clock, mood, seconds
):
    registers.mood = mood
    for number in range(5):
        await enriched(informed, address=f"Naamsesteenweg {number + 1}")
    assert len(registers.asked) == 1
    registers.mood = "well"

    clock.advance(timedelta(seconds=seconds - 1))
    still = await enriched(informed, address="Naamsesteenweg 210")
    clock.advance(timedelta(seconds=2))
    then = await enriched(informed, address="Naamsesteenweg 210")

    assert (still.area, then.area) == ("", "heverlee")


async def test_what_is_remembered_helps_while_the_register_is_away(informed, registers):
    await enriched(informed, address="Naamsesteenweg 210", postcode="3001")
    registers.mood = "broken"
    await enriched(informed, address="Diestsesteenweg 112")

    assert (await enriched(informed, address="Naamsesteenweg 210", postcode="3001")).area == "heverlee"


async def test_retry_after_may_be_a_date(informed, registers, clock):
    registers.mood, registers.retry_after = "busy", "Mon, 02 Mar 2026 09:32:00 GMT"
    await enriched(informed, address="Naamsesteenweg 210")
    registers.mood = "well"

    clock.advance(timedelta(seconds=119))
    assert (await enriched(informed, address="Naamsesteenweg 210")).point is None
    clock.advance(timedelta(seconds=2))
    assert (await enriched(informed, address="Naamsesteenweg 210")).point


async def test_the_memory_is_bounded(registers, clock):
    client = RegisterClient(Register(url=f"{registers.origin}/v2", api_key=KEY, cache_entries=2), clock)
    for number in ("3706808", "3706809", "3706810", "3706808"):
        await client.address(number)
    await client.close()

    assert len(registers.asked) == 4
    assert len(client._kept) == 2


async def test_the_errors_of_the_register_say_what_happens_next(registers, clock):
    client = RegisterClient(Register(url=f"{registers.origin}/v2", api_key=KEY, seconds=0.3), clock)
    for mood, error in (("busy", TransientError), ("closed", MisconfiguredError), ("slow", TransientError)):
        registers.mood = mood
        clock.advance(timedelta(hours=1))
        with pytest.raises(error):
            await client.address(mood)
    await client.close()


async def test_nobody_there_at_all_is_told_in_words(clock):
    client = RegisterClient(Register(url="http://127.0.0.1:9/v2"), clock)

    with pytest.raises(TransientError, match="can't be reached"):
        await client.address("1")
    await client.close()


async def test_one_refused_question_does_not_close_the_register(registers, clock):
    client = RegisterClient(Register(url=f"{registers.origin}/v2/nowhere", api_key=KEY), clock)
    assert await client.address("1") is None

    strange = RegisterClient(Register(url=f"{registers.origin}/v2", api_key=KEY), clock)
    error = strange._complaint(type("Answer", (), {"status_code": 400})())
    strange._leave_alone(error, clock.now())

    assert isinstance(error, RejectedError)
    assert await strange.address("3706808")
    await client.close()
    await strange.close()


async def test_check_asks_the_register(informed_adapter, registers):
    assert await informed_adapter.check() == ()
    registers.mood = "closed"
    await informed_adapter.close()


async def test_check_tells_a_wrong_key(tools, registers):
    adapter = build(
        {"areas": str(AREAS), "register": {"url": f"{registers.origin}/v2", "api_key": "wrong"}}, tools
    )

    (finding,) = await adapter.check()

    assert "refuses our key" in finding
    assert "wrong" not in finding
    await adapter.close()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "areas"),
        ({"areas": "/nowhere/areas.geojson"}, "areas: the file can't be read"),
        ({"areas": __file__}, "areas: the file is no GeoJSON"),
        ({"areas": str(AREAS), "name_property": "name"}, "feature 1 has no name"),
        ({"areas": str(AREAS), "crs": "EPSG:3857"}, "crs"),
        ({"areas": str(AREAS), "crs": "EPSG:31370"}, "not in Belgium"),
        ({"areas": str(AREAS), "register": {"seconds": 5}}, "register.seconds"),
        ({"areas": str(AREAS), "register": {"url": "file:///etc"}}, "register.url"),
    ],
)
def test_a_mistake_in_the_settings_is_named(tools, settings, named):
    with pytest.raises(MisconfiguredError, match=named):
        build(settings, tools)


def test_it_names_the_areas_that_it_may_give(tools):
    assert build({"areas": str(AREAS)}, tools).areas == (
        "leuven", "kessel-lo", "heverlee", "wilsele", "wijgmaal", "haasrode", "korbeek-lo",
    )  # fmt: skip


async def test_a_register_that_let_go_of_a_line_is_asked_on_another(clock):
    lines = []

    async def once_a_line(reader, writer):
        lines.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(once_a_line, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = RegisterClient(Register(url=f"http://127.0.0.1:{port}/v2"), clock)

        answers = [await client.match({"straatnaam": street}) for street in ("Markt", "Laan")]

        await client.close()
        for line in lines:
            line.transport.abort()
    assert answers == [b"{}", b"{}"]
    assert len(lines) == 2

"""Street reports through the whole hub: the point decides the area, the area the group, and the app sees how it goes."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from canonical_model.status import CaseStatus
from cli.check import run_checks
from demo.city_hall import city_file, without_crews
from hub import Hub
from ports.tracker import CaseChange
from settings import load, make_secrets
from tests.flows.city import eventually
from tests.simulators.open311 import Report, ReportApp
from tests.simulators.photo_host import running_photo_host

KEY = "a-key-of-the-street-app-1"
CONFIGURATION = """
[hub]
listen = "127.0.0.1:0"
[adapters.tracker]
system = "memory"
[adapters.places]
system = "places"
areas = "file:areas.geojson"
[adapters.straat]
system = "open311"
media_origins = ["{origin}"]
services = [{{ code = "lamp", name = "Straatlamp", category = "straatverlichting" }}]
[adapters.straat.apps.app]
keys = ["secret:app_key"]
"""


@pytest.fixture
def configured(tmp_path):
    """Writes the configuration of a hub with the demo's dispatch table and areas."""

    def write(origin="http://127.0.0.1:9"):
        make_secrets(tmp_path / "secrets")
        (tmp_path / "secrets" / "app_key").write_text(KEY)
        (tmp_path / "dispatch.toml").write_text(without_crews(city_file("dispatch.toml")))
        (tmp_path / "areas.geojson").write_text(city_file("areas.geojson"))
        (tmp_path / "hub.toml").write_text(CONFIGURATION.format(origin=origin))
        return tmp_path / "hub.toml"

    return write


@asynccontextmanager
async def running(path):
    hub = Hub(load(path))
    await hub.start()
    try:
        transport = httpx.ASGITransport(hub.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
            yield hub, ReportApp(client=client, address="http://hub.test/in/straat", api_key=KEY)
    finally:
        await hub.close()


def lamp(id_, lat, long, **fields):
    return Report(
        id=id_,
        service_code="lamp",
        description=f"Lamp {id_} stuk",
        lat=lat,
        long=long,
        fields={"email": "", **fields},
    )


async def in_tracker(hub, count):
    tracker = hub.adapters["tracker"].tracker

    async def look():
        cases = tracker._cases.values()
        return list(cases) if len(cases) >= count else None

    return await eventually(look, f"{count} cases in the tracker")


async def test_the_point_decides_the_area_and_the_area_the_group(configured):
    where = {
        "wegen-oost": ("50,8865", "4,7290"),
        "wegen-zuid": ("50.8568", "4.6937"),
        "wegen-noord": ("50.9240", "4.7010"),
        "wegen-centrum": ("50.8792", "4.7009"),
    }
    async with running(configured()) as (hub, app):
        discovered = (await app.client.get("/in/straat/discovery.json")).json()
        reports = [await app.send(lamp(group, *point)) for group, point in where.items()]
        by_metres = await app.send(lamp("lambert", "171870", "172893"))
        held = await in_tracker(hub, 5)

    assert discovered["endpoints"][0]["url"] == "http://hub.test/in/straat/v2"
    groups = {one.case.ref: one.case.group for one in held}
    assert [groups[report.external_id] for report in reports] == list(where)
    assert groups[by_metres.external_id] == "wegen-zuid"


async def test_lost_answers_and_two_daemons_make_no_second_case(configured):
    async with running(configured()) as (hub, app):
        for names_itself in (True, False):
            app.names_itself = names_itself
            report = lamp(f"{names_itself}", "50.88", "4.70")
            await app.send(report, lose_answer=True)
            await app.two_daemons(report)
            await app.send(report)
        await in_tracker(hub, 2)
        query = {"api_key": KEY}
        seen = (await app.client.get("/in/straat/v2/requests.json", params=query)).json()

    assert len(seen) == 2


async def test_the_app_reads_how_its_report_goes_and_its_photo_joins_the_case(configured):
    async with running_photo_host() as host, running(configured(host.origin)) as (hub, app):
        report = await app.send(lamp("1", "50.88", "4.70", media_url=f"{host.origin}/a.jpg"))
        app.reports.append(report)
        (held,) = await in_tracker(hub, 1)

        async def photo_arrived():
            return held.files or None

        await eventually(photo_arrived, "the photo is in the tracker")
        await app.add(report, "Nog altijd donker.", id_="77")

        async def words_arrived():
            return any("Nog altijd donker" in note.text for _, note in held.notes.values()) or None

        await eventually(words_arrived, "the addition is in the tracker")
        await hub.adapters["tracker"].tracker.update(held.case.id, CaseChange(status=CaseStatus.CLOSED))

        async def heard():
            await app.fetch_updates(datetime.now(UTC) + timedelta(seconds=1))
            return report.state == "closed" or None

        await eventually(heard, "the app hears that it is closed")
        answer = await app.client.get(
            f"/in/straat/v2/requests/{report.external_id}.json", params={"api_key": KEY}
        )

    assert answer.json()[0]["status"] == "closed"
    assert len(hub.adapters["tracker"].tracker._cases) == 1
    assert host.asked == ["/a.jpg"]


async def test_an_unreadable_report_waits_for_a_person_and_disturbs_nobody(configured):
    async with running(configured()) as (hub, app):
        broken = await app.send(
            Report(id="1", service_code="ufo", description="Een ufo", fields={"email": ""})
        )
        fine = await app.send(lamp("2", "50.88", "4.70"))
        await in_tracker(hub, 1)
        await asyncio.sleep(0)

    assert broken.failures == ["404: service_code was not found: see the list of services"]
    assert fine.external_id


async def test_check_looks_whether_the_dispatch_table_knows_the_areas(configured):
    path = configured()

    good = dict(await run_checks(Hub, load(path)))
    table = path.with_name("dispatch.toml")
    table.write_text(table.read_text().replace('name = "haasrode"', 'name = "oud-heverlee"'))
    wrong = dict(await run_checks(Hub, load(path)))

    assert good["places"] == ()
    assert wrong["places"] == ("area 'haasrode' is not in [[area]] of the dispatch table",)


async def test_check_tells_what_is_wrong_with_the_file_of_areas(configured):
    path = configured()
    path.with_name("areas.geojson").write_text('{"type": "FeatureCollection", "features": []}')

    (found,) = dict(await run_checks(Hub, load(path)))["places"]

    assert found == "places: areas: the file is no GeoJSON FeatureCollection with features"

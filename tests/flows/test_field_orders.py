"""A report goes out to a field team, the crew works it off on its list, and what it says reaches the tracker: with a
real hub, over SOAP, on days on which answers get lost and statuses come twice."""

import asyncio
from contextlib import asynccontextmanager

import httpx
from sqlalchemy import select
from structlog.testing import capture_logs

from canonical_model.status import CaseStatus
from demo.outside import planning
from demo.outside.citycontrol import Mood, Step, running_citycontrol
from demo.outside.serving import serving
from hub import Hub
from journal.comparing import look_at_once
from journal.schema import standings
from ports.contracts.crew import AFTER
from settings import load
from tests.flows import field_teams
from tests.flows.small_hub import small_hub


async def test_reports_go_to_the_crews_and_come_back_done(tmp_path):
    roads_system, lighting = running_citycontrol(), planning.Planning()
    async with (
        roads_system as roads,
        serving(lighting.app()) as lighting_origin,
        httpx.AsyncClient() as website,
    ):
        city = configured(tmp_path, {"wegen": roads.origin, "verlichting": lighting_origin})
        roads.hub = f"http://127.0.0.1:{city.port}/in/wegen/soap"
        roads.push_times = 2
        roads.moods.append(Mood.BV03_LOST)
        lighting.moods.append(planning.Mood.ANSWER_LOST)
        async with running(city) as hub:
            assert await city.post(website, 1, "Losse tegel") == 202
            assert await city.post(website, 2, "Kapotte lamp") == 202
            await until(lambda: roads.cases and lighting.orders, "both orders are on their lists")
            (tile,), (lamp,) = roads.cases.values(), lighting.orders
            assert "Losse tegel" in tile.text
            assert "Kapotte lamp" in lamp.title
            await until(lambda: stand(hub, {"ordered"}), "both answers that were lost were asked after")

            await roads.step(tile.identification, Step.PLANNED)
            await roads.step(tile.identification, Step.DONE, photo=AFTER)
            lighting.tell(lamp.name, "Uitgevoerd", "Lamp vervangen")
            await until(lambda: stand(hub, {"done"}), "both crews are done")
            await until(lambda: answered(hub), "the tracker knows")

            assert (tile.created, len(lighting.orders)) == (1, 1)
            assert roads.refusals == []
            tracked = hub.adapters["tracker"].tracker

            def told(words):
                return sum(note.text.count(words) for case in tracked.cases for note in case.notes)

            words = ("foto van de uitvoering", "Lamp vervangen")
            await until(lambda: all(map(told, words)), "the notes follow on the status")
            assert [told(each) for each in words] == [1, 1]
            assert sorted(len(case.attachments) for case in tracked.cases) == [0, 1]


async def test_what_a_reload_names_is_served_and_compared_and_what_it_no_longer_names_still_is(tmp_path):
    crews = field_teams.dispatch("wegen")
    nobody = crews.replace('crew = "wegen"', "")
    async with running_citycontrol() as roads, httpx.AsyncClient() as website:
        city = configured(tmp_path, {"wegen": roads.origin})
        text = city.hub_toml.read_text()
        city.hub_toml.write_text(f"{text}\n[reconcile]\nsettle = 0.001\n")
        (city.folder / "dispatch.toml").write_text(nobody)
        async with running(city) as hub:
            (city.folder / "dispatch.toml").write_text(crews)
            await hub.reload()
            assert await city.post(website, 1, "Losse tegel") == 202
            await until(lambda: roads.cases, "the order goes to a crew that came with the reload")
            (tile,) = roads.cases.values()
            await until(lambda: stand(hub, {"ordered"}, 1), "its answer was heard")

            (city.folder / "dispatch.toml").write_text(nobody)
            await hub.reload()
            await roads.step(
                tile.identification, Step.DONE, "Tegel vastgelegd"
            )  # it calls nobody: `hub` is ""
            await hub.journal.database.write(look_at_once, "wegen")
            await until(lambda: stand(hub, {"done"}, 1), "the reconciler found the completion")
            await until(lambda: answered(hub, 1), "the tracker knows")


async def test_a_reload_that_names_an_adapter_which_does_not_run_yet_is_refused(tmp_path):
    city = configured(tmp_path, {"wegen": "http://127.0.0.1:9"})
    hub = Hub(load(city.hub_toml))
    with city.hub_toml.open("a") as settings:
        settings.write('\n[answers]\nboard = "dosis"\n[adapters.dosis]\nsystem = "memory"\n')
    before = hub.configuration.routes.version
    with capture_logs() as logged:
        await hub.reload()
    (refused,) = [one for one in logged if one["event"] == "reload_refused"]
    assert refused["reason"] == "[answers] board is 'dosis', which does not run yet: restart the hub first"
    assert hub.configuration.routes.version == before
    await hub.close()


@asynccontextmanager
async def running(city):
    hub = Hub(load(city.hub_toml))
    await hub.start()
    try:
        async with serving(hub.app, city.port):
            yield hub
    finally:
        await hub.close()


def configured(folder, addresses, agenda=""):
    city = small_hub(folder, sections=[field_teams.sections(addresses)])
    (folder / "dispatch.toml").write_text(field_teams.dispatch(*addresses))
    field_teams.keep_secrets(folder, agenda)
    return city


async def stand(hub, states, orders=2):
    query = select(standings.c.state, standings.c.outside_id).where(standings.c.system.in_(field_teams.WORDS))
    found = await hub.journal.database.read(lambda connection: connection.execute(query).all())
    return (
        len(found) == orders
        and {row.state for row in found} == states
        and all(row.outside_id for row in found)
    )


async def answered(hub, number=2):
    cases = hub.adapters["tracker"].tracker.cases
    return len(cases) == number and {case.status for case in cases} == {CaseStatus.ANSWERED}


async def until(condition, what, seconds=40):
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        found = condition()
        if await found if asyncio.iscoroutine(found) else found:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(what)

"""A report goes out to a field team, the crew works it off on its list, and what it says reaches the tracker: with a
real hub, over SOAP, on days on which answers get lost and statuses come twice."""

import asyncio
from contextlib import asynccontextmanager

import httpx
from sqlalchemy import select
from structlog.testing import capture_logs

from canonical_model.status import CaseStatus
from demo.outside import citycontrol, planning
from demo.outside.citycontrol import Mood, Step, running_citycontrol
from demo.outside.serving import serving
from hub import Hub
from journal.comparing import look_at_once
from journal.schema import standings
from ports.contracts.crew import AFTER
from settings import load
from tests.flows.small_hub import small_hub

DISPATCH = """
default = "kcc"
[[group]]
name = "kcc"
label = "Klantencontactcentrum"
[[group]]
name = "wegen"
label = "Wegen"
[[group]]
name = "groen"
label = "Groendienst"
[[category]]
name = "tegel"
words = ["tegel"]
[[category]]
name = "boom"
words = ["boom"]
[[rule]]
name = "tegels"
category = ["tegel"]
group = "wegen"
crew = "ploeg-wegen"
[[rule]]
name = "bomen"
category = ["boom"]
group = "groen"
crew = "ploeg-groen"
"""
SECTIONS = """
[adapters.ploeg-wegen]
system = "citycontrol"
url = "{citycontrol}/OntvangAsynchroon"
questions_url = "{citycontrol}/BeantwoordVraag"
username = "{their_name}"
password = "secret:citycontrol"
caller = {{ username = "{our_name}", passwords = ["secret:caller"] }}

[adapters.ploeg-groen]
system = "planning"
url = "{planning}/planning"
username = "{planning_name}"
password = "secret:planning"
poll_seconds = 0.2
"""


async def test_reports_go_to_the_crews_and_come_back_done(tmp_path):
    roads_system, green = running_citycontrol(), planning.Planning()
    async with roads_system as roads, serving(green.app()) as green_origin, httpx.AsyncClient() as website:
        city = configured(tmp_path, roads.origin, green_origin)
        roads.hub = f"http://127.0.0.1:{city.port}/in/ploeg-wegen/soap"
        roads.push_times = 2
        roads.moods.append(Mood.BV03_LOST)
        green.moods.append(planning.Mood.ANSWER_LOST)
        async with running(city) as hub:
            assert await city.post(website, 1, "Losse tegel") == 202
            assert await city.post(website, 2, "Omgevallen boom") == 202
            await until(lambda: roads.cases and green.orders, "both orders are on their lists")
            (tile,), (tree,) = roads.cases.values(), green.orders
            assert "Losse tegel" in tile.text
            assert "Omgevallen boom" in tree.title
            await until(lambda: stand(hub, {"ordered"}), "both answers that were lost were asked after")

            await roads.step(tile.identification, Step.PLANNED)
            await roads.step(tile.identification, Step.DONE, photo=AFTER)
            green.tell(tree.name, "Uitgevoerd", "Boom weggehaald")
            await until(lambda: stand(hub, {"done"}), "both crews are done")
            await until(lambda: answered(hub), "the tracker knows")

            assert (tile.created, len(green.orders)) == (1, 1)
            assert roads.refusals == []
            tracked = hub.adapters["tracker"].tracker

            def told(words):
                return sum(note.text.count(words) for case in tracked.cases for note in case.notes)

            words = ("foto van de uitvoering", "Boom weggehaald")
            await until(lambda: all(map(told, words)), "the notes follow on the status")
            assert [told(each) for each in words] == [1, 1]
            assert sorted(len(case.attachments) for case in tracked.cases) == [0, 1]


async def test_what_a_reload_names_is_served_and_compared_and_what_it_no_longer_names_still_is(tmp_path):
    nobody = DISPATCH.replace('crew = "ploeg-wegen"', "").replace('crew = "ploeg-groen"', "")
    async with running_citycontrol() as roads, httpx.AsyncClient() as website:
        city = configured(tmp_path, roads.origin, "http://127.0.0.1:9")
        text = city.hub_toml.read_text()
        city.hub_toml.write_text(f"{text}\n[reconcile]\nsettle = 0.001\n")
        (city.folder / "dispatch.toml").write_text(nobody)
        async with running(city) as hub:
            (city.folder / "dispatch.toml").write_text(DISPATCH)
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
            await hub.journal.database.write(look_at_once, "ploeg-wegen")
            await until(lambda: stand(hub, {"done"}, 1), "the reconciler found the completion")
            await until(lambda: answered(hub, 1), "the tracker knows")


async def test_a_reload_that_names_an_adapter_which_does_not_run_yet_is_refused(tmp_path):
    city = configured(tmp_path, "http://127.0.0.1:9", "http://127.0.0.1:9")
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


def configured(folder, roads, green):
    section = SECTIONS.format(
        citycontrol=roads,
        planning=green,
        their_name=citycontrol.USERNAME,
        our_name=citycontrol.OUR_USERNAME,
        planning_name=planning.USERNAME,
    )
    city = small_hub(folder, sections=[section])
    (folder / "dispatch.toml").write_text(DISPATCH)
    for name, value in (
        ("citycontrol", citycontrol.PASSWORD),
        ("caller", citycontrol.OUR_PASSWORD),
        ("planning", planning.PASSWORD),
    ):
        (folder / "secrets" / name).write_text(value)
    return city


async def stand(hub, states, orders=2):
    query = select(standings.c.state, standings.c.outside_id).where(standings.c.system.startswith("ploeg-"))
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

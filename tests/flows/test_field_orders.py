"""A report goes out to a field team, the crew works it off on its list, and what it says reaches the tracker: with a
real hub, over SOAP, on days on which answers get lost and statuses come twice."""

import asyncio
from contextlib import asynccontextmanager

import httpx
from sqlalchemy import select
from structlog.testing import capture_logs

from canonical_model.events import CaseRedispatched
from canonical_model.status import CaseStatus
from canonical_model.work_order import parse_order_id
from demo.outside import planning
from demo.outside.citycontrol import Mood, Step, running_citycontrol
from demo.outside.serving import serving
from hub import Hub
from journal.comparing import look_at_once
from journal.instants import micros
from journal.schema import effects, messages, standings, work_items
from ports.contracts.crew import AFTER
from ports.intake import Inbound
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


async def test_a_shorter_term_of_the_reconciler_holds_from_the_reload(tmp_path):
    async with running_citycontrol() as roads, httpx.AsyncClient() as website:
        city = configured(tmp_path, {"wegen": roads.origin})
        text = city.hub_toml.read_text()

        def compared_every(hours):
            city.hub_toml.write_text(f"{text}\n[reconcile]\nsettle = 0.001\nhours = {hours}\n")

        compared_every(1000)
        async with running(city) as hub:
            assert await city.post(website, 1, "Losse tegel") == 202
            await until(lambda: stand(hub, {"ordered"}, 1), "it is ordered")
            await until(lambda: compared_later(hub), "it agreed: the next look is far away")
            (tile,) = roads.cases.values()
            await roads.step(tile.identification, Step.DONE, "Tegel vastgelegd")  # it calls nobody
            compared_every(0.001)
            with capture_logs() as logged:
                await hub.reload()
            assert [one["after_restart"] for one in logged if one["event"] == "reloaded"] == [[]]
            await until(lambda: stand(hub, {"done"}, 1), "the reconciler found the completion")


async def test_an_order_that_cannot_be_taken_back_is_one_thing_to_do_and_nothing_is_parked(tmp_path):
    roads_system, lighting = running_citycontrol(), planning.Planning()
    async with (
        roads_system as roads,
        serving(lighting.app()) as lighting_origin,
        httpx.AsyncClient() as website,
    ):
        city = configured(tmp_path, {"wegen": roads.origin, "verlichting": lighting_origin})
        async with running(city) as hub:
            for number, words in enumerate(("Losse tegel", "Kapotte lamp"), 1):
                assert await city.post(website, number, words) == 202
            await until(lambda: stand(hub, {"ordered"}), "both are ordered")
            orders = {next(iter(roads.cases)), lighting.orders[0].name}
            for order in orders:
                await hub.doorway(taken_back(order))
            await until(lambda: done(hub, "cancel_work"), "both systems could not be told")

            items = await found(hub, select(work_items.c.name, work_items.c.what))
            assert [one.name for one in items] == ["field-work", "field-work"]
            assert {order for order in orders for one in items if order in one.what} == orders
            assert {one.state for one in await found(hub, select(effects.c.state))} == {"applied", "skipped"}
            assert {one.state for one in await found(hub, select(messages.c.state))} == {"done"}


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


def taken_back(order):
    (case, _) = parse_order_id(order)
    event = CaseRedispatched(case=case, group="kcc", reason="niet van ons", by="p-1")
    return Inbound(
        source="console", source_ref=f"move/{case}", raw=b"{}", media_type="application/json", event=event
    )


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


async def compared_later(hub):
    far = micros(hub.clock.now()) + 900 * 3600 * 1_000_000
    looks = await found(hub, select(standings.c.compare_at).where(standings.c.system == "wegen"))
    return all(one.compare_at > far for one in looks)


async def done(hub, action, number=2):
    """Nothing is under way any more, after so many of these."""
    states = await found(hub, select(effects.c.action, effects.c.state))
    waits = [one for one in states if one.state not in ("applied", "skipped", "parked")]
    return not waits and [one.action for one in states].count(action) == number


async def found(hub, query):
    return await hub.journal.database.read(lambda connection: connection.execute(query).all())


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

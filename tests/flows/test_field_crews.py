"""A report goes out to a field team and comes back done, with a photo of the work: with a real hub, to a planning that speaks
Open311 and to a task list on a real CalDAV server, on a day on which answers are errors and photos come later."""

import asyncio
from functools import partial

import httpx

from canonical_model.work_order import OrderState
from demo.field_planning import FieldPlanning
from demo.outside.serving import serving
from demo.task_app import TaskApp
from journal.erasures import erasure_of
from ports.contracts.crew import AFTER
from tests.flows import field_teams
from tests.flows.test_field_orders import answered, configured, running, stand, until
from tests.servers import radicale


async def test_reports_go_to_the_crews_and_come_back_done_with_a_photo(tmp_path):
    cleaning = FieldPlanning(api_key=field_teams.OPEN311_KEY)
    cleaning.bad_days.answer_500_after_making = 1
    with radicale.running() as server:
        async with serving(cleaning.app) as cleaning_origin, httpx.AsyncClient(trust_env=False) as website:
            tasks = await asyncio.to_thread(server.list, "groen")
            city = configured(
                tmp_path, {"reiniging": cleaning_origin, "groen": tasks}, server.passwords["hub"]
            )
            phone = TaskApp(tasks, "ploeg", server.passwords["ploeg"])
            async with running(city) as hub:
                assert await city.post(website, 1, "Zwerfvuil") == 202
                assert await city.post(website, 2, "Omgevallen boom") == 202
                await until(lambda: stand(hub, {"ordered"}), "both orders are on their lists")
                (litter,), (tree,) = cleaning.jobs.values(), await phone.tasks()
                assert "Zwerfvuil" in litter.fields["description"]
                assert "Omgevallen boom" in str(tree.todo["summary"])

                page = f"{cleaning_origin}/ploeg/{litter.id}"
                await website.post(page, data={"state": "planned"})
                await phone.report(tree.name, OrderState.IN_PROGRESS)
                await website.post(
                    page, data={"state": "done", "note": "Opgeruimd"}, files={"photo": ("na.jpg", AFTER)}
                )
                await phone.report(tree.name, OrderState.DONE, "Boom weggehaald", AFTER)
                await until(lambda: stand(hub, {"done"}), "both crews are done")
                await until(lambda: answered(hub), "the tracker knows")

                tracked = hub.adapters["tracker"].tracker
                notes = " ".join(note.text for case in tracked.cases for note in case.notes)
                assert notes.count("Opgeruimd") == notes.count("Boom weggehaald") == 1
                assert [len(case.attachments) for case in tracked.cases] == [1, 1]
                assert (len(cleaning.jobs), len(await phone.tasks())) == (1, 1)
            await phone.close()


async def test_an_erased_case_leaves_the_lists_or_a_person_is_told_to_see_to_it(tmp_path):
    cleaning = FieldPlanning(api_key=field_teams.OPEN311_KEY)
    with radicale.running() as server:
        async with serving(cleaning.app) as cleaning_origin, httpx.AsyncClient(trust_env=False) as website:
            tasks = await asyncio.to_thread(server.list, "groen")
            city = configured(
                tmp_path, {"reiniging": cleaning_origin, "groen": tasks}, server.passwords["hub"]
            )
            phone = TaskApp(tasks, "ploeg", server.passwords["ploeg"])
            async with running(city) as hub:
                await city.post(website, 1, "Zwerfvuil")
                await city.post(website, 2, "Omgevallen boom")
                await until(lambda: stand(hub, {"ordered"}), "both orders are on their lists")
                refs = sorted({case.ref for case in hub.adapters["tracker"].tracker.cases})
                for ref in refs:
                    await hub.journal.erase_case(ref, "dpo", "asked")

                async def reports():
                    read = hub.journal.database.read
                    return [await read(partial(erasure_of, ref=ref)) for ref in refs]

                async def all_ended():
                    steps = [step for report in await reports() for step in report.steps]
                    return len(steps) == 2 and {step.state for step in steps} == {"applied", "skipped"}

                await until(all_ended, "one is forgotten, one can't be")
                found = await reports()
                by_system = {step.system: step.state for report in found for step in report.steps}
                assert by_system == {"groen": "applied", "reiniging": "skipped"}
                assert (len(await phone.tasks()), len(cleaning.jobs)) == (0, 1)
                items = {item.name for report in found for item in report.by_hand}
                assert items == {"erased-tracker", "erased-reiniging"}
            await phone.close()

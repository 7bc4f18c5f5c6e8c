"""Replay plans at the console: made from the failures, looked at, approved by somebody else, watched."""

import json
from collections.abc import Callable
from datetime import timedelta

from canonical_model.commands import COMMANDS
from console.access import Role
from console.accounts import Accounts
from console.replay_words import citizens_will_get, will_do
from console.wording import load
from journal.replay_reading import PlanView, TotalRow
from journal.schema import audit, effects, replay_rows
from tests.console.conftest import PASSWORD, Browser
from tests.console.seed import City, fine, form, question_refused
from tests.journal.scene import rows
from worker.replays import Replaying


class NoBroker:
    async def hand_out(self, ids):
        """The test plays the worker itself."""


async def made(browser: Browser, **fields: str) -> str:
    """The path of a new plan."""
    answer = await browser.post("/replays", {"reason": "de groep bestaat nu", **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def carried_out(city: City) -> None:
    """Play scheduler and workers until nothing more goes by itself."""
    await city.journal.resume("mail", "sofie")
    replaying = Replaying(city.journal, NoBroker(), "test")
    for _ in range(12):
        city.clock.advance(timedelta(seconds=20))
        await replaying.advance()
        waiting = await rows(city.journal, effects, effects.c.state.in_(("due", "unknown")))
        await city.work(tuple(row.id for row in waiting), fine)
    await replaying.advance()


async def mails_refused(city: City, number: int = 2) -> None:
    for one in range(number):
        await city.contact(f"mail-{one}", form(f"Vraag {one}"), outcome=question_refused)


async def test_the_failures_offer_a_plan_for_all_of_a_card(administrator: Browser, viewer: Browser):
    page = (await administrator.get("/failures")).text
    assert 'href="/replays/new?remedy=refused"' in page
    assert "/replays/new" not in (await viewer.get("/failures")).text

    form_page = (await administrator.get("/replays/new?remedy=refused")).text
    assert '<option value="refused" selected>' in form_page


async def test_a_plan_says_in_plain_words_what_each_system_and_the_citizens_will_notice(
    administrator: Browser,
):
    page = (await administrator.get(await made(administrator, remedy="refused"))).text

    assert "<b>tracker</b>: 2 zaken geopend" in page
    assert "0 mails naar burgers" in page
    assert "Start het plan" in page
    assert "Een tweede persoon" not in page
    await administrator.post("/language", {"language": "en", "next": "/"})
    english = (await administrator.get("/replays")).text
    assert "Replay plans" in english


async def test_a_plan_is_carried_out_and_shows_what_really_happened(administrator: Browser, city: City):
    path = await made(administrator, remedy="refused")
    await administrator.post(f"{path}/start", {"canary": "1", "pace": "0"})
    await carried_out(city)
    assert "De proef is klaar" in (await administrator.get(path)).text
    await administrator.post(f"{path}/resume")
    await carried_out(city)

    page = (await administrator.get(path)).text
    assert "2 van 2 regels klaar" in page
    assert page.count("2 zaken geopend") == 2
    results = (await administrator.get(f"{path}/rows?state=applied")).text
    assert results.count("gelukt</span>") == 2
    assert (await administrator.get(f"{path}/rows?state=failed")).text.count("<tr>") == 0


async def test_mail_to_citizens_needs_a_second_person_who_may(
    administrator: Browser, open_browser: Callable[[], Browser], city: City
):
    await mails_refused(city)
    path = await made(administrator, target="mail")
    page = (await administrator.get(path)).text
    assert "Burgers zouden hierdoor mails of meldingen krijgen" in page
    assert "Start het plan" not in page
    assert f'action="{path}/approve"' not in page
    assert (await administrator.post(f"{path}/approve")).status_code == 409
    assert (await administrator.post(f"{path}/start")).status_code == 409
    viewer, dispatcher = open_browser(), open_browser()
    await viewer.log_in(Role.KCC_VIEWER)
    assert (await viewer.post(f"{path}/approve")).status_code == 403

    await dispatcher.log_in(Role.KCC_DISPATCHER)
    assert f'action="{path}/approve"' in (await dispatcher.get(path)).text
    assert (await dispatcher.post(f"{path}/approve")).status_code == 303
    assert (await dispatcher.post(f"{path}/start")).status_code == 403
    assert (await administrator.post(f"{path}/start")).status_code == 303
    await carried_out(city)
    assert "4 mails naar burgers" in (await administrator.get(path)).text
    trail = [(row.actor, row.action) for row in await rows(city.journal, audit)]
    assert (Role.KCC_DISPATCHER, "replay_approved") in trail


async def test_a_thousand_done_messages_by_mistake_change_nothing(administrator: Browser, city: City):
    """Row 69 of the fault matrix."""
    ids = [city.messages[name] for name in ("old", "answered", "question")]
    path = await made(administrator, ids="\n".join(ids))
    page = (await administrator.get(path)).text

    assert "Geen enkel systeem merkt hier iets van" in page
    assert "0 mails naar burgers" in page
    assert "Start het plan" not in page
    assert (await administrator.post(f"{path}/start")).status_code == 409
    found = await rows(city.journal, replay_rows)
    assert len(found) > 3
    assert {(row.verdict, row.state) for row in found} == {("skip", "aside")}


async def test_pause_and_cancel(administrator: Browser, city: City):
    path = await made(administrator, remedy="refused")
    await administrator.post(f"{path}/start", {"pace": "1"})
    assert (await administrator.post(f"{path}/pause")).headers["location"].endswith("done=plan_paused")
    assert "Laat verdergaan" in (await administrator.get(path)).text
    assert (await administrator.post(f"{path}/cancel", {"reason": ""})).status_code == 422
    await administrator.post(f"{path}/cancel", {"reason": "verkeerde groep"})

    page = (await administrator.get(path)).text
    assert "verkeerde groep" in page
    assert "stopgezet" in page
    assert (await administrator.post(f"{path}/resume")).status_code == 409


async def test_a_row_that_nobody_can_judge_is_decided_about_on_its_line(administrator: Browser, city: City):
    await city.contact("unsure-2", form("Vraag", "wegdek"), outcome=unsure_dosis)
    path = await made(administrator, target="dosis")
    page = (await administrator.get(path)).text
    assert "Over 1 regel moet iemand beslissen" in page
    lines = (await administrator.get(f"{path}/rows?verdict=decide")).text
    assert f'action="{path}/rows/1/decide"' in lines
    answer = await administrator.post(f"{path}/rows/1/decide", {"reason": "gebeld: het kwam niet aan"})

    assert answer.status_code == 303
    assert "Start het plan" in (await administrator.get(path)).text


def unsure_dosis(target: str, action: str):
    from journal.effects import Outcome

    if target == "dosis":
        return Outcome.REJECTED, "UncertainError", "nobody can tell"
    return fine(target, action)


async def test_what_cannot_be_read_in_the_form_is_told_and_nothing_is_made(administrator: Browser):
    wrong = [
        ({"since": "gisteren"}, "Gepland vanaf: schrijf een dag"),
        ({"until": "2026-13-45"}, "Gepland tot en met: schrijf een dag"),
        ({"ids": "LEU-2026-000001"}, "elk nummer heeft 32 tekens"),
        ({"like": "x" * 500}, "Wat het systeem zegt: dit is te lang"),
    ]
    for fields, words in wrong:
        answer = await administrator.post("/replays", {"reason": "de groep bestaat nu", **fields})
        assert answer.status_code == 422
        assert words in answer.text
        assert 'value="de groep bestaat nu"' in answer.text
    assert "Er is nog geen herstelplan." in (await administrator.get("/replays")).text


async def test_numbers_that_are_none_and_plans_that_do_not_exist_are_told(administrator: Browser):
    path = await made(administrator, remedy="refused")

    assert (await administrator.post(f"{path}/start", {"pace": "veel"})).status_code == 422
    assert (await administrator.post(f"{path}/start", {"pace": "99999999"})).status_code == 409
    assert (await administrator.get(f"{path}/rows?after=-1&state=x&verdict=y")).status_code == 200
    assert (await administrator.get("/replays/" + "0" * 32)).status_code == 404
    assert (await administrator.get("/replays/nonsense")).status_code == 404


async def test_the_stream_tells_how_far_it_is_and_ends_with_the_plan(administrator: Browser, city: City):
    path = await made(administrator, remedy="refused")
    await administrator.post(f"{path}/start")
    await carried_out(city)
    answer = await administrator.get(f"{path}/live")

    events = [block for block in answer.text.split("\n\n") if block.startswith("event: ")]
    data = json.loads(events[0].partition("data: ")[2])
    assert data["state"] == "done"
    assert "2 van 2 regels klaar" in data["html"]
    assert events[-1] == "event: over\ndata: {}"


def test_a_plan_of_many_and_of_one_is_said_in_both_languages():
    wordings = load("Europe/Brussels")
    said = [wordings[one].count("replay_total.citizen_mail", n) for one in ("nl", "en") for n in (0, 1, 12)]

    assert said == [
        *("0 mails naar burgers", "1 mail naar een burger", "12 mails naar burgers"),
        *("0 mails to citizens", "1 mail to a citizen", "12 mails to citizens"),
    ]


def a_view(*totals):
    return PlanView(plan=None, totals=totals)


def three(action, target="x", *, citizen=False):
    return TotalRow(target=target, action=action, verdict="send", citizen=citizen, state="waiting", count=3)


def test_what_a_system_will_notice_is_said_in_words_for_every_action():
    for wording in load("Europe/Brussels").values():
        said = dict(will_do(a_view(*(three(action, target=action) for action in COMMANDS)), wording))

        assert said.keys() == COMMANDS.keys()
        assert len(set(said.values())) == len(COMMANDS)
        assert wording.count("replay_total.other", 3) not in said.values()


def test_notices_to_citizens_are_said_beside_the_mails():
    wording = load("Europe/Brussels")["nl"]
    notices = three("notify", citizen=True)

    assert citizens_will_get(a_view(notices), wording) == "0 mails naar burgers, 3 meldingen naar burgers"
    assert citizens_will_get(a_view(), wording) == "0 mails naar burgers"


async def test_an_approver_of_the_same_name_in_capitals_is_the_same_person(
    city: City, administrator: Browser
):
    await mails_refused(city, 1)
    plan_id = (await made(administrator, target="mail")).rpartition("/")[2]
    await Accounts(city.journal.database, city.clock).add("ADMINISTRATOR", PASSWORD, [Role.ADMINISTRATOR])
    browser = administrator
    await browser.log_in("Administrator")

    assert (await browser.post(f"/replays/{plan_id}/approve")).status_code == 409

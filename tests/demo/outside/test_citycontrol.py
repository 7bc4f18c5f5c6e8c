"""What the crew sees on its list, and what its buttons tell the city."""

import httpx
import pytest

from canonical_model.work_order import OrderState
from demo.outside.citycontrol import STEPS, Case, CityControl, Step, running_citycontrol


@pytest.fixture
def system():
    system = CityControl()
    system.cases["LEU-2026-000123.01"] = Case(
        "LEU-2026-000123.01", "<b>Losse</b> tegel", "Pas op & kijk uit", "Naamsestraat 12", "20260305"
    )
    return system


@pytest.fixture
async def browser(system):
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(system.app()), base_url="http://citycontrol.test"
    ) as client:
        yield client


async def test_the_list_shows_orders_in_dutch_and_runs_nothing_that_citizens_wrote(browser):
    page = await browser.get("/ploeg")

    assert '<html lang="nl">' in page.text
    assert "&lt;b&gt;Losse&lt;/b&gt; tegel" in page.text
    assert "Pas op &amp; kijk uit" in page.text
    assert "gepland einde 05/03/2026" in page.text
    assert all(
        f"{words}</button>" in page.text
        for words in ("Inplannen", "Beginnen", "Klaar", "Annuleren", "Niet te vinden")
    )
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("state", list(STEPS))
async def test_a_button_changes_the_list_and_tells_the_city(browser, system, state):
    heard = []

    async def push(message):
        heard.append(message)

    system.push = push

    answer = await browser.post("/ploeg/LEU-2026-000123.01", data={"state": state, "note": "Klaar <3"})

    assert answer.status_code == 303
    assert len(heard) == 1
    assert b"LEU-2026-000123.01" in heard[0]
    assert b"Klaar &lt;3" in heard[0]
    assert "Klaar &lt;3" in (await browser.get("/ploeg")).text


async def test_what_is_not_there_has_no_buttons(browser):
    assert (await browser.post("/ploeg/x", data={"state": "done"})).status_code == 404
    assert (await browser.post("/ploeg/LEU-2026-000123.01", data={"state": "opblazen"})).status_code == 404


async def test_a_lost_push_is_never_sent_again(system):
    system.hub, system.lose_pushes = "http://127.0.0.1:9/", 1

    await system.step("LEU-2026-000123.01", Step.DONE, "Tegel vastgelegd")
    await system.push_again()

    assert system.refusals == []
    assert system.cases["LEU-2026-000123.01"].state is OrderState.DONE


async def test_it_runs_by_itself():
    async with running_citycontrol() as system, httpx.AsyncClient(trust_env=False) as client:
        assert "Geen werk op de lijst" in (await client.get(f"{system.origin}/ploeg")).text

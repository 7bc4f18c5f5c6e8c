"""The page to end notifications: a look changes nothing, a click does, and only who has the link can do it."""

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from adapters.notifications import build
from adapters.notifications.settings import OptOut
from adapters.notifications.texts import TEXTS
from adapters.notifications.way_out import WayOut
from canonical_model.decision import Reference
from ports.errors import TransientError
from tests.adapters.notifications.conftest import OPT_OUT

JAN = Reference(system="email", value="jan@example.be", exclusive=False)


@pytest.fixture
def way_out():
    return WayOut(OptOut.model_validate(OPT_OUT), "notificaties")


@pytest.fixture
async def browser(own, tools):
    adapter = build({**own, "opt_out": OPT_OUT}, tools)
    app = FastAPI(openapi_url=None)
    app.include_router(adapter.webhook, prefix="/in/notificaties")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://contact.leuven.example"
    ) as client:
        yield client
    await adapter.close()


async def test_a_look_asks_and_changes_nothing(browser, way_out, opt_outs):
    answer = await browser.get(way_out.link("jan@example.be"))

    assert answer.status_code == 200
    assert "Ja, stuur geen berichten meer" in answer.text
    assert '<html lang="nl">' in answer.text
    assert not await opt_outs.opted_out([JAN])


async def test_a_click_ends_it_and_another_takes_it_back(browser, way_out, opt_outs):
    link = way_out.link("jan@example.be")

    out = await browser.post(link)
    assert await opt_outs.opted_out([JAN])
    back = await browser.post(f"{link}/toch")

    assert (out.status_code, back.status_code) == (200, 200)
    assert "Stuur me toch berichten" in out.text
    assert not await opt_outs.opted_out([JAN])


async def test_a_mail_program_ends_it_with_one_request(browser, way_out, opt_outs):
    """RFC 8058."""
    await browser.post(way_out.link("jan@example.be"), data={"List-Unsubscribe": "One-Click"})

    assert await opt_outs.opted_out([JAN])


@pytest.mark.parametrize("token", ["x", "gAAAA", "é" * 10, "a" * 2000])
async def test_a_link_that_somebody_made_up_does_nothing(browser, opt_outs, token):
    answers = [
        await browser.get(f"/in/notificaties/afmelden/{token}"),
        await browser.post(f"/in/notificaties/afmelden/{token}"),
        await browser.post(f"/in/notificaties/afmelden/{token}/toch"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert not opt_outs.out


async def test_a_link_of_another_secret_does_nothing_and_of_an_older_one_does(browser, opt_outs):
    strange = WayOut(OptOut(public_url=OPT_OUT["public_url"], secrets=("s" * 32,)), "notificaties")
    older = WayOut(
        OptOut(public_url=OPT_OUT["public_url"], secrets=("s" * 32, *OPT_OUT["secrets"])), "notificaties"
    )

    assert (await browser.get(strange.link("jan@example.be"))).status_code == 404
    assert (
        older.opened(WayOut(OptOut.model_validate(OPT_OUT), "n").link("jan@example.be").rpartition("/")[2])
        == JAN
    )


async def test_the_page_is_there_in_english(browser, way_out):
    link = way_out.link("jan@example.be")

    answer = await browser.get(link, params={"taal": "en"})

    assert "Yes, send no more messages" in answer.text
    assert "?taal=nl" in answer.text
    assert TEXTS["nl"].keys() == TEXTS["en"].keys()


async def test_the_page_lets_nothing_in_and_is_kept_nowhere(browser, way_out):
    answer = await browser.get(way_out.link("jan@example.be"))

    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "jan@example.be" not in answer.text


async def test_a_wish_that_cannot_be_kept_is_not_confirmed(browser, way_out, opt_outs, monkeypatch):
    async def away(names):
        raise TransientError("away")

    monkeypatch.setattr(opt_outs, "opt_out", away)
    monkeypatch.setattr(opt_outs, "opt_in", away)
    link = way_out.link("jan@example.be")

    answers = [await browser.post(link), await browser.post(f"{link}/toch")]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert "Dat lukt nu even niet" in answers[0].text


async def test_the_log_does_not_say_who(browser, way_out):
    with capture_logs() as logs:
        await browser.post(way_out.link("jan@example.be"))

    assert [log["event"] for log in logs] == ["customer_opted_out"]
    assert "jan" not in repr(logs)

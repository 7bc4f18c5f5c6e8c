"""The work list, and taking a case back: seen first, done once, written down."""

import dataclasses
import html
import re

import pytest
import pytest_asyncio
from msgspec.structs import replace
from sqlalchemy import select

from canonical_model.decision import WorkItem
from canonical_model.events import TimerFired
from canonical_model.standing import Standing
from canonical_model.work_order import OrderState
from console.access import Role
from journal.schema import cases, effects, messages, work_items
from ports.contracts.products import PASSPORT
from ports.errors import TransientError
from ports.intake import Inbound
from routes.router import CityRoutes
from tests.console.conftest import Browser
from tests.console.seed import City
from tests.console.test_pages import audit_rows, plain, text_of
from tests.journal.scene import configuration

FORM = {"group": "groen", "reason": "een boomwortel", "once": "a1b2c3"}


class _Silent(CityRoutes):
    """City routes that find silence wherever a timer fires."""

    def decide(self, message, known):
        decision = super().decide(message, known)
        if not isinstance(message.body, TimerFired):
            return decision
        order = Standing(
            system="wegen", state=OrderState.PLANNED, outside_id="W-77", trip=1, at=message.received_at
        )
        item = WorkItem(name="silence", what="Een eerste stap bleef 3 werkdagen uit.")
        return replace(decision, work_items=(item,), standings=(order,))


@pytest_asyncio.fixture
async def silent(city: City) -> str:
    """An open case about which nothing was heard, and whose field team has planned its work."""
    city.journal.follow(_Silent(dataclasses.replace(configuration(), crews=frozenset({"wegen"}))), "test")
    ref = city.cases["old"]
    await city.journal.accept(
        Inbound(
            source="timer",
            source_ref="silence",
            raw=b"{}",
            media_type="application/json",
            event=TimerFired(case=ref, name="chase"),
        )
    )
    return ref


@pytest_asyncio.fixture
async def dispatcher(open_browser) -> Browser:
    browser = open_browser()
    await browser.log_in(Role.KCC_DISPATCHER)
    return browser


async def one(city, query):
    return await city.journal.database.read(lambda connection: connection.execute(query).one())


async def test_the_list_tells_what_to_look_into_and_for_whom(dispatcher, silent):
    text = await text_of(dispatcher, "/worklist")
    assert silent in text
    assert "Een eerste stap bleef 3 werkdagen uit." in text
    assert "Een eerste stap bleef 3 werkdagen uit." in await text_of(dispatcher, f"/cases/{silent}")


async def test_an_empty_list_says_so(dispatcher):
    assert "Niets wacht op u." in await text_of(dispatcher, "/worklist")


async def test_what_was_looked_into_leaves_the_list_with_its_outcome(dispatcher, silent, city):
    answer = await dispatcher.post(f"/worklist/{silent}/silence/finish", {"reason": "de dienst belde al"})
    assert answer.status_code == 303
    assert "Niets wacht op u." in await text_of(dispatcher, "/worklist")
    assert await audit_rows(city, "work_item_finished") == [
        ("kcc_dispatcher", silent, "silence: de dienst belde al")
    ]
    row = await one(city, select(work_items))
    assert row.closed_by == "kcc_dispatcher"
    again = await dispatcher.post(f"/worklist/{silent}/silence/finish", {"reason": "nog eens"})
    assert again.status_code == 409


async def test_nothing_is_finished_without_saying_what_came_of_it(dispatcher, silent):
    answer = await dispatcher.post(f"/worklist/{silent}/silence/finish", {"reason": ""})
    assert answer.status_code == 422


async def test_who_only_looks_finishes_and_moves_nothing(viewer, silent):
    assert "Afhandelen" not in await text_of(viewer, "/worklist")
    assert (await viewer.post(f"/worklist/{silent}/silence/finish", {"reason": "zomaar"})).status_code == 403
    assert (await viewer.get(f"/cases/{silent}/move")).status_code == 403
    assert (await viewer.post(f"/cases/{silent}/move", FORM)).status_code == 403


async def test_a_move_shows_first_what_happened_and_what_will(dispatcher, silent, city):
    before = await text_of(dispatcher, f"/cases/{silent}/move")
    assert "ingepland" in before
    assert "W-77" in before
    shown = await dispatcher.post(f"/cases/{silent}/move/preview", {**FORM, "tell": "yes"})
    text = plain(html.unescape(shown.text))
    assert "wegen: werkopdracht intrekken" in text
    assert "tracker: zaak wijzigen" in text
    row = await one(city, select(cases.c.handler_group).where(cases.c.ref == silent))
    assert row.handler_group != "groen"


async def test_whose_product_it_is_can_be_searched_before_a_move(dispatcher, silent):
    assert "Zoek in de productencatalogus" in await text_of(dispatcher, f"/cases/{silent}/move")

    page = await dispatcher.get(f"/cases/{silent}/move?q=reispas")
    text = plain(html.unescape(page.text))
    assert f"Reispas ({PASSPORT})" in text
    assert "Kost 65 euro." in text
    assert "Volgens de verdeeltabel voor Groendienst. Kies deze groep" in text
    assert "De verdeeltabel noemt dit product niet." in text
    chosen = html.unescape(re.search(r'href="([^"]*group=groen[^"]*)"', page.text)[1])
    assert '<option value="groen" selected>' in (await dispatcher.get(chosen)).text
    assert "Wat er nu gebeurt" not in text
    assert "Geen product gevonden." in await text_of(dispatcher, f"/cases/{silent}/move?q=zwembroek")


async def test_words_of_a_search_are_shown_as_words(dispatcher, silent):
    page = await dispatcher.get(f"/cases/{silent}/move?q=%22%3E%3Cscript%3Ex")
    assert "<script>x" not in page.text


async def test_a_catalogue_that_is_away_holds_no_move_up(dispatcher, silent, catalogue, monkeypatch):
    async def away(*_):
        raise TransientError("the catalogue is away")

    monkeypatch.setattr(catalogue, "search", away)
    page = await dispatcher.get(f"/cases/{silent}/move?q=reispas")
    assert page.status_code == 200
    assert "De productencatalogus is nu niet te raadplegen." in page.text
    assert "Toon wat er gebeurt" in page.text


async def test_a_move_happens_once_however_often_it_is_sent(dispatcher, silent, city):
    for _ in range(2):
        answer = await dispatcher.post(f"/cases/{silent}/move", FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{silent}?done=moved")
    row = await one(city, select(cases.c.handler_group).where(cases.c.ref == silent))
    assert row.handler_group == "groen"
    moved = await one(city, select(messages.c.id).where(messages.c.kind == "case_redispatched"))
    planned = await city.journal.database.read(
        lambda connection: (
            connection.execute(select(effects.c.id).where(effects.c.message_id == moved.id)).scalars().all()
        )
    )
    assert set(planned) >= set(dispatcher.handed_out) != set()
    assert (await audit_rows(city, "case_moved"))[0] == ("kcc_dispatcher", silent, "groen")


@pytest.mark.parametrize(
    "wrong", [{"group": "nergens"}, {"group": ""}, {"reason": ""}, {"once": ""}, {"once": "../x"}]
)
async def test_a_move_without_group_reason_or_form_is_refused(dispatcher, silent, wrong):
    assert (await dispatcher.post(f"/cases/{silent}/move", {**FORM, **wrong})).status_code == 422


async def test_a_case_that_is_not_there_moves_nowhere(dispatcher):
    assert (await dispatcher.get("/cases/LEU-2026-999999/move")).status_code == 404

"""What customers see in the portals that read DOSIS: in Dutch, readable, and nothing that was sent is markup."""

from datetime import timedelta

import httpx
import pytest
from msgspec.structs import replace

from adapters.dosis import build
from canonical_model.public_status import PublicStatus
from demo.outside.dosis import SOURCE
from demo.outside.notifications import Notificaties
from demo.outside.portal_pages import moment, portal_of, words
from ports.contracts.board import ASSOCIATION, COMPANY, no_files
from tests.adapters.dosis.conftest import CASE

KEY = f"{CASE}/dosis/publish_status/"


@pytest.fixture
async def browser(dosis):
    async with httpx.AsyncClient(base_url=dosis.origin) as browser:
        yield browser


async def test_a_citizen_sees_status_history_and_whose_turn_it_is(board, browser, publication):
    course = (PublicStatus.RECEIVED, PublicStatus.IN_PROGRESS, PublicStatus.WAITING_FOR_CUSTOMER)
    for step, status in enumerate(course):
        action = publication.action if status is PublicStatus.WAITING_FOR_CUSTOMER else ""
        at = publication.changed_at + timedelta(hours=step)
        change = replace(publication, status=status, action=action, changed_at=at)
        await board.apply(f"{KEY}{step}", change, no_files)

    page = (await browser.get("/portaal/85073003328")).text

    assert "Mijn dossiers (1)" in page
    assert "Losse tegel voor de deur" in page
    assert "Dossier onvolledig" in page
    assert "U moet nog iets doen.</strong> Stuur ons een foto." in page
    history = [
        "2 maart 2026 om 10.15 uur: Ontvangen",
        "om 11.15 uur: In verwerking",
        "om 12.15 uur: Dossier onvolledig",
    ]
    assert sorted(history, key=page.index) == history


async def test_everybody_has_his_own_portal(board, browser, publication):
    for number, party in enumerate((publication.party, COMPANY, ASSOCIATION)):
        case = f"LEU-2026-00000{number}"
        await board.apply(f"{KEY}{number}", replace(publication, case=case, party=party), no_files)

    overview = (await browser.get("/")).text

    for portal in (
        "Mijn Burgerprofiel: 85073003328",
        "e-loket ondernemers: 0403019261",
        "Verenigingsloket: V0001001",
    ):
        assert f"{portal}</a> (1 dossier)" in overview
    assert "LEU-2026-000002" not in (await browser.get("/portaal/85073003328")).text


async def test_nothing_that_was_sent_is_markup(board, browser, publication):
    nasty = "<script>alert(1)</script>"
    await board.apply(KEY, replace(publication, subject=nasty, detail=nasty, action=nasty), no_files)

    page = (await browser.get("/portaal/85073003328")).text

    assert "<script>" not in page
    assert page.count("&lt;script&gt;") >= 3


async def test_notifications_stand_beside_the_dossiers(dosis, browser):
    pair = {
        "DossierNummer": CASE,
        "StatusVlaamseCode": "Afgehandeld",
        "DossierNaam": "Losse tegel",
        "StatusDetail1": "",
    }
    dosis.notifications = Notificaties(muted={"85073003328"})
    dosis.notifications.bundles["x"] = {
        "Id": "x",
        "Bestemmelingen": [{"Type": "RijksRegisterNummer", "Waarde": "85073003328"}],
        "Vervaldatum": "2026-03-16",
        "SleutelWaardeParen": [{"Sleutel": key, "Waarde": value} for key, value in pair.items()],
    }

    page = (await browser.get("/portaal/85073003328")).text

    assert "Mijn berichten (1)" in page
    assert "Niet gemaild: u wilt geen mails." in page
    assert "85073003328" in (await browser.get("/")).text


async def test_a_stranger_sees_nothing(browser):
    page = (await browser.get("/portaal/00000000000")).text

    assert "U hebt geen dossiers." in page
    assert "U hebt geen berichten." in page


async def test_an_older_change_that_comes_late_is_kept_and_not_shown_as_the_current_one(
    dosis, board, push, tools, publication
):
    await board.apply(f"{KEY}2", replace(publication, status=PublicStatus.CLOSED, action=""), no_files)
    other_process = build({"source": SOURCE, "push": push}, tools)
    earlier = replace(publication, changed_at=publication.changed_at - timedelta(hours=1))

    await other_process.board.apply(f"{KEY}1", earlier, no_files)

    assert [version.late for version in dosis.versions[CASE]] == [False, True]
    assert dosis.current(CASE).body["Status"]["VlaamsCode"] == "Afgehandeld"
    await other_process.close()


def test_words_and_moments_are_for_people():
    assert words("DossierOnvolledig") == "Dossier onvolledig"
    assert moment("2026-10-05T09:05:00") == "5 oktober 2026 om 09.05 uur"
    assert [portal_of(one) for one in ("85073003328", "0403019261", "V0001001")] == [
        "Mijn Burgerprofiel", "e-loket ondernemers", "Verenigingsloket",
    ]  # fmt: skip

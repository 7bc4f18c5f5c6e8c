"""What people see and do, page by page."""

import asyncio
import csv
import html
import io
import json
import re
from collections.abc import Callable
from typing import Self

import pytest
from sqlalchemy import delete, select, update

from canonical_model.status import CaseStatus
from console.access import Role
from journal.instants import DAY, born
from journal.schema import audit, cases, data_keys, effects, messages
from journal.schema import systems as systems_table
from tests.console.conftest import Browser
from tests.console.seed import XSS, City, mail


async def text_of(browser: Browser, path: str) -> str:
    """A page without its mark-up, blanks made one."""
    answer = await browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return plain(answer.text)


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


async def audit_rows(city: City, action: str) -> list[tuple[str, str, str]]:
    rows = await city.journal.database.read(
        lambda connection: connection.execute(
            select(audit.c.actor, audit.c.subject, audit.c.detail)
            .where(audit.c.action == action)
            .order_by(audit.c.seq)
        ).all()
    )
    return [tuple(row) for row in rows]


async def state_of(city: City, table, id_: str) -> str:
    return await city.journal.database.read(
        lambda connection: connection.execute(select(table.c.state).where(table.c.id == id_)).scalar_one()
    )


async def parked_effect(city: City, name: str) -> str:
    return await city.journal.database.read(
        lambda connection: (
            connection.execute(
                select(effects.c.id).where(
                    effects.c.case_ref == city.cases[name], effects.c.state.in_(("parked", "unknown"))
                )
            )
            .scalars()
            .first()
        )
    )


class TestStart:
    async def test_says_what_is_late_down_and_held(self, viewer: Browser, city: City):
        text = await text_of(viewer, "/")

        assert "dosis werkt niet sinds 9 maart 2026, 09:01. 1 stap wacht." in text
        assert "mail is gepauzeerd door sofie. onderhoud van de mailserver tot 12 u" in text
        assert f"{city.cases['old']} Melding · wegdek 1 dag" in text
        assert "1 te laat 4 mislukt 2 in quarantaine 2 systemen gestoord of gepauzeerd" in text

    async def test_in_english_for_who_prefers_it(self, viewer: Browser):
        await viewer.post("/language", {"language": "en", "next": "/"})

        assert "dosis is down since 9 March 2026, 09:01. 1 step waits." in await text_of(viewer, "/")

    async def test_the_language_stays_with_the_account(
        self, viewer: Browser, open_browser: Callable[[], Browser]
    ):
        await viewer.post("/language", {"language": "en", "next": "/"})
        elsewhere = open_browser()
        await elsewhere.log_in(Role.KCC_VIEWER)

        assert 'lang="en"' in (await elsewhere.get("/")).text


class TestMessages:
    async def test_newest_first(self, viewer: Browser, city: City):
        page = (await viewer.get("/messages")).text

        ids = re.findall(r'<tr id="m-([0-9a-f]{32})"', page)
        assert ids == sorted(ids, reverse=True)
        assert len(ids) == city.number

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("state=quarantined", {"spam", "ham"}),
            ("state=dropped", {"away"}),
            ("state=parked", {"refused", "refused-2", "broken", "failed-route"}),
            ("source=mailbox:klantendienst&state=done", {"question"}),
            ("state=nonsense&source=nowhere", set()),
        ],
    )
    async def test_filters(self, viewer: Browser, city: City, query: str, names: set[str]):
        page = (await viewer.get(f"/messages?{query}")).text

        found = set(re.findall(r'<tr id="m-([0-9a-f]{32})"', page))
        assert found == {city.messages[name] for name in names}

    async def test_one_message_says_which_rule_decided_what(self, viewer: Browser, city: City):
        text = await text_of(viewer, f"/messages/{city.messages['refused']}")

        assert "Regel die paste categorie groen + gebied kessel-lo" in text
        assert "de tracker kent de groep 'Groendienst' niet" in text
        assert city.cases["refused"] in text

    async def test_shows_no_personal_data(self, administrator: Browser, city: City):
        for name, message_id in city.messages.items():
            page = (await administrator.get(f"/messages/{message_id}")).text
            assert "peeters" not in page.lower(), name
            assert "stoeptegel" not in page

    @pytest.mark.parametrize("path", ["/messages/{}", "/effects/{}", "/cases/{}", "/messages/{}/replay"])
    @pytest.mark.parametrize("id_", ["0" * 32, "x", "%00", "..%2f..", "'--"])
    async def test_what_does_not_exist_is_not_found(self, administrator: Browser, path: str, id_: str):
        assert (await administrator.get(path.format(id_))).status_code == 404


class TestLive:
    async def test_sends_the_newest_rows_then_what_changed(self, viewer: Browser, city: City):
        """Through the application itself: httpx's transport waits for the end of an answer."""
        app = viewer.client._transport.app
        cookie = "; ".join(f"{name}={value}" for name, value in viewer.client.cookies.items())
        stream = Stream(app, "/live", "state=quarantined", cookie)
        async with stream:
            first = await stream.rows()
            await city.journal.drop_message(city.messages["spam"], "jan", "spam")
            await city.contact("spam-2", spam_again(), source="mailbox:klantendienst")
            second = await stream.rows()

        assert {row["id"] for row in first} == {city.messages["spam"], city.messages["ham"]}
        assert [row["id"] for row in second] == [city.messages["spam-2"]]
        assert "quarantaine" in second[0]["html"]


class Stream:
    """Reads server-sent events of an ASGI application, and leaves when it has seen enough."""

    def __init__(self, app, path: str, query: str, cookie: str) -> None:
        self.app = app
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"console.test"), (b"cookie", cookie.encode())],
            "client": ("127.0.0.1", 1),
            "server": ("console.test", 80),
        }

    async def __aenter__(self) -> Self:
        self.events = asyncio.Queue()
        self.gone = asyncio.Event()
        self.task = asyncio.create_task(self.app(self.scope, self._receive, self._send))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.gone.set()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _receive(self) -> dict:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict) -> None:
        await self.events.put(message.get("body", b"").decode())

    async def rows(self) -> list[dict[str, str]]:
        async with asyncio.timeout(10):
            while True:
                event = await self.events.get()
                if event.startswith("event: rows"):
                    return json.loads(event.split("data: ", 1)[1])


def spam_again():
    return mail("Nog meer spam", "spam-2@x.example", suspicions=("geen SPF",))


class TestSearch:
    @pytest.mark.parametrize(
        "words", ["q1@claes.example", " <q1@claes.example>", "Q1@CLAES.example", "its own"]
    )
    async def test_one_hit_leads_straight_to_the_case(self, viewer: Browser, city: City, words: str):
        asked = city.cases["question"].lower() if words == "its own" else words

        answer = await viewer.client.get("/search", params={"q": asked})

        assert answer.headers["location"] == f"/cases/{city.cases['question']}"

    @pytest.mark.parametrize(
        ("words", "key"),
        [
            ("maria.peeters@voorbeeld.be", "email"),
            ("+32470123456", "phone"),
            ("0470 12 34 56", "phone"),
            ("0032 470/12.34.56", "phone"),
            ("85.07.30-033.28", "insz"),
            ("0417.497.106", "kbo"),
            ("V0001001", "vcode"),
        ],
    )
    async def test_a_customer_is_not_looked_up_before_purpose_and_reason(
        self, administrator: Browser, city: City, words: str, key: str
    ):
        page = (await administrator.client.get("/search", params={"q": words})).text

        assert "Zeg eerst waarvoor u het nodig hebt." in plain(page)
        assert f'<option value="{key}" selected>' in page
        assert f'value="{words}"' in page
        assert city.cases["answered"] not in page
        assert [row[2] for row in await audit_rows(city, "searched")] == ["0 found"]
        assert not await audit_rows(city, "customer_looked_up")

    async def test_who_may_not_look_customers_up_is_told_who_may(self, viewer: Browser, city: City):
        page = (await viewer.client.get("/search", params={"q": "maria.peeters@voorbeeld.be"})).text

        assert "daarvoor is de rol van dispatcher nodig" in plain(page)
        assert not any(ref in page for ref in city.cases.values())

    async def test_by_the_ids_of_message_effect_and_tracker(self, viewer: Browser, city: City):
        effect = await parked_effect(city, "refused")
        tracker_id = await city.journal.database.read(
            lambda connection: connection.execute(
                select(effects.c.outside_id).where(
                    effects.c.case_ref == city.cases["answered"], effects.c.target == "tracker"
                )
            ).scalar_one()
        )
        for words, name in (
            (city.messages["stuck"], "stuck"),
            (effect, "refused"),
            (tracker_id, "answered"),
        ):
            answer = await viewer.client.get("/search", params={"q": words})
            assert answer.headers["location"] == f"/cases/{city.cases[name]}"

    async def test_a_message_without_a_case_is_found_as_well(self, viewer: Browser, city: City):
        answer = await viewer.client.get("/search", params={"q": city.messages["spam"]})

        assert answer.headers["location"] == f"/messages/{city.messages['spam']}"

    async def test_what_was_asked_is_written_down_as_a_hash_only(self, viewer: Browser, city: City):
        await viewer.client.get("/search", params={"q": "maria.peeters@voorbeeld.be"})

        [row] = await audit_rows(city, "searched")
        hashed = city.journal.keyring.find_hash("search", "maria.peeters@voorbeeld.be")
        assert row == ("kcc_viewer", hashed, "0 found")

    async def test_nothing_found_says_so(self, viewer: Browser):
        assert "0 resultaten Niets gevonden." in await text_of(viewer, "/search?q=zoiets%20bestaat%20niet")


class TestCase:
    async def test_the_passport_of_an_answered_case(self, viewer: Browser, city: City):
        text = await text_of(viewer, f"/cases/{city.cases['answered']}")

        assert "M*** P***" in text
        assert "m***@v***.be" in text
        assert "85.07.30-***.**" in text
        assert "mail aan de burger (m***@v***.be)" in text
        assert "mail aan iemand anders" in text
        assert "Status werd: nieuw" in text
        assert "Status werd: beantwoord" in text
        assert text.count("alles doorgegeven") == 3

    async def test_says_for_which_system_it_waits_and_since_when(self, viewer: Browser, city: City):
        text = await text_of(viewer, f"/cases/{city.cases['stuck']}")

        assert "Wacht op dosis (storing sinds 9 maart 2026, 09:01)." in text
        assert "DOSIS geeft geen antwoord binnen 10 seconden" in text
        assert "volgende poging" in text

    async def test_a_broken_promise_stands_at_the_top(self, viewer: Browser, city: City):
        text = await text_of(viewer, f"/cases/{city.cases['old']}")

        assert "Ligt bij Openbaar domein. Beloofd tegen 8 maart 2026: 1 dag te laat." in text

    async def test_masks_the_citizen_in_every_role(self, city: City, open_browser: Callable[[], Browser]):
        for role in Role:
            browser = open_browser()
            await browser.log_in(role)
            page = (await browser.get(f"/cases/{city.cases['answered']}")).text.lower()
            for secret in ("peeters", "maria", "voorbeeld.be", "85073003328", "put in de diestsestraat"):
                assert secret not in page

    async def test_who_looked_is_written_down(self, viewer: Browser, city: City):
        await viewer.get(f"/cases/{city.cases['answered']}")

        assert await audit_rows(city, "case_viewed") == [("kcc_viewer", city.cases["answered"], "")]

    async def test_reveals_with_a_reason_once_and_writes_it_down(self, administrator: Browser, city: City):
        ref = city.cases["answered"]

        shown = await administrator.post(f"/cases/{ref}/reveal", {"purpose": "contact", "reason": "belt nu"})
        again = await administrator.get(f"/cases/{ref}")

        assert "maria.peeters@voorbeeld.be" in shown.text
        assert shown.headers["cache-control"] == "no-store"
        assert "maria.peeters@voorbeeld.be" not in again.text
        assert await audit_rows(city, "case_revealed") == [("administrator", ref, "contact: belt nu")]

    async def test_reveals_nothing_without_a_reason(self, administrator: Browser, city: City):
        answer = await administrator.post(f"/cases/{city.cases['answered']}/reveal", {"reason": " "})

        assert answer.status_code == 422
        assert "maria" not in answer.text
        assert await audit_rows(city, "case_revealed") == []

    async def test_an_erased_case_shows_what_is_left(self, administrator: Browser, city: City):
        ref = city.cases["answered"]
        await city.journal.erase_case(ref, "dpo", "vraag van de burger")

        text = await text_of(administrator, f"/cases/{ref}")
        answer = await administrator.post(f"/cases/{ref}/reveal", {"reason": "toch proberen"})

        assert "De persoonsgegevens van deze zaak zijn gewist." in text
        assert "Status werd: beantwoord" in text
        assert answer.status_code == 409
        assert [row[0] for row in await audit_rows(city, "reveal_failed")] == ["administrator"]

    async def test_the_content_of_messages_and_effects_is_revealed_the_same_way(
        self, administrator: Browser, city: City
    ):
        message = await administrator.post(
            f"/messages/{city.messages['refused']}/reveal", {"reason": "fout zoeken"}
        )
        effect = await administrator.post(
            f"/effects/{await parked_effect(city, 'refused')}/reveal", {"reason": "fout zoeken"}
        )

        assert "Tak over het fietspad" in message.text
        assert "Tak over het fietspad" in effect.text
        assert len(await audit_rows(city, "message_revealed")) == 1
        assert len(await audit_rows(city, "effect_revealed")) == 1


class TestFailures:
    async def test_are_grouped_by_who_must_do_what(self, viewer: Browser):
        text = await text_of(viewer, "/failures")

        assert "Het systeem weigert 2 keer" in text
        assert "Aan zet: de eigenaar van het systeem" in text
        assert "Onleesbaar bericht 1 keer" in text
        assert "Aan zet: de afzender" in text
        assert "Een regel faalde 1 keer" in text
        assert "Traceback" not in text

    async def test_an_error_that_nobody_knows_goes_to_triage(self, viewer: Browser, city: City):
        effect = await parked_effect(city, "refused")

        def strange(tx, ids):
            tx.connection.execute(update(effects).where(effects.c.id.in_(ids)).values(error="KeyError"))
            return [None] * len(ids)

        await city.journal.database.write(strange, effect)
        text = await text_of(viewer, "/failures")

        assert "Nog niet gekend 1 keer" in text
        assert "iemand die dit voor het eerst bekijkt" in text

    async def test_a_viewer_is_not_offered_what_it_may_not(self, viewer: Browser, administrator: Browser):
        assert '/replay"' not in (await viewer.get("/failures")).text
        assert '/replay"' in (await administrator.get("/failures")).text


class TestReplay:
    async def test_is_shown_before_it_is_done(self, administrator: Browser, city: City):
        effect = await parked_effect(city, "refused")

        text = await text_of(administrator, f"/effects/{effect}/replay")

        assert "Eerst nakijken Wegwijzer vraagt eerst aan tracker of het al gebeurd is." in text
        assert await state_of(city, effects, effect) == "parked"

    async def test_of_an_effect_looks_first_and_is_handed_out(self, administrator: Browser, city: City):
        effect = await parked_effect(city, "refused")

        answer = await administrator.post(f"/effects/{effect}/replay", {"reason": "groep bestaat nu"})

        assert answer.headers["location"] == f"/effects/{effect}?done=replayed"
        assert "Wegwijzer probeert het opnieuw." in await text_of(administrator, answer.headers["location"])
        assert await state_of(city, effects, effect) == "unknown"
        assert administrator.handed_out == [effect]
        assert await audit_rows(city, "effect_replayed") == [("administrator", effect, "groep bestaat nu")]

    async def test_a_second_replay_has_nothing_to_do(self, administrator: Browser, city: City):
        effect = await parked_effect(city, "refused")
        await administrator.post(f"/effects/{effect}/replay", {"reason": "eerste keer"})

        answer = await administrator.post(f"/effects/{effect}/replay", {"reason": "tweede keer"})

        assert answer.headers["location"].endswith("done=nothing_to_do")
        assert administrator.handed_out == [effect]

    async def test_needs_a_reason(self, administrator: Browser, city: City):
        effect = await parked_effect(city, "refused")

        assert (await administrator.post(f"/effects/{effect}/replay", {"reason": "x"})).status_code == 422
        assert await state_of(city, effects, effect) == "parked"

    async def test_of_a_message_replays_what_is_parked_of_it(self, administrator: Browser, city: City):
        message, effect = city.messages["refused"], await parked_effect(city, "refused")
        assert "Eerst nakijken" in await text_of(administrator, f"/messages/{message}/replay")

        await administrator.post(f"/messages/{message}/replay", {"reason": "groep bestaat nu"})

        assert administrator.handed_out == [effect]

    async def test_of_a_message_that_was_never_read_is_not_offered(self, administrator: Browser, city: City):
        message = city.messages["broken"]

        text = await text_of(administrator, f"/messages/{message}/replay")
        answer = await administrator.post(f"/messages/{message}/replay", {"reason": "toch proberen"})

        assert "Wegwijzer kon dit bericht nooit lezen." in text
        assert answer.status_code == 409
        assert await state_of(city, messages, message) == "parked"

    async def test_a_parked_message_can_be_put_aside(self, administrator: Browser, city: City):
        message = city.messages["broken"]

        await administrator.post(f"/messages/{message}/drop", {"reason": "afzender stuurde opnieuw"})

        assert await state_of(city, messages, message) == "dropped"

    async def test_an_effect_can_be_given_up(self, administrator: Browser, city: City):
        effect = await parked_effect(city, "refused")

        answer = await administrator.post(f"/effects/{effect}/skip", {"reason": "met de hand gedaan"})

        assert answer.headers["location"] == f"/effects/{effect}?done=skipped"
        assert await state_of(city, effects, effect) == "skipped"


class TestQuarantine:
    async def test_what_is_real_is_let_through(self, city: City, open_browser: Callable[[], Browser]):
        browser = open_browser()
        await browser.log_in(Role.KCC_DISPATCHER)

        answer = await browser.post(
            f"/quarantine/{city.messages['ham']}/release", {"reason": "gekende klant"}
        )

        assert answer.headers["location"] == "/quarantine?done=released"
        assert await state_of(city, messages, city.messages["ham"]) == "waiting"
        assert len(browser.handed_out) >= 1

    async def test_spam_is_put_aside_with_the_reason(self, city: City, administrator: Browser):
        await administrator.post(f"/quarantine/{city.messages['spam']}/drop", {"reason": "loterij"})

        assert await state_of(city, messages, city.messages["spam"]) == "dropped"
        assert "loterij" in await text_of(administrator, f"/messages/{city.messages['spam']}")

    async def test_only_what_is_in_quarantine_can_be_judged_there(
        self, city: City, open_browser: Callable[[], Browser]
    ):
        browser = open_browser()
        await browser.log_in(Role.KCC_DISPATCHER)

        for act in ("release", "drop"):
            answer = await browser.post(
                f"/quarantine/{city.messages['broken']}/{act}", {"reason": "dat mag ik niet"}
            )
            assert answer.status_code == 409
        assert await state_of(city, messages, city.messages["broken"]) == "parked"


class TestSystems:
    async def test_the_board_says_what_is_down_held_and_waiting(self, viewer: Browser):
        text = await text_of(viewer, "/systems")

        assert "dosis ! storing Werkt niet sinds 9 maart 2026, 09:01: geen antwoord" in text
        assert "mail ‖ gepauzeerd Gepauzeerd door sofie: onderhoud van de mailserver tot 12 u" in text
        assert "tracker ✓ werkt Wachtende stappen 0" in text

    async def test_a_system_that_is_part_of_another_can_be_paused(self, administrator: Browser, city: City):
        await city.journal.know_systems(["api/kassa"])

        for path in ("/systems/api%2Fkassa/pause", "/systems/api/kassa/pause"):
            await city.journal.resume("api/kassa", "beheer")
            await administrator.post(path, {"reason": "verbouwing"})

            states = {state.name: state.paused for state in await city.journal.system_states()}
            assert states["api/kassa"]

    async def test_pause_and_resume(self, administrator: Browser, city: City):
        await administrator.post("/systems/tracker/pause", {"reason": "nieuwe versie"})
        assert "nieuwe versie" in await text_of(administrator, "/systems")
        await administrator.post("/systems/tracker/resume")

        states = {state.name: state.paused for state in await city.journal.system_states()}
        assert states == {"dosis": False, "mail": True, "tracker": False}

    async def test_a_system_that_does_not_exist(self, administrator: Browser):
        answer = await administrator.post("/systems/niets/pause", {"reason": "zomaar"})

        assert answer.status_code == 409


class TestBalanceAndAudit:
    async def test_the_balance_is_right(self, administrator: Browser):
        assert "De balans klopt: er is niets verloren." in await text_of(administrator, "/balance")

    async def test_a_lost_message_shows(self, administrator: Browser, city: City):
        def lose(tx, amounts):
            tx.count(int(city.clock.now().timestamp() * 1e6), "webform", "received", 1)
            return [None] * len(amounts)

        await city.journal.database.write(lose, 1)

        assert "De balans klopt niet: 1 niet verklaard." in await text_of(administrator, "/balance")

    async def test_a_lost_effect_shows(self, administrator: Browser, city: City):
        def lose(tx, effects):
            for one in effects:
                tx.target_tallies[born(one) // DAY, "mail", "applied"] -= 1
            return [None] * len(effects)

        await city.journal.database.write(lose, await parked_effect(city, "unsure"))

        assert "De balans klopt niet: 1 niet verklaard." in await text_of(administrator, "/balance")

    async def test_the_balance_shows_each_source_and_each_target(self, administrator: Browser):
        page = await text_of(administrator, "/balance?day=2026-03-09")

        assert re.search(r"9 maart 2026 mailbox:klantendienst( [0-9]+){6} ✓ 0", page), page
        assert re.search(r"9 maart 2026 dosis( [0-9]+){5} ✓ 0", page), page

    async def test_a_day_that_is_none_is_refused_in_words(self, administrator: Browser):
        answer = await administrator.get("/balance?day=31-02-2026")

        assert answer.status_code == 422
        assert "Schrijf de dag als jaar-maand-dag" in plain(answer.text)

    async def test_the_export_holds_what_the_page_shows(self, administrator: Browser):
        answer = await administrator.get("/balance.csv")

        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="wegwijzer-balance.csv"'
        assert {row["kind"] for row in rows} == {"source", "target"}
        assert sum(int(row["received"]) for row in rows if row["name"] == "mail") > 0
        assert {row["difference"] for row in rows} == {"0"}

    async def test_the_export_is_for_who_may_see_the_balance(self, viewer: Browser):
        assert (await viewer.get("/balance.csv")).status_code == 403

    async def test_what_was_answered_at_once_is_counted(
        self, administrator: Browser, viewer: Browser, city: City
    ):
        by_phone = sorted(city.cases.values())[:3]

        def call(tx, amounts):
            phoned = update(cases).where(cases.c.ref.in_(by_phone)).values(channel="phone")
            tx.connection.execute(phoned)
            tx.connection.execute(
                update(cases).where(cases.c.ref.in_(by_phone[:2])).values(answered_at_once=True)
            )
            return [None] * len(amounts)

        await city.journal.database.write(call, 1)

        page = await text_of(administrator, "/balance")
        assert "9 maart 2026 telefoon 2 1 ! 50 % 3 maart 2026 telefoon 1 1 ✓ 100 %" in page
        line = "Aan telefoon en loket meteen beantwoord: 66 % van 3 zaken in de laatste 14 dagen (doel 60 %)."
        assert line in await text_of(viewer, "/")

    async def test_the_chain_is_verified(self, administrator: Browser):
        answer = await administrator.post("/audit/verify")

        assert "De keten is heel" in plain(answer.text)

    async def test_a_tampered_line_is_found(self, administrator: Browser, city: City):
        def tamper(tx, whom):
            tx.connection.execute(update(audit).where(audit.c.seq == 1).values(actor=whom[0]))
            return [None] * len(whom)

        await city.journal.database.write(tamper, "somebody else")
        answer = await administrator.post("/audit/verify")

        assert "De keten is gebroken vanaf regel 1" in plain(answer.text)


class TestReceipts:
    async def test_tell_a_sender_how_far_its_message_is(
        self, open_browser: Callable[[], Browser], city: City
    ):
        answer = await open_browser().get(f"/receipts/{city.messages['answered']}")

        assert answer.json() == {
            "message_id": city.messages["answered"],
            "received_at": "2026-03-09T08:00:16.100000+00:00",
            "state": "processed",
            "case": city.cases["answered"],
            "case_status": CaseStatus.ANSWERED,
        }

    async def test_do_not_tell_a_spammer_why(self, open_browser: Callable[[], Browser], city: City):
        answer = await open_browser().get(f"/receipts/{city.messages['spam']}")

        assert answer.json()["state"] == "in_progress"
        assert answer.json()["case"] is None

    @pytest.mark.parametrize("id_", ["0" * 32, "short", "A" * 32])
    async def test_an_unknown_one_is_a_problem_document(self, open_browser: Callable[[], Browser], id_: str):
        answer = await open_browser().get(f"/receipts/{id_}")

        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 404


class TestHostileContent:
    """What citizens write is shown as text, wherever it is shown."""

    async def test_payloads_come_out_escaped_when_revealed(self, administrator: Browser, city: City):
        for number, payload in enumerate(XSS):
            page = (
                await administrator.post(
                    f"/messages/{city.messages[f'xss-{number}']}/reveal", {"reason": "nakijken"}
                )
            ).text
            assert (
                html.escape(payload, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page
            )
            if "<" in payload:
                assert payload not in page

    async def test_no_page_holds_a_script_of_somebody_else(self, administrator: Browser, city: City):
        for number in range(len(XSS)):
            page = (await administrator.get(f"/cases/{city.cases[f'xss-{number}']}")).text
            assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/console.js" defer>']
            assert not re.search(r"<[^>]+\son\w+=", page)
            assert not re.search(r"<[^>]+\sstyle=", page)

    async def test_a_search_for_mark_up_shows_it_as_text(self, viewer: Browser):
        answer = await viewer.client.get("/search", params={"q": XSS[1]})

        assert XSS[1] not in answer.text
        assert "&#34;&gt;&lt;img src=x" in answer.text

    async def test_a_reason_with_mark_up_is_text_on_the_board(self, administrator: Browser):
        await administrator.post("/systems/tracker/pause", {"reason": XSS[0]})

        page = (await administrator.get("/systems")).text
        assert XSS[0] not in page
        assert "&lt;script&gt;" in page

    async def test_a_system_whose_name_is_odd_can_still_be_held(self, administrator: Browser, city: City):
        await city.journal.know_systems(['a b"<i>?'])
        page = (await administrator.get("/systems")).text
        assert "/systems/a%20b%22%3Ci%3E%3F/pause" in page

        await administrator.post("/systems/a%20b%22%3Ci%3E%3F/pause", {"reason": "vreemde naam"})

        states = {state.name: state.paused for state in await city.journal.system_states()}
        assert states['a b"<i>?']


async def test_a_key_that_is_lost_does_not_break_a_page(administrator: Browser, city: City):
    def lose(tx, refs):
        tx.connection.execute(delete(data_keys).where(data_keys.c.case_ref.in_(refs)))
        return [None] * len(refs)

    await city.journal.database.write(lose, city.cases["answered"])

    assert (await administrator.get(f"/cases/{city.cases['answered']}")).status_code == 200


async def test_a_card_that_does_not_open_does_not_break_a_page(administrator: Browser, city: City):
    def scratch(tx, refs):
        tx.connection.execute(update(cases).where(cases.c.ref.in_(refs)).values(card=b"x" * 40))
        return [None] * len(refs)

    await city.journal.database.write(scratch, city.cases["answered"])

    assert "gewist" in await text_of(administrator, f"/cases/{city.cases['answered']}")


async def test_an_outage_without_a_known_system_row_is_shown_by_what_waits(viewer: Browser, city: City):
    def forget(tx, names):
        tx.connection.execute(delete(systems_table).where(systems_table.c.name.in_(names)))
        return [None] * len(names)

    await city.journal.database.write(forget, "dosis")

    assert "dosis ✓ werkt Wachtende stappen 1" in await text_of(viewer, "/systems")

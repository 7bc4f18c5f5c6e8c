"""Customer history: nothing before a purpose and a reason, every look written down, nothing personal left behind."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from msgspec.structs import replace
from sqlalchemy import select
from structlog.testing import capture_logs

from canonical_model.identifiers import insz
from canonical_model.party import Party, PartyKind, Representative
from console.access import Role
from console.customer_look import VALID, CustomerLookError, why
from journal.customer_history import PAGE
from journal.schema import audit
from tests.console.conftest import Browser
from tests.console.seed import City, form
from tests.console.test_pages import audit_rows, plain

LOOKED = "customer_looked_up"
MAIL = "maria.peeters@voorbeeld.be"
ASKED = {"key": "email", "number": MAIL, "purpose": "contact", "reason": "belt nu over een put"}
SECRETS = ("peeters", "voorbeeld.be", "0470123456", "470123456", "85073003328", "diestsestraat")


@pytest.fixture
async def dispatcher(open_browser: Callable[[], Browser]) -> Browser:
    """A KCC dispatcher who is logged in."""
    browser = open_browser()
    await browser.log_in(Role.KCC_DISPATCHER)
    return browser


async def asked(browser: Browser, **changes: str) -> httpx.Response:
    return await browser.post("/customer", ASKED | changes)


async def shown(browser: Browser, **changes: str) -> httpx.Response:
    """Ask, and follow to what is shown."""
    answer = await asked(browser, **changes)
    assert answer.status_code == 303, plain(answer.text)
    return await browser.get(answer.headers["location"])


class TestTheGate:
    @pytest.mark.parametrize(
        "changes",
        [
            {"purpose": ""},
            {"purpose": "curious"},
            {"reason": "  "},
            {"reason": "xy"},
            {"reason": f"het is {MAIL}"},
            {"reason": "nummer 0470 12.34.56"},
            {"reason": "85.07.30-033.28"},
            {"number": "Maria Peeters"},
            {"number": ""},
            {"key": "name"},
            {"key": "insz", "number": "85.07.30-033.29"},
        ],
    )
    async def test_without_purpose_reason_or_whole_number_nothing_is_looked_up(
        self, dispatcher: Browser, city: City, changes: dict[str, str]
    ):
        answer = await asked(dispatcher, **changes)

        assert answer.status_code == 422
        assert city.cases["answered"] not in answer.text
        assert await audit_rows(city, LOOKED) == []

    async def test_a_case_number_or_a_day_in_a_reason_is_fine(self):
        assert why("contact", "LEU-2026-000123 en LEU-2026-000124, gemeld op 26-11-2026")
        with pytest.raises(CustomerLookError):
            why("contact", "klant V0001001")

    async def test_a_look_is_written_down_under_a_pseudonym(self, dispatcher: Browser, city: City):
        first = await shown(dispatcher)
        await shown(dispatcher, number=MAIL.upper(), purpose="handling", reason="antwoord nakijken")

        rows = await audit_rows(city, LOOKED)
        assert first.status_code == 200
        assert {row[0] for row in rows} == {"kcc_dispatcher"}
        assert [row[2] for row in rows] == ["contact: belt nu over een put", "handling: antwoord nakijken"]
        assert len({row[1] for row in rows}) == 1
        assert rows[0][1].startswith("customer/email/")
        assert city.journal.keyring.find_hash("email", MAIL) not in rows[0][1]
        assert await city.journal.verify_audit() is None

    async def test_what_can_not_be_written_down_is_not_shown(
        self, dispatcher: Browser, city: City, monkeypatch: pytest.MonkeyPatch
    ):
        from ports.errors import TransientError

        async def away(*_args: object) -> None:
            raise TransientError("the journal is away")

        answer = await asked(dispatcher)
        monkeypatch.setattr("journal.looks.JournalLooks.note", away)
        page = await dispatcher.get(answer.headers["location"])

        assert page.status_code == 503
        assert city.cases["answered"] not in page.text

    async def test_a_pass_serves_nobody_else_and_not_for_ever(
        self, dispatcher: Browser, administrator: Browser, city: City
    ):
        place = (await asked(dispatcher)).headers["location"]
        token = parse_qs(urlsplit(place).query)["pass"][0]
        bad = [token[:-8] + "AAAAAAA=", token[:20], "€", "AAAA"]

        answers = [await administrator.get(place)]
        answers += [await dispatcher.client.get("/customer/history", params={"pass": one}) for one in bad]
        assert (await dispatcher.get(place)).status_code == 200
        city.clock.advance(VALID - timedelta(minutes=1))
        await dispatcher.log_in(Role.KCC_DISPATCHER)
        assert (await dispatcher.get(place)).status_code == 200
        city.clock.advance(timedelta(minutes=2))
        answers.append(await dispatcher.get(place))

        assert [answer.status_code for answer in answers] == [422] * 6
        assert all(city.cases["answered"] not in answer.text for answer in answers)
        assert len(await audit_rows(city, LOOKED)) == 2

    async def test_without_the_right_the_case_page_does_not_offer_it(self, viewer: Browser, city: City):
        page = (await viewer.get(f"/cases/{city.cases['answered']}")).text

        assert "Andere zaken van deze klant" not in page
        assert 'href="/customer"' not in page
        assert (await viewer.post("/customer", ASKED)).status_code == 403


class TestThePage:
    @pytest.mark.parametrize(("key", "number"), [("email", MAIL), ("phone", "0032 470/12.34.56")])
    async def test_open_cases_stand_on_top_with_channel_group_and_answer(
        self, dispatcher: Browser, city: City, key: str, number: str
    ):
        text = plain((await shown(dispatcher, key=key, number=number)).text)

        open_, rest = text.index("Open zaken"), text.index("Andere zaken, nieuwste eerst")
        assert open_ < text.index(city.cases["stuck"]) < text.index(city.cases["old"]) < rest
        assert rest < text.index(city.cases["answered"])
        assert "Melding · webformulier" in text
        assert "M*** P***" in text

    async def test_is_masked_and_leaves_nothing_personal_behind(self, dispatcher: Browser, city: City):
        with capture_logs() as logs:
            answer = await asked(dispatcher)
            page = await dispatcher.get(answer.headers["location"])
        trail = await city.journal.database.read(lambda connection: connection.execute(select(audit)).all())

        for left in (page.text, answer.headers["location"], unquote(answer.headers["location"]), str(logs)):
            assert [secret for secret in SECRETS if secret in left.lower()] == []
        assert [secret for secret in SECRETS if secret in str(trail).lower()] == []
        assert page.headers["cache-control"] == "no-store"

    async def test_a_busy_customer_comes_in_pages_and_every_page_is_a_look(
        self, dispatcher: Browser, city: City
    ):
        school = Party(kind=PartyKind.ORGANISATION, name="School", email="info@school.example")
        for number in range(PAGE + 2):
            await city.contact(f"school-{number}", form("Vraag", "afval", school))

        first = await shown(dispatcher, number="info@school.example")
        link = first.text.split('rel="next"')[0].rpartition('href="')[2].split('"')[0].replace("&amp;", "&")
        second = await dispatcher.get(link)

        wanted = [city.cases[f"school-{number}"] for number in reversed(range(PAGE + 2))]
        refs = [ref for page in (first, second) for ref in wanted if f"/cases/{ref}" in page.text]
        assert refs == wanted
        assert second.text.count('class="ref"') == 2
        assert len(await audit_rows(city, LOOKED)) == 2

    async def test_a_representative_is_told_of_but_not_named(self, dispatcher: Browser, city: City):
        acting = Representative(
            name="Zita Zomers", email="zita@zomers.example", identifiers=(insz("85073003328"),)
        )
        firm = Party(
            kind=PartyKind.ORGANISATION, name="De Korenaar", email="bak@k.example", representative=acting
        )
        await city.contact("firm", form("Vraag", "afval", firm))

        page = (await shown(dispatcher, number="bak@k.example")).text
        passport = (await dispatcher.get(f"/cases/{city.cases['firm']}")).text

        assert "iemand trad op namens deze klant" in page
        assert "Vertegenwoordiger" in passport
        for text in (page, passport):
            assert [secret for secret in ("Zita", "Zomers", "zomers.example") if secret in text] == []

    async def test_nobody_is_told_as_such_and_is_a_look_as_well(self, dispatcher: Browser, city: City):
        page = await shown(dispatcher, key="insz", number="93.05.18-223.61")

        assert "Geen enkele zaak kent dit nummer of adres." in page.text
        assert len(await audit_rows(city, LOOKED)) == 1

    async def test_an_administrator_sees_who_looked_before(
        self, dispatcher: Browser, administrator: Browser, city: City
    ):
        await shown(dispatcher)

        text = plain((await shown(administrator)).text)
        assert "Wie keek eerder naar deze klant" in text
        assert "kcc_dispatcher · zaken van een klant bekeken" in text
        assert "Wie keek eerder" not in (await shown(dispatcher)).text


class TestFromACase:
    async def test_to_the_other_cases_with_the_same_gate(self, dispatcher: Browser, city: City):
        ref = city.cases["answered"]
        refused = await dispatcher.post(f"/cases/{ref}/customer", {"purpose": "contact", "reason": ""})
        answer = await dispatcher.post(f"/cases/{ref}/customer", {"purpose": "contact", "reason": "belt nu"})
        page = await dispatcher.get(answer.headers["location"])

        assert refused.status_code == 422
        assert city.cases["stuck"] in page.text
        subjects = [row[1] for row in await audit_rows(city, LOOKED)]
        assert subjects[0] == ref
        assert sorted(one.split("/")[1] for one in subjects[1:]) == ["email", "phone"]

    async def test_of_an_unknown_customer_says_so(self, dispatcher: Browser, city: City):
        nobody = replace(form("Vraag", "afval"), party=Party())
        await city.contact("nobody", nobody)
        path = f"/cases/{city.cases['nobody']}/customer"

        answer = await dispatcher.post(path, {"purpose": "contact", "reason": "belt nu"})

        assert answer.status_code == 422
        assert "geen nummer of adres gekend" in answer.text

    async def test_of_no_case_is_not_found(self, dispatcher: Browser):
        answer = await dispatcher.post(
            "/cases/LEU-2026-999999/customer", {"purpose": "contact", "reason": "belt"}
        )

        assert answer.status_code == 404

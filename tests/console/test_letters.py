"""The texts of mails: who may read, who may write, what is refused, and that nothing is lost."""

import asyncio
import html
import json
import re
import shutil
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from canonical_model.contact import Language
from cli.texts import text_commands
from console.access import Role
from console.letters import deciding
from journal.letter_texts import SAVED, NewText
from routes.letter_kinds import LETTERS, Reader
from tests.console.conftest import MARKER, Browser
from tests.console.seed import City, open_city
from tests.console.test_pages import audit_rows, plain, text_of
from tests.journal.scene import configuration

CLOSED = "/texts/closed/nl"
SHIPPED = configuration().texts[Language.NL]
GOOD = {
    "subject": "Afgesloten [{ref}]",
    "text": "Dag\r\n\r\nUw zaak {ref} is afgesloten.  \r\n\r\n{city}",
    "reason": "korter",
    "seen": "0",
    "do": "save",
}
SAVED_TEXT = "Dag\n\nUw zaak {ref} is afgesloten.\n\n{city}\n"


async def in_force(city: City) -> dict[tuple[str, str], str | None]:
    return {
        (one.name, one.language): one.text for one in (await city.journal.letter_texts.in_force()).versions
    }


def form_of(page: str) -> dict[str, str]:
    """What stands in the fields of the form."""
    fields = dict(re.findall(r'name="(seen|subject|reason)"[^>]*? value="([^"]*)"', page))
    fields["text"] = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL).group(1)
    return {name: html.unescape(value) for name, value in fields.items()}


async def test_every_letter_is_listed_in_every_language_that_it_is_sent_in(viewer: Browser):
    page = (await viewer.get("/texts")).text

    links = re.findall(r'href="(/texts/\w+/\w+)"', page)
    assert links == [f"/texts/{kind.name}/{one}" for kind in LETTERS.values() for one in kind.languages]
    for link in links:
        assert "LEU-2026-000123" in await text_of(viewer, link)


async def test_a_viewer_reads_and_does_not_write(viewer: Browser, city: City):
    page = await viewer.get(CLOSED)
    assert "Alleen beheerders kunnen teksten wijzigen." in page.text
    assert 'name="text"' not in page.text
    assert (await viewer.post(CLOSED, GOOD)).status_code == 403
    assert (await viewer.post(f"{CLOSED}/versions/0/restore", {"reason": "zomaar"})).status_code == 403
    assert "Deze versie weer gebruiken" not in (await viewer.get(f"{CLOSED}/versions/0")).text
    assert await in_force(city) == {}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
async def test_only_administrators_write(open_browser: Callable[[], Browser], city: City, role: Role):
    browser = open_browser()
    await browser.log_in(role)

    assert (await browser.post(CLOSED, GOOD)).status_code == 403
    assert (await browser.get("/texts")).status_code == 200
    assert await in_force(city) == {}


async def test_the_preview_is_the_mail_as_it_goes_out_and_saves_nothing(administrator: Browser, city: City):
    answer = await administrator.post(CLOSED, {**GOOD, "do": "preview", "reason": ""})

    assert answer.status_code == 200
    shown = html.unescape(re.search(r'class="letter-text">(.*?)</div>', answer.text, re.DOTALL).group(1))
    assert shown == f"{MARKER}\n\nDag\n\nUw zaak LEU-2026-000123 is afgesloten.\n\nStad Leuven\n"
    assert "<b>Afgesloten [LEU-2026-000123]</b>" in answer.text
    assert await in_force(city) == {}


async def test_a_saved_text_is_a_version_with_who_and_why_and_holds_for_the_routes(
    administrator: Browser, city: City
):
    answer = await administrator.post(CLOSED, GOOD)

    assert (answer.status_code, answer.headers["location"]) == (303, f"{CLOSED}?done=text_saved")
    assert await in_force(city) == {("closed", "nl"): SAVED_TEXT}
    assert await audit_rows(city, SAVED) == [("administrator", "closed/nl/1", "korter")]
    told = deciding(configuration(), await city.journal.letter_texts.in_force())
    assert told.texts[Language.NL]["closed"] == SAVED_TEXT
    assert told.texts[Language.FR] == configuration().texts[Language.FR]
    page = (await administrator.get(CLOSED)).text
    assert form_of(page) == {"seen": "1", "subject": GOOD["subject"], "text": SAVED_TEXT, "reason": ""}
    assert "Aangepast door administrator" in await text_of(administrator, "/texts")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"subject": " "}, "Hier staat niets."),
        ({"text": "\r\n \r\n"}, "Hier staat niets."),
        ({"subject": "Dicht"}, "Zet {ref} in het onderwerp"),
        ({"subject": "{ref} " + "x" * 200}, "Te lang: hoogstens 120 tekens."),
        ({"text": "Dag {naam}"}, "{naam} kan hier niet ingevuld worden."),
        ({"text": "Dag {ref"}, "De accolades kloppen niet."),
        ({"text": "Uw probleem is opgelost."}, "opgelost of hersteld is (opgelost)"),
        ({"text": "C'est résolu, it is fixed."}, "opgelost of hersteld is (résolu, fixed)"),
        ({"text": "a\tb"}, "onzichtbare tekens"),
    ],
)
async def test_what_is_wrong_is_said_plainly_and_not_saved_and_no_word_is_lost(
    administrator: Browser, city: City, change: dict[str, str], said: str
):
    answer = await administrator.post(CLOSED, {**GOOD, **change})

    assert answer.status_code == 422
    assert "Niet bewaard: verbeter eerst wat hieronder rood staat." in plain(answer.text)
    assert said in plain(answer.text)
    assert 'aria-invalid="true"' in answer.text
    assert form_of(answer.text)["reason"] == "korter"
    assert (
        form_of(answer.text)["text"].strip()
        == {**GOOD, **change}["text"].replace("\r\n", "\n").replace("  \n", "\n").strip()
    )
    assert await in_force(city) == {}
    assert (await administrator.post(CLOSED, {**GOOD, **change, "anyway": "1"})).status_code == 422
    assert await in_force(city) == {}


async def test_a_promise_is_saved_only_by_who_read_the_remark(administrator: Browser, city: City):
    promise = {**GOOD, "text": "Binnen 5 werkdagen krijgt u antwoord."}

    first = await administrator.post(CLOSED, promise)
    assert first.status_code == 422
    assert "lees de opmerkingen" in first.text
    assert "belofte, of alsof iets al gedaan is: binnen 5 werkdagen" in plain(first.text)
    assert await in_force(city) == {}

    assert (await administrator.post(CLOSED, {**promise, "anyway": "1"})).status_code == 303
    assert await in_force(city) == {("closed", "nl"): f"{promise['text']}\n"}


async def test_only_work_done_may_say_that_something_was_mended_and_it_shows_the_evidence(
    administrator: Browser, city: City
):
    mended = {**GOOD, "text": "Hersteld: {evidence}"}
    assert (await administrator.post("/texts/done/nl", {**mended, "text": "Hersteld."})).status_code == 422
    assert (await administrator.post("/texts/planned/nl", mended)).status_code == 422
    assert await in_force(city) == {}

    assert (await administrator.post("/texts/done/nl", mended)).status_code == 303


async def test_a_reason_is_asked_and_no_word_is_lost(administrator: Browser, city: City):
    answer = await administrator.post(CLOSED, {**GOOD, "reason": "x"})

    assert answer.status_code == 422
    assert "vul in waarom" in answer.text
    assert form_of(answer.text)["text"] == SAVED_TEXT
    assert await in_force(city) == {}


async def test_the_same_words_are_no_version(administrator: Browser, city: City):
    page = (await administrator.get(CLOSED)).text

    answer = await administrator.post(CLOSED, {**form_of(page), "reason": "zomaar", "do": "save"})

    assert answer.headers["location"] == f"{CLOSED}?done=text_unchanged"
    assert await in_force(city) == {}


async def test_who_saves_over_somebody_elses_version_is_told_first(administrator: Browser, city: City):
    await administrator.post(CLOSED, GOOD)
    mine = {**GOOD, "text": "Mijn tekst. {city}"}

    first = await administrator.post(CLOSED, mine)
    assert first.status_code == 409
    assert "iemand anders bewaarde intussen een nieuwe versie" in plain(first.text)
    assert form_of(first.text)["text"] == "Mijn tekst. {city}\n"
    assert await in_force(city) == {("closed", "nl"): SAVED_TEXT}

    again = {**form_of(first.text), "do": "save"}
    assert (await administrator.post(CLOSED, again)).status_code == 303
    assert await in_force(city) == {("closed", "nl"): "Mijn tekst. {city}\n"}


@pytest.mark.parametrize("seen", ["", "-1", "x", "²", "9" * 40])
async def test_a_form_that_does_not_say_what_it_saw_overwrites_nothing(
    administrator: Browser, city: City, seen: str
):
    assert (await administrator.post(CLOSED, {**GOOD, "seen": seen})).status_code == 409
    assert await in_force(city) == {}


async def test_an_earlier_version_is_looked_at_and_put_back_as_a_new_one(administrator: Browser, city: City):
    await administrator.post(CLOSED, GOOD)
    await administrator.post(CLOSED, {**GOOD, "text": "Dag\n\n{city}", "seen": "1"})

    page = await text_of(administrator, f"{CLOSED}/versions/1")
    assert "Uw zaak LEU-2026-000123 is afgesloten." in page
    assert "Stond er: Uw zaak {ref} is afgesloten." in page
    refused = await administrator.post(f"{CLOSED}/versions/1/restore", {"reason": ""})
    assert refused.status_code == 422
    await administrator.post(f"{CLOSED}/versions/1/restore", {"reason": "was beter"})

    assert await in_force(city) == {("closed", "nl"): SAVED_TEXT}
    assert [line[1:] for line in await audit_rows(city, SAVED)] == [
        ("closed/nl/1", "korter"),
        ("closed/nl/2", "korter"),
        ("closed/nl/3", "was beter"),
    ]


async def test_the_text_of_the_files_can_be_put_back_and_then_follows_the_files(
    administrator: Browser, city: City
):
    await administrator.post(CLOSED, GOOD)
    await administrator.post(f"{CLOSED}/versions/0/restore", {"reason": "toch niet"})

    assert await in_force(city) == {("closed", "nl"): None}
    told = deciding(configuration(), await city.journal.letter_texts.in_force())
    assert told.version == configuration().version
    assert form_of((await administrator.get(CLOSED)).text)["text"] == SHIPPED["closed"]
    assert "Deze versie is dezelfde" in await text_of(administrator, f"{CLOSED}/versions/2")


async def saved_before(city: City, text: str, name: str = "closed", language: str = "nl") -> None:
    """What an earlier release allowed."""
    await city.journal.letter_texts.save(
        NewText(
            language=language, name=name, seen=0, subject="Dag [{ref}]", text=text, actor="an", reason="toen"
        )
    )


async def test_a_saved_text_of_no_use_any_more_is_told_and_the_files_hold(administrator: Browser, city: City):
    await saved_before(city, "{was_once}")
    await saved_before(city, "weg", name="gone")
    await saved_before(city, "via", language="it")

    assert "bewaarde tekst onbruikbaar" in await text_of(administrator, "/texts")
    assert "is niet meer bruikbaar" in await text_of(administrator, CLOSED)
    assert form_of((await administrator.get(CLOSED)).text)["text"] == SHIPPED["closed"]
    assert "Hiervan kan geen mail gemaakt worden" in await text_of(administrator, f"{CLOSED}/versions/1")
    answer = await administrator.post(f"{CLOSED}/versions/1/restore", {"reason": "terug"})
    assert answer.status_code == 422
    assert "{was_once} kan hier niet ingevuld worden" in plain(answer.text)


@pytest.mark.parametrize(
    "path",
    [
        *("/texts/nothing/nl", "/texts/closed/it", "/texts/closed/NL", "/texts/reminder/fr"),
        *(f"{CLOSED}/versions/1", f"{CLOSED}/versions/x", f"{CLOSED}/versions/-1", f"{CLOSED}/versions/²"),
        f"{CLOSED}/versions/99999999999999999999",
    ],
)
async def test_what_is_not_there_is_not_found(administrator: Browser, path: str):
    assert (await administrator.get(path)).status_code == 404


async def test_nothing_that_people_write_becomes_mark_up(administrator: Browser):
    hostile = {
        **GOOD,
        "text": "</textarea><script>alert(1)</script>",
        "reason": '"><script>alert(2)</script>',
    }
    hostile |= {"subject": '"><script>alert(3)</script> {ref}', "do": "preview"}

    answer = await administrator.post(CLOSED, hostile)

    assert answer.text.count("<script") == 1
    assert "&lt;/textarea&gt;, &lt;script&gt;, &lt;/script&gt;" in answer.text


def test_letters_to_colleagues_are_dutch():
    for kind in LETTERS.values():
        assert (kind.languages == (Language.NL,)) is (kind.reader is Reader.COLLEAGUES)


# --- in a terminal ---------------------------------------------------------------------------------------


@pytest.fixture
def run(morning: City, tmp_path: Path):
    """Runs `texts` over a copy of the morning that each command opens for itself."""
    path = tmp_path / "terminal.db"
    shutil.copy(str(morning.journal.database.engine.url.database), path)

    @asynccontextmanager
    async def open_journal():
        city = open_city(f"sqlite:///{path}", morning)
        await city.journal.start()
        try:
            yield city.journal
        finally:
            await city.journal.close()

    def read(folder: Path) -> dict[str, str]:
        return {file.stem: file.read_text() for file in folder.glob("*.toml")}

    group = click.Group("wegwijzer", commands=[text_commands(open_journal, configuration, read)])

    def run_one(*words: str):
        return CliRunner().invoke(group, ("texts", *words), catch_exceptions=False)

    async def save(text: str) -> None:
        async with open_journal() as journal:
            await journal.letter_texts.save(
                NewText(
                    language="nl",
                    name="closed",
                    seen=0,
                    actor="els",
                    reason="korter",
                    subject="Dicht [{ref}]",
                    text=text,
                )
            )

    run_one.save = lambda text: asyncio.run(save(text))
    return run_one


def test_the_terminal_lists_every_text_and_who_changed_it(run):
    run.save("Dicht. {city}")

    lines = run("list").stdout.splitlines()

    assert len(lines) == sum(len(kind.languages) for kind in LETTERS.values())
    (changed,) = [line for line in lines if "els" in line]
    assert changed.split()[:2] == ["closed", "nl"]
    assert len(json.loads(run("list", "--json").stdout)) == len(lines)


def test_the_terminal_shows_a_mail_as_it_would_be(run):
    run.save("Dicht. {city}")

    assert run("preview", "closed").stdout == "Dicht [LEU-2026-000123]\n\nDicht. Stad Leuven\n"
    assert "semaine du 9 mars" in run("preview", "planned", "--language", "fr").stdout
    assert "semaine du 9 mars" not in run("preview", "planned", "--language", "fr", "--bare").stdout
    assert run("preview", "nothing").exit_code == 2


def test_the_terminal_checks_what_is_in_force_and_what_somebody_wants_to_use(run, tmp_path):
    fine = run("check")
    assert (fine.exit_code, fine.stdout) == (0, "Niets op aan te merken.\n")

    run.save("Morgen. {city}")
    doubted = run("check")
    assert doubted.exit_code == 0
    assert doubted.stdout.startswith("let op  nl closed: Tekst: Kan de stad dit waarmaken?")

    folder = tmp_path / "teksten"
    folder.mkdir()
    (folder / "fr.toml").write_text('closed = "C\'est résolu."')
    wrong = run("check", str(folder))
    assert wrong.exit_code == 4
    assert "FOUT    fr closed: Tekst: Dit zegt dat iets opgelost" in wrong.stdout
    assert json.loads(run("check", str(folder), "--json").stdout)[0]["finding"]["code"] == "says_mended"

    (folder / "fr.toml").write_text("closed = 3")
    assert run("check", str(folder)).exit_code == 1

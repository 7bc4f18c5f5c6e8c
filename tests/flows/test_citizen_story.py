"""The stories that must be true, over the real protocols: IMAP, SMTP, HTTP, the tracker's REST, the console's pages."""

import asyncio
import re
from collections.abc import Callable

import pytest

from demo.forms import Website
from demo.handlers import Handler, TrackerCase
from demo.mail import Letter
from demo.scenes import Scene, attachment
from demo.writing import first_mail, reply
from tests.flows.city import City, ConsoleVisitor, eventually

RUN = "story"
QUIET = 3.0
"""Seconds in which something that must not happen would have happened."""


async def test_a_broken_pavement_is_reported_by_mail_and_answered(
    city: City, kcc: Handler, console: ConsoleVisitor
):
    report = Scene(
        name="pavement",
        time="08:00",
        door="mail",
        sender="Anke Peeters <anke@postvak.example>",
        to=("openbaardomein@leuven.test",),
        subject="Voetpad stuk",
        text="In de Diestsesteenweg in Kessel-Lo ligt het voetpad open.",
        files=("stoep.jpg",),
    )
    city.send(report.email, report.to, first_mail(report, RUN))

    case = await case_titled(kcc, report.subject, lambda case: bool(case.files))
    assert (case.group, case.status, case.requester) == ("wegen-oost", "nieuw", report.email)
    assert await kcc.file(case.files[0]) == attachment("stoep.jpg")
    assert report.text in (await kcc.message(case.messages[0]))["content"]

    (receipt,) = await letters_to(city, report.email, 1)
    assert receipt.automatic
    assert case.ref in receipt.subject
    assert ids(receipt, "In-Reply-To") == [f"<pavement.{RUN}@postvak.example>"]
    assert not re.search(r"binnen|dagen|uur|morgen", receipt.text), "it promises a time"

    more = Scene(name="more", time="08:10", door="mail", text="Het is aan de kant van de bakker.")
    to, mail = reply(more, receipt, report.sender, RUN)
    city.send(report.email, [to], mail)

    case = await case_titled(kcc, report.subject, lambda case: len(case.messages) == 2)
    second = await kcc.message(case.messages[1])
    assert (second["direction"], second["content"].strip()) == ("in", more.text)

    await answer(city, case, "De tegels liggen weer goed.")

    _, letter = await letters_to(city, report.email, 2)
    assert "De tegels liggen weer goed." in letter.text
    assert not letter.automatic
    assert ids(letter, "In-Reply-To") == [f"<more.{RUN}@postvak.example>"]
    assert ids(letter, "References")[0] == f"<pavement.{RUN}@postvak.example>"
    assert ids(letter, "References")[-1] == f"<more.{RUN}@postvak.example>"
    assert receipt.message_id in ids(letter, "References")

    await close(city, case)
    page = await page_of(console, case, "afgesloten")
    in_order(
        page.partition("Tijdlijn")[2],
        "contact van een burger",
        "Status werd: nieuw",
        "zaak openen: gelukt",
        "contact van een burger",
        "contact toevoegen: gelukt",
        "wijziging in het zaaksysteem",
        "Status werd: in behandeling",
        "mail sturen: gelukt",
        "Status werd: afgesloten",
    )
    for reference in (case.ref, case.id, receipt.message_id, f"more.{RUN}@postvak.example"):
        assert case.ref in console.read("/search", q=reference), reference

    await asyncio.sleep(QUIET)
    assert len(city.letters_to(report.email)) == 2
    assert [one.ref for one in await kcc.cases() if one.title == report.subject] == [case.ref]


async def test_a_question_through_the_website_form_is_answered(
    city: City, kcc: Handler, console: ConsoleVisitor, website: Website
):
    question = Scene(
        name="question",
        time="08:00",
        door="json",
        sender="Luc Vandenberghe <luc@postvak.example>",
        subject="Paspoort aanvragen",
        text="Moet ik voor een paspoort van mijn dochter zelf meekomen?",
    )
    await website.post(question)

    case = await case_titled(kcc, question.subject)
    assert (case.group, case.requester) == ("burgerzaken", question.email)
    (receipt,) = await letters_to(city, question.email, 1)
    assert receipt.automatic
    assert case.ref in receipt.subject

    thanks = Scene(name="addition", time="08:10", door="mail", text="Ze is zestien.")
    to, mail = reply(thanks, receipt, question.sender, RUN)
    city.send(question.email, [to], mail)
    case = await case_titled(kcc, question.subject, lambda case: len(case.messages) == 2)

    await answer(city, case, "Ja, een ouder komt mee.")

    _, letter = await letters_to(city, question.email, 2)
    assert "Ja, een ouder komt mee." in letter.text
    assert ids(letter, "In-Reply-To") == [f"<addition.{RUN}@postvak.example>"]
    await close(city, case)
    page = await page_of(console, case, "afgesloten")
    in_order(page.partition("Tijdlijn")[2], "zaak openen: gelukt", "contact toevoegen: gelukt", "afgesloten")


async def test_the_same_mail_to_three_mailboxes_is_one_case(city: City, kcc: Handler):
    report = Scene(
        name="three",
        time="08:00",
        door="mail",
        sender="Ivo Goossens <ivo@postvak.example>",
        to=("meldingen@leuven.test", "openbaardomein@leuven.test", "burgerzaken@leuven.test"),
        subject="Afval na de markt",
        text="Er blijft afval liggen op het Ladeuzeplein.",
    )

    city.send(report.email, report.to, first_mail(report, RUN))

    await case_titled(kcc, report.subject)
    await eventually(lambda: all_fetched(city), "all three copies are taken in")
    await asyncio.sleep(QUIET)
    assert len([case for case in await kcc.cases() if case.title == report.subject]) == 1
    assert len(city.letters_to(report.email)) == 1


async def test_the_same_form_posted_five_times_is_one_case(city: City, kcc: Handler, website: Website):
    question = Scene(
        name="five",
        time="08:00",
        door="form",
        sender="Griet Wouters <griet@postvak.example>",
        subject="Bewonerskaart",
        text="Hoe vraag ik een bewonerskaart aan?",
        times=5,
    )

    receipts = await website.post(question)
    receipts |= await website.post(question)

    await case_titled(kcc, question.subject)
    await asyncio.sleep(QUIET)
    assert len(receipts) == 1
    assert len([case for case in await kcc.cases() if case.title == question.subject]) == 1
    assert len(city.letters_to(question.email)) == 1


async def test_in_the_end_every_message_is_accounted_for(city: City):
    books = await eventually(lambda: at_rest(city), "everything comes to rest")

    assert books.balance == books.recount
    assert books.balance["received"] == books.balance["done"] + books.balance["dropped"]
    assert books.balance["parked"] == 0


@pytest.fixture
async def website(city: City):
    """The city's website."""
    website = Website(city.doors, city.tokens, RUN)
    yield website
    await website.close()


async def case_titled(
    kcc: Handler, title: str, fits: Callable[[TrackerCase], bool] = lambda case: True
) -> TrackerCase:
    """The one case with this title, once it is as it should be."""

    async def look() -> TrackerCase | None:
        cases = [case for case in await kcc.cases() if case.title == title]
        assert len(cases) < 2, "doubled"
        return next((case for case in cases if fits(case)), None)

    return await eventually(look, f"a case {title!r} as expected")


async def letters_to(city: City, address: str, count: int) -> list[Letter]:
    """What a citizen got, once it is so many."""

    async def look() -> list[Letter] | None:
        letters = city.letters_to(address)
        assert len(letters) <= count, "too many mails"
        return letters if len(letters) == count else None

    return await eventually(look, f"{count} mails to {address}")


async def answer(city: City, case: TrackerCase, text: str) -> None:
    """A member of the group that has the case takes it up, and some time later answers it."""
    async with city.handler(case.group) as handler:
        await handler.set_status(case, "in behandeling")
        await asyncio.sleep(QUIET)
        await handler.answer(case, text)


async def close(city: City, case: TrackerCase) -> None:
    """... and closes it."""
    async with city.handler(case.group) as handler:
        await handler.set_status(case, "afgesloten")


async def page_of(console: ConsoleVisitor, case: TrackerCase, status: str) -> str:
    """The words of the case page, once it shows this status."""

    async def look() -> str | None:
        page = console.read(f"/cases/{case.ref}")
        return page if f"Status werd: {status}" in page else None

    return await eventually(look, f"the case page shows {status}")


async def all_fetched(city: City) -> bool:
    """Whether no mail waits in any group mailbox."""
    return not any(
        city.mailboxes.mails(address)
        for address in ("meldingen@leuven.test", "openbaardomein@leuven.test", "burgerzaken@leuven.test")
    )


async def at_rest(city: City):
    """The books, once nothing moves."""
    books = city.books()
    return books if books.at_rest else None


def ids(letter: Letter, header: str) -> list[str]:
    """The message ids in a header."""
    return re.findall(r"<[^<>]+>", str(letter.mail[header] or ""))


def in_order(text: str, *words: str) -> None:
    """All words stand in the text, one after the other."""
    place = 0
    for word in words:
        found = text.find(word, place)
        assert found >= 0, (
            f"{word!r} does not stand in what comes after: {text[max(0, place - 200) :][:1500]}"
        )
        place = found + 1

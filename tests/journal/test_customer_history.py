"""The history of a customer: everything of it and nothing of others, open cases first, masked."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from canonical_model.case import CaseRef
from canonical_model.contact import Channel
from canonical_model.customer import CustomerKey, customer_name
from canonical_model.events import Answer, CaseChanged
from canonical_model.identifiers import insz, kbo, vcode
from canonical_model.party import Party, PartyKind, Representative
from canonical_model.status import CaseStatus
from journal.customer_history import (
    HashedName,
    customer_history,
    customer_names_of,
    hashed,
    pseudonym,
)
from journal.schema import references
from tests.journal.scene import START, contact, contact_message, inbound

PERSON = insz("85.07.30-033.28")
AN = Party(
    kind=PartyKind.PERSON,
    name="An Peeters",
    email="an.peeters@voorbeeld.be",
    phone="0470 12 34 56",
    identifiers=(PERSON,),
)
CLUB = Party(
    kind=PartyKind.ASSOCIATION,
    name="Scouts Heverlee",
    identifiers=(vcode("V0001001"),),
    representative=Representative(name="An Peeters", identifiers=(PERSON,)),
)
FIRM = Party(kind=PartyKind.ORGANISATION, name="De Korenaar", identifiers=(kbo("0403019261"),))


def name_of(journal, key, text):
    return hashed(journal.keyring, customer_name(CustomerKey(key), text).references)


async def history(journal, names, **place):
    return await journal.database.read(
        lambda connection: customer_history(connection, journal.keyring, names, **place)
    )


async def refs(journal, key, text, **place):
    page = await history(journal, name_of(journal, key, text), **place)
    return [row.case.ref for row in page.rows]


def ref(number):
    return CaseRef(f"LEU-2026-{number:06d}")


@pytest.fixture
async def city(journal, clock):
    """Six cases: An by form, phone and portal, her club, a firm, somebody else. The second is closed with an answer."""
    contacts = [
        contact("Een.", party=AN, channel=Channel.WEB_FORM),
        contact("Twee.", party=Party(kind=PartyKind.PERSON, phone="+32470123456"), channel=Channel.PHONE),
        contact("Drie.", party=Party(kind=PartyKind.PERSON, name="An", identifiers=(PERSON,))),
        contact("Vier.", party=CLUB, channel=Channel.WEB_FORM),
        contact("Vijf.", party=FIRM, channel=Channel.COUNTER),
        contact("Zes.", party=Party(kind=PartyKind.PERSON, name="Jan", email="jan@voorbeeld.be")),
    ]
    for number, one in enumerate(contacts, start=1):
        await journal.accept(contact_message(f"c-{number}", one))
        clock.advance(timedelta(hours=1))
    await closed(journal, 2, answers=(Answer(key="1", text="Klaar.", at=START),))
    return journal


async def closed(journal, number, *, answers=()):
    change = CaseChanged(
        case=ref(number),
        tracker_id=f"issue{number}",
        version=1,
        status=CaseStatus.CLOSED,
        group="kcc",
        answers=answers,
        changed_at=START,
    )
    await journal.accept(inbound(f"change-{number}", change, source="tracker"))


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("phone", "0470/12.34.56", [1, 2]),
        ("insz", "85073003328", [3, 1]),
        ("email", "AN.PEETERS@voorbeeld.be", [1]),
        ("vcode", "v0001001", [4]),
        ("kbo", "BE0403.019.261", [5]),
        ("email", "nobody@voorbeeld.be", []),
    ],
)
async def test_everything_of_one_customer_and_nothing_of_others(city, key, text, expected):
    """Open ones first: the second case is closed. A club's case is not in the history of who acted for it."""
    assert await refs(city, key, text) == [ref(number) for number in expected]


async def test_a_row_tells_channel_group_status_answer_and_contacts(city):
    page = await history(city, name_of(city, "phone", "0470123456"))

    open_, shut = page.rows
    assert (open_.case.channel, open_.case.status, open_.answered) == ("web_form", "new", False)
    assert (shut.case.channel, shut.case.status, shut.answered) == ("phone", "closed", True)
    assert (shut.first_line, shut.found_by, shut.more_contacts) == (False, ("phone",), False)
    assert [contact.channel for contact in shut.contacts] == ["phone"]


async def test_closed_without_an_answer_is_not_called_answered(city):
    await closed(city, 5)

    (row,) = (await history(city, name_of(city, "kbo", "0403019261"))).rows
    assert (row.case.status, row.answered) == ("closed", False)


async def test_who_was_helped_at_once_is_answered_in_the_first_line(city):
    helped = contact("Zeven.", party=FIRM, channel=Channel.COUNTER, answered=True, answer="Tot 17 uur.")
    await city.accept(contact_message("c-7", helped))

    row = (await history(city, name_of(city, "kbo", "0403019261"))).rows[-1]
    assert (row.case.ref, row.answered, row.first_line) == (ref(7), True, True)


async def test_names_are_masked_and_a_representative_is_not_told(city):
    (row,) = (await history(city, name_of(city, "vcode", "V0001001"))).rows

    assert (row.citizen.name, row.citizen.represented) == ("S*** H***", True)
    assert "Peeters" not in repr(row)
    assert "850730" not in repr(row)


async def test_an_erased_case_says_no_more_than_that(city):
    await city.erase_case(ref(5), "dpo", "the customer asked for it")

    page = await history(city, name_of(city, "kbo", "0403019261"))
    assert [row.citizen.erased for row in page.rows] in ([], [True])


async def test_from_a_case_to_all_names_of_its_customer(city):
    names = await city.database.read(lambda connection: customer_names_of(connection, ref(1)))
    page = await history(city, names)

    assert {name.system for name in names} == {"email", "phone", "insz"}
    assert [row.case.ref for row in page.rows] == [ref(3), ref(1), ref(2)]
    assert page.rows[1].found_by == ("email", "insz", "phone")


async def test_pages_hold_everything_once_and_the_open_ones_first(city):
    await closed(city, 1)
    seen, before = [], ""
    names = await city.database.read(lambda connection: customer_names_of(connection, ref(1)))
    for _ in range(5):
        page = await history(city, names, before=before, size=1)
        seen += [row.case.ref for row in page.rows]
        before = page.older
        if not before:
            break

    assert seen == [ref(3), ref(2), ref(1)]


async def test_a_key_that_is_no_key_begins_at_the_beginning(city):
    whole = await refs(city, "phone", "0470123456")

    assert await refs(city, "phone", "0470123456", before="'; DROP TABLE cases --") == whole


async def test_open_cases_beyond_the_look_back_stand_among_the_others(city, monkeypatch):
    monkeypatch.setattr("journal.customer_history.LOOK_BACK", 1)
    await closed(city, 3)

    assert await refs(city, "insz", "85073003328", size=1) == [ref(3)]
    assert await refs(city, "insz", "85073003328", size=1, before=f"rest:{ref(3)}") == [ref(1)]


async def test_a_pseudonym_is_the_same_at_every_look_and_no_reference(city):
    (name,) = name_of(city, "insz", "85073003328")

    assert pseudonym(city.keyring, name) == pseudonym(city.keyring, name)
    assert name.hash not in pseudonym(city.keyring, name)
    assert pseudonym(city.keyring, HashedName(system="insz", hash="0" * 32)) != pseudonym(city.keyring, name)


async def test_no_more_names_than_the_bound_are_taken_along(city):
    def many(tx, _items):
        row = {"shared_by": ref(6), "case_ref": ref(6), "system": "email", "shown": "", "at": 1}
        tx.connection.execute(insert(references), [{**row, "hash": f"{n:032x}"} for n in range(50)])
        return [None]

    await city.database.write(many, None)

    names = await city.database.read(lambda connection: customer_names_of(connection, ref(6)))
    assert len(names) == 20

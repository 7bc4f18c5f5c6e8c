"""What RT says in our words and ours in RT's. Pure."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.request_tracker import translate
from adapters.request_tracker.records import (
    ATTACHMENTS,
    TICKETS,
    TRANSACTIONS,
    AttachmentRow,
    FieldValues,
    TicketRow,
    TransactionRow,
)
from canonical_model.contact import Channel
from canonical_model.status import CaseStatus
from ports.contracts.tracker import a_case
from ports.errors import NotUnderstoodError
from ports.tracker import CaseChange, CaseQuery, Note
from tests.adapters.request_tracker.test_client import fixture

MOMENT = datetime(2026, 11, 23, 22, 27, 55, tzinfo=UTC)


@pytest.fixture
def ticket():
    (row,) = TICKETS.decode(fixture("tickets.json")).items
    return msgspec.structs.replace(row, group=row.queue.name, version=99)


@pytest.fixture
def said():
    return TRANSACTIONS.decode(fixture("transactions.json")).items


@pytest.fixture
def texts():
    return ATTACHMENTS.decode(fixture("texts.json")).items


def test_what_rt_really_said_is_a_case_with_its_texts(ticket, said, texts):
    spoken = [one for one in said if one.type in {"Create", "Comment", "Correspond"}]

    notes = translate.to_notes(ticket, spoken, texts)

    assert notes[:2] == (
        Note(
            key="LEU-2026-000123/description",
            text="Voor nummer 12 ligt een tegel los.",
            public=True,
            incoming=True,
            channel=Channel.MAIL,
        ),
        Note(key="LEU-2026-000123/note/1", text="Doorgestuurd.", public=False, incoming=False),
    )
    assert (notes[2].text, notes[2].public) == ("De tegel ligt weer vast.\nGroeten", True)
    case = translate.to_case(ticket, notes)
    assert (case.ref, case.status, case.group) == ("LEU-2026-000123", CaseStatus.ANSWERED, "openbaar-domein")
    assert case.due == datetime(2031, 3, 14, 16, 30, 5, tzinfo=UTC)


def test_what_rt_really_said_is_a_change_with_its_answer(ticket, said, texts):
    change = translate.to_case_changed(ticket, said, texts)

    assert [answer.text for answer in change.answers] == ["De tegel ligt weer vast.\nGroeten"]
    assert change.version == 99


def test_a_ticket_that_was_merged_in_does_not_double_the_text(ticket, said, texts):
    twice = [*said, msgspec.structs.replace(said[0], id=10_000)]
    more = [*texts, msgspec.structs.replace(texts[0], id=10_000, transaction_id=10_000)]

    assert len(translate.to_notes(ticket, twice, more)) == 3


def test_no_date_is_no_date():
    row = TicketRow(id="1", due=datetime(1970, 1, 1, tzinfo=UTC))

    assert translate.to_due(row) is None


def test_a_deleted_ticket_is_closed():
    assert translate.to_status("deleted") is CaseStatus.CLOSED


def test_the_group_is_set_first_and_alone():
    change = CaseChange(status=CaseStatus.ANSWERED, group="kcc", due=MOMENT)

    assert translate.to_steps(change) == (
        {"Queue": "kcc"},
        {"Status": "beantwoord", "Due": "2026-11-23 22:27:55"},
    )
    assert translate.to_steps(CaseChange()) == ()


def test_a_query_becomes_a_search():
    query = CaseQuery(
        group="it's", status=CaseStatus.WAITING_FOR_CUSTOMER, open=False, party_ref="p-7", due_before=MOMENT
    )

    assert translate.to_search(query) == (
        "CF.{canonical_id} IS NOT NULL AND Queue = 'it\\'s' AND Status = 'wacht op klant'"
        " AND (Status = 'beantwoord' OR Status = 'afgesloten') AND CF.{party_ref} = 'p-7'"
        " AND Due > '1971-01-01' AND Due < '2026-11-24 12:27:55'"
    )


def test_a_customer_is_no_requestor():
    values = translate.to_ticket(a_case())

    assert not {"Requestor", "Cc", "AdminCc"} & values.keys()
    assert values["CustomFields"]["customer"] == "Jo Peeters"


@given(st.text(alphabet=st.characters(), max_size=60))
def test_every_text_can_be_quoted(text):
    quoted = translate.quoted(text)

    inside = quoted[1:-1].replace("\\\\", "").replace("\\'", "")
    assert quoted[0] == quoted[-1] == "'"
    assert "'" not in inside
    assert "\\" not in inside


@given(
    st.builds(
        TicketRow,
        id=st.integers(),
        status=st.text() | st.sampled_from(["nieuw", "beantwoord"]),
        last_updated=st.none() | st.datetimes() | st.datetimes(timezones=st.just(UTC)),
        due=st.none() | st.datetimes(timezones=st.just(UTC)),
        custom_fields=st.lists(
            st.builds(FieldValues, name=st.just("canonical_id"), values=st.tuples(st.text()))
        ).map(tuple),
    ),
    st.lists(
        st.builds(
            TransactionRow,
            id=st.integers(0, 3),
            type=st.sampled_from(["Create", "Correspond", "x"]),
            created=st.none() | st.datetimes(),
        ),
        max_size=3,
    ),
    st.lists(
        st.builds(
            AttachmentRow,
            id=st.integers(),
            transaction_id=st.integers(0, 3),
            subject=st.none() | st.text(),
            content=st.none() | st.text(),
            content_type=st.none() | st.sampled_from(["text/plain", "text/html"]),
        ),
        max_size=3,
    ),
)
def test_whatever_comes_is_understood_or_said_not_to_be(ticket, said, texts):
    try:
        change = translate.to_case_changed(ticket, said, texts)
        case = translate.to_case(ticket, translate.to_notes(ticket, said, texts))
    except NotUnderstoodError:
        return
    assert change.status in CaseStatus
    assert case.status is change.status

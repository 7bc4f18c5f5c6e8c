"""Canonical words to Roundup's and back."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.roundup import translate
from adapters.roundup.records import ISSUE, MESSAGE, IssueRow, MessageRow, PartyRow
from canonical_model.attachment import Attachment, Claim
from canonical_model.contact import Channel, Kind
from canonical_model.events import Answer, CaseChanged
from canonical_model.location import Location
from canonical_model.party import Party, PartyKind
from canonical_model.status import OPEN, CaseStatus
from ports.contracts.tracker import a_case
from ports.errors import NotUnderstoodError
from ports.tracker import CaseChange, CaseQuery, Note, TrackerCase

FIXTURES = Path(__file__).parent / "fixtures"
MOMENT = datetime(2026, 11, 23, 22, 27, 55, tzinfo=UTC)


def rows(name, table):
    body = msgspec.json.decode((FIXTURES / name).read_bytes())
    return table.many.decode(msgspec.json.encode(body["data"]["collection"]))


@pytest.fixture
def issue():
    return rows("issue_rows.json", ISSUE)[0]


@pytest.fixture
def messages():
    return rows("msg_rows.json", MESSAGE)


def test_every_word_has_a_translation():
    assert set(translate.KINDS) == set(Kind)
    assert set(translate.CHANNELS) == set(Channel)
    assert set(translate.STATUSES) == set(CaseStatus)
    assert set(translate.PARTY_KINDS) == set(PartyKind)


def test_no_two_words_share_a_translation():
    for words in (translate.KINDS, translate.CHANNELS, translate.STATUSES, translate.PARTY_KINDS):
        assert len(set(words.values())) == len(words)


def test_a_case_becomes_an_issue():
    case = a_case(due=datetime(2026, 11, 30, 18, 0, tzinfo=timezone(timedelta(hours=1))))

    assert translate.to_issue(case, party_id="7", message_id="9") == {
        "canonical_id": case.ref,
        "title": "Losliggende stoeptegel",
        "kind": "melding",
        "channel": "e-mail",
        "group": "openbaar-domein",
        "language": "nl",
        "messages": ["9"],
        "requester": "7",
        "category": "wegen",
        "product": "12345",
        "location": "Bondgenotenlaan 12 3000 (50.880000, 4.700000)",
        "area": "centrum",
        "due": "2026-11-30.17:00:00",
    }


def test_what_is_not_known_is_not_sent():
    case = a_case(location=Location(), category="", product="", due=None, party_ref="")

    assert set(translate.to_issue(case, party_id="", message_id="9")) == {
        *("canonical_id", "title", "kind", "channel", "group", "language", "messages")
    }


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        ("Put in de weg", "Put in de weg"),
        ("  twee\r\n lijnen\t", "twee lijnen"),
        ("", "(zonder onderwerp)"),
        (" \n\x00", "(zonder onderwerp)"),
        ("half \ud83d teken", "half \ufffd teken"),
    ],
)
def test_a_title_is_one_line_and_never_empty(subject, title):
    assert translate.to_issue(a_case(subject=subject), party_id="", message_id="1")["title"] == title


def test_a_note_becomes_a_message():
    note = Note(key="k", text=" Tekst \n", public=True, incoming=False, channel=Channel.PHONE)

    assert translate.to_message(note) == {
        "content": "Tekst",
        "visibility": "public",
        "direction": "out",
        "hubref": "k",
        "channel": "telefoon",
    }


def test_a_note_without_channel_has_none():
    note = Note(key="k", text="", public=False, incoming=True)

    assert translate.to_message(note) == {
        "content": "(zonder tekst)",
        "visibility": "internal",
        "direction": "in",
        "hubref": "k",
    }


def test_a_file_has_a_name_and_a_type():
    attachment = Attachment(claim=Claim("0"), name="", media_type="", size=0)

    assert translate.to_file("k", attachment) == {
        "name": "bijlage",
        "type": "application/octet-stream",
        "hubref": "k",
    }


def test_an_issue_becomes_a_case(issue, messages):
    assert translate.to_case(issue, messages[1:2]) == TrackerCase(
        id="1",
        ref="LEU-2026-000123",
        status=CaseStatus.ANSWERED,
        group="openbaar-domein",
        subject="Losliggende stoeptegel",
        due=datetime(2031, 3, 14, 16, 30, 5, tzinfo=UTC),
        party_ref="p-7",
        version=str(issue.version),
        notes=(Note(key="LEU-2026-000123/n1", text="Doorgestuurd.", public=False, incoming=False),),
    )


def test_an_answer_is_public_outgoing_and_not_ours(messages):
    assert [row.id for row in messages if translate.is_answer(row)] == ["3"]


@pytest.mark.parametrize(
    "row",
    [
        MessageRow(visibility="public", direction="out", hubref="LEU-2026-000123/ack"),
        MessageRow(visibility="internal", direction="out"),
        MessageRow(visibility="public", direction="in"),
        MessageRow(visibility=None, direction=None),
    ],
)
def test_nothing_else_is_an_answer(row):
    assert not translate.is_answer(row)


def test_a_change_comes_with_its_answers(issue, messages):
    answers = [row for row in messages if translate.is_answer(row)]

    assert translate.to_case_changed(issue, answers) == CaseChanged(
        case="LEU-2026-000123",
        tracker_id="1",
        version=issue.version,
        status=CaseStatus.ANSWERED,
        group="openbaar-domein",
        answers=(
            Answer(
                key="3",
                text="Dag Jo,\nde tegel ligt weer vast. €",
                at=translate.from_date(answers[0].date),
            ),
        ),
        changed_at=translate.from_date(issue.activity),
    )


def test_a_status_of_somebody_else_is_not_understood():
    with pytest.raises(NotUnderstoodError, match=r"status\.name"):
        translate.to_case_changed(IssueRow(status="geparkeerd", activity="2026-11-23.22:27:55"), ())


@pytest.mark.parametrize("text", ["", "gisteren", "2026-11-23", "2026-11-23T22:27:55", "2026-13-01.00:00:00"])
def test_a_date_of_another_form_is_not_understood(text):
    with pytest.raises(NotUnderstoodError):
        translate.from_date(text)


def test_the_sixtieth_second_is_the_next_minute():
    """Roundup keeps seconds in three decimals: 59.9996 becomes 60.000."""
    assert translate.from_date("2026-12-31.23:59:60") == datetime(2027, 1, 1, tzinfo=UTC)


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_date_comes_back_to_the_second(moment):
    assert translate.from_date(translate.to_date(moment)) == moment.replace(microsecond=0)


@given(st.text(alphabet=st.characters(), max_size=60))
def test_every_text_can_be_sent(text):
    note = Note(key="k", text=text, public=True, incoming=True)

    assert msgspec.json.decode(msgspec.json.encode(translate.to_message(note)))["content"]


@given(
    st.builds(
        IssueRow,
        canonical_id=st.none() | st.text(),
        version=st.none() | st.integers(),
        status=st.none() | st.text() | st.sampled_from(list(translate.STATUSES.values())),
        group=st.none() | st.text(),
        activity=st.text() | st.just("2026-11-23.22:27:55"),
    ),
    st.lists(st.builds(MessageRow, content=st.none() | st.text(), date=st.text()), max_size=2),
)
def test_whatever_comes_is_understood_or_said_not_to_be(row, answers):
    try:
        change = translate.to_case_changed(row, answers)
    except NotUnderstoodError:
        return
    assert change.status in CaseStatus


@pytest.mark.parametrize(
    ("known", "told", "news"),
    [
        (PartyRow(ref="p", name="Jo"), Party(kind=PartyKind.PERSON, name="Jo"), {"kind": "persoon"}),
        (
            PartyRow(ref="p", kind="persoon", name="Jo"),
            Party(kind=PartyKind.PERSON, name="Jo P"),
            {"name": "Jo P"},
        ),
        (PartyRow(ref="p", kind="persoon", name="Jo", phone="1"), Party(kind=PartyKind.PERSON), {}),
        (PartyRow(ref="p", kind="persoon", name="Jo"), Party(email="j@x.be"), {"email": "j@x.be"}),
    ],
)
def test_a_customer_record_learns_and_never_forgets(known, told, news):
    assert translate.party_news(known, translate.to_party(a_case(party=told, party_ref="p"))) == news


def test_only_the_named_fields_are_changed():
    assert translate.to_change(CaseChange(group="kcc")) == {"group": "kcc"}
    assert translate.to_change(CaseChange(status=CaseStatus.NEW, due=MOMENT)) == {
        "status": "nieuw",
        "due": "2026-11-23.22:27:55",
    }


def test_a_query_becomes_filters():
    query = CaseQuery(
        group="kcc", status=CaseStatus.WAITING_FOR_CUSTOMER, open=False, party_ref="p-7", due_before=MOMENT
    )

    assert translate.to_filters(query) == [
        ("group.name:", "kcc"),
        ("status.name:", "wacht op klant"),
        ("status", "beantwoord,afgesloten"),
        ("requester.ref:", "p-7"),
        ("due", "to 2026-11-23.22:27:54"),
    ]


def test_open_means_what_the_model_calls_open():
    ((_, words),) = translate.to_filters(CaseQuery(open=True))

    assert words.split(",") == [translate.STATUSES[status] for status in CaseStatus if status in OPEN]

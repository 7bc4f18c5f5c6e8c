"""What Zammad says in our words and ours in Zammad's. Pure."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from adapters.zammad import translate
from adapters.zammad.records import ArticleRow, TicketRow
from canonical_model.status import CaseStatus
from ports.contracts.tracker import a_case
from ports.errors import NotUnderstoodError
from ports.tracker import CaseChange, CaseQuery

MOMENT = datetime(2026, 11, 23, 22, 27, 55, 123456, tzinfo=UTC)
GROUPS = {"kcc": 2}
STATES = {"nieuw": 11, "in behandeling": 12, "beantwoord": 15, "afgesloten": 16}


def test_a_case_is_a_ticket_with_its_first_text():
    case = a_case(due=MOMENT)

    ticket = translate.to_ticket(case, "burger")

    assert (ticket["customer"], ticket["group"], ticket["state"]) == ("burger", "openbaar-domein", "nieuw")
    assert ticket["due"] == "2026-11-23T22:27:55Z"
    assert ticket["article"] == {
        "subject": f"inkomend, e-mail [{case.ref}/description]",
        "body": case.description,
        "content_type": "text/plain",
        "type": "note",
        "sender": "Customer",
        "internal": False,
    }


def test_only_the_named_attributes_are_changed():
    assert translate.to_change(CaseChange(group="kcc")) == {"group": "kcc"}
    assert translate.to_change(CaseChange(status=CaseStatus.NEW, due=MOMENT)) == {
        "state": "nieuw",
        "due": "2026-11-23T22:27:55Z",
    }


def test_a_query_becomes_a_condition():
    query = CaseQuery(group="kcc", open=False, party_ref="p-7", due_before=MOMENT)

    assert translate.to_search(query, GROUPS, STATES) == {
        "group_id": ("is", ["2"]),
        "state_id": ("is", ["15", "16"]),
        "party_ref": ("is", "p-7"),
        "due": ("before (absolute)", "2026-11-23T22:27:55Z"),
    }


def test_what_nothing_can_fit_is_not_asked():
    assert translate.to_search(CaseQuery(group="elders"), GROUPS, STATES) is None
    assert translate.to_search(CaseQuery(status=CaseStatus.NEW, open=False), GROUPS, STATES) is None


def test_an_answer_is_a_public_text_of_an_agent_that_is_not_ours():
    def article(**values):
        return ArticleRow(id=1, **({"sender": "Agent", "subject": "", "body": "x"} | values))

    assert translate.is_answer(article())
    assert not translate.is_answer(article(internal=True))
    assert not translate.is_answer(article(sender="Customer"))
    assert not translate.is_answer(article(sender="System"))
    assert not translate.is_answer(article(subject="uitgaand [LEU-2026-000001/x]"))
    assert not translate.is_answer(article(subject="bijlage [LEU-2026-000001/x]"))


def test_a_version_is_as_exact_as_zammad_is():
    earlier = TicketRow(id=1, updated_at=MOMENT)
    later = TicketRow(id=1, updated_at=MOMENT.replace(microsecond=124456))

    assert translate.version(later) - translate.version(earlier) == 1000


dates = st.none() | st.datetimes() | st.datetimes(timezones=st.just(UTC))


@given(
    st.builds(
        TicketRow,
        id=st.integers(),
        state=st.text() | st.sampled_from(["nieuw", "beantwoord"]),
        updated_at=dates,
        due=st.none() | st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        canonical_id=st.none() | st.text(),
    ),
    st.lists(
        st.builds(
            ArticleRow,
            id=st.integers(),
            subject=st.none() | st.text(),
            body=st.none() | st.text(),
            content_type=st.sampled_from(["text/plain", "text/html"]),
            sender=st.sampled_from(["Agent", "Customer", "System"]),
            created_at=dates,
        ),
        max_size=3,
    ),
)
def test_whatever_comes_is_understood_or_said_not_to_be(ticket, articles):
    try:
        change = translate.to_case_changed(ticket, articles)
        case = translate.to_case(ticket, articles)
    except NotUnderstoodError:
        return
    assert change.status in CaseStatus
    assert case.status is change.status

"""Between our orders and Open311's words: what real servers answer, and what nobody should believe."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.field_open311.answers import Request, Update, complaint_in, requests_in, updates_in, without
from adapters.field_open311.settings import Settings
from adapters.field_open311.translate import (
    Step,
    is_order,
    is_ours,
    key_of,
    order_of,
    standing_of,
    to_moment,
    to_request,
    to_step,
    to_update,
)
from canonical_model.case import CaseRef
from canonical_model.location import NOWHERE, Location, Point
from canonical_model.work_order import OrderState
from ports.contracts.crew import some_work
from ports.errors import MessageError, NotSupportedError, NotUnderstoodError

FIXTURES = Path(__file__).parent / "fixtures"
SETTINGS = Settings.model_validate(
    {
        "url": "https://planning.example.be/v2",
        "services": {"voetpad": "171"},
        "order_attribute": "werkorder",
        "attributes": {"bron": "KCC"},
        "statuses": {"Ingepland": "planned"},
    }
)


def fixture(name):
    return (FIXTURES / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "id_", "token"),
    [
        ("standard_created.xml", "293944", ""),
        ("standard_token.json", "638344", "12345"),
        ("django_created.xml", "1", ""),
    ],
)
def test_a_number_is_read_from_any_shape(name, id_, token):
    (request,) = requests_in(fixture(name))

    assert (request.id, request.token) == (id_, token)


def test_what_the_standard_server_of_the_field_shows_is_known_as_ours():
    (request,) = requests_in(fixture("django_created.xml"))

    assert is_order(request, "LEU-2026-000123.01")
    assert not is_order(request, "LEU-2026-000123.02")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("boston_duplicate.xml", "Invalid service request: base is a duplicate."),
        ("standard_errors.json", "Invalid api_key received -- can't proceed with create_request."),
        ("django_error.json", "Service code 171 was not found"),
        ("django_error.html", ""),
    ],
)
def test_a_complaint_is_read_from_any_shape(name, words):
    assert complaint_in(fixture(name)) == words


def test_a_complaint_does_not_repeat_what_we_sent_not_even_a_part():
    words = complaint_in(b'[{"code": 400, "description": "An PEETERS, Naamsestr... (12) is too long"}]')

    assert without(words, ["Bel An Peeters", "Naamsestr 12"]) == "An …, …... (12) is too long"


def test_an_update_is_read_with_all_its_photos():
    (update,) = updates_in(fixture("mysociety_updates.xml"))

    assert to_step(update, SETTINGS) == Step(
        key="638344/638344-1",
        request_id="638344",
        order=None,
        state=OrderState.DONE,
        text="Tegel opnieuw gelegd",
        at=datetime(2026, 3, 2, 15, 5, tzinfo=UTC),
        media=("https://planning.example.be/media/1.jpg", "https://planning.example.be/media/2.jpg"),
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nee",
        b"<html><body>Log in</body></html>",
        b"<a><b></a>",
        b'{"a": ',
        b'<!DOCTYPE x [<!ENTITY a "b">]><requests><request><token>&a;</token></request></requests>',
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_answer_is_not_understood(content):
    with pytest.raises(NotUnderstoodError):
        requests_in(content)


def test_deep_nesting_is_no_trouble():
    assert requests_in(b"[" * 500 + b"]" * 500) == ()


def test_an_order_as_a_form():
    work = replace(
        some_work(),
        case=CaseRef("LEU-2026-000123"),
        description="Los",
        due=datetime(2026, 7, 1, 10, tzinfo=UTC),
        urgent=True,
    )

    assert to_request(work, SETTINGS) == (
        ("service_code", "171"),
        ("lat", "50.877400"),
        ("long", "4.700300"),
        ("address_string", "Naamsestraat 12, 3000 Leuven"),
        (
            "description",
            (
                "DRINGEND\n\nLosse tegel\n\nLos\n\nPlaats: Naamsestraat 12, 3000 Leuven\n\nUiterlijk: 01/07/2026 12:00\n\n"
                "[LEU-2026-000123.01]"
            ),
        ),
        ("account_id", "LEU-2026-000123.01"),
        ("attribute[bron]", "KCC"),
        ("attribute[werkorder]", "LEU-2026-000123.01"),
    )


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        (NOWHERE, {"address_string": "Leuven"}),
        (Location(address="Naamsestraat 12"), {"address_string": "Naamsestraat 12"}),
        (Location(point=Point(latitude=50.8, longitude=4.7)), {"lat": "50.800000", "long": "4.700000"}),
    ],
)
def test_some_place_goes_along(location, sent):
    fields = dict(
        to_request(some_work(location=location), SETTINGS.model_copy(update={"unknown_place": "Leuven"}))
    )

    assert {name: fields[name] for name in ("address_string", "lat", "long") if name in fields} == sent


def test_a_citizen_cannot_pass_for_another_order():
    work = replace(
        some_work(),
        case=CaseRef("LEU-2026-000123"),
        description="Los [LEU-2026-000999.01]",
        location=Location(address="x"),
    )
    description = dict(to_request(work, SETTINGS))["description"]

    assert order_of(Request(id="1", description=description)) == ("LEU-2026-000123", 1)


@pytest.mark.parametrize(
    ("status", "external", "state"),
    [
        ("open", "", OrderState.ORDERED),
        ("OPEN", "", OrderState.ORDERED),
        ("action_scheduled", "", OrderState.PLANNED),
        ("ingepland", "", OrderState.PLANNED),
        ("investigating", "", OrderState.IN_PROGRESS),
        ("closed", "", OrderState.DONE),
        ("closed", "NIET_GEVONDEN", OrderState.NOT_FOUND),
        ("duplicate", "", OrderState.CANCELLED),
        ("unchanged", "", None),
        ("", "", None),
    ],
)
def test_words_of_the_planning(status, external, state):
    update = Update(request_id="1", status=status, external_status=external, at="2026-03-02T10:00:00Z")

    assert to_step(update, SETTINGS).state is state


def test_a_word_that_nobody_explained_is_not_supported_and_no_text_is_repeated():
    update = Update(request_id="1", status="An Peeters, Naamsestraat 12!", at="2026-03-02T10:00:00Z")

    with pytest.raises(NotSupportedError) as raised:
        to_step(update, SETTINGS)

    assert "Peeters" not in raised.value.what


def test_a_step_of_ours_is_known_again_by_its_number_or_its_last_line():
    fields = dict(
        to_update(
            Request(id="7"),
            order="LEU-2026-000123.01",
            step="annulatie",
            status="cancelled",
            text="Weg",
            at=datetime(2026, 3, 2, tzinfo=UTC),
        )
    )

    assert is_ours(Update(id=fields["update_id"]))
    assert is_ours(Update(id="U-9", description=fields["description"]))
    assert not is_ours(Update(id="U-9", description=f"{fields['description']}\nNee hoor"))
    assert fields["status"] == "CANCELLED"


def test_an_update_without_a_number_is_known_by_what_it_says():
    update = Update(request_id="1", at="2026-03-02T10:00:00Z", description="a")

    assert key_of(update) == key_of(dataclasses.replace(update))
    assert key_of(update) != key_of(dataclasses.replace(update, description="b"))


@pytest.mark.parametrize(
    ("status", "updates", "state"),
    [
        ("open", (), OrderState.ORDERED),
        ("open", (("planned", "10"),), OrderState.PLANNED),
        ("closed", (("planned", "10"),), OrderState.DONE),
        ("closed", (("no_further_action", "11"), ("planned", "10")), OrderState.CANCELLED),
        ("open", (("fixed", "10"), ("in_progress", "11")), OrderState.IN_PROGRESS),
        ("weird", (), None),
    ],
)
def test_how_an_order_stands(status, updates, state):
    told = [Update(request_id="1", status=word, at=f"2026-03-02T{hour}:00:00Z") for word, hour in updates]
    other = Update(request_id="2", status="fixed", at="2026-03-02T12:00:00Z")

    assert standing_of(Request(id="1", status=status), [*told, other], SETTINGS) is state


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01T12:00:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-07-01T12:00:00Z", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("gisteren", None),
        ("", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_moments(text, moment):
    assert to_moment(text) == moment


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "service_request_id",
                    "token",
                    "update_id",
                    "updated_datetime",
                    "status",
                    "media_url",
                    "extras",
                    "x",
                ]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(json_trees)
def test_whatever_comes_is_read_or_not_understood(tree):
    import msgspec

    try:
        content = msgspec.json.encode(tree)
        requests_in(content)
        for update in updates_in(content):
            to_step(update, SETTINGS)
    except MessageError:
        pass


@given(st.binary(max_size=200))
def test_bytes_are_read_or_not_understood(content):
    complaint_in(content)
    try:
        updates_in(content)
        requests_in(content)
    except NotUnderstoodError:
        pass

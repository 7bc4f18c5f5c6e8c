"""Reports to contacts and cases to records: pure, on what apps really send."""

import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.open311.posted import asked, read
from adapters.open311.problems import ReportError
from adapters.open311.settings import App, Service, Settings
from adapters.open311.translate import (
    EXTENDED_STATUS,
    NOTES,
    definition_of,
    identity,
    is_echo,
    named,
    request_of,
    service_of,
    to_report,
    to_update,
    updates_of,
)
from canonical_model.case import CaseRef
from canonical_model.contact import Channel, Kind, Language
from canonical_model.events import Answer
from canonical_model.location import Location, Point
from canonical_model.party import ANONYMOUS, Party, PartyKind
from canonical_model.status import OPEN, CaseStatus, StatusChange
from ports.cases import CaseSummary, CaseView
from ports.errors import NotUnderstoodError
from tests.adapters.open311.conftest import KEY, SERVICES

FORM = "application/x-www-form-urlencoded"
APP = App(keys=(KEY,))
TABLE = tuple(Service.model_validate(one) for one in SERVICES)
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def contact(posted, app=APP):
    return to_report(posted, service_of(posted, TABLE), app, (), "").contact


def report(**given):
    usual = {"service_code": "lamp-1", "lat": "50.88", "long": "4.7", "description": "Lamp stuk"}
    return asked((usual | given).items())


def test_a_report_of_fixmystreet(fixture_bytes):
    found = contact(read(fixture_bytes("fms_report.form").strip(), FORM))

    assert found.channel is Channel.REPORT_APP
    assert (found.kind, found.category, found.subject) == (Kind.REPORT, "voetpad", "Losse tegel")
    assert found.text == (
        "title: Losse tegel\n\ndetail: Drie tegels liggen los voor nummer 12.\n\n"
        "Is er gevaar?: Ja\nHoe breed?: 1,5\n\nFoto: https://fotos.example.be/4711.jpeg?sig=abc"
    )
    assert found.party == Party(
        kind=PartyKind.PERSON, name="An Janssens", email="an.janssens@example.org", phone="0470123456"
    )
    assert found.location == Location(point=Point(latitude=50.8798, longitude=4.7005))


def test_odd_casing_and_decimal_commas(fixture_bytes):
    found = contact(read(fixture_bytes("odd_casing.form").strip(), FORM))

    assert found.location.point == Point(latitude=50.8798, longitude=4.7005)
    assert found.text == "Stoep kapot\n\nIs er gevaar?: Nee\nkleur: grijs"
    assert found.party is ANONYMOUS


def test_an_address_will_do_and_so_will_the_id_of_one(fixture_bytes):
    by_words = contact(read(fixture_bytes("address_only.form").strip(), FORM))
    by_id = contact(read(fixture_bytes("address_id.form").strip(), FORM))

    assert by_words.location == Location(address="Bondgenotenlaan 12, 3000 Leuven")
    assert by_id.location == Location(address="https://data.vlaanderen.be/id/adres/1234567")
    assert (by_id.subject, by_id.text) == ("Straatlamp", "")


def test_metres_instead_of_degrees_are_not_lost(fixture_bytes):
    assert contact(read(fixture_bytes("lambert.form").strip(), FORM)).location == Location(
        address="173347 174434"
    )


@pytest.mark.parametrize("lat", ["nan", "inf", "", "abc", "1e99", "50.8.8"])
def test_a_point_that_is_none_does_not_count(lat):
    with pytest.raises(ReportError, match="the place is missing"):
        contact(report(lat=lat))

    assert contact(report(lat=lat, address_string="Naamsestraat 1")).location == Location(
        address="Naamsestraat 1"
    )


def test_an_address_that_cannot_be_written_to_is_told_to_people():
    found = contact(report(email="an(at)example.org"))

    assert found.party is ANONYMOUS
    assert found.text == "Lamp stuk\n\nE-mailadres (niet bruikbaar): an(at)example.org"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"service_code": ""}, "service_code is missing"),
        ({"service_code": "ufo"}, "service_code was not found"),
        ({"service_code": "voetpad"}, "attribute[gevaar] is missing"),
        (
            {"service_code": "voetpad", "attribute[gevaar]": "Misschien"},
            "attribute[gevaar] is none of the values",
        ),
        ({"lat": ""}, "the place is missing"),
    ],
)
def test_what_is_wrong_is_named_and_not_quoted(given, what):
    with pytest.raises(ReportError, match=re.escape(what)) as raised:
        contact(report(**given))

    assert "Misschien" not in raised.value.what


def test_the_subject_is_the_first_line_and_not_too_long():
    assert contact(report(description="Lamp stuk\nal weken")).subject == "Lamp stuk"
    assert len(contact(report(description="x" * 500)).subject) == 100


@pytest.mark.parametrize(("tag", "language"), [("fr-BE", "fr"), ("tlh", "nl"), ("", "nl"), ("EN", "en")])
def test_languages(tag, language):
    assert contact(report(language=tag)).language == Language(language)


@pytest.mark.parametrize(
    ("moment", "read_as"),
    [
        ("2026-03-02T11:00:00+01:00", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02T10:00:00Z", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02T11:00:00", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("gisteren", None),
        ("0001-01-01T00:00:00", None),
    ],
)
def test_the_moment_of_the_app(moment, read_as):
    assert contact(report(requested_datetime=moment)).occurred_at == read_as


@given(
    st.dictionaries(
        st.sampled_from(["service_code", "lat", "long", "description", "email", "status", "attribute[x]", "phone",
                         "language", "requested_datetime", "media_url", "address_id"]),
        st.text(max_size=60),
    )
)  # fmt: skip
def test_any_fields_become_a_contact_or_are_not_understood(given_fields):
    try:
        contact(report(**given_fields))
    except NotUnderstoodError as problem:
        assert problem.what  # noqa: PT017 - the other outcome is fine too


def test_an_update_joins_its_case(fixture_bytes):
    found = to_update(
        read(fixture_bytes("fms_update.form").strip(), FORM), CaseRef("LEU-2026-000001"), APP, ()
    ).contact

    assert found.thread.verified_case == "LEU-2026-000001"
    assert found.text == "Het is intussen hersteld, bedankt!\n\nDe melder meldt: het is opgelost."
    assert found.occurred_at == datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_an_update_that_says_nothing_is_refused():
    with pytest.raises(ReportError, match="nothing to add"):
        to_update(asked([("update_id", "1")]), CaseRef("LEU-2026-000001"), APP, ())


def test_an_own_id_counts_for_ever_and_content_only_for_a_while():
    posted = report()
    by_id = [identity(posted, "4711", "open311/app", at, DAY) for at in (NOW, NOW + 100 * DAY)]
    by_content = [identity(posted, "", "open311/app", at, DAY) for at in (NOW, NOW + 100 * DAY)]

    assert by_id[0] == by_id[1]
    assert by_id[0].source_ref == "id-4711"
    assert by_content[0].source_ref != by_content[1].source_ref
    assert by_content[0].fingerprint != by_content[1].fingerprint


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zone beside it
    st.floats(0, 0.999),
)
def test_a_repetition_within_the_time_is_always_recognised(first, part):
    one, other = (identity(report(), "", "open311/app", at, DAY) for at in (first, first + part * DAY))

    assert one.source_ref == other.source_ref or one.fingerprint == other.fingerprint


def test_other_content_is_another_report():
    one, other = (identity(report(description=text), "", "s", NOW, DAY) for text in ("Lamp", "Lamp stuk"))

    assert one.source_ref != other.source_ref
    assert one.fingerprint != other.fingerprint


def test_ids_are_safe_in_addresses():
    assert named("id", "FMS-4711") == "id-FMS-4711"
    assert re.fullmatch(r"id-[0-9a-f]{32}", named("id", "../../x?y"))


def a_case(status=CaseStatus.NEW, **changes):
    values = {
        "ref": CaseRef("LEU-2026-000001"), "kind": Kind.REPORT, "channel": Channel.REPORT_APP, "group": "wegen",
        "status": status, "category": "straatverlichting", "area": "heverlee", "origin": "open311/app",
        "origin_ref": "id-1", "opened_at": NOW, "changed_at": NOW, "due": NOW + DAY, "subject": "An Janssens",
    }  # fmt: skip
    return CaseSummary(**(values | changes))


@pytest.mark.parametrize("status", list(CaseStatus))
def test_a_record_has_the_fields_of_the_standard_and_nothing_personal(status):
    record = request_of(a_case(status), Settings(services=TABLE), APP)

    assert list(record) == [
        "service_request_id", "status", "status_notes", "service_name", "service_code", "description",
        "agency_responsible", "service_notice", "requested_datetime", "updated_datetime", "expected_datetime",
        "address", "address_id", "zipcode", "lat", "long", "media_url",
    ]  # fmt: skip
    assert record["status"] == ("open" if status in OPEN else "closed")
    assert record["service_code"] == "lamp-1"
    assert record["requested_datetime"] == "2026-03-02T09:30:00+00:00"
    assert not {"An Janssens", "wegen", "heverlee"} & set(map(str, record.values()))


def test_every_status_has_its_words_in_every_language():
    assert EXTENDED_STATUS.keys() == set(CaseStatus)
    assert NOTES.keys() == set(Language)
    assert all(notes.keys() == set(CaseStatus) for notes in NOTES.values())


def a_view(*steps, answers=()):
    history = tuple(StatusChange(status=status, at=NOW + at * DAY, by="wegen") for status, at in steps)
    return CaseView(summary=a_case(steps[-1][0]), language=Language.NL, history=history, answers=answers)


def test_updates_tell_each_step_once_under_a_stable_id():
    steps = [(CaseStatus.NEW, 0), (CaseStatus.IN_PROGRESS, 1), (CaseStatus.WAITING_FOR_FIELD_TEAM, 2)]
    before = updates_of(a_view(*steps), APP)
    after = updates_of(a_view(*steps, (CaseStatus.CLOSED, 3)), APP)

    assert after[:2] == before
    assert [(u["update_id"], u["status"], u["external_status_code"]) for _, u in after] == [
        ("LEU-2026-000001-1", "in_progress", "in_progress"),
        ("LEU-2026-000001-2", "action_scheduled", "waiting_for_field_team"),
        ("LEU-2026-000001-3", "closed", "closed"),
    ]


def test_a_case_that_only_went_to_another_group_is_no_news():
    assert updates_of(a_view((CaseStatus.NEW, 0), (CaseStatus.NEW, 1)), APP) == []


def test_answers_are_for_apps_that_pass_them_on_to_the_reporter_alone():
    answer = Answer(key="k1", text="Beste mevrouw Janssens, hersteld.", at=NOW + DAY / 2)
    view = a_view((CaseStatus.NEW, 0), (CaseStatus.ANSWERED, 1), answers=(answer,))
    trusted = App(keys=(KEY,), answers=True)

    ((_, public),), ((_, private),) = updates_of(view, APP), updates_of(view, trusted)

    assert public["description"] == "De melding is beantwoord."
    assert private["description"] == answer.text


def test_an_answer_after_the_last_step_is_told_too():
    answer = Answer(key="k1", text="Nog iets.", at=NOW + 2 * DAY)
    view = a_view((CaseStatus.NEW, 0), (CaseStatus.ANSWERED, 1), answers=(answer,))

    told = updates_of(view, App(keys=(KEY,), answers=True))

    assert [update["description"] for _, update in told] == ["De melding is beantwoord.", "Nog iets."]
    assert is_echo(str(told[1][1]["update_id"]), "LEU-2026-000001")


def test_our_own_updates_are_recognised_when_they_come_back():
    assert is_echo("LEU-2026-000001-3", "LEU-2026-000001")
    assert not is_echo("991", "LEU-2026-000001")
    assert not is_echo("LEU-2026-000002-3", "LEU-2026-000001")


def test_the_questions_of_a_service():
    definition = definition_of(TABLE[0])

    assert definition["service_code"] == "voetpad"
    assert definition["attributes"][0] == {
        "variable": True, "code": "gevaar", "datatype": "singlevaluelist", "required": True,
        "datatype_description": "", "order": 1, "description": "Is er gevaar?",
        "values": [{"key": "J", "name": "Ja"}, {"key": "N", "name": "Nee"}],
    }  # fmt: skip


def test_a_record_hides_what_the_hub_knows_besides():
    shown = set(request_of(a_case(), Settings(), APP))

    assert not shown & ({field.name for field in fields(CaseSummary)} - {"status"})

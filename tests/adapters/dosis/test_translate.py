"""What DOSIS gets to read, and what we make of its results."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.dosis.translate import (
    Fault,
    Result,
    agents_of,
    faults_in,
    instant,
    local,
    product_of,
    status_of,
    to_element,
    to_refused,
    to_upload,
    upload_id,
)
from canonical_model.contact import Kind
from canonical_model.events import DeliveryRefused
from canonical_model.identifiers import establishment, kbo
from canonical_model.party import ANONYMOUS, Party, PartyKind
from canonical_model.public_status import PublicStatus
from ports.contracts.board import ASSOCIATION, CITIZEN, COMPANY
from ports.errors import NotUnderstoodError, RejectedError


def test_an_upload_is_what_dosis_reads(publication, settings, fixture_bytes):
    body = {**to_upload(publication, settings), "UploadId": "UPLOAD"}

    assert json.loads(json.dumps(body)) == json.loads(fixture_bytes("upload.json"))


def test_what_is_not_known_is_left_out_or_null(publication, settings):
    bare = replace(publication, detail="", action="", due=None, status=PublicStatus.RECEIVED, group="kcc")
    plain = settings.model_copy(update={"link": ""})

    body = to_upload(bare, plain)

    assert body["Status"]["Detail1"] is None
    assert body["Status"]["Actie"] == {"ActieNodig": False, "Actie": None}
    assert body["DossierBeheerder"]["Dienst"] == "Klantencontactcentrum"
    assert not {"Doorverwijzing", "StreefDatum"} & body.keys()


def test_what_the_customer_must_do_is_his_turn_whatever_the_status(publication, settings):
    asked = replace(publication, status=PublicStatus.PLANNED, action="Zet uw auto weg.")

    assert to_upload(asked, settings)["Status"]["Actie"]["ActieNodig"] is True


def test_the_upload_of_an_effect_always_has_the_same_id_and_tells_its_status():
    ids = {status: upload_id("LEU-2026-004711/dosis/publish_status/1", status) for status in PublicStatus}

    assert all(status_of(str(id_).upper()) is status for status, id_ in ids.items())
    assert ids[PublicStatus.CLOSED] == upload_id(
        "LEU-2026-004711/dosis/publish_status/1", PublicStatus.CLOSED
    )
    assert ids[PublicStatus.CLOSED] != upload_id(
        "LEU-2026-004711/dosis/publish_status/2", PublicStatus.CLOSED
    )
    assert ids[PublicStatus.CLOSED].version == 5


@pytest.mark.parametrize("upload", ["", "x", "5f3c", "00000000-0000-5000-8000-00000000000f"])
def test_an_upload_that_is_not_ours_tells_nothing(upload):
    assert status_of(upload) is None


def test_each_customer_has_his_own_agents_and_rights(publication, settings):
    both = replace(COMPANY, identifiers=(*COMPANY.identifiers, establishment("2289324120")))
    with_establishments = settings.model_copy(
        update={"rights": {**settings.rights, establishment("2289324120").scheme: ("R",)}}
    )
    member = Party(kind=PartyKind.ASSOCIATION, identifiers=(kbo("0403019261"),))

    def agents(party, known=settings):
        return [one.value for one in agents_of(replace(publication, party=party), known)]

    assert agents(CITIZEN) == ["85073003328"]
    assert agents(ASSOCIATION) == ["V0001001"]
    assert agents(member) == ["0403019261"]
    assert agents(both) == ["0403019261"]
    assert agents(both, with_establishments) == ["0403019261", "2289324120"]


def test_a_kind_of_customer_without_rights_is_refused_by_the_name_of_the_setting(publication, settings):
    only_citizens = settings.model_copy(update={"rights": {}})

    with pytest.raises(RejectedError, match=r"rights\.kbo"):
        agents_of(replace(publication, party=COMPANY), only_citizens)


def test_nobody_is_not_shown_anything(publication, settings):
    with pytest.raises(RejectedError, match="no number"):
        to_upload(replace(publication, party=ANONYMOUS), settings)


def test_the_product_of_the_case_goes_first_then_that_of_its_kind(publication, settings):
    some = settings.model_copy(update={"product": "1", "products": {Kind.QUESTION: "2"}})

    assert product_of(publication, some) == "1446"
    assert product_of(replace(publication, product="", kind=Kind.QUESTION), some) == "2"
    assert product_of(replace(publication, product=""), some) == "1"
    with pytest.raises(RejectedError, match="product"):
        product_of(replace(publication, product=""), settings)


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        (datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "2026-07-02T00:30:00"),
        (datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), "2026-10-25T02:59:59"),
        (datetime(2026, 10, 25, 1, 10, tzinfo=UTC), "2026-10-25T02:59:59"),
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), "2026-10-25T03:00:00"),
    ],
)
def test_change_dates_are_belgian_time(moment, told):
    assert local(moment) == told


@given(
    st.datetimes(min_value=datetime(2026, 10, 24), max_value=datetime(2026, 10, 26), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=30)),
)
def test_a_later_change_never_has_an_earlier_date(moment, step):
    assert local(moment) <= local(moment + step)


def test_a_refusal_tells_why_without_numbers_or_quotations(fixture_bytes):
    assert to_refused(fixture_bytes("result_failed.json"), "dosis") == DeliveryRefused(
        case="LEU-2026-004711",
        system="dosis",
        delivery="0a1b2c3d-0000-5000-8000-000000000002",
        problems=("Onderneming … is niet gekend in KBO", "Recht … bestaat niet"),
    )


def test_a_refusal_without_reasons_says_so(fixture_bytes):
    bare = json.loads(fixture_bytes("result_failed.json")) | {"Fouten": None, "Fout": None}

    assert to_refused(json.dumps(bare).encode(), "dosis").problems == ("no reason was given",)


@pytest.mark.parametrize(
    "changes",
    [
        {"Succes": True},
        {"UploadId": ""},
        {"UploadId": "a b"},
        {"Identificatie": {"Bron": "x", "DossierNummer": "OMV-1"}},
        {"Identificatie": "LEU-2026-004711"},
        {"Fouten": "fout"},
    ],
)
def test_a_line_that_is_no_failure_of_ours_is_not_understood(fixture_bytes, changes):
    line = json.loads(fixture_bytes("result_failed.json")) | changes

    with pytest.raises(NotUnderstoodError):
        to_refused(json.dumps(line).encode(), "dosis")


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["Identificatie", "UploadId", "Fouten", "Succes", "DossierNummer"]), inner
                )
            ),
            max_leaves=10,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_whatever_comes_is_a_refusal_or_not_understood(raw):
    with suppress(NotUnderstoodError):
        assert isinstance(to_refused(raw, "dosis"), DeliveryRefused)


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2026-03-02T10:15:04.123", datetime(2026, 3, 2, 9, 15, 4, 123_000, tzinfo=UTC)),
        ("2026-03-02T09:15:04Z", datetime(2026, 3, 2, 9, 15, 4, tzinfo=UTC)),
        ("gisteren", None),
        ("", None),
        (None, None),
        ("0001-01-01T00:00:00", None),
    ],
)
def test_their_times_are_read_with_or_without_offset(told, moment):
    assert instant(told) == moment


def test_the_faults_of_a_result_are_never_empty():
    assert faults_in(Result(fouten=(Fault(omschrijving=None),), fout="Verwerking mislukt")) == (
        "Verwerking mislukt",
    )


def test_an_element_of_the_feed_is_what_the_connector_reads(publication, settings, fixture_bytes):
    element = to_element(7, replace(publication, party=COMPANY), settings)

    assert json.loads(json.dumps(element)) == json.loads(fixture_bytes("feed_element.json"))


def test_a_citizen_in_the_feed_has_a_number_and_no_rights(publication, settings):
    (agent,) = to_element(1, publication, settings)["agenten"]

    assert agent == {"@type": "BurgerAgent", "rijksregisternummer": "85073003328"}


def test_the_feed_has_no_agents_for_associations(publication, settings):
    with pytest.raises(RejectedError, match="associations"):
        to_element(1, replace(publication, party=ASSOCIATION), settings)

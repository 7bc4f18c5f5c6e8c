"""Orders become StUF messages that CityControl takes, and its messages become what the hub knows."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from adapters.citycontrol.settings import Settings
from adapters.citycontrol.translate import (
    Document,
    sent_along,
    to_case,
    to_change,
    to_document,
    to_documents,
    to_moment,
    to_standing,
    to_text,
)
from adapters.citycontrol.tree import read
from canonical_model.attachment import Attachment, Claim
from canonical_model.location import Location
from canonical_model.work_order import OrderState
from demo.outside.citycontrol import NS, Case, status_message
from ports.contracts.crew import a_photo, some_work
from ports.errors import NotUnderstoodError
from ports.xml_text import CUT
from tests.adapters.citycontrol.conftest import NOW, settings_for

SETTINGS = Settings.model_validate(settings_for("https://citycontrol.example"))


def sent(message, path):
    """The texts at a path in a message, as any XML parser reads them."""
    root = etree.fromstring(message, etree.XMLParser(huge_tree=True))
    return [found if isinstance(found, str) else found.text for found in root.xpath(path, namespaces=NS)]


def told(message):
    return to_change(read(message), SETTINGS, system="wegen", now=NOW)


def status(**changes):
    case = Case("LEU-2026-000123.01", "t", "", "", "", status="Gepland", status_at="20260302080000")
    for name, value in changes.items():
        setattr(case, name, value)
    return case


def test_an_order_is_a_new_case_in_the_words_of_the_profile():
    order = replace(some_work(), case="LEU-2026-000123", trip=2, urgent=True, due=None)

    message = to_case("LEU-2026-000123.02", order, SETTINGS, NOW)

    assert sent(message, "//zkn:stuurgegevens/stuf:berichtcode") == ["Lk01"]
    assert sent(message, "//zkn:stuurgegevens/stuf:*/stuf:applicatie") == ["WEG", "CTC"]
    assert sent(message, "//stuf:tijdstipBericht") == ["20260302103000"]
    assert sent(message, "//stuf:mutatiesoort") == ["T"]
    assert [found.rpartition("}")[2] for found in _names(message, "//zkn:zakLk01/zkn:object/*")] == [
        "identificatie",
        "omschrijving",
        "startdatum",
        "registratiedatum",
        "einddatumGepland",
        "toelichting",
        "extraElementen",
        "isVan",
        "heeftBetrekkingOp",
    ]
    assert sent(message, "//zkn:object/zkn:identificatie") == ["LEU-2026-000123.02"]
    assert sent(message, "//zkn:object/zkn:omschrijving") == [
        "voetpad LEU-2026-000123.02 URGENT Naamsestraat 12, 3000 Leuven"
    ]
    assert sent(message, "//zkn:einddatumGepland") == ["20260303"]
    assert sent(message, "//stuf:extraElement/@naam") == ["Ycoordinaat", "Xcoordinaat"]
    assert sent(message, "//stuf:extraElement") == ["50.877400", "4.700300"]
    assert sent(message, "//zkn:isVan/zkn:gerelateerde/zkn:code") == ["2"]
    assert sent(message, "//zkn:adres/bg:*") == ["Leuven", "Naamsestraat", "12", "3000"]


def _names(message, path):
    return [found.tag for found in etree.fromstring(message).xpath(path, namespaces=NS)]


def test_a_term_is_told_as_the_day_it_is_in_brussels():
    order = some_work(due=datetime(2026, 3, 5, 23, 30, tzinfo=UTC))

    assert sent(to_case("x", order, SETTINGS, NOW), "//zkn:einddatumGepland") == ["20260306"]


@pytest.mark.parametrize(
    "address", ["", "Stadspark", "Naamsestraat zonder nummer", "E40 km", "12", "Kruidtuin, 3000 Leuven"]
)
def test_half_an_address_is_told_in_words_only(address):
    order = some_work(location=Location(address=address))

    message = to_case("x", order, SETTINGS, NOW)

    assert sent(message, "//zkn:heeftBetrekkingOp") == []
    assert not address or f"Plaats: {address}" in sent(message, "//zkn:object/zkn:toelichting")[0]


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("Naamsestraat 12", ["Leuven", "Naamsestraat", "12"]),
        ("Diestsesteenweg 112B bus 3, 3010 Kessel-Lo", ["Kessel-Lo", "Diestsesteenweg", "112", "B", "3010"]),
        ("'s-Hertogenlaan 1, 3000 Leuven", ["Leuven", "'s-Hertogenlaan", "1", "3000"]),
    ],
)
def test_a_whole_address_is_told_in_parts(address, parts):
    message = to_case("x", some_work(location=Location(address=address)), SETTINGS, NOW)

    assert sent(message, "//zkn:adres/bg:*") == parts


def test_a_long_text_is_cut_with_a_mark_and_keeps_its_place():
    order = some_work(description="lang " * 500, location=Location(address="Naamsestraat 12, 3000 Leuven"))

    text = to_text(order, SETTINGS)

    assert len(text) == 1000
    assert CUT in text
    assert text.endswith("Plaats: Naamsestraat 12, 3000 Leuven")


def test_control_signs_go_and_emoji_stay():
    order = some_work(
        subject="Put\x0b \x1b[1m🚧",
        description="a\x00b\ufffe\ud800 👩\u200d🔧 \r\n<b>&amp;]]>",
        location=Location(),
    )

    text = sent(to_case("x", order, SETTINGS, NOW), "//zkn:object/zkn:toelichting")[0]

    assert text == "Put [1m🚧\n\nab 👩\u200d🔧 \n<b>&amp;]]>"


def test_a_photo_goes_in_base64_with_its_own_identification():
    document = Document("LEU-2026-000123.01", 2, a_photo(b"photo", "stoep 1.jpg"), b"photo")

    message = to_document(document, SETTINGS, NOW)

    assert sent(message, "//zkn:edcLk01/zkn:object/zkn:identificatie") == ["LEU-2026-000123.01-02"]
    assert sent(message, "//zkn:inhoud") == ["cGhvdG8="]
    assert sent(message, "//zkn:inhoud/@stuf:bestandsnaam") == ["stoep 1.jpg"]
    assert sent(message, "//zkn:isRelevantVoor/zkn:gerelateerde/zkn:identificatie") == ["LEU-2026-000123.01"]


def test_a_photo_of_more_than_ten_megabytes_is_one_text():
    content = bytes(12_000_000)

    message = to_document(Document("LEU-2026-000123.01", 1, a_photo(content), content), SETTINGS, NOW)

    assert len(sent(message, "//zkn:inhoud")[0]) == 16_000_000


def test_what_is_too_large_is_named_and_not_sent():
    large = Attachment(claim=Claim("0" * 64), name="film.mp4", media_type="video/mp4", size=20_000_001)
    order = some_work(attachments=(a_photo(), large))

    assert sent_along(order, SETTINGS) == (a_photo(),)
    assert f"Niet meegestuurd: 1 te grote bijlage(n), zie zaak {order.case}." in to_text(order, SETTINGS)


def test_a_status_as_citycontrol_sends_it(fixture_bytes):
    change = told(fixture_bytes("actualiseerZaakstatus_Lk01.xml"))

    assert (change.system, change.outside_id, change.case, change.trip) == (
        "wegen",
        "LEU-2026-000123.01",
        "LEU-2026-000123",
        1,
    )
    assert change.state is OrderState.DONE
    assert change.text == "Tegel vastgelegd, voegen bijgevuld 👷"
    assert change.at == datetime(2026, 3, 2, 9, 20, 52, tzinfo=UTC)
    assert "Buiten" not in repr(change) + change.text


def test_a_word_of_the_list_alone_is_no_evidence():
    change = told(status_message(status(status="Afgehandeld", result="Uitgevoerd")))

    assert (change.state, change.text) == (OrderState.DONE, "")


def test_the_new_one_of_two_objects_and_the_latest_of_two_statuses_count(fixture_bytes):
    change = told(fixture_bytes("actualiseerZaakstatus_oud_en_nieuw.xml"))

    assert (change.outside_id, change.trip, change.state) == ("LEU-2026-000123.02", 2, OrderState.IN_PROGRESS)
    assert change.text == "Ploeg 3 is ter plaatse"
    assert change.at == datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


def test_a_result_that_nobody_explained_is_not_done():
    with pytest.raises(NotUnderstoodError):
        told(status_message(status(status="Afgehandeld", result="Niet uitgevoerd wegens geheim")))


def test_the_words_of_another_city_are_set():
    settings = Settings.model_validate(
        settings_for("https://x.example", statuses={}, results={"  GEDAAN  hoor ": "done"})
    )

    tree = read(status_message(status(status="Afgehandeld", result="gedaan hoor")))

    assert to_change(tree, settings, system="s", now=NOW).state is OrderState.DONE


def test_the_same_content_is_the_same_update_whatever_its_envelope_says():
    one = told(status_message(status(), reference="1", sent="20260302080000"))
    again = told(status_message(status(), reference="2", sent="20260302090000"))
    later = told(status_message(status(status_at="20260302080001")))

    assert one.update == again.update
    assert one.update != later.update


def test_a_case_of_somebody_else_is_told_as_it_is():
    change = told(status_message(status(identification="SIA-12.03")))

    assert (change.outside_id, change.case, change.trip) == ("SIA-12.03", None, 0)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("20260302080000", datetime(2026, 3, 2, 7, tzinfo=UTC)),
        ("2026030208000012", datetime(2026, 3, 2, 7, tzinfo=UTC)),
        ("20260301", datetime(2026, 3, 1, 22, 59, 59, 999999, tzinfo=UTC)),
        ("20260302", NOW),
        ("20280101120000", NOW),
        ("20251026023000", datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
        ("", NOW),
    ],
)
def test_a_time_without_a_zone_is_one_of_brussels_and_never_later_than_now(written, moment):
    assert to_moment(written, NOW) == moment


@pytest.mark.parametrize(
    "written", ["2026-03-02", "20260230", "20260302256060", "00000000", "morgen", "2" * 30]
)
def test_what_is_no_time_is_not_understood(written):
    with pytest.raises(NotUnderstoodError):
        to_moment(written, NOW)


@pytest.mark.parametrize("identification", ["", "  ", "L" * 41])
def test_a_status_without_a_case_is_not_understood(identification):
    with pytest.raises(NotUnderstoodError, match="identificatie"):
        told(status_message(status(identification=identification)))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_bytes_are_read_or_not_understood(body):
    try:
        told(body)
    except NotUnderstoodError:
        return


@settings(deadline=None)
@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.text(max_size=40),
    st.text(alphabet="0123456789", max_size=20),
    st.lists(st.sampled_from(["identificatie", "heeft", "resultaat", "object", "omschrijving"]), max_size=4),
)
def test_odd_messages_are_read_or_not_understood(identification, word, remark, when, repeated):
    message = status_message(
        status(
            identification=identification or "LEU-2026-000123.01", result=word, remark=remark, status_at=when
        )
    )
    for name in repeated:
        message = message.replace(f"</{name}>".encode(), f"</{name}><{name}/><{name}>x</{name}>".encode())
    try:
        told(message)
    except NotUnderstoodError:
        return


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["zkn:object", "zkn:heeft", "zkn:identificatie", "#text", "zkn:heeftRelevant"]
                ),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_odd_answers_are_read_as_something(answer):
    assert to_documents(answer) >= frozenset()
    to_standing(answer, "LEU-2026-000123.01", SETTINGS)


BOMB = b"""<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><a>&lol2;</a></soap:Envelope>"""
XXE = b'<!DOCTYPE foo [<!ENTITY bar SYSTEM "file:///etc/passwd">]><foo>&bar;</foo>'
OUTSIDE = b'<!DOCTYPE foo SYSTEM "http://127.0.0.1:9/evil.dtd"><foo/>'


@pytest.mark.parametrize("body", [BOMB, XXE, OUTSIDE, BOMB.decode().encode("utf-16")])
def test_entities_and_document_types_are_not_taken(body):
    with pytest.raises(NotUnderstoodError):
        read(body)

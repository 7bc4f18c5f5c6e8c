"""IPDC's pages as products: as they really look, odd ones, and anything at all."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ipdc.plain import plain
from adapters.ipdc.translate import Reading, page_of, resolved_number, version_of
from canonical_model.contact import Language
from ports.errors import NotUnderstoodError

READING = Reading()
SNAPSHOT = {
    "id": "f8189126-e4b8-475e-9e3b-8379d4152393",
    "@id": "https://ipdc.vlaanderen.be/id/conceptsnapshot/f8189126-e4b8-475e-9e3b-8379d4152393",
    "@type": "ConceptualPublicService",
    "isVersionOf": "https://ipdc.vlaanderen.be/id/concept/0651fb46-9dac-4767-a0f0-bc724b20f359",
    "generatedAtTime": "2026-03-08T16:10:17.94052Z",
    "laatstGewijzigd": "2026-03-08T16:10:17.503733775Z",
    "productnummer": "10095",
    "naam": {"nl": "Reispas"},
}


def read(reading=READING, **fields):
    """The version of a snapshot with these fields; None takes a field away."""
    document = {name: value for name, value in {**SNAPSHOT, **fields}.items() if value is not None}
    return version_of(json.dumps(document).encode(), reading)


def dutch(**fields):
    return read(**fields).product.text(Language.NL)


def test_a_page_as_the_catalogue_makes_it(fixture_bytes):
    page = page_of(fixture_bytes("conceptsnapshot-page.json"), READING)

    assert page.next == "https://ipdc.vlaanderen.be/doc/conceptsnapshot?pageNumber=2&limit=25"
    assert page.unreadable == ()
    kinds = [(version.product and version.product.id, version.at.isoformat()) for version in page.versions]
    assert kinds == [
        (None, "2026-03-08T16:12:00+00:00"),
        ("10095", "2026-03-08T16:10:17.503733+00:00"),
        ("10092", "2026-03-07T15:14:30.875551+00:00"),
    ]
    support = page.versions[2].product
    assert support.text(Language.NL).answer == (
        "Als u uw verblijf niet kunt betalen, dan kan het OCMW tussenkomen.\n\n"
        "Voorwaarden\n- Wat meebrengen: Bewijs om mee te brengen: Een overzicht van het gezinsinkomen\n\n"
        "Hoe\n- Onderzoek: De maatschappelijk werker onderzoekt uw situatie.\n- Onderhoudsplicht"
    )
    assert support.text(Language.NL).keywords == ("Woonzorgcentrum",)
    assert (support.valid_from, support.valid_until) == (
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2030, 12, 31, tzinfo=UTC),
    )


def test_a_product_as_it_is_asked_for_by_number(fixture_bytes):
    version = version_of(fixture_bytes("product-75270.json"), READING)

    assert version.entity == "https://ipdc.vlaanderen.be/id/instantie/4ea05c42-9117-47ff-8d6f-48806cd100e1"
    assert (version.snapshot, version.product.id) == (False, "75270")
    assert version.product.version == "20260308T161017.503733Z"
    assert version.product.text(Language.EN).name == "Driving licence"


def test_the_last_page_has_none_after_it(fixture_bytes):
    page = json.loads(fixture_bytes("conceptsnapshot-page.json"))
    page["view"]["relation"] = [one for one in page["view"]["relation"] if one["@type"] == "LessThanRelation"]

    assert page_of(json.dumps(page).encode(), READING).next == ""


@pytest.mark.parametrize(
    ("texts", "formal", "informal"),
    [
        ({"nl": "a", "nl-BE-x-formal": "u", "nl-BE-x-informal": "je"}, "u", "je"),
        ({"nl": "a", "nl-BE-x-informal": "je"}, "a", "je"),
        ({"nl-BE-x-informal": "je", "nl-BE-x-generated-formal": "u?"}, "je", "je"),
        ({"nl-BE-x-generated-formal": "u?", "nl-BE-x-generated-informal": "je?"}, "u?", "je?"),
        ({"NL": "a", "nl-BE-x-formal": " "}, "a", "a"),
        ({"fr": "vous"}, "", ""),
    ],
)
def test_the_wanted_form_of_address_then_what_people_wrote_then_machines(texts, formal, informal):
    for reading, expected in ((Reading(), formal), (Reading(formal=False), informal)):
        text = read(reading, beschrijving=texts).product.text(Language.NL)
        assert text.description == expected


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"isVersionOf": None, "@id": None}, "isVersionOf"),
        ({"productnummer": None}, "productnummer"),
        ({"productnummer": "DVR000000001"}, "productnummer"),
        ({"naam": None}, "naam"),
        ({"naam": {"nl": "<p></p>"}}, "naam"),
        ({"naam": "Reispas"}, "naam"),
        ({"laatstGewijzigd": None, "generatedAtTime": None}, "generatedAtTime"),
        ({"laatstGewijzigd": "gisteren"}, "laatstGewijzigd"),
        ({"eindeDienstVerlening": "0001-01-01T00:00:00+14:00"}, "eindeDienstVerlening"),
        ({"kosten": "gratis"}, "kosten"),
    ],
)
def test_what_is_missing_or_odd_is_named(fields, words):
    with pytest.raises(NotUnderstoodError, match=words):
        read(**fields)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"null", b'{"member": [', b"<html>", b"\xff", b'{"member": {}}']
)
def test_what_is_no_page_is_not_understood(content):
    with pytest.raises(NotUnderstoodError):
        page_of(content, READING)


def test_nesting_without_end_is_not_understood():
    with pytest.raises(NotUnderstoodError):
        page_of(b'{"member": [' + b'{"a":' * 100_000, READING)


def test_one_of_something_is_written_without_a_list():
    cost = {"naam": {"nl": "Prijs"}, "beschrijving": {"nl": "65 euro"}}

    assert dutch(kosten=cost) == dutch(kosten=[cost])
    assert dutch(zoektermen={"nl": "pas"}) == dutch(zoektermen={"nl": ["pas"]})


def test_only_sound_addresses_are_told():
    sites = [
        {"url": "javascript:alert(1)"},
        {"url": "https://www.leuven.be/a b"},
        {"url": "https://www.leuven.be"},
    ]

    assert dutch(websites=sites).answer == "Meer informatie\n- https://www.leuven.be"


@pytest.mark.parametrize(
    "fields",
    [
        {"@type": "Tombstone", "naam": None, "productnummer": None},
        {"@type": ["https://www.w3.org/ns/activitystreams#Tombstone"], "naam": None},
        {"snapshotType": "Delete", "naam": None},
    ],
)
def test_a_tombstone_needs_no_texts(fields):
    assert read(**fields).product is None


@given(st.binary())
def test_any_bytes_are_judged_without_another_error(content):
    for read_it in (page_of, version_of):
        with suppress(NotUnderstoodError):
            read_it(content, READING)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["nl", "naam", "@id", "url"]), inner)
    ),
    max_leaves=10,
)
_FIELDS = st.dictionaries(
    st.sampled_from(
        [
            *SNAPSHOT, "beschrijving", "voorwaarden", "procedures", "kosten", "websites", "zoektermen", "gearchiveerd",
            "geografischToepassingsgebieden", "startDienstVerlening", "snapshotType", "deleted", "uitzonderingen",
        ]
    ),
    _JSON | st.dictionaries(st.sampled_from(["nl", "NL", "en", "nl-BE-x-formal"]), st.text()),
    max_size=4,
)  # fmt: skip


@given(_FIELDS)
def test_any_member_is_judged_without_another_error(fields):
    content = msgspec.json.encode({"member": [{**SNAPSHOT, **fields}]})
    try:
        page = page_of(content, READING)
    except NotUnderstoodError:
        return

    for version in page.versions:
        assert version.at.tzinfo is UTC
        assert version.product is None or version.product.text(Language.NL).name


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Een</p><p>twee</p>", "Een\n\ntwee"),
        ("Een<br>twee", "Een\ntwee"),
        ("<ul><li>a</li><li>b <b>c</b></li></ul>", "- a\n- b c"),
        ('<a href="https://leuven.be/x">Lees</a>', "Lees (https://leuven.be/x)"),
        ('<a href="https://leuven.be">https://leuven.be</a>', "https://leuven.be"),
        ('<a href="javascript:alert(1)">klik</a>', "klik"),
        ('<a href="mailto:kcc@leuven.be">mail ons</a>', "mail ons (kcc@leuven.be)"),
        ("a<script>alert(1)</script><style>b</style>c", "ac"),
        ("a</script>b", "ab"),
        ("5 &lt; 6 &amp; &euro;3", "5 < 6 & €3"),
        ("een\x0b\x1btwee 🚲", "eentwee 🚲"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<" * 500, "<" * 500),
        ("<div>" * 2_000 + "diep", "diep"),
        ("", ""),
    ],
)
def test_html_becomes_plain_text(html, text):
    assert plain(html) == text


@given(st.text(alphabet=st.sampled_from("<>/abp&;\"'= !-[]#x\n"), max_size=60))
def test_any_html_becomes_text_without_an_error(html):
    assert isinstance(plain(html), str)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("https://ipdc.vlaanderen.be/id/product/1446", "1446"),
        (" http://ipdc.tni-vlaanderen.be/id/product/1446/ ", "1446"),
        ("https://ipdc.vlaanderen.be/id/product/x", ""),
        ("1446", ""),
    ],
)
def test_a_number_stands_in_an_address(text, number):
    assert resolved_number(text) == number

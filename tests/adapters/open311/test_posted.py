"""What apps post, in all the ways in which they write it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.open311.posted import asked, read, without_query
from adapters.open311.problems import RefusedError

FORM = "application/x-www-form-urlencoded"


def test_a_report_of_fixmystreet(fixture_bytes):
    posted = read(fixture_bytes("fms_report.form").strip(), FORM)

    assert posted.one("description") == "title: Losse tegel\n\ndetail: Drie tegels liggen los voor nummer 12."
    assert posted.attributes == {
        "title": ("Losse tegel",),
        "gevaar": ("J",),
        "breedte": ("1,5",),
        "fixmystreet_id": ("4711",),
        "easting": ("173347",),
    }
    assert posted.own_id(("external_id", "fixmystreet_id")) == "4711"


def test_names_are_understood_in_any_casing(fixture_bytes):
    posted = read(fixture_bytes("odd_casing.form").strip(), FORM)

    assert [posted.one(name) for name in ("service_code", "lat", "long", "description")] == [
        "VOETPAD", "50,8798", "4,7005", "Stoep kapot",
    ]  # fmt: skip
    assert posted.attributes == {"Gevaar": ("nee",), "kleur": ("grijs",)}


def test_json_is_understood_like_a_form(fixture_bytes):
    posted = read(fixture_bytes("report.json"), "application/json; charset=utf-8")

    assert (posted.one("lat"), posted.one("long")) == ("50.8798", "4,7005")
    assert posted.attributes == {"gevaar": ("J",)}
    assert posted.one("email") == ""


@pytest.mark.parametrize(
    "attribute", [{"gevaar": "J"}, [{"code": "gevaar", "value": "J"}], {"gevaar": ["J"]}]
)
def test_attributes_in_json_have_several_shapes(attribute):
    assert read(json.dumps({"attribute": attribute}).encode(), "application/json").attributes == {
        "gevaar": ("J",)
    }


def test_photos_come_as_multipart(fixture_bytes):
    posted = read(fixture_bytes("fms_upload.multipart"), "multipart/form-data; boundary=Xx7")

    assert posted.one("service_code") == "lamp-1"
    (upload,) = posted.uploads
    assert upload.content.startswith(b"\x89PNG")


def test_several_values_are_kept_in_order():
    posted = read(b"media_url=a&media_url=b&attribute[x][]=1&attribute[x][]=2", FORM)

    assert posted.fields["media_url"] == ("a", "b")
    assert posted.attributes["x"] == ("1", "2")


def test_the_key_of_an_app_is_never_kept(fixture_bytes):
    kept = read(fixture_bytes("fms_report.form").strip(), FORM).kept()

    assert b"a-key-of-the-street-app-1" not in kept
    assert b"Drie tegels" in kept


def test_a_repetition_is_kept_the_same_whatever_its_order_syntax_and_signatures():
    first = read(b"api_key=1&description=x&lat=1&media_url=https://f.be/1.jpg?sig=a", FORM)
    again = read(
        json.dumps({"media_url": ["https://f.be/1.jpg?sig=b"], "lat": 1, "Description": "x"}).encode(),
        "application/json",
    )

    assert first.kept() == again.kept()


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"a=%ff", FORM),
        (b"\xff", FORM),
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b'{"a": "\xff"}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"<x/>", "text/xml"),
        (b"--Xx7\r\n", "multipart/form-data; boundary=Xx7"),
        (b"--Xx7\r\n", "multipart/form-data"),
        (b"&".join(b"a%d=1" % n for n in range(400)), FORM),
        (b"a=" + b"x" * 300_000, FORM),
    ],
)
def test_what_is_no_form_is_refused_and_not_quoted(body, type_):
    with pytest.raises(RefusedError) as raised:
        read(body, type_)

    assert raised.value.code in (400, 413)


def test_a_form_that_was_cut_off_is_refused(fixture_bytes):
    whole = fixture_bytes("fms_upload.multipart")

    with pytest.raises(RefusedError, match=r"cut off|not multipart"):
        read(whole[:-20], "multipart/form-data; boundary=Xx7")


def test_an_address_that_is_none_stays_as_it_is():
    assert without_query("http://[1/2?x") == "http://[1/2?x"
    assert without_query("https://f.be/a.jpg?sig=1#x") == "https://f.be/a.jpg"


@given(
    st.binary(max_size=300),
    st.sampled_from([FORM, "application/json", "multipart/form-data; boundary=x", ""]),
)
def test_any_bytes_are_read_or_refused(body, type_):
    try:
        read(body, type_)
    except RefusedError as refused:
        assert refused.description  # noqa: PT017 - the other outcome is fine too


def test_the_query_speaks_the_same_language():
    assert asked([("Service_Request_ID", "a,b")]).one("service_request_id") == "a,b"

"""One form for telephone numbers, whatever way they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_model.phone_number import e164, masked_phone

MOBILE = "+32470123456"
LANDLINE = "+3216272000"


@pytest.mark.parametrize(
    "text",
    [
        "0470 12 34 56",
        "0470/12.34.56",
        "0470-12-34-56",
        "+32 470 12 34 56",
        "+32 (0)470 12 34 56",
        "+320470123456",
        "0032470123456",
        "32470123456",
        "tel:+32-470-12-34-56",
        "sip:+32470123456@pbx.leuven.test;user=phone",
        "\u00a00470\u00a012 34 56 ",
    ],
)
def test_a_mobile_number_has_one_form(text):
    assert e164(text) == MOBILE


@pytest.mark.parametrize(
    "text", ["016 27 20 00", "016/272000", "+32 16 27 20 00", "(016) 27 20 00", "3216272000"]
)
def test_a_landline_has_one_form(text):
    assert e164(text) == LANDLINE


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("+31 20 123 4567", "+31201234567"),
        ("0049 30 1234567", "+49301234567"),
        ("0800 12 345", "+3280012345"),
    ],
)
def test_other_countries_and_free_numbers(text, form):
    assert e164(text) == form


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2001",
        "sipp",
        "Anonymous",
        "<unknown>",
        "016",
        "04701234567890",
        "+32 12",
        "+0123456789",
        "0470 12 34 5x",
        "٠٤٧٠١٢٣٤٥٦",
    ],
)
def test_what_is_no_public_number_is_none(text):
    assert e164(text) == ""


@given(st.text(max_size=40))
def test_the_form_is_stable_and_never_raises(text):
    form = e164(text)

    assert form == "" or e164(form) == form


def test_a_masked_number_shows_little():
    assert masked_phone("0470 12 34 56") == "+32 *** 56"
    assert masked_phone("2001") == "-"

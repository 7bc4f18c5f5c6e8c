"""Numbers of people, companies, associations and places: only valid ones, never shown by accident."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.be import ssn, vat

from canonical_model.identifiers import (
    PARSERS,
    PERSONAL,
    Identifier,
    InvalidIdentifierError,
    Scheme,
    establishment,
    insz,
    ipdc,
    kbo,
    masked,
    nis,
    ovo,
    vcode,
)

TEST_RANGE = ["87671799614", "41670299284"]


def with_check(base, *, born_after_2000=False):
    """An INSZ from its first nine digits."""
    number = int(base) + (2_000_000_000 if born_after_2000 else 0)
    return f"{base}{97 - number % 97:02d}"


@pytest.mark.parametrize("number", ["85073003328", "17073003384", "98472899765", "01490700185"])
def test_national_and_bis_numbers(number):
    assert insz(number) == Identifier(Scheme.INSZ, number)


@pytest.mark.parametrize("written", ["85.07.30-033.28", "850730 033 28", "85/07/30-033-28", " 85073003328\n"])
def test_a_national_number_may_be_written_with_signs(written):
    assert insz(written).value == "85073003328"


@pytest.mark.parametrize("number", TEST_RANGE)
def test_the_magda_test_range_passes_only_when_allowed(number):
    assert insz(number, allow_test_numbers=True).value == number
    with pytest.raises(InvalidIdentifierError, match="month"):
        insz(number)


def test_day_and_month_may_be_zero():
    number = with_check("850000033")

    assert insz(number).value == number


@pytest.mark.parametrize("month", ["13", "19", "33", "39", "53", "59", "73", "99"])
def test_impossible_months_are_refused(month):
    with pytest.raises(InvalidIdentifierError, match="month"):
        insz(with_check(f"85{month}30033"), allow_test_numbers=True)


@pytest.mark.parametrize(
    "wrong", ["", "8507300332", "850730033280", "8507300332x", "85073003329", "²5073003328", "٨٥٠٧٣٠٠٣٣٢٨"]
)
def test_what_is_no_national_number(wrong):
    with pytest.raises(InvalidIdentifierError):
        insz(wrong)


def is_insz(number):
    try:
        return insz(number).value == number
    except InvalidIdentifierError:
        return False


births = st.dates(date(1900, 1, 1), date(2099, 12, 31))


@given(births, st.integers(1, 998), st.sampled_from([0, 20, 40]))
def test_our_rule_agrees_with_stdnum_on_real_birth_dates(birth, serial, offset):
    if birth > date(2020, 1, 1):
        birth -= timedelta(days=365 * 80)
    base = f"{birth:%y}{birth.month + offset:02d}{birth.day:02d}{serial:03d}"
    number = with_check(base, born_after_2000=birth.year >= 2000)

    assert ssn.is_valid(number)
    assert insz(number).value == number


@given(births, st.integers(1, 998))
def test_of_a_hundred_endings_only_one_per_century_fits(birth, serial):
    base = f"{birth:%y%m%d}{serial:03d}"

    fitting = {number for number in (f"{base}{check:02d}" for check in range(100)) if is_insz(number)}

    assert fitting == {with_check(base), with_check(base, born_after_2000=True)}


@pytest.mark.parametrize(
    "written", ["0403019261", "403.019.261", "0403.019.261", "BE0403019261", "be 403.019.261", "403019261"]
)
def test_company_numbers_in_all_their_dresses(written):
    assert kbo(written) == Identifier(Scheme.KBO, "0403019261")


@pytest.mark.parametrize("wrong", ["", "0403019262", "2289324120", "04030192611", "BE", "O403019261"])
def test_what_is_no_company_number(wrong):
    with pytest.raises(InvalidIdentifierError):
        kbo(wrong)


@given(st.integers(1, 19_999_999))
def test_company_numbers_agree_with_stdnum(base):
    number = f"{base:08d}{97 - base % 97:02d}"

    assert vat.is_valid(number)
    assert kbo(number).value == number


def test_establishment_numbers():
    assert establishment("2.289.324.120") == Identifier(Scheme.ESTABLISHMENT, "2289324120")


@pytest.mark.parametrize("wrong", ["0403019261", "2289324121", "9289324141", "228932412"])
def test_what_is_no_establishment_number(wrong):
    with pytest.raises(InvalidIdentifierError):
        establishment(wrong)


@given(st.integers(0, 99_999_999))
def test_no_number_is_both_a_company_and_an_establishment(base):
    number = f"{base:08d}{97 - base % 97:02d}"
    passed = []
    for parse in (kbo, establishment):
        try:
            passed.append(parse(number))
        except InvalidIdentifierError:
            continue

    assert len(passed) == (number[0] != "9")


@pytest.mark.parametrize(
    ("parse", "written", "value"),
    [
        (vcode, " v0001001 ", "V0001001"),
        (vcode, "V9999999", "V9999999"),
        (ovo, "ovo000123", "OVO000123"),
        (nis, "24062", "24062"),
        (ipdc, "75270", "75270"),
    ],
)
def test_codes(parse, written, value):
    assert parse(written).value == value


@pytest.mark.parametrize(
    ("parse", "wrong"),
    [
        (vcode, "V0001000"),
        (vcode, "V000100"),
        (vcode, "0001001"),
        (vcode, "V\uff10\uff1001001"),
        (ovo, "OVO12345"),
        (ovo, "OVO1234567"),
        (nis, "2406"),
        (nis, "BE24062"),
        (ipdc, ""),
        (ipdc, "-1"),
        (ipdc, "٣"),
    ],
)
def test_what_is_no_code(parse, wrong):
    with pytest.raises(InvalidIdentifierError):
        parse(wrong)


def test_every_scheme_has_its_parser():
    assert PARSERS.keys() == set(Scheme)


@given(st.sampled_from(list(Scheme)), st.text(max_size=20) | st.text("0123456789.-/ BEVO", max_size=14))
def test_any_text_is_an_identifier_or_refused_without_being_repeated(scheme, text):
    try:
        found = PARSERS[scheme](text)
    except InvalidIdentifierError as error:
        said = str(error)
    else:
        assert PARSERS[scheme](found.value) == found
        said = ""

    assert len(text.strip()) < 5 or text not in said


def test_only_national_numbers_are_personal_and_they_are_masked():
    number = insz("85073003328")

    assert {Scheme.INSZ} == PERSONAL
    assert masked(number) == "85.07.30-***.**"
    assert "033" not in repr(number)
    assert masked(kbo("0403019261")) == "0403019261"

"""A signed reply address proves the case; nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_model.case import case_ref
from canonical_model.reply_address import signed, verified_case

SECRET = b"a secret of the hub"
REF = case_ref("LEU", 2026, 123)
ADDRESS = "meldingen@leuven.example"
SIGNED = signed(ADDRESS, REF, SECRET)
LOCAL, DOMAIN = SIGNED.split("@")


@given(st.sampled_from(["LEU", "AB", "ZZZZZ"]), st.integers(2000, 2099), st.integers(0, 999_999_999))
def test_what_we_sign_we_recognise(prefix, year, number):
    ref = case_ref(prefix, year, number)

    assert verified_case(signed(ADDRESS, ref, SECRET), SECRET) == ref


def test_it_is_a_plus_part_of_the_address():
    assert SIGNED.startswith(f"meldingen+{REF}-")
    assert DOMAIN == "leuven.example"
    assert len(LOCAL) <= 64


@pytest.mark.parametrize("written", [SIGNED.upper(), SIGNED.lower(), SIGNED.swapcase()])
def test_mail_systems_that_change_capitals_do_no_harm(written):
    assert verified_case(written, SECRET) == REF


def test_the_domain_may_be_another_one():
    assert verified_case(f"{LOCAL}@mail.leuven.example", SECRET) == REF


@pytest.mark.parametrize(
    "forged",
    [
        ADDRESS,
        "",
        "@",
        f"meldingen+{REF}@leuven.example",
        f"meldingen+{REF}-{'0' * 16}@leuven.example",
        SIGNED.replace("000123", "000124"),
        SIGNED.replace("2026", "2025"),
        SIGNED.replace("LEU", "GNT"),
        signed(ADDRESS, REF, b"another secret"),
        f"{LOCAL[:-1]}@leuven.example",
        f"{LOCAL}0@leuven.example",
        f"{LOCAL}+x@leuven.example",
        f"x@{LOCAL}",
        LOCAL.replace("+", "-") + "@leuven.example",
    ],
)
def test_a_forged_address_proves_nothing(forged):
    assert verified_case(forged, SECRET) == ""


@given(st.text(max_size=60))
def test_any_text_proves_nothing(text):
    assert verified_case(text, SECRET) == ""


@given(st.integers(0, len(LOCAL) - 1), st.characters(codec="utf-8"))
def test_one_changed_sign_proves_nothing_about_this_case(position, sign):
    changed = LOCAL[:position] + sign + LOCAL[position + 1 :]
    if changed.casefold() == LOCAL.casefold() or position < LOCAL.index("+"):
        return

    assert verified_case(f"{changed}@leuven.example", SECRET) == ""

"""Our own reference of a case, and where it is recognised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_model.case import CASE_REF, case_ref


@pytest.mark.parametrize(
    ("number", "ref"),
    [(123, "LEU-2026-000123"), (0, "LEU-2026-000000"), (1_000_000, "LEU-2026-1000000")],
)
def test_a_reference_has_prefix_year_and_six_digits_or_more(number, ref):
    assert case_ref("LEU", 2026, number) == ref


@given(st.integers(2000, 2099), st.integers(0, 999_999_999))
def test_every_reference_is_recognised_in_a_text(year, number):
    ref = case_ref("LEU", year, number)

    assert CASE_REF.findall(f"RE: [{ref}] lamp, zie {ref}.") == [ref, ref]


@pytest.mark.parametrize(
    "text",
    ["LEU-2026-00012", "LEU-1999-000123", "leu-2026-000123", "L-2026-000123", "XLEUVEN-2026-000123", ""],
)
def test_what_is_no_reference(text):
    assert CASE_REF.search(text) is None

"""A customer is found by one exact number or address, written in any usual way."""

import pytest

from canonical_model.customer import CustomerKey, customer_name
from canonical_model.identifiers import InvalidIdentifierError


@pytest.mark.parametrize(
    ("key", "typed", "value", "shown"),
    [
        ("insz", " 85.07.30-033.28 ", "85073003328", "85.07.30-***.**"),
        ("kbo", "BE 0403.019.261", "0403019261", "0403019261"),
        ("vcode", "v0001001", "V0001001", "V0001001"),
        ("phone", "0470 12 34 56", "+32470123456", "+32 *** 56"),
        ("phone", "0032 470/12.34.56", "+32470123456", "+32 *** 56"),
        ("email", "mailto:An@Voorbeeld.be", "An@Voorbeeld.be", "A***@V***.be"),
    ],
)
def test_usual_spellings_are_one_customer(key: str, typed: str, value: str, shown: str):
    found = customer_name(CustomerKey(key), typed)

    assert found.spellings[0] == value
    assert found.shown == shown
    assert {(one.system, one.exclusive) for one in found.references} == {(key, False)}


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("insz", "85.07.30-033.29"),
        ("insz", "Maria Peeters"),
        ("kbo", "0403019262"),
        ("vcode", "V12"),
        ("phone", "1234"),
        ("phone", "Maria Peeters"),
        ("email", "voorbeeld.be"),
        ("email", "an peeters@voorbeeld.be"),
        ("email", "x" * 400 + "@voorbeeld.be"),
    ],
)
def test_a_name_or_a_part_is_refused_without_repeating_it(key: str, typed: str):
    with pytest.raises(InvalidIdentifierError) as refused:
        customer_name(CustomerKey(key), typed)

    assert typed not in str(refused.value)


def test_a_foreign_number_is_never_tried_as_a_belgian_one():
    assert customer_name(CustomerKey.PHONE, "+31 612345678").spellings == ("+31612345678", "31612345678")


def test_nothing_personal_stands_in_a_traceback():
    assert "85073003328" not in repr(customer_name(CustomerKey.INSZ, "85073003328"))

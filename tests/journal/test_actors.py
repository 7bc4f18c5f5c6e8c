"""Whoever runs a command is written down, whatever name is told."""

import pytest

from journal.actors import at_terminal, people


@pytest.mark.parametrize(
    ("account", "told", "written"),
    [
        ("els", "", "els"),
        ("els", "els", "els"),
        ("els", " jan ", "jan (els)"),
        ("root", "jan (piet)", "jan-piet (root)"),
        ("els", "((", "els"),
        ("els", "bart\nfoto", "bart-foto (els)"),
        ("a" * 60, "b" * 60, f"{'b' * 45} ({'a' * 45})"),
    ],
)
def test_the_account_is_never_left_out(account, told, written):
    assert at_terminal(account, told) == written
    assert len(written) <= 100


def test_both_names_count_as_the_same_person():
    assert people("Jan (Els)") == {"jan", "els"}
    assert people(" els ") == {"els"}
    assert people("") == frozenset()

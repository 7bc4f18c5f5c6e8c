"""What leaves the console for a spreadsheet runs nothing there."""

import csv
import io

import pytest

from console.exports import as_csv


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_text_that_could_be_a_formula_is_led_by_an_apostrophe(start: str):
    name = f"{start}HYPERLINK(1;2)"

    text = as_csv(["name", "count"], [(name, -3)])

    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=";")) == [
        ["name", "count"],
        [f"'{name}", "-3"],
    ]


def test_separators_and_quotes_stay_within_their_cell():
    text = as_csv(["name"], [('a;b"c',)])

    assert text == '\ufeffname\r\n"a;b""c"\r\n'

"""Every decision record says in half a page what a successor would ask."""

import re

import pytest

from tests.shipped import ROOT

RECORDS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
HEADINGS = ["## Context", "## Decision", "## Consequences"]


def test_every_record_has_a_number_of_its_own():
    numbers = [int(record.name[:4]) for record in RECORDS]

    assert len(set(numbers)) == len(numbers) >= 9


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_context_decision_and_consequences(record):
    text = record.read_text()
    parts = re.split(r"^## .*$", text, flags=re.MULTILINE)

    assert re.match(rf"# {record.name[:4]}: \S", text)
    assert re.findall(r"^## .*$", text, re.MULTILINE) == HEADINGS
    assert all(len(part.split()) >= 8 for part in parts[1:])


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_is_about_half_a_page(record):
    assert len(record.read_text().split()) <= 450

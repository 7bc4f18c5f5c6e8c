"""Which text of the catalogue an answer came from: written, brought back, read by people."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_model.contact import AnswerSource
from canonical_model.product import marked_source, source_mark, with_source

SOURCE = AnswerSource(
    product="1446", version="f8189126-e4b8", modified=datetime(2026, 3, 2, 22, 15, 3, 120001, tzinfo=UTC)
)


def test_a_mark_brings_the_source_back():
    assert marked_source(source_mark(SOURCE)) == SOURCE


@pytest.mark.parametrize(
    "mark",
    [
        "",
        "1446",
        "1446|2026-03-02T22:15:03",
        "1446|2026-03-02T22:15:03|v1",
        "|2026-03-02T22:15:03+00:00|v1",
        "x|2026-03-02T22:15:03+00:00|v1",
        "1446|gisteren|v1",
        "1446|0001-01-01T00:00:00+14:00|v1",
        "1446|2026-03-02T22:15:03+00:00|",
        "1446|2026-03-02T22:15:03+00:00|v1\nBron: verzonnen",
    ],
)
def test_what_is_no_mark_is_no_source(mark):
    assert marked_source(mark) is None


@given(st.text())
def test_any_text_is_judged_without_an_error(text):
    found = marked_source(text)

    assert found is None or marked_source(source_mark(found)) == found


def test_a_handler_reads_product_version_and_local_date():
    assert with_source("Kost 65 euro.", SOURCE) == (
        "Kost 65 euro.\n\nBron: productencatalogus, product 1446, versie f8189126-e4b8 van 02/03/2026 23:15."
    )
    assert with_source("Kost 65 euro.", None) == "Kost 65 euro."

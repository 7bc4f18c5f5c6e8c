"""The two formats, as the standard shows them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.open311.documents import Format, rendered
from tests.simulators.open311 import read_xml


def test_a_list_in_both_formats():
    records = [{"service_request_id": "LEU-2026-000001", "status_notes": None, "lat": 50.5, "metadata": True}]

    assert rendered(Format.XML, "service_requests", records) == (
        b"<?xml version='1.0' encoding='utf-8'?>\n<service_requests><request>"
        b"<service_request_id>LEU-2026-000001</service_request_id><status_notes /><lat>50.5</lat>"
        b"<metadata>true</metadata></request></service_requests>"
    )
    assert json.loads(rendered(Format.JSON, "service_requests", records)) == records


def test_an_empty_list():
    assert rendered(Format.XML, "services", []) == b"<?xml version='1.0' encoding='utf-8'?>\n<services />"
    assert rendered(Format.JSON, "services", []) == b"[]"


def test_one_and_several_have_the_same_shape():
    inner = {"attributes": [{"code": "a", "values": [{"key": "J", "name": "Ja"}]}]}

    assert rendered(Format.XML, "service_definition", inner).endswith(
        b"<attributes><attribute><code>a</code><values><value><key>J</key><name>Ja</name></value></values>"
        b"</attribute></attributes></service_definition>"
    )


@pytest.mark.parametrize("text", ["a & b < c > d \"'", "één 🚲 ünï", "]]>"])
def test_words_come_through_unharmed(text):
    assert (
        read_xml(rendered(Format.XML, "errors", [{"description": text}]))["errors"]["error"][0]["description"]
        == text
    )


@given(st.text(max_size=80))
def test_hazard_71_any_text_gives_xml_that_can_be_read(text):
    read_xml(rendered(Format.XML, "errors", [{"description": text.encode("utf-8", "replace").decode()}]))

"""Orders in the words of the WSDL, and statuses in ours."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.planning import build
from adapters.planning.settings import Settings
from adapters.planning.translate import to_change, to_state, to_text, to_work_order, update_id
from canonical_model.location import Location
from canonical_model.work_order import OrderState
from demo.outside.planning import PASSWORD
from ports.contracts.crew import some_work
from ports.errors import MisconfiguredError, NotUnderstoodError
from ports.xml_text import CUT
from tests.adapters.planning.conftest import NOW, settings_for

SETTINGS = Settings.model_validate(settings_for("https://planning.example"))


def test_the_crew_reads_what_where_and_by_when():
    order = some_work(urgent=True, due=datetime(2026, 3, 5, 23, 30, tzinfo=UTC))

    text = to_text(order, sent=0)

    assert text.endswith("DRINGEND\nPlaats: Naamsestraat 12, 3000 Leuven\nUiterlijk: 06/03/2026 00:30")


def test_a_long_text_is_cut_with_a_mark_and_keeps_its_place():
    text = to_text(some_work(description="lang " * 2000, due=None), sent=0)

    assert len(text) == 4000
    assert CUT in text
    assert text.endswith("Plaats: Naamsestraat 12, 3000 Leuven")


def test_an_order_without_a_point_has_none():
    order = to_work_order(some_work(location=Location()), None, NOW)

    assert (order.lat, order.lon, order.foto) == ("", "", None)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Gepland", OrderState.PLANNED),
        (" in   UITVOERING ", OrderState.IN_PROGRESS),
        ("Uitgevoerd: met: dubbele punten", OrderState.DONE),
        ("Uitgevoerd?", None),
        (":", None),
        ("Niet uitgevoerd", None),
    ],
)
def test_the_word_before_the_colon_decides(status, state):
    assert to_state(status, SETTINGS) is state


def test_an_update_has_an_id_of_its_own():
    assert update_id(1, "a") != update_id(2, "a") != update_id(2, "b")
    assert update_id(1, "a") == update_id(1, "a")


@settings(deadline=None)
@given(st.text(), st.text(max_size=40), st.integers(min_value=0))
def test_odd_statuses_are_read_or_not_understood(status, order, number):
    try:
        to_change(order, status, SETTINGS, system="groen", number=number, now=NOW)
    except NotUnderstoodError:
        return


def test_an_unknown_word_is_not_repeated():
    with pytest.raises(NotUnderstoodError) as raised:
        to_change("LEU-2026-000123.01", "Jan Peeters", SETTINGS, system="groen", number=1, now=NOW)

    assert "Peeters" not in raised.value.what


@pytest.mark.parametrize(
    "changes",
    [{"url": "planning"}, {"url": "http://planning.example/"}, {"statuses": {"Klaar": "klaar"}}, {"meer": 1}],
    ids=range(4),
)
def test_wrong_settings_are_named_and_never_told(tools, changes):
    with pytest.raises(MisconfiguredError) as raised:
        build(settings_for("https://planning.example", **changes), tools)

    assert next(iter(changes)) in raised.value.what
    assert PASSWORD not in raised.value.what

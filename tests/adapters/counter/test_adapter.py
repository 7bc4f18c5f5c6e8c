"""Building the counters from settings: mistakes are named, secrets are not."""

import pytest

from adapters.counter import build
from adapters.counter.texts import TEXTS
from ports.errors import MisconfiguredError


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"token": "geheim-kort"}, "queue.token"),
        ({"allowed": []}, "queue.allowed"),
        ({"allowed": ["overal"]}, "queue.allowed"),
        ({"url": "queue.example"}, "queue.url"),
        ({"services": {"12": "onbekend"}}, "onbekend"),
        ({"events": {"VISIT_END": "gegeten"}}, "queue.events"),
        ({"fields": {"schoenmaat": "x"}}, "queue.fields"),
        ({"time_zone": "Europe/Leuven"}, "queue.time_zone"),
        ({"branches": {}}, "queue.branches"),
    ],
)
def test_a_mistake_in_the_settings_is_named_without_the_secret(settings, tools, change, named):
    wrong = {**settings, "queue": {**settings["queue"], **change}}

    with pytest.raises(MisconfiguredError, match=named) as raised:
        build(wrong, tools)

    assert "geheim" not in raised.value.what


async def test_good_settings_have_no_findings(adapter):
    assert await adapter.check() == ()


async def test_a_self_test_says_what_is_wrong_at_the_other_sides(adapter, queue_system, jcc):
    queue_system.password = "een ander"
    assert "password" in (await adapter.check())[0]

    queue_system.password, jcc.client = "geheim", ("wegwijzer", "een ander")
    assert "client_secret" in (await adapter.check())[0]


async def test_a_page_without_queue_or_appointments_needs_neither(tools, settings):
    adapter = build({"products": settings["products"]}, tools)

    assert adapter.sources == ()
    assert await adapter.check() == ()
    await adapter.close()


async def test_what_would_do_nothing_is_reported(tools, settings):
    adapter = build({}, tools)

    assert "products" in (await adapter.check())[0]
    await adapter.close()


def test_both_languages_say_the_same_things():
    assert TEXTS["nl"].keys() == TEXTS["en"].keys()

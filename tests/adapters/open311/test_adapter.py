"""Building the server from settings: mistakes are named, keys are not."""

import pytest

from adapters.open311 import build
from ports.errors import MisconfiguredError
from tests.adapters.open311.conftest import KEY, SERVICES


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"unknown": 1}, "unknown"),
        ({"apps": {"a": {"keys": []}}}, "apps.a.keys"),
        ({"apps": {"a": {"keys": ["geheim-kort"]}}}, "apps.a.keys"),
        ({"apps": {"photos": {"keys": [KEY]}}}, "apps"),
        ({"apps": {"A b": {"keys": [KEY]}}}, "apps"),
        ({"services": [SERVICES[1], SERVICES[1]]}, "services"),
        ({"services": [{"code": "a/b", "name": "x"}]}, "services.0.code"),
        ({"services": [{"code": "a", "name": "x", "attributes": [{"code": "b", "datatype": "singlevaluelist"}]}]},
         "services.0.attributes.0"),
        ({"services": [{"code": "a", "name": "x", "kind": "ufo"}]}, "services.0.kind"),
        ({"media_origins": ["https://f.be/photos"]}, "media_origins"),
        ({"media_origins": ["ftp://f.be"]}, "media_origins"),
        ({"repeat_hours": 0}, "repeat_hours"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_settings_is_named_without_the_key(tools, settings, named):
    with pytest.raises(MisconfiguredError, match=named) as raised:
        build(settings, tools)

    assert "geheim" not in raised.value.what
    assert KEY not in raised.value.what


async def test_good_settings_have_no_findings(adapter):
    assert await adapter.check() == ()
    assert adapter.sources == ()


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, ["nobody can report", "nothing can be reported"]),
        (
            {"services": SERVICES, "apps": {"a": {"keys": [KEY]}, "b": {"keys": [KEY]}}},
            ["two apps share a key"],
        ),
        (
            {"services": SERVICES, "apps": {"a": {"keys": [KEY]}}, "media_origins": ["http://f.be"]},
            ["unprotected"],
        ),
    ],
)
async def test_what_an_administrator_should_look_at(tools, settings, found):
    findings = await build(settings, tools).check()

    assert len(findings) == len(found)
    assert all(words in finding for words, finding in zip(found, findings, strict=True))


def test_photos_are_a_source_only_where_they_may_be_fetched(tools, settings):
    (source,) = build(settings | {"media_origins": ["https://fotos.example.be"]}, tools).sources

    assert source.name == "open311/photos"

"""Building the website from settings: mistakes are named, secrets are not."""

import pytest

from adapters.website import build
from ports.errors import MisconfiguredError
from tests.adapters.website.conftest import tools

TOKEN = "a-token-of-enough-characters"


@pytest.fixture
def built(intake, clock):
    return lambda settings: build(settings, tools(intake, clock))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"secrets": ["whsec_c2hvcnQ="]}, "secrets"),
        ({"secrets": ["%%%geheim%%%"]}, "secrets"),
        ({"unknown": 1}, "unknown"),
        ({"max_body_bytes": 0}, "max_body_bytes"),
        ({"senders": {"a": {"tokens": []}}}, "senders.a.tokens"),
        ({"senders": {"a": {"tokens": ["geheim-kort"]}}}, "senders.a.tokens"),
        ({"senders": {"a": {"tokens": [TOKEN], "fields": {"x": "person.shoe_size"}}}}, "senders.a.fields"),
        ({"senders": {"a": {"tokens": [TOKEN], "constants": {"shoe_size": "43"}}}}, "senders.a.constants"),
    ],
)
def test_a_mistake_in_the_settings_is_named_without_the_secret(built, settings, named):
    with pytest.raises(MisconfiguredError, match=named) as raised:
        built(settings)

    assert "geheim" not in raised.value.what
    assert "c2hvcnQ" not in raised.value.what


async def test_a_website_that_nobody_can_post_to_is_reported(built):
    (finding,) = await built({}).check()

    assert "secrets" in finding


async def test_senders_that_share_a_token_are_reported(built):
    (finding,) = await built({"senders": {"a": {"tokens": [TOKEN]}, "b": {"tokens": [TOKEN]}}}).check()

    assert "share a token" in finding


async def test_good_settings_have_no_findings(adapter):
    assert await adapter.check() == ()
    await adapter.close()


def test_it_only_offers_doors(adapter):
    assert adapter.webhook is not None
    assert (adapter.sources, adapter.tracker, adapter.mail) == ((), None, None)

"""Building the telephone from settings: mistakes are named, secrets are not; what is wrong is told."""

import pytest

from adapters.phone import build
from ports.errors import MisconfiguredError
from tests.adapters.phone.conftest import SEAL, TOKEN

ASTERISK = {"host": "127.0.0.1", "port": 1, "username": "hub", "secret": "geheim"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"systems": {}}, "systems"),
        ({"systems": {"een twee": {}}}, "systems"),
        ({"seal": "geheim-kort"}, "seal"),
        ({"unknown": 1}, "unknown"),
        ({"opens": 18}, "opens"),
        ({"systems": {"a": {"tokens": ["geheim-kort"]}}}, "systems.a.tokens"),
        ({"systems": {"a": {"secrets": ["whsec_%%%geheim"]}}}, "systems.a.secrets"),
        ({"systems": {"a": {"asterisk": {**ASTERISK, "login": "plain"}}}}, "systems.a.asterisk"),
        (
            {"systems": {"a": {"asterisk": {**ASTERISK, "secret": "geheim\r\nAction: Logoff"}}}},
            "asterisk.secret",
        ),
        ({"systems": {"a": {"asterisk": {**ASTERISK, "time_zone": "Leuven"}}}}, "time_zone"),
        ({"systems": {"a": {"asterisk": {**ASTERISK, "user_fields": {"X": "shoe"}}}}}, "user_fields"),
        ({"systems": {"a": {"asterisk": {**ASTERISK, "tls": True, "ca_file": "/nergens"}}}}, "ca_file"),
        ({"screen_pop_tokens": {"a": "geheim-kort"}}, "screen_pop_tokens"),
    ],
)
def test_a_mistake_in_the_settings_is_named_without_the_secret(settings, named, tools):
    with pytest.raises(MisconfiguredError, match=named) as raised:
        build({"seal": SEAL, "systems": {"a": {"tokens": [TOKEN]}}, **settings}, tools)

    assert "geheim" not in raised.value.what


async def test_an_exchange_that_cannot_tell_anything_is_reported(tools):
    (finding,) = await build({"seal": SEAL, "systems": {"a": {}}}, tools).check()

    assert "nothing can come in" in finding


async def test_check_logs_in_and_looks_for_the_records(phone, asterisk):
    assert await phone().check() == (
        f"phone/kcc: there are no call records at {asterisk.records}: look at the mount",
    )
    asterisk.records.touch()
    assert await phone().check() == ()
    assert asterisk.listeners == 0


async def test_check_tells_that_an_exchange_is_away_and_what_that_costs(tools):
    found = await build({"seal": SEAL, "systems": {"a": {"asterisk": ASTERISK}}}, tools).check()

    assert [one.partition(":")[2] for one in found] == [
        " without `records`, calls are lost while the connection is down",
        " Asterisk does not answer on 127.0.0.1:1",
    ]

"""Building the crew from settings: mistakes are named, keys are not."""

import pytest

from adapters.field_open311 import build
from canonical_model.commands import OrderWork
from ports.contracts.crew import key_of, photo_bytes, some_work
from ports.errors import MisconfiguredError

URL = "https://planning.example.be/v2"
KEY = "a-key-of-the-field-planning"


@pytest.fixture
def settings():
    """As they stand in `hub.toml`: no server is asked."""
    return {"url": URL, "api_key": KEY}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"url": "planning.example.be"}, "url"),
        ({"unknown": 1}, "unknown"),
        ({"format": "csv"}, "format"),
        ({"statuses": {"x": "gone"}}, "statuses.x"),
        ({"photos": "media_url"}, "photo_door"),
        ({"photo_door": {"folder": "/tmp"}}, "photo_door.address"),  # noqa: S108 - no file is made
        ({"media_origins": ["https://f.be/photos"]}, "media_origins"),
        ({"order_attribute": "a]b"}, "order_attribute"),
        ({"search_days": 91}, "search_days"),
        ({"page_limit": 1}, "page_limit"),
    ],
)
def test_a_mistake_in_the_settings_is_named_without_the_key(settings, tools, change, named):
    with pytest.raises(MisconfiguredError, match=named) as raised:
        build(settings | change, tools)

    assert KEY not in raised.value.what


async def test_what_it_offers(settings, tools, tmp_path):
    plain = build(settings, tools)
    door = {"folder": str(tmp_path), "address": "https://hub.example.be/in/wegen"}
    with_door = build(settings | {"photo_door": door}, tools)

    assert plain.crew
    assert [source.name for source in plain.sources] == ["ploeg/updates"]
    assert plain.webhook is None
    assert with_door.webhook
    await plain.close()
    await with_door.close()


async def test_it_works_as_it_is_built(server, tools, planning, intake):
    values = {"url": server.url, "api_key": KEY, "services": {"voetpad": "voetpad"}}
    adapter = build(values, tools)
    work = some_work()

    assert await adapter.check() == ()
    assert await adapter.crew.apply(key_of(work), OrderWork(order=work), photo_bytes) in planning.jobs
    assert await adapter.sources[0].poll() == 0
    await adapter.close()

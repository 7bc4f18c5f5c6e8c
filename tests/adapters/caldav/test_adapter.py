"""Building the crew from settings: mistakes are named, passwords are not."""

import pytest

from adapters.caldav import build
from canonical_model.commands import OrderWork
from ports.contracts.crew import key_of, photo_bytes, some_work
from ports.errors import MisconfiguredError


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"url": "agenda.example.be"}, "url"),
        ({"url": "https://hub:geheim-woord@agenda.example.be/x/"}, "url"),
        ({"unknown": 1}, "unknown"),
        ({"media_origins": ["ftp://f.be"]}, "media_origins"),
        ({"not_found_category": ""}, "not_found_category"),
        ({"max_photo_bytes": -1}, "max_photo_bytes"),
    ],
)
def test_a_mistake_in_the_settings_is_named_without_the_password(tools, change, named):
    values = {"url": "https://agenda.example.be/x/", "username": "hub", "password": "geheim-woord"}

    with pytest.raises(MisconfiguredError, match=named) as raised:
        build(values | change, tools)

    assert "geheim-woord" not in raised.value.what


async def test_it_works_as_it_is_built(server, address, tools, app):
    adapter = build({"url": address, "username": "hub", "password": server.passwords["hub"]}, tools)
    work = some_work()

    assert await adapter.check() == ()
    name = await adapter.crew.apply(key_of(work), OrderWork(order=work), photo_bytes)
    assert [task.name for task in await app.tasks()] == [name]
    assert await adapter.sources[0].poll() == 0
    assert [source.name for source in adapter.sources] == ["ploeg/tasks"]
    await adapter.close()

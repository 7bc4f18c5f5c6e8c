"""Photos by address: only for who has the address, only for some days, and unreadable on the disk."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from ports.contracts.crew import BEFORE
from ports.files import Upload


@pytest.fixture
def more_settings(door):
    return {"photos": "media_url", "photo_door": door}


@pytest.fixture
async def address(shelf, open_door):
    return await shelf.put(Upload("stoep.jpg", BEFORE))


def on_disk(settings):
    return list(Path(settings.photo_door.folder).iterdir())


async def fetched(address):
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(address)


async def test_who_has_the_address_has_the_photo(address):
    answer = await fetched(address)

    assert (answer.status_code, answer.content) == (200, BEFORE)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_who_has_not_gets_nothing(address):
    assert (await fetched(address.replace("/photos/", "/photos/x"))).status_code == 404
    assert (await fetched(address.replace("/photos/", "/photos/..%2F"))).status_code == 404


async def test_on_the_disk_it_is_sealed_and_its_name_opens_nothing(address, settings):
    (file,) = on_disk(settings)

    assert BEFORE not in file.read_bytes()
    assert file.name not in address
    assert (await fetched(address.replace(address.split("/")[-2], file.name))).status_code == 404


async def test_after_its_days_it_is_gone(address, shelf, clock, settings):
    clock.advance(timedelta(days=8))

    assert (await fetched(address)).status_code == 404
    await shelf.put(Upload("nieuw.jpg", BEFORE))
    assert len(on_disk(settings)) == 1

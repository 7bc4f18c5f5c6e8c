"""The line is cut after RT did it: the adapter says it does not know, looks, and repeats without harm."""

import pytest

from adapters.request_tracker.client import RequestTrackerClient
from canonical_model.status import CaseStatus
from ports.contracts.tracker import a_case, a_file, a_note
from ports.errors import TransientError, UncertainError
from ports.tracker import CaseChange
from tests.servers import lossy_proxy, request_tracker


@pytest.fixture
async def proxy(running_tracker):
    async with lossy_proxy.before(running_tracker.port) as proxy:
        yield proxy


@pytest.fixture
async def lossy(running_tracker, proxy):
    url = running_tracker.url.replace(str(running_tracker.port), str(proxy.port))
    client = RequestTrackerClient(request_tracker.settings(running_tracker, url=url))
    yield request_tracker.tracker_on(client)
    await client.close()


async def test_a_case_is_made_once(proxy, lossy):
    case = a_case()
    proxy.lose(1)

    with pytest.raises(UncertainError):
        await lossy.create_if_absent(case)

    assert len(await lossy.find(case.ref)) == 1
    again = await lossy.create_if_absent(case)
    assert not again.created
    assert len((await lossy.get(again.id)).notes) == 1


async def test_a_note_is_added_once_and_has_its_key_from_the_first_moment(proxy, lossy):
    id_ = (await lossy.create_if_absent(a_case())).id
    note = a_note(f"{id_}/lost")
    proxy.lose(1)

    with pytest.raises(UncertainError):
        await lossy.add_note(id_, note)

    found = await lossy.find_note(id_, note.key)
    assert found is not None
    assert await lossy.add_note(id_, note) == found
    assert [held.key for held in (await lossy.get(id_)).notes].count(note.key) == 1


async def test_an_attachment_is_added_once(proxy, lossy):
    id_ = (await lossy.create_if_absent(a_case())).id
    key, content = f"{id_}/file", b"een foto" * 1000
    proxy.lose(1)

    with pytest.raises(UncertainError):
        await lossy.add_attachment(id_, key, a_file(content), content)

    found = await lossy.find_attachment(id_, key)
    assert await lossy.add_attachment(id_, key, a_file(content), content) == found
    assert (await lossy.get(id_)).attachments == ("foto.jpg",)


async def test_a_change_is_made_once(proxy, lossy):
    id_ = (await lossy.create_if_absent(a_case())).id
    change = CaseChange(status=CaseStatus.ANSWERED)
    proxy.lose(1)

    with pytest.raises(UncertainError):
        await lossy.update(id_, change)

    done = await lossy.get(id_)
    assert done.status is CaseStatus.ANSWERED
    assert (await lossy.update(id_, change)).version == done.version


async def test_a_tracker_that_is_not_there_is_tried_later(proxy, running_tracker):
    url = running_tracker.url.replace(str(running_tracker.port), "9")
    client = RequestTrackerClient(request_tracker.settings(running_tracker, url=url))
    tracker = request_tracker.tracker_on(client)

    with pytest.raises(TransientError):
        await tracker.create_if_absent(a_case())
    with pytest.raises(TransientError):
        await tracker.changes(None)
    await client.close()

"""The line is cut after Roundup did it: the adapter says it does not know, looks, and repeats without harm."""

import pytest

from adapters.roundup.client import RoundupClient
from adapters.roundup.records import FILE_KEY, ISSUE, MESSAGE_KEY, PARTY
from canonical_model.status import CaseStatus
from ports.contracts.tracker import a_case, a_file, a_note
from ports.errors import UncertainError
from ports.tracker import CaseChange
from tests.servers import lossy_proxy, roundup


@pytest.fixture
async def proxy(running_tracker):
    async with lossy_proxy.before(running_tracker.port) as proxy:
        yield proxy


@pytest.fixture
async def lossy(running_tracker, proxy):
    url = running_tracker.url.replace(str(running_tracker.port), str(proxy.port))
    client = RoundupClient(roundup.settings(running_tracker, url=url))
    yield roundup.tracker_on(client)
    await client.close()


async def count(client, table, field, value):
    return len((await client.rows(table, [(f"{field}:", value)])).items)


@pytest.mark.parametrize(
    ("nth", "path", "case_is_there"), [(1, "party", False), (2, "msg", False), (3, "issue", True)]
)
async def test_a_case_is_made_once(proxy, lossy, client, nth, path, case_is_there):
    case = a_case()
    proxy.lose(nth)

    with pytest.raises(UncertainError):
        await lossy.create_if_absent(case)

    assert [(method, lost.rpartition("/")[2]) for method, lost in proxy.lost] == [("POST", path)]
    assert len(await lossy.find(case.ref)) == case_is_there
    again = await lossy.create_if_absent(case)
    assert again.created is not case_is_there
    assert await count(client, ISSUE, "canonical_id", case.ref) == 1
    assert await count(client, PARTY, "ref", case.party_ref) == 1
    assert await count(client, MESSAGE_KEY, "hubref", f"{case.ref}/description") == 1
    assert len((await lossy.get(again.id)).notes) == 1


async def test_a_customer_is_brought_up_to_date_once(proxy, lossy, client):
    case = a_case()
    await lossy.create_if_absent(case)
    later = a_case(party_ref=case.party_ref)
    proxy.lose(1)

    with pytest.raises(UncertainError):
        await lossy.create_if_absent(later)

    assert proxy.lost[0][0] == "PATCH"
    assert await lossy.find(later.ref) == ()
    assert (await lossy.create_if_absent(later)).created
    (party,) = (await client.rows(PARTY, [("ref:", case.party_ref)])).items
    assert party.email == later.party.email


@pytest.mark.parametrize(("nth", "note_is_there"), [(1, False), (2, True)])
async def test_a_note_is_added_once(proxy, lossy, client, nth, note_is_there):
    id_ = (await lossy.create_if_absent(a_case())).id
    note = a_note(f"{id_}/lost{nth}")
    proxy.lose(nth)

    with pytest.raises(UncertainError):
        await lossy.add_note(id_, note)

    assert (await lossy.find_note(id_, note.key) is not None) is note_is_there
    kept = await lossy.add_note(id_, note)
    assert kept == await lossy.find_note(id_, note.key)
    assert await count(client, MESSAGE_KEY, "hubref", note.key) == 1
    assert [held.key for held in (await lossy.get(id_)).notes].count(note.key) == 1


@pytest.mark.parametrize(("nth", "file_is_there"), [(1, False), (2, True)])
async def test_an_attachment_is_added_once(proxy, lossy, client, nth, file_is_there):
    id_ = (await lossy.create_if_absent(a_case())).id
    key, content = f"{id_}/file{nth}", b"een foto" * 1000
    proxy.lose(nth)

    with pytest.raises(UncertainError):
        await lossy.add_attachment(id_, key, a_file(content), content)

    assert (await lossy.find_attachment(id_, key) is not None) is file_is_there
    kept = await lossy.add_attachment(id_, key, a_file(content), content)
    assert kept == await lossy.find_attachment(id_, key)
    assert await count(client, FILE_KEY, "hubref", key) == 1
    assert await client.content(kept) == content


async def test_a_change_is_made_once(proxy, lossy):
    id_ = (await lossy.create_if_absent(a_case())).id
    change = CaseChange(status=CaseStatus.ANSWERED, group="kcc")
    proxy.lose(1)

    with pytest.raises(UncertainError):
        await lossy.update(id_, change)

    done = await lossy.get(id_)
    assert (done.status, done.group, done.version) == (CaseStatus.ANSWERED, "kcc", "2")
    assert (await lossy.update(id_, change)).version == "2"

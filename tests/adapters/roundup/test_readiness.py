"""What is wrong is said before work starts, in words that say what to do."""

import pytest

from adapters.roundup import build
from adapters.roundup.client import RoundupClient
from ports.contracts.tracker import a_case
from ports.errors import MisconfiguredError, TransientError
from ports.tracker import CaseChange
from tests.adapters.given import given
from tests.servers import roundup


@pytest.fixture
def tools():
    async def nowhere(inbound):
        raise AssertionError("nothing is accepted here")

    class Nothing:
        async def load(self, name):
            return None

        async def save(self, name, value):
            raise AssertionError("nothing is saved here")

    return given(
        name="tracker",
        accept=nowhere,
        checkpoints=Nothing(),
    )


@pytest.fixture
async def adapter_with(running_tracker, tools):
    made = []

    def build_with(**more):
        values = {"url": running_tracker.url, "jwt_secret": running_tracker.jwt_secret}
        made.append(build(values | more, tools))
        return made[-1]

    yield build_with
    for adapter in made:
        await adapter.close()


async def test_a_good_tracker_has_nothing_wrong(adapter_with):
    adapter = adapter_with()

    assert await adapter.check() == ()
    assert [source.name for source in adapter.sources] == ["tracker/changes"]
    assert adapter.webhook is adapter.mail is None


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"jwt_secret": "f" * 40}, "jwt_secret"),
        ({"user_id": "99"}, "user_id"),
        ({"user_id": "1"}, "user_id"),
        ({"user_name": "somebody"}, "user_name"),
        ({"roles": ("nobody",)}, "roles"),
    ],
)
async def test_a_wrong_log_in_is_named(adapter_with, wrong, word):
    (problem,) = await adapter_with(**wrong).check()

    assert word in problem


async def test_a_wrong_origin_is_found_by_the_first_call(adapter_with):
    (problem,) = await adapter_with(origin="http://elders.example").check()

    assert "origin" in problem


async def test_a_wrong_address_is_named(adapter_with, running_tracker):
    root = running_tracker.url.removesuffix("tracker/")

    (problem,) = await adapter_with(url=root).check()

    assert "url" in problem


async def test_a_tracker_that_is_away_is_told_by_the_check(adapter_with):
    adapter = adapter_with(url="http://127.0.0.1:9/tracker/")

    assert await adapter.check() == ("Roundup cannot be reached",)
    with pytest.raises(TransientError):
        await adapter.tracker.ensure_ready(())


async def test_a_missing_word_is_named(running_tracker, tracker):
    admin = RoundupClient(
        roundup.settings(running_tracker, user_id=running_tracker.admin_user_id, roles=("admin",))
    )
    from adapters.roundup.records import CHANNEL

    (row,) = (await admin.rows(CHANNEL, [("name:", "e-loket")])).items
    await admin.change("channel", row.id, (await admin.item(CHANNEL, row.id)).etag, {"name": "e-loket 2"})

    missing = await tracker.ensure_ready(())
    await admin.change("channel", row.id, (await admin.item(CHANNEL, row.id)).etag, {"name": "e-loket"})

    assert missing == ("Roundup has no channel 'e-loket': make it there",)
    await admin.close()


async def test_a_deleted_case_counts_as_absent(running_tracker, tracker):
    case = a_case()
    first = await tracker.create_if_absent(case)
    await retire(running_tracker, first.id)

    assert await tracker.find(case.ref) == ()
    again = await tracker.create_if_absent(case)

    assert again.created
    assert [found.id for found in await tracker.find(case.ref)] == [again.id]
    assert len((await tracker.get(again.id)).notes) == 1


async def retire(running_tracker, id_):
    admin = RoundupClient(
        roundup.settings(running_tracker, user_id=running_tracker.admin_user_id, roles=("admin",))
    )
    from adapters.roundup.records import ISSUE

    item = await admin.item(ISSUE, id_)
    request = admin._http.build_request(
        "DELETE", f"issue/{id_}", headers={**admin._log_in(), "If-Match": item.etag}
    )
    assert (await admin._http.send(request)).status_code == 200
    await admin.close()


async def test_the_hub_may_not_do_more_than_its_work(client):
    with pytest.raises(MisconfiguredError):
        await client.create("user", {"username": "indringer"})
    with pytest.raises(MisconfiguredError):
        await client.create("group", {"name": "indringers"})


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "url"),
        ({"url": "tracker", "jwt_secret": "x" * 32}, "url"),
        ({"url": "ftp://x/", "jwt_secret": "x" * 32}, "url"),
        ({"url": "http://x/?a=b", "jwt_secret": "x" * 32}, "url"),
        ({"url": "http://x/", "jwt_secret": "geheim"}, "jwt_secret"),
        ({"url": "http://x/", "jwt_secret": "x" * 32, "origin": "http://x/path"}, "origin"),
        ({"url": "http://x/", "jwt_secret": "x" * 32, "user_id": "hub"}, "user_id"),
        ({"url": "http://x/", "jwt_secret": "x" * 32, "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_setting_is_named_without_its_secret(tools, settings, field):
    with pytest.raises(MisconfiguredError) as error:
        build(settings, tools)

    assert field in error.value.what
    assert "geheim" not in error.value.what


async def test_nothing_to_change_is_no_change(tracker):
    id_ = (await tracker.create_if_absent(a_case())).id

    assert (await tracker.update(id_, CaseChange())).version == "1"

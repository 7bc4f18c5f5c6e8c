"""The private Request Tracker survives a power cut, and is not made twice."""

import pytest

from adapters.request_tracker.client import RequestTrackerClient
from demo import request_tracker
from demo.engines.private import NotInstalledError
from demo.roundup import Group
from ports.contracts.tracker import a_case
from tests.servers.missing import missing
from tests.servers.request_tracker import settings, tracker_on

GROUPS = [Group(name="openbaar-domein", label="Openbaar domein")]


def started(home):
    try:
        return request_tracker.start(home, GROUPS, workers=1)
    except NotInstalledError as error:
        missing(str(error))


async def test_what_was_confirmed_is_there_after_a_power_cut(tmp_path):
    case = a_case()
    first = started(tmp_path / "rt")
    client = RequestTrackerClient(settings(first))
    made = await tracker_on(client).create_if_absent(case)
    await client.close()
    first.kill()

    again = started(tmp_path / "rt")
    client = RequestTrackerClient(settings(again))
    try:
        (found,) = await tracker_on(client).find(case.ref)
    finally:
        await client.close()
        again.stop()

    assert found.id == made.id
    assert again.token == first.token


def test_a_tracker_without_groups_is_none(tmp_path):
    with pytest.raises((request_tracker.TrackerStartError, NotInstalledError)):
        request_tracker.start(tmp_path / "rt", [])

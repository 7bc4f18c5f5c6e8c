"""The embedded tracker starts from nothing, keeps its secrets to itself, and starts again as it was."""

import asyncio
import socket
import stat

import pytest

from adapters.roundup.client import RoundupClient
from adapters.roundup.records import GROUP
from demo.roundup import Group, TrackerStartError, start
from ports.contracts.tracker import a_case
from tests.servers import roundup

GROUPS = (
    Group(name="kcc", label="Klantencontactcentrum", email="kcc@stad.example"),
    Group(name="openbaar-domein"),
    Group(name="burgerzaken"),
)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "var" / "tracker"


@pytest.fixture
def started():
    running = []

    def start_it(*arguments, **more):
        running.append(start(*arguments, workers=1, **more))
        return running[-1]

    yield start_it
    for tracker in running:
        tracker.stop()


def asked(tracker, question):
    async def ask():
        client = RoundupClient(roundup.settings(tracker))
        try:
            return await question(client)
        finally:
            await client.close()

    return asyncio.run(ask())


def test_it_starts_again_with_its_cases_and_secrets(home, started):
    case = a_case()
    first = started(home, GROUPS)
    asked(first, lambda client: roundup.tracker_on(client).create_if_absent(case))
    first.stop()
    first.stop()

    second = started(home, ())

    assert second.jwt_secret == first.jwt_secret
    assert second.handler_password == first.handler_password
    assert len(asked(second, lambda client: roundup.tracker_on(client).find(case.ref))) == 1


def test_the_groups_are_those_that_were_asked_for(home, started):
    tracker = started(home, GROUPS)

    rows = asked(tracker, lambda client: client.rows(GROUP))

    assert [row.name for row in rows.items] == [group.name for group in GROUPS]


def test_only_its_owner_can_read_the_secrets(home, started):
    tracker = started(home, GROUPS)

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for name in ("secrets.json", "config.ini"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    assert not (home / "city.json").exists()
    assert tracker.jwt_secret not in repr(tracker)
    assert tracker.admin_password not in (home / "server.log").read_text()


def test_two_homes_have_different_secrets(home, started):
    one, other = started(home, GROUPS), started(home.with_name("other"), GROUPS)

    assert one.jwt_secret != other.jwt_secret
    assert one.admin_password != other.admin_password
    assert one.port != other.port


def test_a_home_whose_making_was_cut_off_is_made_again(home, started):
    home.mkdir(parents=True)
    (home / "config.ini").write_text("half")

    assert started(home, GROUPS).url.endswith("/tracker/")


def test_without_groups_there_is_no_tracker(home):
    with pytest.raises(TrackerStartError, match="group"):
        start(home, ())

    assert not home.exists()


def test_a_taken_port_is_told(home, started, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr("demo.roundup.PATIENCE", 0.1)

        with pytest.raises(TrackerStartError, match="taken"):
            started(home, GROUPS, port=other.getsockname()[1])

"""A private Roundup with our tracker home, and the hub's and the handlers' ways into it."""

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from adapters.roundup.adapter import RoundupTracker
from adapters.roundup.client import RoundupClient, StaleError
from adapters.roundup.feed import Feed
from adapters.roundup.records import ISSUE
from adapters.roundup.settings import Settings
from adapters.roundup.translate import STATUSES
from demo.roundup import Group, RunningTracker, start
from ports.contracts.tracker import GROUPS
from tests.servers.missing import missing

KCC_USER_ID = "4"
"""The first group's handler: `initial_data.py` makes admin, anonymous, hub and then one per group."""


@contextmanager
def running(workers: int = 3) -> Iterator[RunningTracker]:
    """A fresh tracker with the groups of the contract; gone afterwards."""
    if importlib.util.find_spec("roundup") is None:
        missing("Roundup (pip install roundup==2.6.0)")
    folder = Path(tempfile.mkdtemp(prefix="wegwijzer-roundup-"))
    groups = [Group(name=name, label=name.title(), email=f"{name}@stad.example") for name in GROUPS]
    tracker = start(folder / "home", groups, workers=workers, handler_password="geheim woord")
    try:
        yield tracker
    finally:
        tracker.stop()
        shutil.rmtree(folder)


def settings(tracker: RunningTracker, **more: object) -> Settings:
    """The hub's way in; `url` may be another one (a proxy) than the tracker's own."""
    values = {
        "url": tracker.url,
        "origin": tracker.url.partition("/tracker")[0],
        "jwt_secret": tracker.jwt_secret,
        "user_id": tracker.hub_user_id,
    }
    return Settings.model_validate(values | more)


def tracker_on(client: RoundupClient) -> RoundupTracker:
    """The adapter on this client."""
    return RoundupTracker(client, Feed(client, timedelta(seconds=5)))


class RoundupHandler:
    """A handler of the contact centre, with an account of their own."""

    def __init__(self, tracker: RunningTracker) -> None:
        self.client = RoundupClient(settings(tracker, user_id=KCC_USER_ID, roles=("user", "kcc")))

    async def answer(self, ref, text):
        values = {"content": text, "visibility": "public", "direction": "out"}
        message = await self.client.create("msg", values)
        while True:
            id_, etag = await self._case(ref)
            try:
                return await self.client.link("issue", id_, etag, {"messages": [message]})
            except StaleError:
                continue

    async def set_status(self, ref, status):
        while True:
            id_, etag = await self._case(ref)
            try:
                return await self.client.change("issue", id_, etag, {"status": STATUSES[status]})
            except StaleError:
                continue

    async def download(self, attachment_id):
        return await self.client.content(attachment_id)

    async def _case(self, ref):
        (row,) = (await self.client.rows(ISSUE, [("canonical_id:", ref)])).items
        return row.id, (await self.client.item(ISSUE, row.id)).etag

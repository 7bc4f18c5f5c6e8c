"""A private Request Tracker with our set-up, and the hub's and the handlers' ways into it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx

from adapters.request_tracker.adapter import RequestTracker
from adapters.request_tracker.client import RequestTrackerClient
from adapters.request_tracker.feed import Feed
from adapters.request_tracker.settings import Settings
from adapters.tracking.words import STATUSES
from demo.engines.private import NotInstalledError
from demo.request_tracker import RunningTracker, start
from demo.roundup import Group
from ports.contracts.tracker import GROUPS
from tests.servers.missing import missing

LARGEST = 14_000_000
"""What this RT takes as an attachment, in octets; it cuts off the rest."""


@contextmanager
def running(workers: int = 3) -> Iterator[RunningTracker]:
    """A fresh tracker with the groups of the contract; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="wegwijzer-rt-"))
    groups = [Group(name=name, label=name.title(), email=f"{name}@stad.example") for name in GROUPS]
    try:
        tracker = start(
            folder / "home",
            groups,
            workers=workers,
            handler_password="geheim woord",
            more=f"Set($MaxAttachmentSize, {LARGEST}); Set($TruncateLongAttachments, 1);",
        )
    except NotInstalledError as error:
        shutil.rmtree(folder)
        missing(str(error))
    try:
        yield tracker
    finally:
        tracker.stop()
        shutil.rmtree(folder)


def settings(tracker: RunningTracker, **more: object) -> Settings:
    """The hub's way in; `url` may be another one (a proxy) than the tracker's own."""
    return Settings.model_validate({"url": tracker.url, "token": tracker.token} | more)


def tracker_on(client: RequestTrackerClient, late_seconds: int = 5) -> RequestTracker:
    """The adapter on this client."""
    return RequestTracker(client, Feed(client, timedelta(seconds=late_seconds)))


class RequestTrackerHandler:
    """A handler of the contact centre, who logs in with name and password and writes in RT's rich editor."""

    def __init__(self, tracker: RunningTracker, client: RequestTrackerClient) -> None:
        self._hub = client
        self.http = httpx.AsyncClient(
            base_url=f"{tracker.url}REST/2.0/",
            auth=("kcc", tracker.handler_password),
            trust_env=False,
            timeout=30,
        )

    async def answer(self, ref, text):
        words = {"Content": text.replace("\n", "<br />\n"), "ContentType": "text/html"}
        await self._do("POST", f"ticket/{await self._case(ref)}/correspond", words)

    async def set_status(self, ref, status):
        await self._do("PUT", f"ticket/{await self._case(ref)}", {"Status": STATUSES[status]})

    async def download(self, attachment_id):
        return await self._hub.content(attachment_id)

    async def _do(self, method, path, values):
        (await self.http.request(method, path, json=values)).raise_for_status()

    async def _case(self, ref):
        query = {"query": f"CF.{{canonical_id}} = '{ref}'"}
        (found,) = (await self.http.get("tickets", params=query)).raise_for_status().json()["items"]
        return found["id"]

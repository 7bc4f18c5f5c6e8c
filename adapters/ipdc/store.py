"""The catalogue as it is kept in the journal: the newest version of everything, and how far the feed was read.

One process writes (the one that reads the feed), all read. Versions lie in `BUCKETS` parts, so that a change saves little; the
list of parts is saved last. Cut off in between, what was saved is applied again to the same end: only a newer version counts.
"""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from zlib import crc32

import msgspec
import structlog
from msgspec.structs import replace

from adapters.ipdc.translate import Version, products_in
from ports.clock import Clock
from ports.intake import Checkpoints
from ports.products import Index

BUCKETS = 64
LOOK_AGAIN = 5.0
"""Seconds after which another process's changes are seen."""

log = structlog.get_logger()


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """A product that was read by its number: its ETag, and when (seconds since 1970)."""

    etag: str = ""
    at: float = 0.0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far the feed was read. `read_with` is how the texts were read: with other settings they are read afresh."""

    read_with: str = ""
    place: str = ""
    etag: str = ""
    read: dict[str, Read] = {}
    parts: dict[str, str] = {}


class Store:
    """Versions by entity, in memory and in the journal. `feed` names what is read: of another feed nothing is known yet."""

    def __init__(self, checkpoints: Checkpoints, clock: Clock, feed: str) -> None:
        self._name = f"catalogue/{sha256(feed.encode()).hexdigest()[:12]}"
        self._checkpoints = checkpoints
        self._clock = clock
        self._parts: dict[str, dict[str, Version]] = {}
        self._changed: set[str] = set()
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()
        self._writing = False
        self._saved = State()
        self.state = State()
        self.index = Index()

    async def look(self) -> None:
        """See what another process wrote, when it is time. Raises `TransientError`: the journal can't be read."""
        async with self._looking:
            now = self._clock.monotonic()
            fresh = self._looked_at is not None and now - self._looked_at < LOOK_AGAIN
            if not (fresh or self._writing):
                await self._load()
                self._looked_at = now

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """Go on from what the journal has, and keep what was done within, also when it ended with an error."""
        async with self._looking:
            await self._load()
            self._writing = True
        try:
            yield
        finally:
            try:
                await self._save()
            finally:
                self._writing = False

    def apply(self, versions: Iterable[Version]) -> int:
        """Take over what is not older than what is known; how many were news."""
        return sum(self._apply(version) for version in versions)

    def begin_again(self, read_with: str) -> None:
        """Everything is to be read again; what is known stays in use until then."""
        self.state = State(read_with=read_with, parts=self.state.parts)

    def move(self, place: str, etag: str) -> None:
        """The feed was read up to this page, of which we have this state."""
        self.state = msgspec.structs.replace(self.state, place=place, etag=etag)

    def note(self, number: str, read: Read) -> None:
        """A product was read by its number."""
        self.state = msgspec.structs.replace(self.state, read={**self.state.read, number: read})

    def withdraw(self, number: str, at: datetime) -> None:
        """The catalogue has no such product any more."""
        gone = [
            Version(entity=version.entity, at=at, product=None)
            for versions in self._parts.values()
            for version in versions.values()
            if version.product and version.product.id == number and not version.product.withdrawn
        ]
        self.apply(gone)

    async def _save(self) -> None:
        for part in sorted(self._changed):
            content = msgspec.json.encode(self._parts[part])
            await self._checkpoints.save(f"{self._name}/{part}", content.decode())
            digest = sha256(content).hexdigest()[:16]
            self.state = msgspec.structs.replace(self.state, parts={**self.state.parts, part: digest})
        if self._changed:
            self._changed.clear()
            await self._rebuild()
        if self.state != self._saved:
            await self._checkpoints.save(self._name, msgspec.json.encode(self.state).decode())
            self._saved = self.state

    def _apply(self, version: Version) -> bool:
        part = f"{crc32(version.entity.encode()) % BUCKETS:02}"
        versions = self._parts.setdefault(part, {})
        before = versions.get(version.entity)
        fresh = _succession(before, version)
        if fresh is before:
            return False
        versions[version.entity] = fresh
        self._changed.add(part)
        return True

    async def _load(self) -> None:
        text = await self._checkpoints.load(self._name)
        if text is None:
            return
        try:
            state = msgspec.json.decode(text, type=State)
            stale = [part for part, digest in state.parts.items() if self._saved.parts.get(part) != digest]
            for part in stale:
                self._parts[part] = await self._loaded(part)
        except msgspec.MsgspecError as error:
            log.warning("catalogue_unreadable", reason=str(error))  # of another release: it is read afresh
            self._parts, self.state, self._saved = {}, State(), State()
            return
        self.state = self._saved = state
        if stale:
            await self._rebuild()

    async def _loaded(self, part: str) -> dict[str, Version]:
        content = await self._checkpoints.load(f"{self._name}/{part}")
        return msgspec.json.decode(content or "{}", type=dict[str, Version])

    async def _rebuild(self) -> None:
        """In a thread: the first time, thousands of texts are made ready to be searched.

        Should two entities have one number, the newest that is offered counts.
        """
        everything = {entity: one for part in self._parts.values() for entity, one in part.items()}
        by_age = sorted(products_in(everything), key=lambda one: (not one.withdrawn, one.modified))
        self.index = await asyncio.to_thread(Index, by_age, earlier=self.index)


def _succession(before: Version | None, version: Version) -> Version:
    """Which of two versions of an entity counts. A tombstone keeps the last texts, to recognise the product by."""
    if before is None:
        return version
    if version.at < before.at or (version.at == before.at and before.snapshot > version.snapshot):
        return before
    if version.product is None and before.product is not None:
        version = dataclasses.replace(version, product=replace(before.product, withdrawn=True))
    return before if version == before else version

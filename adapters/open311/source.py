"""Polling Consumer for photos: fetches what reports named, and hands each over as a contact of its case.

A photo that will never come is handed over with its problem, so that people see it among the failures.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from adapters.open311.brought import brought
from adapters.open311.client import PhotoClient
from adapters.open311.photos import PhotoRules, to_file
from adapters.open311.posted import without_query
from adapters.open311.settings import PHOTOS
from adapters.open311.translate import to_photo
from adapters.open311.waiting import WaitingPhoto, WaitingRoom
from canonical_model.case import CaseRef
from canonical_model.status import OPEN
from ports.adapter import Tools
from ports.cases import CaseSummary
from ports.errors import MessageError, NotUnderstoodError, TransientError
from ports.intake import File, Inbound

_OVERLAP = timedelta(minutes=1)
"""Changes may be committed a little later than their time says."""
_MOST_EMPTY = 10_000
"""Cases remembered as having nothing that waits."""


class PhotoSource:
    """Looks at the cases that changed; those with photos that wait are served."""

    def __init__(
        self,
        tools: Tools,
        room: WaitingRoom,
        client: PhotoClient,
        *,
        apps: tuple[str, ...],
        rules: PhotoRules,
        patience: timedelta,
    ) -> None:
        self.name = f"{tools.name}/{PHOTOS}"
        self._tools = tools
        self._room = room
        self._client = client
        self._apps = apps
        self._rules = rules
        self._patience = patience
        self._hint = asyncio.Event()
        self._late: TransientError | None = None
        self._empty: dict[CaseRef, datetime] = {}

    def wake(self) -> None:
        """There is a photo to fetch."""
        self._hint.set()

    async def poll(self) -> int:
        self._hint.clear()
        self._late = None
        new = 0
        for app in self._apps:
            new += await self._of_app(app)
        if self._late:
            raise self._late
        return new

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hint.wait()

    async def close(self) -> None:
        await self._client.close()

    async def _of_app(self, app: str) -> int:
        mark = await self._room.mark(app)
        new, reached, held = 0, mark, False
        since = mark - _OVERLAP if mark else None
        async for case in brought(self._tools.cases, f"{self._tools.name}/{app}", since):
            served, left = await self._of_case(app, case)
            new, held = new + served, held or left
            reached = reached if held else case.changed_at
        if reached and reached != mark:
            await self._room.move_mark(app, reached)
        return new

    async def _of_case(self, app: str, case: CaseSummary) -> tuple[int, bool]:
        """How many were new, and whether some still wait. A case without any is left alone until it changes."""
        if self._empty.get(case.ref) == case.changed_at:
            return 0, False
        new, held = 0, False
        for key in (case.origin_ref, case.ref):
            served, left = await self._of_report(app, key, case)
            new, held = new + served, held or left
        if not held:
            self._empty[case.ref] = case.changed_at
        while len(self._empty) > _MOST_EMPTY:
            self._empty.pop(next(iter(self._empty)))
        return new, held

    async def _of_report(self, app: str, key: str, case: CaseSummary) -> tuple[int, bool]:
        """How many were new, and whether some still wait."""
        new = 0
        photos = await self._room.waiting(app, key)
        later: tuple[WaitingPhoto, ...] = ()
        for position, photo in enumerate(photos, start=1):
            inbound = await self._inbound(photo, case)
            if inbound is None:
                later = (*later, photo)
                continue
            new += not (await self._tools.accept(inbound)).duplicate
            await self._room.put(app, key, (*later, *photos[position:]))
        return new, bool(later)

    async def _inbound(self, photo: WaitingPhoto, case: CaseSummary) -> Inbound | None:
        """What to hand over; None = later."""
        try:
            return self._handed_over(photo, case.ref, file=await self._fetched(photo, case))
        except TransientError as error:
            if self._tools.clock.now() - photo.since < self._patience:
                self._late = error
                return None
            given_up = NotUnderstoodError(f"the photo of {case.ref} was given up: {error.what}")
            return self._handed_over(photo, case.ref, problem=given_up)
        except MessageError as error:
            problem = NotUnderstoodError(f"the photo of {case.ref} can't be used: {error.what}")
            return self._handed_over(photo, case.ref, problem=problem)

    async def _fetched(self, photo: WaitingPhoto, case: CaseSummary) -> File:
        if case.status not in OPEN:
            raise NotUnderstoodError("the case was closed before the photo came")
        return to_file(await self._client.photo(photo.url), self._rules)

    def _handed_over(
        self,
        photo: WaitingPhoto,
        ref: CaseRef,
        *,
        file: File | None = None,
        problem: MessageError | None = None,
    ) -> Inbound:
        """The same photo of the same case is handed over once, whatever the signature in its address."""
        url = without_query(photo.url)
        return Inbound(
            source=self.name,
            source_ref=f"{ref}/{sha256(url.encode()).hexdigest()[:16]}",
            raw=msgspec.json.encode({"case": ref, "photo": url}),
            media_type="application/json",
            event=to_photo(ref, file.attachment) if file else None,
            problem=problem,
            files=(file,) if file else (),
        )


def waiting(
    urls: tuple[str, ...], client: PhotoClient, rules: PhotoRules, now: datetime
) -> tuple[WaitingPhoto, ...]:
    """The photos worth waiting for: at known origins, no more than are accepted."""
    return tuple(WaitingPhoto(url=url, since=now) for url in urls if client.may_ask(url))[: rules.max_files]

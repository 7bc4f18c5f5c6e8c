"""DOSIS as the status board: push, ask what became of it, take away, and read back."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import structlog

from adapters.digitaal_vlaanderen.service import Service
from adapters.dosis.client import DosisClient
from adapters.dosis.code_lists import CodeBook
from adapters.dosis.failures import Failures
from adapters.dosis.settings import Push, Settings
from adapters.dosis.translate import (
    Json,
    Result,
    faults_in,
    instant,
    status_of,
    to_element,
    to_upload,
    upload_id,
)
from adapters.dosis.webhook import FeedDoor, feed_name
from canonical_model.case import CaseRef
from canonical_model.commands import Command, PublishStatus, WithdrawStatus
from ports.adapter import Adapter, Tools
from ports.errors import AdapterError, NotSupportedError, RejectedError
from ports.feeds import Feeds
from ports.settings import parsed
from ports.source import Source
from ports.standing import OutsideStanding
from ports.target import Fetch, Idempotency

log = structlog.get_logger()

NOTHING = "nothing"
"""The outside id of a withdrawal: there is no delivery any more."""
_FIRST_LOOK = 0.1
"""Seconds after an upload in which its result can be there already; the wait doubles with each look."""
_REMEMBERED = 10_000
_MOST_REFUSALS = 20
"""Uploads of one effect, each after a person had it tried again."""


class Dosis:
    """Implements `ports.board.StatusBoard`. Without `push`, publications are only put up in the feed."""

    def __init__(
        self, settings: Settings, desk: "Desk | None", feeds: Feeds | None, *, instance: str
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._feeds = feeds
        self._feed = feed_name(instance)

    @property
    def idempotency(self) -> Idempotency:
        """An upload bears an id made from the effect's key; DOSIS keeps one state per dossier."""
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        """See `ports.target.Target`; the id of the upload."""
        match command:
            case PublishStatus():
                return await self._publish(key, command)
            case WithdrawStatus(case=case):
                return await self._withdraw(case)
            case _:
                raise NotSupportedError("DOSIS shows how cases stand, and nothing else")

    async def find(self, key: str, command: Command) -> str | None:
        """See `ports.target.Target`. A dossier is taken away again rather than looked for: that can be repeated."""
        if self._desk is None or not isinstance(command, PublishStatus):
            return None
        id_, taken = await self._desk.upload_of(key, command)
        if not taken:
            return None
        await self._put_up(key)
        return str(id_)

    async def standing(self, case: CaseRef, outside_id: str) -> OutsideStanding | None:
        """See `ports.standing.Standings`. After an upload that failed, the one before it stands: which, is not told."""
        if self._desk is None:
            raise NotSupportedError("without `push` there is nobody to ask how a case stands at DOSIS")
        result = await self._desk.result_of(case)
        if result is None:
            return None
        status = status_of(result.upload_id) if result.succes else None
        return OutsideStanding(
            state=status or "",
            outside_id=result.upload_id.lower(),
            at=instant(result.tijdstip_verwerking),
        )

    async def check(self) -> tuple[str, ...]:
        """Settings, and what DOSIS says about them; changes nothing there."""
        found = [
            f"rights.{scheme}: no right is named"
            for scheme, rights in self._settings.rights.items()
            if not rights
        ]
        if not (self._settings.product or self._settings.products):
            found.append("product: none is set, so cases without a product of their own are not published")
        if self._desk:
            found += await self._desk.findings()
        return tuple(found)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._desk:
            await self._desk.close()

    async def _publish(self, key: str, command: PublishStatus) -> str:
        if self._desk:
            id_ = await self._desk.publish(key, command)
        else:
            to_element(0, command, self._settings)  # whoever polls must be able to use it
            id_ = upload_id(key, command.status)
        await self._put_up(key)
        return str(id_)

    async def _put_up(self, key: str) -> None:
        if self._feeds:
            await self._feeds.append(self._feed, key)

    async def _withdraw(self, case: CaseRef) -> str:
        if self._desk is None:
            raise RejectedError(
                "the feed can't take a dossier back: have whoever runs the connector delete it at DOSIS"
            )
        await self._desk.withdraw(case)
        return NOTHING


class Desk:
    """Where statuses are handed in at DOSIS."""

    def __init__(self, settings: Settings, push: Push, client: DosisClient, codes: CodeBook) -> None:
        self._settings = settings
        self._push = push
        self._client = client
        self._codes = codes
        self._order = _Order()

    async def publish(self, key: str, command: PublishStatus) -> UUID:
        """Return when DOSIS took it, and did not refuse it within `result_seconds`; the id of the upload."""
        body = to_upload(command, self._settings)
        self._order.refuse_older(command)
        await self._refuse_unknown_code(command)
        id_, taken = await self.upload_of(key, command)
        if not taken:
            await self._upload(id_, body)
        self._order.note(command)
        return id_

    async def upload_of(self, key: str, command: PublishStatus) -> tuple[UUID, bool]:
        """The upload of this effect that DOSIS did not refuse, and whether it is known to be processed well.

        An upload that was refused is known over there by its id for ever: once mended, it must be another one.
        """
        for refused in range(_MOST_REFUSALS):
            id_ = upload_id(key, command.status, refused)
            result = await self._client.result(str(id_))
            if result is None or result.succes:
                return id_, result is not None
        raise RejectedError(f"DOSIS refused this status {_MOST_REFUSALS} times")

    async def withdraw(self, case: CaseRef) -> None:
        """Return when the dossier is not there any more."""
        await self._client.delete(case)

    async def result_of(self, case: CaseRef) -> Result | None:
        """What became of the last upload of a case; None: not processed yet, or there is none."""
        return await self._client.result_of(case)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def findings(self) -> tuple[str, ...]:
        """What DOSIS says of our settings."""
        try:
            sources = await self._client.sources()
        except AdapterError as error:
            return (error.what,)
        found = (
            []
            if self._settings.source in sources
            else [f"source: DOSIS does not let us write for {self._settings.source!r}"]
        )
        for name, step in self._settings.statuses.used():
            complaint = await self._codes.complaint(step)
            if complaint:
                found.append(f"statuses.{name}: {complaint}")
        return tuple(found)

    async def _refuse_unknown_code(self, command: PublishStatus) -> None:
        step = self._settings.statuses.step(command.kind, command.status)
        complaint = await self._codes.complaint(step)
        if complaint:
            raise RejectedError(f"{complaint}: give `statuses` another one for {command.status.value!r}")

    async def _upload(self, id_: UUID, body: Json) -> None:
        await self._client.upload({**body, "UploadId": str(id_)})
        result = await self._processed(id_)
        if result and not result.succes:
            raise RejectedError(f"DOSIS could not process it: {'; '.join(faults_in(result))}")

    async def _processed(self, id_: UUID) -> Result | None:
        """The result when it comes in time. That DOSIS can't be asked now is no reason to doubt what it took."""
        waited, pause = 0.0, _FIRST_LOOK
        while waited < self._push.result_seconds:
            pause = min(pause, self._push.result_seconds - waited)
            await asyncio.sleep(pause)
            waited, pause = waited + pause, pause * 2
            try:
                result = await self._client.result(str(id_))
            except AdapterError as error:
                log.info("dosis_result_not_asked", reason=error.what)
                return None
            if result:
                return result
        return None


class _Order:
    """The last change date of each dossier in this process: an older status never follows a newer one."""

    def __init__(self) -> None:
        self._last: OrderedDict[CaseRef, datetime] = OrderedDict()

    def refuse_older(self, command: PublishStatus) -> None:
        """Raises `RejectedError` when something newer was published."""
        last = self._last.get(command.case)
        if last and command.changed_at < last:
            raise RejectedError(
                "DOSIS shows a later status of this case already: publishing this one would put it back"
            )

    def note(self, command: PublishStatus) -> None:
        """This was taken."""
        self._last[command.case] = command.changed_at
        self._last.move_to_end(command.case)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)


def build(
    settings: Mapping[str, Any], tools: Tools, *, transport: httpx.AsyncBaseTransport | None = None
) -> Adapter:
    """The board, its failures, and the feed. Raises `MisconfiguredError` that names the setting, never its value."""
    checked = parsed(Settings, settings, tools.name)
    push, feed = checked.push, checked.feed
    desk: Desk | None = None
    sources: tuple[Source, ...] = ()
    if push:
        service = Service("DOSIS", push, push.log_in, tools.clock, transport=transport)
        client = DosisClient(service, push, checked.source)
        desk = Desk(checked, push, client, CodeBook(client, tools.clock, hours=push.code_lists.hours))
        sources = (Failures(client, tools, poll_seconds=push.poll_seconds),)
    board = Dosis(checked, desk, tools.feeds if feed else None, instance=tools.name)
    return Adapter(
        check=board.check,
        close=board.close,
        board=board,
        sources=sources,
        webhook=FeedDoor(checked, feed, tools).router() if feed else None,
    )

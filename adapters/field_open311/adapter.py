"""A field team's planning behind Open311: orders out, looked for before they go out again; photos see to it that they arrive."""

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from msgspec.structs import replace

from adapters.field_open311.answers import Request, Update
from adapters.field_open311.client import DuplicateError, PlanningClient, TooOldError
from adapters.field_open311.orders import Orders, Tried
from adapters.field_open311.settings import Photos, Settings
from adapters.field_open311.shelf import Shelf
from adapters.field_open311.source import Updates
from adapters.field_open311.translate import (
    CANCELLATION,
    Fields,
    is_order,
    is_step,
    standing_of,
    to_moment,
    to_request,
    to_update,
    word_of,
)
from adapters.field_open311.webhook import photo_door
from canonical_model.attachment import Attachment
from canonical_model.case import CaseRef
from canonical_model.commands import CancelWork, Command, ForgetWork, OrderWork
from canonical_model.work_order import ENDED, MOST_TRIPS, OrderState, WorkOrder, order_id
from ports.adapter import Adapter, Tools
from ports.clock import Clock
from ports.errors import (
    AdapterError,
    HubError,
    MessageError,
    NotOfferedError,
    NotSupportedError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.evidence import Evidence
from ports.files import Upload, safe_name
from ports.intake import File
from ports.settings import parsed
from ports.standing import OutsideStanding, no_files
from ports.target import Fetch, Idempotency

log = structlog.get_logger()

_SKEW = timedelta(hours=1)
"""How much their clock may differ from ours."""
_AROUND = timedelta(minutes=1)


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The planning as a crew and as a source. Raises `MisconfiguredError` that names the setting, never its value."""
    checked = parsed(Settings, settings, tools.name)
    client = PlanningClient(checked)
    orders = Orders(tools.checkpoints)
    shelf = Shelf(checked.photo_door, tools.clock) if checked.photo_door else None
    planning = Planning(checked, client, orders, shelf, tools.clock)
    updates = Updates(tools, checked, client, orders)

    async def close() -> None:
        await updates.close()
        await planning.close()
        await client.close()

    return Adapter(
        check=planning.check,
        close=close,
        sources=(updates,),
        webhook=photo_door(shelf) if shelf else None,
        crew=planning,
    )


class Planning:
    """All promises and errors of `ports.crew.Crew`.

    The standard knows no key that makes a second order impossible, so every order carries our number, and the
    planning is asked for it before anything is sent.
    """

    def __init__(
        self, settings: Settings, client: PlanningClient, orders: Orders, shelf: Shelf | None, clock: Clock
    ) -> None:
        self._settings = settings
        self._client = client
        self._orders = orders
        self._shelf = shelf
        self._clock = clock
        self._evidence = Evidence(settings.fetched_from, settings)

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.PROBE

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        match command:
            case OrderWork(order=order):
                return await self._order(order, fetch)
            case CancelWork():
                return await self._cancel(command)
            case ForgetWork(case=case, trip=trip):
                raise NotOfferedError(
                    f"Open311 has no way to remove {order_id(case, trip)} from the planning"
                )
            case _:
                raise NotSupportedError("a planning takes work orders, and nothing else")

    async def find(self, key: str, command: Command) -> str | None:
        match command:
            case OrderWork(order=order):
                request = await self._found(order_id(order.case, order.trip))
                return request.id if request and not await self._missing(order, request) else None
            case CancelWork():
                request = await self._meant(command)
                stands = await self._state(request) if request else None
                return request.id if request and stands is OrderState.CANCELLED else None
            case _:
                return None

    async def standing(self, case: CaseRef, outside_id: str) -> OutsideStanding | None:
        request = await (self._client.request(outside_id) if outside_id else self._last_trip(case))
        if request is None:
            return None
        updates = await self._updates_of(request, last_only=True)
        state = standing_of(request, updates, self._settings)
        said = word_of(updates, state, self._settings)
        return OutsideStanding(
            state=state or "",
            outside_id=request.id or outside_id,
            at=to_moment(request.updated_at),
            text=(said.description if said else "") or request.notes,
            files=partial(self._photos, said) if said else no_files,
        )

    async def close(self) -> None:
        """Let go of the connections to photos."""
        await self._evidence.close()

    async def check(self) -> tuple[str, ...]:
        """Whether the planning answers, shows its lists to us, and knows the services that are ordered."""
        now = self._clock.now()
        try:
            offered = await self._client.services()
            await self._client.requests(now - _AROUND, now)
            await self._client.updates(now - _AROUND, now)
        except HubError as error:
            return (error.what,)
        wanted = {*self._settings.services.values(), self._settings.default_service} - {""}
        return tuple(f"the planning has no service {code!r}" for code in sorted(wanted - offered))

    async def _order(self, order: WorkOrder, fetch: Fetch) -> str:
        name = order_id(order.case, order.trip)
        request = await self._found(name)
        if request is None:
            await self._refuse_while_owed(name)
            request = await self._post(order, fetch)
        await self._see_photos_arrive(order, request, fetch)
        return request.id

    async def _found(self, name: str) -> Request | None:
        """Our order in the planning: by the number that it told, by its token, or else in its list."""
        tried = await self._orders.tried(name)
        if tried and tried.id and (request := await self._client.request(tried.id)):
            return _with_id(request, tried.id)
        if tried and tried.token and (request := await self._client.by_token(tried.token)) and request.id:
            return await self._kept(name, tried, request.id)
        now = self._clock.now()
        since = tried.since - _SKEW if tried else now - timedelta(days=self._settings.search_days)
        listed = await self._client.requests(since, now + _SKEW)
        ours = next((request for request in listed if request.id and is_order(request, name)), None)
        return await self._kept(name, tried or Tried(since=now), ours.id) if ours else None

    async def _refuse_while_owed(self, name: str) -> None:
        """Raises when the planning took the order and does not show it yet: it is never sent a second time."""
        tried = await self._orders.tried(name)
        if tried is None or not (tried.token or tried.id):
            return
        if self._clock.now() - tried.since > timedelta(hours=self._settings.token_hours):
            raise RejectedError(f"the planning took {name} and never showed it: ask there whether it exists")
        raise TransientError(
            f"the planning does not show {name} yet", retry_after=self._settings.token_seconds
        )

    async def _post(self, order: WorkOrder, fetch: Fetch) -> Request:
        name, now = order_id(order.case, order.trip), self._clock.now()
        tried = await self._orders.tried(name) or Tried(since=now)
        self._wait_until_visible(name, tried, now)
        first = order.attachments[: self._settings.photos_at_once]
        more, files = await self._packed(self._settings.photos, first, fetch)
        fields = (*to_request(order, self._settings), *more)
        await self._orders.remember(name, replace(tried, sent=now))
        try:
            made = await self._client.post_request(fields, files)
        except DuplicateError:
            await self._orders.remember(name, tried)
            if request := await self._found(name):
                return request
            raise
        except UncertainError:
            raise
        except AdapterError:
            await self._orders.remember(name, tried)
            raise
        await self._orders.remember(name, replace(tried, sent=None, id=made.id, token=made.token))
        log.info("work_order_sent", order=name, outside_id=made.id, token=bool(made.token))
        if request := await self._found(name):
            return request
        await self._refuse_while_owed(name)
        raise UncertainError(f"the planning took {name} and told neither number nor token")

    def _wait_until_visible(self, name: str, tried: Tried, now: datetime) -> None:
        """After a lost answer the order may still turn up in the list."""
        if tried.sent is None:
            return
        left = tried.sent + timedelta(seconds=self._settings.visible_seconds) - now
        if left > timedelta():
            raise TransientError(
                f"{name} may still turn up in the planning", retry_after=left.total_seconds()
            )

    async def _kept(self, name: str, tried: Tried, id_: str) -> Request | None:
        await self._orders.remember(name, replace(tried, id=id_, sent=None))
        request = await self._client.request(id_)
        return _with_id(request, id_) if request else None

    async def _see_photos_arrive(self, order: WorkOrder, request: Request, fetch: Fetch) -> None:
        """Each photo that did not come along follows as an update, in every way that we have."""
        for way in self._ways():
            for number in await self._missing(order, request):
                await self._send_photo(order, request, number, way, fetch)
        if lost := await self._missing(order, request):
            raise RejectedError(
                f"the planning has {order_id(order.case, order.trip)} as {request.id}, but {len(lost)} of its photos did "
                "not arrive: send them another way"
            )

    def _ways(self) -> tuple[Photos, ...]:
        if self._settings.photos is Photos.NONE:
            return ()
        if self._settings.photos is Photos.MULTIPART and self._shelf:
            return (Photos.MULTIPART, Photos.MEDIA_URL)
        return (self._settings.photos,)

    async def _missing(self, order: WorkOrder, request: Request) -> tuple[int, ...]:
        """The numbers of the photos (from 1) that the planning does not show."""
        if self._settings.photos is Photos.NONE:
            return ()
        came = min(len(request.media), self._settings.photos_at_once)
        rest = range(came + 1, len(order.attachments) + 1)
        if not rest:
            return ()
        name = order_id(order.case, order.trip)
        shown = [update for update in await self._updates_of(request) if update.media]
        return tuple(
            number
            for number in rest
            if not any(is_step(update, name, _step(number, way)) for update in shown for way in self._ways())
        )

    async def _send_photo(
        self, order: WorkOrder, request: Request, number: int, way: Photos, fetch: Fetch
    ) -> None:
        name, step = order_id(order.case, order.trip), _step(number, way)
        more, files = await self._packed(way, order.attachments[number - 1 : number], fetch)
        fields = to_update(
            request,
            order=name,
            step=step,
            status=request.status or "open",
            text=f"Foto {number} bij de melding",
            at=self._clock.now(),
        )
        await self._client.post_update((*fields, *more), files)

    async def _packed(
        self, way: Photos, attachments: Sequence[Attachment], fetch: Fetch
    ) -> tuple[Fields, tuple[Upload, ...]]:
        """Photos as fields or as files of a form."""
        if way is Photos.NONE:
            return (), ()
        photos = [Upload(safe_name(one.name), await fetch(one)) for one in attachments]
        if way is Photos.MULTIPART or self._shelf is None:
            return (), tuple(photos)
        return tuple([("media_url", await self._shelf.put(photo)) for photo in photos]), ()

    async def _photos(self, said: Update) -> tuple[File, ...]:
        """What an update shows, as far as it can be had; `TransientError` while some of it can't be fetched."""
        files: dict[str, File] = {}
        for place, url in enumerate(said.media, start=1):
            with suppress(MessageError):
                file = await self._evidence.photo(place - 1, url)
                files.setdefault(file.attachment.claim, file)
        return tuple(files.values())

    async def _cancel(self, command: CancelWork) -> str:
        name = order_id(command.case, command.trip)
        request = await self._meant(command)
        if request is None:
            raise NotOfferedError(f"the planning does not know {name}: there is nothing to take back")
        state = await self._state(request)
        if state is OrderState.CANCELLED:
            return request.id
        if state in ENDED:
            raise NotOfferedError(f"the crew has ended {name} already: {state}")
        fields = to_update(
            request,
            order=name,
            step=CANCELLATION,
            status="cancelled",
            text=f"Niet meer nodig: {command.reason}",
            at=self._clock.now(),
        )
        try:
            await self._client.post_update(fields)
        except TooOldError:
            await self._client.post_update([pair for pair in fields if pair[0] != "updated_datetime"])
        log.info("work_order_taken_back", order=name, outside_id=request.id)
        return request.id

    async def _meant(self, command: CancelWork) -> Request | None:
        if command.outside_id and (request := await self._client.request(command.outside_id)):
            return _with_id(request, command.outside_id)
        return await self._found(order_id(command.case, command.trip))

    async def _last_trip(self, case: CaseRef) -> Request | None:
        last = None
        for trip in range(1, MOST_TRIPS + 1):
            if await self._orders.tried(order_id(case, trip)) is None and trip > 1:
                break
            last = await self._found(order_id(case, trip)) or last
        return last

    async def _state(self, request: Request) -> OrderState | None:
        return standing_of(request, await self._updates_of(request, last_only=True), self._settings)

    async def _updates_of(self, request: Request, *, last_only: bool = False) -> tuple[Update, ...]:
        """The updates of an order; `last_only`: around its last change, where the planning keeps the time of that."""
        now = self._clock.now()
        made, changed = to_moment(request.requested_at), to_moment(request.updated_at)
        start, end = made or now - timedelta(days=self._settings.search_days), now + _SKEW
        if last_only and changed and changed != made:
            start, end = changed - _AROUND, changed + _AROUND
        found = await self._client.updates(start - _AROUND, end)
        return tuple(update for update in found if update.request_id == request.id)


def _step(number: int, way: Photos) -> str:
    return f"foto-{number}-{way}"


def _with_id(request: Request, id_: str) -> Request:
    """Some answer without the number that was asked for."""
    return request if request.id else dataclasses.replace(request, id=id_)

"""Polling Consumer of a planning's updates, from an own mark and with overlap: no outage is too long, no report too late."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeVar

import msgspec
import structlog

from adapters.field_open311.answers import Request, Update
from adapters.field_open311.client import PlanningClient
from adapters.field_open311.gaps import Gap, Gaps
from adapters.field_open311.orders import Known, Orders
from adapters.field_open311.settings import Settings
from adapters.field_open311.translate import Step, is_ours, key_of, order_of, to_moment, to_step
from canonical_model.case import CaseRef
from canonical_model.events import WorkOrderChanged
from canonical_model.work_order import OrderState, order_id, parse_order_id
from ports.adapter import Tools
from ports.errors import AdapterError, MessageError, NotSupportedError, NotUnderstoodError, TransientError
from ports.evidence import Evidence
from ports.intake import File, Inbound

log = structlog.get_logger()
_V = TypeVar("_V")

_AHEAD = timedelta(hours=1)
"""Their clock may be before ours."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MOST_REMEMBERED = 20_000
_MOST_HANDED = 50
"""Updates of one order that are known as handed over after a restart; older ones are recognised by the journal."""
_PATIENCE = 3
"""As many requests in a row that can't be read are the planning's trouble: the others are not asked for now."""
_LONGEST = timedelta(days=7)
"""A request that can't be read for so long is left to people."""


class _UnreadError(TransientError):
    """The planning does not show the request of an update now, and is asked for it again."""


class _PhotoAwaitedError(TransientError):
    """A photo can't be fetched now, and is worth waiting for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """Photos of the work that came in, and why others never will, each with its place in the list."""

    files: tuple[File, ...] = ()
    problems: tuple[tuple[int, MessageError], ...] = ()


class Updates:
    """Implements `ports.source.Source`: hands over what crews did with our orders, and nothing else.

    The same update is handed over once. One that is older than what is known brings its text and its photos, but
    not its state. One whose photos can't be fetched yet waits, and the later ones of its order wait behind it. So does
    one whose request the planning can't show: that is named in the outage that it is, until people get it as a failure.
    A stretch of time whose list it can't show is read around, named likewise, and asked for again (`gaps.py`).
    """

    def __init__(self, tools: Tools, settings: Settings, client: PlanningClient, orders: Orders) -> None:
        self.name = f"{tools.name}/updates"
        self._tools = tools
        self._settings = settings
        self._client = client
        self._orders = orders
        self._evidence = Evidence(settings.fetched_from, settings)
        self._gaps = Gaps(client, orders, tools.clock)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._ours: OrderedDict[str, tuple[CaseRef, int] | None] = OrderedDict()
        self._waiting: dict[str, datetime] = {}
        self._unread: dict[str, datetime] = {}
        self._asked_again: frozenset[str] = frozenset()
        self._in_a_row = 0
        self._failure: _UnreadError | None = None

    async def poll(self) -> int:
        now = self._tools.clock.now()
        start = (await self._orders.mark() or now) - timedelta(hours=self._settings.overlap_hours)
        held: dict[str, datetime] = {}
        new, self._in_a_row, self._failure = 0, 0, None
        self._asked_again = self._next_unread()
        await self._gaps.open(start)
        again = await self._gaps.asked_again()
        new += await self._take([update for _, shown in again for update in shown or ()], held)
        while start < now + _AHEAD:
            end = min(start + timedelta(hours=self._settings.window_hours), now + _AHEAD)
            new += await self._take(await self._gaps.around(start, end), held)
            await self._orders.move_mark(min([end, now, *held.values()]))
            start = end
        for gap, shown in again:
            new += await self._close(gap, is_shown=shown is not None)
        for failure in (self._failure, self._gaps.failure):
            if failure:
                raise failure
        return new

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, self._settings.poll_seconds))

    async def close(self) -> None:
        """Let go of the connections to the photos; the next poll makes new ones."""
        await self._evidence.close()

    async def _take(self, updates: Sequence[Update], held: dict[str, datetime]) -> int:
        """Oldest first; of the same second, in the planning's order. `held`: orders that wait for photos."""
        new = 0
        for update in sorted(updates, key=lambda update: to_moment(update.at) or _LONG_AGO):
            key = key_of(update)
            if key in self._seen:
                continue
            if update.request_id in held:
                continue
            try:
                new += await self._hand_over(update, key)
            except _UnreadError as error:
                self._failure = error
                if self._in_a_row >= _PATIENCE or error.retry_after:
                    raise
                held[update.request_id] = to_moment(update.at) or self._tools.clock.now()
                continue
            except _PhotoAwaitedError as error:
                log.info("work_order_photo_awaited", adapter=self._tools.name, reason=error.what)
                held[update.request_id] = to_moment(update.at) or self._tools.clock.now()
                continue
            _remember(self._seen, key, None)
        return new

    async def _close(self, gap: Gap, *, is_shown: bool) -> int:
        """After a stretch that could not be shown was asked for again; how many new messages this gave."""
        if is_shown:
            await self._gaps.close(gap)
            return 0
        if not self._gaps.is_hopeless(gap):
            return 0
        start, end = gap.name.split("/")
        inbound = Inbound(
            source=self.name,
            source_ref=f"stretch/{gap.name}",
            raw=msgspec.json.encode({"start_date": start, "end_date": end}),
            media_type="application/json",
            problem=NotUnderstoodError(
                f"the planning can't show what was told from {start} to {end}, for a week now: look there what it was"
            ),
        )
        new = not (await self._tools.accept(inbound)).duplicate
        await self._gaps.leave_to_people(gap)
        return int(new)

    async def _hand_over(self, update: Update, key: str) -> int:
        """How many new messages this gave. Raises `_PhotoAwaitedError` while its photos can't be fetched."""
        try:
            order = None if is_ours(update) else await self._order_of(update)
        except NotUnderstoodError as problem:
            return await self._hand_over_problem(update, f"{key}/unread", problem)
        if order is None or update.status.casefold() in self._ignored:
            return 0
        known = await self._orders.known(order_id(*order), update.request_id)
        if known and key in known.handed:
            return 0
        try:
            step = to_step(update, self._settings)
        except MessageError as problem:
            return await self._hand_over_problem(update, key, problem)
        state = _state(step, known)
        if not step.text and not step.media and state is (known.state if known else OrderState.ORDERED):
            return 0
        shown = await self._shown(step)
        new = await self._accept(update, step, state, order, shown)
        handed = (*(known.handed if known else ()), key)[-_MOST_HANDED:]
        at = max(step.at, known.at) if known else step.at
        await self._orders.learn(
            order_id(*order), update.request_id, Known(at=at, state=state, handed=handed)
        )
        self._waiting.pop(key, None)
        return new

    async def _accept(
        self,
        update: Update,
        step: Step,
        state: OrderState,
        order: tuple[CaseRef, int],
        shown: _Shown,
    ) -> int:
        case, trip = order
        event = WorkOrderChanged(
            system=self._tools.name,
            outside_id=step.request_id,
            case=case,
            trip=trip,
            update=step.key,
            state=state,
            text=step.text,
            at=step.at,
            evidence=tuple(file.attachment for file in shown.files),
        )
        inbound = self._inbound(update, step.key, event=event, files=shown.files)
        new = not (await self._tools.accept(inbound)).duplicate
        for place, problem in shown.problems:
            await self._tools.accept(self._inbound(update, f"{step.key}/photo-{place}", problem=problem))
        return int(new)

    async def _hand_over_problem(self, update: Update, key: str, problem: MessageError) -> int:
        if isinstance(problem, NotSupportedError):
            log.warning("work_order_status_unknown", adapter=self._tools.name, reason=problem.what)
        return int(not (await self._tools.accept(self._inbound(update, key, problem=problem))).duplicate)

    def _inbound(
        self,
        update: Update,
        source_ref: str,
        *,
        event: WorkOrderChanged | None = None,
        problem: MessageError | None = None,
        files: tuple[File, ...] = (),
    ) -> Inbound:
        return Inbound(
            source=self.name,
            source_ref=source_ref,
            raw=update.raw,
            media_type="application/json",
            event=event,
            problem=problem,
            files=files,
        )

    async def _order_of(self, update: Update) -> tuple[CaseRef, int] | None:
        """Which order of ours an update is about; None when it is about somebody else's."""
        named = next((found for name in update.names if (found := parse_order_id(name))), None)
        if named or not update.request_id:
            return named
        if update.request_id not in self._ours:
            request = await self._request(update.request_id)
            _remember(self._ours, update.request_id, order_of(request) if request else None)
        return self._ours[update.request_id]

    def _next_unread(self) -> frozenset[str]:
        """The few that are asked for again in this look: the others had their turn later."""
        chosen = tuple(islice(self._unread, _PATIENCE))
        for id_ in chosen:
            self._unread[id_] = self._unread.pop(id_)
        return frozenset(chosen)

    async def _request(self, id_: str) -> Request | None:
        """Raises `_UnreadError`, and after a week `NotUnderstoodError`, when the planning can't show this request."""
        if id_ in self._unread and id_ not in self._asked_again:
            raise self._failure or _UnreadError(f"request {id_}: the planning did not show it before")
        try:
            request = await self._client.request(id_)
        except AdapterError as error:
            now = self._tools.clock.now()
            self._in_a_row += id_ not in self._unread
            since = self._unread.setdefault(id_, now)
            if now - since > _LONGEST:
                del self._unread[id_]
                raise NotUnderstoodError(f"{_named(id_, error)}, for a week now: look at it") from error
            retry_after = error.retry_after if isinstance(error, TransientError) else None
            raise _UnreadError(_named(id_, error), detail=error.detail, retry_after=retry_after) from error
        self._unread.pop(id_, None)
        self._in_a_row = 0
        return request

    async def _shown(self, step: Step) -> _Shown:
        files: dict[str, File] = {}
        problems: list[tuple[int, MessageError]] = []
        for place, url in enumerate(step.media, start=1):
            try:
                file = await self._evidence.photo(place - 1, url)
                files.setdefault(file.attachment.claim, file)
            except MessageError as problem:
                problems.append((place, problem))
            except TransientError as error:
                if self._is_worth_waiting(step.key):
                    raise _PhotoAwaitedError(error.what) from error
                problems.append((place, NotUnderstoodError(error.what)))
        return _Shown(files=tuple(files.values()), problems=tuple(problems))

    def _is_worth_waiting(self, key: str) -> bool:
        now = self._tools.clock.now()
        since = self._waiting.setdefault(key, now)
        return now - since < timedelta(hours=self._settings.media_hours)

    @property
    def _ignored(self) -> frozenset[str]:
        return frozenset(status.casefold() for status in self._settings.ignored_statuses)


def _named(id_: str, error: AdapterError) -> str:
    return f"request {id_}: {error.what}"


def _state(step: Step, known: Known | None) -> OrderState:
    """What the crew said; of an older report, or one without a state, what was known already."""
    if known and (step.state is None or step.at < known.at):
        return known.state
    return step.state or OrderState.ORDERED


def _remember(memory: OrderedDict[str, _V], key: str, value: _V) -> None:
    memory[key] = value
    if len(memory) > _MOST_REMEMBERED:
        memory.popitem(last=False)

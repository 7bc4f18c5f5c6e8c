"""A field team that plans in CityControl, as the hub's crew."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from adapters.citycontrol import translate
from adapters.citycontrol.client import Action, CityControlClient, RefusedError
from adapters.citycontrol.ledger import Ledger
from adapters.citycontrol.settings import Cancelling, Settings
from adapters.citycontrol.webhook import StatusDoor
from canonical_model.case import CaseRef
from canonical_model.commands import CancelWork, Command, ForgetWork, OrderWork
from canonical_model.work_order import ENDED, OrderState, WorkOrder, order_id
from ports.adapter import Adapter, Tools
from ports.clock import Clock
from ports.errors import NotOfferedError, NotSupportedError, RejectedError, TransientError
from ports.settings import parsed
from ports.standing import OutsideStanding
from ports.target import Fetch, Idempotency

SERVER_FAULT_PACE: Final = (60.0, 600.0, 3600.0)
"""Seconds before each next try when CityControl blames itself and does not have it; then a person looks."""
_LARGE: Final = 200_000
"""From this many bytes on, a document is written in a thread: base64 and XML would hold up the others."""
_CANCELLING: Final = {Cancelling.STATUS: Action.SET_STATUS, Cancelling.UPDATE: Action.UPDATE}


class CityControl:
    """All promises and errors are those of `ports.crew.Crew`.

    Where nobody answers questions (`questions_url`), a lost answer can't be looked up: `idempotency` is NONE, and what
    is remembered of confirmed steps still keeps a case from being made twice.
    """

    def __init__(self, settings: Settings, client: CityControlClient, ledger: Ledger, clock: Clock) -> None:
        self._settings = settings
        self._client = client
        self._ledger = ledger
        self._clock = clock

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.PROBE if self._settings.questions_url else Idempotency.NONE

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        """The case's identification in CityControl, which is our order id; its trip is raised when it is known there."""
        match command:
            case OrderWork(order=order):
                return await self._order(order, fetch)
            case CancelWork():
                return await self._cancel(command)
            case ForgetWork(case=case, trip=trip):
                raise NotOfferedError(
                    f"CityControl's profile has no message to remove {order_id(case, trip)}"
                )
            case _:
                raise NotSupportedError("CityControl takes work orders and their cancelling only")

    async def find(self, key: str, command: Command) -> str | None:
        match command:
            case OrderWork(order=order):
                return await self._found_whole(order)
            case CancelWork():
                identification = await self._named(command)
                standing = await self._asked(identification)
                return identification if standing and standing.state == OrderState.CANCELLED else None
            case _:
                return None

    async def standing(self, case: CaseRef, outside_id: str) -> OutsideStanding | None:
        """Where nobody answers questions, an order that was begun may be there, and how it stands can't be told."""
        identification = outside_id or await self._ledger.last_identification(case)
        if not identification:
            return None
        if self._settings.questions_url:
            return await self._asked(identification)
        return OutsideStanding(state="", outside_id=identification)

    async def check(self) -> tuple[str, ...]:
        """Whether both services can be reached and let us in."""
        addresses = (self._settings.url, self._settings.questions_url)
        found = [await self._client.reach(url) for url in addresses if url]
        return tuple(f"{what}" for what in found if what)

    async def _order(self, order: WorkOrder, fetch: Fetch) -> str:
        begun = await self._ledger.identification(order.case, order.trip)
        identification = begun or await self._ledger.begin(order)
        await self._ledger.out(order.case, identification)
        done = await self._done(begun, order) if begun else frozenset[str]()
        if identification not in done:
            await self._create(identification, order)
        for number, attachment in enumerate(translate.sent_along(order, self._settings), 1):
            if translate.document_id(identification, number) not in done:
                content = await fetch(attachment)
                await self._add(translate.Document(identification, number, attachment, content))
        return identification

    async def _found_whole(self, order: WorkOrder) -> str | None:
        begun = await self._ledger.identification(order.case, order.trip)
        if not begun:
            return None
        return begun if set(self._steps(begun, order)) <= await self._done(begun, order) else None

    def _steps(self, identification: str, order: WorkOrder) -> list[str]:
        """The case, and each of its documents."""
        files = len(translate.sent_along(order, self._settings))
        return [
            identification,
            *(translate.document_id(identification, number) for number in range(1, files + 1)),
        ]

    async def _done(self, identification: str, order: WorkOrder) -> frozenset[str]:
        """Which steps are over there: as CityControl says, or else as it confirmed."""
        if self._settings.questions_url:
            if not await self._is_there(identification):
                return frozenset()
            return frozenset({identification}) | await self._documents(identification)
        steps = self._steps(identification, order)
        return frozenset([step for step in steps if await self._ledger.is_done(step)])

    async def _create(self, identification: str, order: WorkOrder) -> None:
        message = translate.to_case(identification, order, self._settings, self._clock.now())
        try:
            await self._client.tell(Action.CREATE, message)
        except RefusedError as refused:
            if not await self._is_there(identification):
                raise self._not_done(refused, identification) from refused
        await self._ledger.done(identification)

    async def _add(self, document: translate.Document) -> None:
        id_ = translate.document_id(document.order, document.number)
        try:
            await self._client.tell(Action.ADD_DOCUMENT, await self._written(document))
        except RefusedError as refused:
            if id_ not in await self._documents(document.order):
                raise self._not_done(refused, f"{document.order}, file {document.number}") from refused
        await self._ledger.done(id_)

    async def _written(self, document: translate.Document) -> bytes:
        arguments = (document, self._settings, self._clock.now())
        if len(document.content) < _LARGE:
            return translate.to_document(*arguments)
        return await asyncio.to_thread(translate.to_document, *arguments)

    async def _cancel(self, command: CancelWork) -> str:
        identification = await self._named(command)
        action = _CANCELLING.get(self._settings.cancelling)
        if action is None:
            raise NotOfferedError(
                f"no message is agreed on to tell CityControl that {identification} is void"
            )
        if self._settings.questions_url:
            standing = await self._asked(identification)
            if standing is None:
                raise NotOfferedError(
                    f"CityControl does not know {identification}: there is nothing to cancel"
                )
            if standing.state == OrderState.CANCELLED:
                return identification
            if standing.state in ENDED:
                raise NotOfferedError(
                    f"the team is done with {identification} ({standing.state}): too late to cancel"
                )
        message = translate.to_cancellation(identification, command.reason, self._settings, self._clock.now())
        try:
            await self._client.tell(action, message)
        except RefusedError as refused:
            raise self._not_done(refused, identification) from refused
        await self._ledger.took_back(identification)
        return identification

    async def _named(self, command: CancelWork) -> str:
        begun = await self._ledger.identification(command.case, command.trip)
        return command.outside_id or begun or order_id(command.case, command.trip)

    def _not_done(self, refused: RefusedError, what: str) -> RejectedError | TransientError:
        """After a refusal: with certainty, try again later or let a person mend it; without, let a person look first."""
        if not self._settings.questions_url:
            return RejectedError(
                f"{refused.what} ({what}); look in CityControl whether it is there before you let it try again",
                detail=refused.code,
            )
        if refused.at_server:
            return TransientError(f"{refused.what} ({what})", detail=refused.code, pace=SERVER_FAULT_PACE)
        return RejectedError(f"{refused.what} ({what})", detail=refused.code)

    async def _is_there(self, identification: str) -> bool:
        return await self._asked(identification) is not None

    async def _asked(self, identification: str) -> OutsideStanding | None:
        if not self._settings.questions_url:
            return None
        message = translate.to_question(identification, self._settings, self._clock.now())
        answer = await self._client.ask(Action.DETAILS, message)
        return translate.to_standing(answer, identification, self._settings)

    async def _documents(self, identification: str) -> frozenset[str]:
        if not self._settings.questions_url:
            return frozenset()
        message = translate.to_question(
            identification, self._settings, self._clock.now(), about="ZKN:heeftRelevant"
        )
        return translate.to_documents(await self._client.ask(Action.DOCUMENTS, message))


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter's factory; opens no connection."""
    checked = parsed(Settings, settings, tools.name)
    client = CityControlClient(checked)
    ledger = Ledger(tools.checkpoints)
    crew = CityControl(checked, client, ledger, tools.clock)
    return Adapter(
        check=crew.check,
        close=client.close,
        webhook=StatusDoor(checked, tools, ledger).router(),
        crew=crew,
    )

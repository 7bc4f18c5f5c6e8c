"""A planning of work orders, as the hub's crew."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from adapters.planning import translate
from adapters.planning.client import DuplicateError, PlanningClient
from adapters.planning.settings import Settings
from adapters.planning.source import OrderSource, Watch, is_missed_briefly
from canonical_model.case import CaseRef
from canonical_model.commands import CancelWork, Command, ForgetWork, OrderWork
from canonical_model.work_order import WorkOrder, order_id
from ports.adapter import Adapter, Tools
from ports.errors import AdapterError, NotOfferedError, NotSupportedError
from ports.intake import Checkpoints
from ports.settings import parsed
from ports.standing import OutsideStanding
from ports.target import Fetch, Idempotency

_NOBODY = "check"
"""A name that no order has."""


class Planning:
    """All promises and errors are those of `ports.crew.Crew`. The outside id is our order id, which the planning keeps."""

    def __init__(self, settings: Settings, client: PlanningClient, watch: Watch, tools: Tools) -> None:
        self._settings = settings
        self._client = client
        self._watch = watch
        self._checkpoints: Checkpoints = tools.checkpoints
        self._clock = tools.clock

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        match command:
            case OrderWork(order=order):
                return await self._order(order, fetch)
            case CancelWork():
                name = order_id(command.case, command.trip)
                raise NotOfferedError(f"the planning's WSDL has no operation to cancel {name}")
            case ForgetWork():
                name = order_id(command.case, command.trip)
                raise NotOfferedError(f"the planning's WSDL has no operation to remove {name}")
            case _:
                raise NotSupportedError("the planning takes work orders only")

    async def find(self, key: str, command: Command) -> str | None:
        """An order that is there is followed from now on, also when nobody had heard that it arrived."""
        if not isinstance(command, OrderWork):
            return None
        name = order_id(command.order.case, command.order.trip)
        if await self._client.status(name) is None:
            return None
        await self._watch.begin(name)
        return name

    async def standing(self, case: CaseRef, outside_id: str) -> OutsideStanding | None:
        """As of now; the planning tells no times. An order that is not shown just now can't be told apart."""
        name = outside_id or await self._checkpoints.load(f"last/{case}") or ""
        status = await self._client.status(name) if name else None
        if status is None:
            heard = await self._watch.heard(name) if name else None
            is_brief = heard is not None and is_missed_briefly(heard, self._settings, self._clock.now())
            return OutsideStanding(state="", outside_id=name) if is_brief else None
        state = translate.to_state(status, self._settings)
        return OutsideStanding(state=state or "", outside_id=name, text=translate.told(status).remark)

    async def check(self) -> tuple[str, ...]:
        """Asks after an order that nobody has."""
        try:
            await self._client.status(_NOBODY)
        except AdapterError as error:
            return (error.what,)
        return ()

    async def _order(self, order: WorkOrder, fetch: Fetch) -> str:
        name = order_id(order.case, order.trip)
        attachment = translate.photo_of(order, self._settings)
        photo = await fetch(attachment) if attachment else None
        await self._checkpoints.save(f"last/{order.case}", name)
        with suppress(DuplicateError):  # an earlier try arrived: that is what was wanted
            await self._client.create(translate.to_work_order(order, photo, self._clock.now()))
        await self._watch.begin(name)
        return name


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter's factory; opens no connection."""
    checked = parsed(Settings, settings, tools.name)
    client = PlanningClient(checked)
    watch = Watch(tools.checkpoints)
    crew = Planning(checked, client, watch, tools)
    return Adapter(
        check=crew.check,
        close=client.close,
        sources=(OrderSource(checked, client, watch, tools),),
        crew=crew,
    )

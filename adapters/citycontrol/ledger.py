"""Which steps of an order were done, remembered durably: a step that failed never repeats the ones before it.

Names of cases, orders and numbers only; nothing about people.
"""

import asyncio

from canonical_model.case import CaseRef
from canonical_model.work_order import MOST_TRIPS, WorkOrder, order_id, parse_order_id
from ports.errors import RejectedError
from ports.intake import Checkpoints

_DONE = "done"


class Ledger:
    """Per order: under which identification it goes out, and what of it is over there for certain."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._one_at_a_time = asyncio.Lock()

    async def identification(self, case: CaseRef, trip: int) -> str:
        """Under which identification the order was begun; "" when it never was."""
        return await self._checkpoints.load(f"sent/{order_id(case, trip)}") or ""

    async def begin(self, order: WorkOrder) -> str:
        """Choose the identification of an order that was never begun, and remember it before anything is sent.

        It has the order's own trip, unless CityControl knows that one or a later one already: it may have a case of
        which our confirmation got lost. Then the first trip that it does not know. Raises `RejectedError` after 99.
        """
        known = max(await self._trip("last", order.case), await self._trip("heard", order.case))
        trip = order.trip if order.trip > known else known + 1
        if trip > MOST_TRIPS:
            raise RejectedError(
                f"case {order.case} went out {MOST_TRIPS} times: CityControl has no further number"
            )
        identification = order_id(order.case, trip)
        await self._checkpoints.save(f"sent/{order_id(order.case, order.trip)}", identification)
        return identification

    async def out(self, case: CaseRef, identification: str) -> None:
        """This order of the case goes out now, or went out: no later one may have its number, or a lower one."""
        _, trip = parse_order_id(identification) or (case, 0)
        if trip > await self._trip("last", case):
            await self._checkpoints.save(f"last/{case}", str(trip))

    async def heard_of(self, case: CaseRef, trip: int) -> None:
        """CityControl mentioned this trip: no later order may have its number, or a lower one."""
        async with self._one_at_a_time:
            if trip > await self._trip("heard", case):
                await self._checkpoints.save(f"heard/{case}", str(trip))

    async def last_identification(self, case: CaseRef) -> str:
        """The last order of a case that went out, or may have; "" when there is none."""
        trip = await self._trip("last", case)
        return order_id(case, trip) if trip else ""

    async def is_done(self, step: str) -> bool:
        """Whether a case or document of this identification is over there for certain."""
        return await self._checkpoints.load(f"there/{step}") == _DONE

    async def done(self, step: str) -> None:
        """It is over there for certain."""
        await self._checkpoints.save(f"there/{step}", _DONE)

    async def took_back(self, identification: str) -> None:
        """We told CityControl that the order is void."""
        await self._checkpoints.save(f"void/{identification}", _DONE)

    async def is_taken_back(self, identification: str) -> bool:
        """Whether we did: that CityControl says it too is no news."""
        return await self._checkpoints.load(f"void/{identification}") == _DONE

    async def _trip(self, kind: str, case: CaseRef) -> int:
        return int(await self._checkpoints.load(f"{kind}/{case}") or 0)

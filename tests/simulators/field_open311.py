"""The demo's field planning (`demo/field_planning.py`: strict or loose, with its bad days) on a port, and its crew.

As a program, to look at: `python -m tests.simulators.field_open311`, then `/ploeg` for what the crew sees.
"""

import asyncio
from dataclasses import dataclass

from canonical_model.work_order import ENDED, OrderState, parse_order_id
from demo.field_planning import FieldPlanning
from demo.outside.serving import serving
from tests.servers.lossy_transport import LossyTransport


@dataclass
class RunningPlanning:
    """A planning that answers; `address` is where it is, without path."""

    planning: FieldPlanning
    address: str

    @property
    def url(self):
        return f"{self.address}/v2"


class Field:
    """The people behind the planning, in the words of the crews' suite."""

    def __init__(self, planning: FieldPlanning, line: LossyTransport) -> None:
        self._planning = planning
        self._line = line
        self.lose_answer = line.lose_answer

    def go_away(self) -> None:
        self._line.away = True

    def come_back(self) -> None:
        self._line.away = False

    async def on_the_list(self) -> tuple[str, ...]:
        signed = [
            job.fields["description"].rpartition("[")[2].rstrip("]")
            for job in self._planning.jobs.values()
            if job.state not in ENDED
        ]
        return tuple(name for name in signed if parse_order_id(name))

    async def card(self, order: str) -> str:
        fields = self._planning.job_of(order).fields
        return f"{fields['description']}\n{fields.get('address_string', '')}"

    async def photos(self, order: str) -> tuple[bytes, ...]:
        job = self._planning.job_of(order)
        posted = [
            path for step in self._planning.steps if step.job == job.id and step.own for path in step.media
        ]
        return tuple(self._planning.photos[path] for path in (*job.media, *posted))

    async def report(self, order: str, state: OrderState, text: str = "", photo: bytes = b"") -> None:
        self._planning.report(self._planning.job_of(order).id, state, text, [photo] if photo else [])


if __name__ == "__main__":

    async def serve() -> None:
        async with serving(FieldPlanning().app, 8311) as address:
            print(f"{address}/v2 for the hub, {address}/ploeg for the crew")
            await asyncio.Event().wait()

    asyncio.run(serve())

"""A queue system of the Qmatic Orchestra kind, bad days included.

It keeps who asked for callbacks in memory only, posts every event once, unsigned, to each of them, and forgets for
good whoever cannot be reached. Its interface tells who waits and who is being served, not who was.
"""

from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ports.clock import Clock

BRANCH = "1"
USER = httpx.BasicAuth("hub", "geheim")


@dataclass
class Visitor:
    """Somebody with a ticket."""

    visit: str
    ticket: str
    service: str
    called: bool = False


@dataclass
class QueueSystem:
    """`deliver` posts callbacks. `away`: every answer is a 503; `html`: an error page with status 200.

    `lose`: so many events are never told; `twice`: every event is told twice.
    """

    clock: Clock
    deliver: httpx.AsyncClient
    there: dict[str, Visitor] = field(default_factory=dict)
    callbacks: set[str] = field(default_factory=set)
    asked: int = 0
    away: bool = False
    html: bool = False
    lose: int = 0
    twice: bool = False
    password: str = "geheim"
    _last: int = 0

    async def arrive(self, ticket: str, service: str = "12") -> str:
        """Somebody takes a ticket; the visit's number."""
        self._last += 1
        visit = Visitor(str(self._last), ticket, service)
        self.there[visit.visit] = visit
        await self.tell("VISIT_CREATE", visit)
        return visit.visit

    async def call(self, visit: str) -> None:
        """A counter calls the ticket."""
        self.there[visit].called = True
        await self.tell("VISIT_CALL", self.there[visit])

    async def end(self, visit: str) -> None:
        """The customer was served."""
        await self.tell("VISIT_END", self.there.pop(visit))

    async def no_show(self, visit: str) -> None:
        """Nobody came to the counter."""
        await self.tell("VISIT_NOSHOW", self.there.pop(visit))

    async def serve(self, ticket: str, service: str = "12") -> str:
        """A whole visit."""
        visit = await self.arrive(ticket, service)
        await self.call(visit)
        await self.end(visit)
        return visit

    def restart(self) -> None:
        """Who asked for callbacks is forgotten."""
        self.callbacks.clear()

    def event(self, name: str, visitor: Visitor) -> dict[str, object]:
        """An event as it is told."""
        return {
            "eventName": name,
            "eventTime": self.clock.now().isoformat(timespec="milliseconds"),
            "eventType": "APPLICATION",
            "unitId": int(BRANCH),
            "parameters": {
                "visitId": int(visitor.visit),
                "ticket": visitor.ticket,
                "service": visitor.service,
                "branchId": int(BRANCH),
            },
        }

    async def tell(self, name: str, visitor: Visitor) -> None:
        """Post an event to everybody who asked; whoever cannot be reached is forgotten."""
        if self.lose:
            self.lose -= 1
            return
        for address in tuple(self.callbacks):
            try:
                for _ in range(2 if self.twice else 1):
                    await self.deliver.post(address, json=self.event(name, visitor))
            except httpx.TransportError:
                self.callbacks.discard(address)

    def app(self) -> Starlette:
        """Its interface."""
        rest = "/rest/managementinformation/v2/branches/{branch}"
        return Starlette(
            routes=[
                Route("/register", self._register),
                Route(f"{rest}/queues", self._queues),
                Route(f"{rest}/queues/{{queue}}/visits", self._waiting),
                Route(f"{rest}/servicePoints", self._serving),
            ]
        )

    def _refusal(self, request: Request) -> Response | None:
        user = httpx.Request("GET", "http://x")
        wanted = next(httpx.BasicAuth("hub", self.password).auth_flow(user)).headers["Authorization"]
        if request.headers.get("authorization") != wanted:
            return Response(status_code=401)
        if self.away:
            return HTMLResponse("<h1>Service Unavailable</h1>", 503)
        return HTMLResponse("<h1>Inloggen</h1>") if self.html else None

    async def _register(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        self.asked += 1
        self.callbacks.add(request.query_params["url"])
        return Response(status_code=204)

    async def _queues(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse(
            [{"id": 7, "name": "Burgerzaken", "customersWaiting": 0}]
        )

    async def _waiting(self, request: Request) -> Response:
        rows = [
            {"visitId": int(one.visit), "ticketId": one.ticket, "serviceId": one.service}
            for one in self.there.values()
            if not one.called
        ]
        return self._refusal(request) or JSONResponse(rows)

    async def _serving(self, request: Request) -> Response:
        rows: list[dict[str, object]] = [{"id": 3, "name": "Loket 3", "status": "OPEN"}]
        rows += [
            {"id": 4, "currentVisitId": int(one.visit), "currentTicketNumber": one.ticket}
            for one in self.there.values()
            if one.called
        ]
        return self._refusal(request) or JSONResponse(rows)

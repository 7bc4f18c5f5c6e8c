"""JCC-Afspraken's REST interface (WARP), bad days included.

Shapes as in open-forms' `jcc_rest/types.py`: what is missing has no key, times have no offset, `acitivityList` is
their spelling, and a business failure is a 200.
"""

import asyncio
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

APPOINTMENT = {
    "id": "5f0c-afspraak",
    "startDateTime": "2026-10-25T02:30:00",
    "endDateTime": "2026-10-25T02:45:00",
    "number": 4711,
    "acitivityList": [
        {"id": "act-rijbewijs", "number": 3, "description": "Rijbewijs", "appointmentDuration": 15}
    ],
    "customerList": [
        {"isMainCustomer": False, "gender": 0, "lastName": "Begeleider"},
        {
            "isMainCustomer": True,
            "gender": 2,
            "firstName": "An",
            "lastNamePrefix": "van",
            "lastName": "Dijck",
            "emailAddress": "an@voorbeeld.example",
            "mobilePhoneNumber": "0470 11 22 33",
            "socialSecurityNumber": "85073003328",
        },
    ],
    "location": {"id": "loc-1", "description": "Stadhuis"},
}
FAILURE = {"code": 12, "message": "Afspraak niet gevonden", "acknowledgeIsSuccess": False, "logLevel": 2}


@dataclass
class Jcc:
    """`appointments` by code. `day`: what is wrong today, "" when nothing is."""

    appointments: dict[str, dict[str, object]] = field(default_factory=lambda: {"5f0c-afspraak": APPOINTMENT})
    day: str = ""
    client: tuple[str, str] = ("wegwijzer", "geheim")
    tokens: int = 0
    languages: list[str] = field(default_factory=list)
    _valid: str = ""

    def withdraw(self) -> None:
        """The token that is in use is no longer good."""
        self._valid = ""

    def app(self) -> Starlette:
        """Its interface and its log-in."""
        return Starlette(
            routes=[
                Route("/connect/token", self._token, methods=["POST"]),
                Route("/warp/v1/appointment", self._appointment),
            ]
        )

    async def _token(self, request: Request) -> Response:
        body = (await request.body()).decode()
        wanted = f"client_id={self.client[0]}&client_secret={self.client[1]}"
        if wanted not in body or "scope=warp-api" not in body:
            return JSONResponse({"error": "invalid_client"}, 400)
        self.tokens += 1
        self._valid = f"token-{self.tokens}"
        return JSONResponse({"access_token": self._valid, "expires_in": 3600, "token_type": "Bearer"})

    async def _appointment(self, request: Request) -> Response:
        if not self._valid or request.headers.get("authorization") != f"Bearer {self._valid}":
            return Response(status_code=401)
        self.languages.append(request.headers.get("language", ""))
        if self.day == "slow":
            await asyncio.sleep(1)
        bad = {
            "html": HTMLResponse("<h1>Runtime Error</h1>", 500),
            "empty": JSONResponse({}),
            "failure": JSONResponse(FAILURE),
            "not found": Response(status_code=404),
            "garbage": Response(b'{"id": ["'),
            "forbidden": Response(status_code=403),
        }
        found = self.appointments.get(request.query_params["id"])
        return bad.get(self.day) or JSONResponse(found or FAILURE)

"""An existing system of the demo city: the parking machines' own software, which speaks CloudEvents to the hub's API."""

from datetime import timedelta
from typing import Any

import httpx

from console.api.credentials import Credentials, Scope
from demo.scenes import Scene
from journal.journal import Journal
from ports.clock import Clock

SYSTEM = "parkeren"
"""Its name in `city/hub.toml`."""


async def token_for(journal: Journal, clock: Clock) -> str:
    """A credential for today."""
    _, token = await Credentials(journal.database, clock).issue(SYSTEM, tuple(Scope), timedelta(days=1))
    return token


class ParkingSystem:
    """Submits what citizens report at its machines, and asks what became of it. `run` keeps several mornings apart."""

    def __init__(self, address: str, token: str, run: str) -> None:
        self._run = run
        self.told: dict[str, str] = {}
        self._http = httpx.AsyncClient(
            base_url=f"http://{address}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=70,
        )

    async def submit(self, scene: Scene) -> set[str]:
        """Submit a report as often as the scene says; the receipts."""
        answers = [await self._http.post("/events", **self._request(scene)) for _ in range(scene.times)]
        return {str(answer.raise_for_status().json()["receipt"]) for answer in answers}

    async def outcome(self, receipt: str) -> str:
        """What became of it, in a few words; `told` keeps them by receipt."""
        answer = await self._http.get(f"/receipts/{receipt}", params={"wait": 50})
        told = answer.raise_for_status().json()
        case = told["case"] or {"ref": "-", "tracker_number": "-"}
        self.told[receipt] = f"{told['state']}: {case['ref']}, in de tracker {case['tracker_number']}"
        return self.told[receipt]

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    def _request(self, scene: Scene) -> dict[str, Any]:
        event = {
            "specversion": "1.0",
            "id": f"{scene.name}-{self._run}",
            "source": "/parkeren/automaten",
            "type": "be.wegwijzer.contact.submitted.v1",
            "data": {
                "subject": scene.subject,
                "message": scene.text,
                "person": {"name": scene.person, "email": scene.email},
                "location": {"address": scene.address, "postcode": scene.postcode},
            },
        }
        return {"json": event, "headers": {"Content-Type": "application/cloudevents+json"}}

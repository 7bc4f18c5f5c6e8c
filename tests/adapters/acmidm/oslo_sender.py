"""A portal's own system that posts CloudEvents with an OSLO-Melding inside."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ports.adapter import Build
from tests.adapters.acmidm.portal import Stage

SCOPE = "leuven_meldingen"
HUB = "https://contact.leuven.be"


@dataclass
class OsloSender:
    """Posts to `/meldingen` of one portal, with a token that may tell whom it acts for."""

    stage: Stage
    name: str
    client: httpx.AsyncClient
    token: str

    async def post(self, event: dict[str, Any], **headers: str) -> httpx.Response:
        """The event, structured."""
        return await self._post(json.dumps(event).encode(), "application/cloudevents+json", headers)

    async def post_binary(self, event: dict[str, Any]) -> httpx.Response:
        """The event with its attributes in headers."""
        told = {
            f"ce-{name}": value for name, value in event.items() if name not in ("data", "datacontenttype")
        }
        return await self._post(json.dumps(event["data"]).encode(), "application/ld+json", told)

    async def status(self, address: str) -> httpx.Response:
        return await self.client.get(address, headers={"Authorization": f"Bearer {self.token}"})

    async def _post(self, content: bytes, media_type: str, headers: dict[str, str]) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": media_type, **headers}
        return await self.client.post(f"/in/{self.name}/meldingen", content=content, headers=sent)


def oslo_sender(stage: Stage, build: Build, name: str, claims: dict[str, str], **door: Any) -> OsloSender:
    """A sender at a portal whose door asks the provider about tokens."""
    settings = {
        "submissions": {
            "issuer": stage.provider.issuer,
            "scope": SCOPE,
            "client_id": "6776",
            "client_authentication": "client_secret_post",
            "client_secret": "s3cret",
            **door,
        }
    }
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(stage.portal(build, name, settings)), base_url=HUB
    )
    stage.visitors.append(client)
    token = stage.provider.access_token(f"{name}-system", SCOPE, HUB, **claims)
    return OsloSender(stage, name, client, token)


def event_in(folder: Path, **changes: Any) -> dict[str, Any]:
    """The fixture, with other members in its report."""
    event = json.loads((folder / "aanvraag.json").read_bytes())
    return {**event, "data": {**event["data"], **changes}}

"""The Flemish portals of the demo: they post what people sent through them, with a token that tells for whom."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from demo.acmidm import NAMELESS, PEOPLE, AcmIdm
from demo.scenes import Scene

AUDIENCE = "https://contact.leuven.test"
_SCOPES: Mapping[str, str] = {
    "mijn_burgerprofiel": "dv_mbp_incidents",
    "eloket": "leuven_meldingen",
    "verenigingsloket": "leuven_meldingen",
}
_TELLS_WHO = ("rrn", "given_name", "family_name", "vo_doelgroepcode", "vo_orgcode", "vo_orgnaam")


class Portals:
    """Post each scene as its portal would. `run` keeps several mornings apart."""

    def __init__(self, hub: str, provider: AcmIdm, run: str) -> None:
        self._provider = provider
        self._run = run
        self._http = httpx.AsyncClient(base_url=hub, trust_env=False, timeout=30)

    async def post(self, scene: Scene) -> set[str]:
        """As often as the scene says, all at once; the receipts."""
        answers = await asyncio.gather(*[self._post(scene) for _ in range(scene.times)])
        return {str(answer.raise_for_status().json()["receipt"]) for answer in answers}

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _post(self, scene: Scene) -> httpx.Response:
        report = self._report(scene) if scene.door == "mijn_burgerprofiel" else self._event(scene)
        kind = "application/json" if scene.door == "mijn_burgerprofiel" else "application/cloudevents+json"
        headers = {"Authorization": f"Bearer {self._token(scene)}", "Content-Type": kind}
        return await self._http.post(f"/in/{scene.door}/meldingen", json=report, headers=headers)

    def _token(self, scene: Scene) -> str:
        who = next(person for person in (*PEOPLE, *NAMELESS) if person.name == scene.persona)
        told = {name: value for name, value in who.claims.items() if name in _TELLS_WHO}
        return self._provider.access_token(
            scene.door, _SCOPES[scene.door], f"{AUDIENCE}/in/{scene.door}", **told
        )

    def _report(self, scene: Scene) -> dict[str, Any]:
        """ "Melding doen"."""
        return {
            "id": f"{scene.name}-{self._run}",
            "categorie": scene.category,
            "onderwerp": scene.subject,
            "omschrijving": scene.text,
            "locatie": {"adres": scene.address, "postcode": scene.postcode},
            "contact": {"email": scene.email},
        }

    def _event(self, scene: Scene) -> dict[str, Any]:
        """A CloudEvent with an OSLO-Melding inside."""
        return {
            "specversion": "1.0",
            "id": f"{scene.name}-{self._run}",
            "source": f"https://{scene.door}.example/aanvragen",
            "type": f"be.vlaanderen.{scene.door}.melding.ingediend.v1",
            "data": {
                "@context": "https://data.vlaanderen.be/context/melding-ap.jsonld",
                "@type": "Melding",
                "titel": {"@value": scene.subject, "@language": "nl"},
                "heeftBody": [
                    {"beschrijving": scene.text, "adres": scene.address, "postcode": scene.postcode}
                ],
                "indiener": {"contactpunt": {"email": scene.email}},
            },
        }

"""The street report app of the demo: sends reports over Open311 and reads back how they go."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx

from demo.outside.around import Report
from demo.scenes import Scene, attachment

_STATES = {"open": "open", "closed": "afgesloten"}
PATIENCE = 90
"""Seconds in which a report must get its number."""


class ReportApp:
    """Sends each report until it gets a number. `run` keeps several mornings apart. `pause`: seconds between two tries."""

    def __init__(self, address: str, api_key: str, run: str, *, pause: float = 1.0) -> None:
        self._pause = pause
        self._key = api_key
        self._run = run
        self._sent: set[str] = set()
        self._http = httpx.AsyncClient(base_url=address, trust_env=False, timeout=20)

    async def send(self, scene: Scene) -> set[str]:
        """Send a report as often as its daemons do, all at once; the numbers that come back."""
        numbers = await asyncio.gather(*[self._until_numbered(scene) for _ in range(scene.times)])
        self._sent |= set(numbers)
        return set(numbers)

    async def found(self) -> tuple[Report, ...]:
        """This morning's reports, as the app finds them back."""
        if not self._sent:
            return ()
        query = {"api_key": self._key, "service_request_id": ",".join(sorted(self._sent))}
        answer = await self._persistently(lambda: self._http.get("requests.json", params=query))
        return tuple(
            Report(
                number=record["service_request_id"],
                service=record.get("service_name") or "",
                status=_STATES.get(str(record["status"]), str(record["status"])),
                note=record.get("status_notes") or "",
            )
            for record in answer.json()
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _until_numbered(self, scene: Scene) -> str:
        files = [(f"photo{n}", (name, attachment(name), "image/jpeg")) for n, name in enumerate(scene.files)]
        answer = await self._persistently(
            lambda: self._http.post("requests.json", data=self._fields(scene), files=files or None)
        )
        return str(answer.raise_for_status().json()[0]["service_request_id"])

    async def _persistently(self, ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        end = time.monotonic() + PATIENCE
        while True:
            heard = await self._heard(ask)
            if isinstance(heard, httpx.Response) and heard.status_code not in {429, 503}:
                return heard
            if time.monotonic() > end:
                raise TimeoutError(f"no answer to the app in {PATIENCE} s; the last: {heard!r}")
            await asyncio.sleep(self._pause)

    async def _heard(
        self, ask: Callable[[], Awaitable[httpx.Response]]
    ) -> httpx.Response | httpx.TransportError:
        try:
            return await ask()
        except httpx.TransportError as error:
            return error

    def _fields(self, scene: Scene) -> dict[str, str]:
        first, _, last = scene.person.partition(" ")
        latitude, longitude = scene.at or (0.0, 0.0)
        fields = {
            "api_key": self._key,
            "jurisdiction_id": "leuven.be",
            "service_code": scene.service,
            "lat": f"{latitude}" if scene.at else "",
            "long": f"{longitude}" if scene.at else "",
            "address_string": scene.address,
            "description": scene.text,
            "email": scene.email,
            "first_name": first,
            "last_name": last,
            "attribute[title]": scene.subject,
            "attribute[gevaar]": "ja" if scene.service == "voetpad" else "",
            "attribute[fixmystreet_id]": f"{scene.name}-{self._run}",
        }
        return {name: value for name, value in fields.items() if value}

"""A street report app that behaves like FixMyStreet: sends in XML, believes only an id, sends again later, fetches updates.

Facts: mySociety's `perllib/Open311.pm` and its pages about the protocol. For tests, training and the demo's shape.
`bad_days` are what really happens to such apps: answers that get lost, two daemons at once, windows that are too short.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import xmltodict

_LISTS = ("service", "attribute", "value", "request", "request_update", "error")
TOKEN_TRIES = 5


@dataclass
class Report:
    """A report in the app. `external_id` is what the city calls it; "" = not sent yet."""

    id: str
    service_code: str
    description: str
    lat: str = "50.8798"
    long: str = "4.7005"
    fields: Mapping[str, str] = field(default_factory=dict)
    photos: Sequence[tuple[str, bytes]] = ()
    external_id: str = ""
    state: str = "confirmed"
    updates: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


@dataclass
class ReportApp:
    """`names_itself`: whether it sends its own id along, as newer versions do."""

    client: httpx.AsyncClient
    address: str
    api_key: str
    jurisdiction: str = "leuven.be"
    names_itself: bool = True
    token_pause: float = 0.0
    reports: list[Report] = field(default_factory=list)
    last_update: datetime | None = None

    async def services(self) -> list[dict[str, Any]]:
        """What can be reported."""
        return self._listed(await self._get("services"), "services", "service")

    async def questions(self, code: str) -> list[dict[str, Any]]:
        """The extra questions of a service."""
        answer = await self._get(f"services/{code}")
        return (read_xml(answer.content)["service_definition"]["attributes"] or {}).get("attribute", [])

    async def send(self, report: Report, *, lose_answer: bool = False) -> Report:
        """One try of the sending daemon; a lost answer leaves the report unsent, to be tried again."""
        answer = await self.client.post(
            f"{self.address}/v2/requests.xml", data=self._fields(report), files=_files(report)
        )
        if lose_answer:
            return report
        if not answer.is_success:
            report.failures.append(_what_was_wrong(answer))
            return report
        (request,) = self._listed(answer, "service_requests", "request")
        report.external_id = request.get("service_request_id") or await self._by_token(request["token"])
        return report

    async def send_all(self) -> None:
        """The daemon's round: everything that has no id yet, again."""
        for report in self.reports:
            if not report.external_id:
                await self.send(report)

    async def two_daemons(self, report: Report) -> None:
        """Two daemons pick up the same report at the same moment."""
        await asyncio.gather(self.send(report), self.send(report))

    async def add(
        self, report: Report, text: str, *, id_: str, status: str = "OPEN", **more: str
    ) -> httpx.Response:
        """The reporter writes something more."""
        return await self.client.post(
            f"{self.address}/v2/servicerequestupdates.xml",
            data={
                **self._credentials(),
                "service_request_id": report.external_id,
                "update_id": id_,
                "status": status,
                "updated_datetime": "2026-03-02T11:00:00+01:00",
                "description": text,
                "email": "an.janssens@example.org",
                **more,
            },
        )

    async def fetch_updates(self, now: datetime, window: timedelta = timedelta(hours=2)) -> int:
        """Asks for the last two hours, as it does by default; an update that it has is not new."""
        answer = await self._get(
            "servicerequestupdates", start_date=(now - window).isoformat(), end_date=now.isoformat()
        )
        new = 0
        for update in self._listed(answer, "service_request_updates", "request_update"):
            report = next(one for one in self.reports if one.external_id == update["service_request_id"])
            if update["update_id"] not in report.updates:
                report.updates[update["update_id"]] = update["description"]
                report.state = update["status"]
                new += 1
        return new

    async def _by_token(self, token: str) -> str:
        for _ in range(TOKEN_TRIES):
            (request,) = self._listed(await self._get(f"tokens/{token}"), "service_requests", "request")
            if request["service_request_id"]:
                return request["service_request_id"]
            await asyncio.sleep(self.token_pause)
        return ""

    async def _get(self, path: str, **query: str) -> httpx.Response:
        answer = await self.client.get(
            f"{self.address}/v2/{path}.xml", params={**self._credentials(), **query}
        )
        answer.raise_for_status()
        return answer

    def _credentials(self) -> dict[str, str]:
        return {"api_key": self.api_key, "jurisdiction_id": self.jurisdiction}

    def _fields(self, report: Report) -> dict[str, str]:
        own = {"attribute[fixmystreet_id]": report.id} if self.names_itself else {}
        return {
            **self._credentials(),
            "service_code": report.service_code,
            "lat": report.lat,
            "long": report.long,
            "email": "an.janssens@example.org",
            "first_name": "An",
            "last_name": "Janssens",
            "description": report.description,
            **own,
            **report.fields,
        }

    def _listed(self, answer: httpx.Response, root: str, name: str) -> list[dict[str, Any]]:
        return (read_xml(answer.content)[root] or {}).get(name, [])


def read_xml(content: bytes) -> dict[str, Any]:
    """A document; entities are refused."""
    return xmltodict.parse(content, force_list=_LISTS)


def _files(report: Report) -> Any:
    return [
        (f"photo{n}", (name, content, "image/jpeg")) for n, (name, content) in enumerate(report.photos)
    ] or None


def _what_was_wrong(answer: httpx.Response) -> str:
    errors = (read_xml(answer.content)["errors"] or {}).get("error", [])
    return "; ".join(f"{error['code']}: {error['description']}" for error in errors)

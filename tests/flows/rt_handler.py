"""The handler groups of a city at work in Request Tracker: what `demo.handlers.Handler` is in Roundup."""

import base64
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from demo.handlers import TrackerCase
from demo.request_tracker import RunningTracker

INCOMING = "inkomend"


class Handler:
    """A member of a handler group, logged in with name and password."""

    def __init__(self, tracker: RunningTracker, group: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{tracker.url}REST/2.0/",
            auth=(group, tracker.handler_password),
            trust_env=False,
            timeout=30,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def cases(self) -> tuple[TrackerCase, ...]:
        """Every case that this handler may see; the contact centre sees all."""
        query = {"query": "id > 0", "fields": "Subject,Status,Queue,CustomFields", "fields[Queue]": "Name"}
        return tuple([await self._case(row) for row in await self._items("tickets", query)])

    async def message(self, message: str) -> Mapping[str, Any]:
        """A text on a case: what it says, and whether it came from the citizen."""
        row = await self._get(f"attachment/{message}")
        said = await self._get(f"transaction/{row['TransactionId']['id']}")
        incoming = said["Type"] == "Create" or row["Subject"].startswith(INCOMING)
        content = base64.b64decode(row["Content"]).decode()
        return {"content": content, "direction": "in" if incoming else "out"}

    async def file(self, file: str) -> bytes:
        """The bytes of an attachment."""
        return base64.b64decode((await self._get(f"attachment/{file}"))["Content"])

    async def answer(self, case: TrackerCase, text: str) -> None:
        """Write to the customer, in the rich editor."""
        words = {"Content": f"<p>{text}</p>", "ContentType": "text/html"}
        (await self._http.post(f"ticket/{case.id}/correspond", json=words)).raise_for_status()

    async def set_status(self, case: TrackerCase, status: str) -> None:
        """Move a case on."""
        (await self._http.put(f"ticket/{case.id}", json={"Status": status})).raise_for_status()

    async def _case(self, row: Mapping[str, Any]) -> TrackerCase:
        fields = {held["name"]: "".join(held["values"]) for held in row["CustomFields"]}
        parts = await self._items(
            f"ticket/{row['id']}/attachments", {"fields": "Filename,ContentType,TransactionId"}
        )
        return TrackerCase(
            id=str(row["id"]),
            ref=fields["canonical_id"],
            title=str(row["Subject"]),
            group=str(row["Queue"]["Name"]),
            status=str(row["Status"]),
            version=max(int(part["TransactionId"]) for part in parts),
            requester=fields["customer_email"],
            messages=tuple(str(part["id"]) for part in parts if _is_text(part)),
            files=tuple(str(part["id"]) for part in parts if part["Filename"]),
        )

    async def _items(self, path: str, query: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        items: Sequence[Mapping[str, Any]] = (await self._get(path, {**query, "per_page": "100"}))["items"]
        return items

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return (await self._http.get(path, params=query)).raise_for_status().json()


def _is_text(part: Mapping[str, Any]) -> bool:
    return str(part["ContentType"]).startswith("text/") and not part["Filename"]

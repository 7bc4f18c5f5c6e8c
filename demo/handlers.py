"""The handler groups of the demo city at work in the tracker, each with its own log-in, over its REST interface."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from demo.roundup import RunningTracker

CONTACT_CENTRE = "kcc"
CONFLICT = 412
TRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerCase:
    """A case as its handlers see it. `version` grows with every change; `known_as`: the customer's name, "" when nobody knows it."""

    id: str
    ref: str
    title: str
    group: str
    status: str
    version: int
    requester: str
    messages: tuple[str, ...]
    files: tuple[str, ...]
    known_as: str = ""


class Handler:
    """A member of a handler group, logged in with name and password."""

    def __init__(self, tracker: RunningTracker, group: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{tracker.url}rest/data/",
            auth=(group, tracker.handler_password),
            headers={
                "Accept": "application/json",
                "X-Requested-With": "rest",
                "Origin": tracker.url.partition("/tracker")[0],
            },
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
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def cases(self) -> tuple[TrackerCase, ...]:
        """Every case that this handler may see; the contact centre sees all."""
        fields = (
            "canonical_id,title,group.name,status.name,version,requester.email,requester.name,messages,files"
        )
        answer = await self._get("issue", {"@fields": fields, "@verbose": "0"})
        return tuple(_case(row) for row in answer["collection"])

    async def message(self, message: str) -> Mapping[str, Any]:
        """A text on a case with everything that the tracker knows of it."""
        attributes: Mapping[str, Any] = (await self._get(f"msg/{message}", {"@verbose": "3"}))["attributes"]
        return attributes

    async def file(self, file: str) -> bytes:
        """The bytes of an attachment."""
        answer = await self._http.get(
            f"file/{file}/binary_content", headers={"Accept": "application/octet-stream"}
        )
        return answer.raise_for_status().content

    async def answer(self, case: TrackerCase, text: str) -> None:
        """Write to the customer."""
        values = {"content": text, "visibility": "public", "direction": "out"}
        made = await self._http.post("msg", json=values)
        message = str(made.raise_for_status().json()["data"]["id"])
        await self._change(case, {"@op": "add", "messages": [message]})

    async def set_status(self, case: TrackerCase, status: str) -> None:
        """Move a case on."""
        await self._change(case, {"status": status})

    async def _change(self, case: TrackerCase, values: Mapping[str, str | Sequence[str]]) -> None:
        """Read and write again when somebody else was faster."""
        for _ in range(TRIES):
            etag = str((await self._get(f"issue/{case.id}"))["@etag"])
            answer = await self._http.patch(f"issue/{case.id}", json=values, headers={"If-Match": etag})
            if answer.status_code != CONFLICT:
                answer.raise_for_status()
                return
        raise TimeoutError(f"{case.ref}: somebody else keeps changing it")

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        answer = await self._http.get(path, params=query)
        return answer.raise_for_status().json()["data"]


def _case(row: Mapping[str, Any]) -> TrackerCase:
    return TrackerCase(
        id=str(row["id"]),
        ref=str(row["canonical_id"] or ""),
        title=str(row["title"] or ""),
        group=str(row["group.name"] or ""),
        status=str(row["status.name"] or ""),
        version=int(row["version"] or 0),
        requester=str(row["requester.email"] or ""),
        known_as=str(row["requester.name"] or ""),
        messages=tuple(str(id_) for id_ in row["messages"]),
        files=tuple(str(id_) for id_ in row["files"]),
    )

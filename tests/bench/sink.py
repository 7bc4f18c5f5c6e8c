"""The receiving end of the standard job: a very fast HTTP sink, and the tracker adapter that delivers to it.

    python -m tests.bench.sink PORT

The sink answers every POST at once and notes when (system-wide monotonic clock) and how often each reference
came. `GET /report` gives it all as JSON and forgets it.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import httpx
import msgspec
import uvloop

from canonical_model.attachment import Attachment
from canonical_model.case import CanonicalCase, CaseRef
from ports.adapter import Adapter, Tools
from ports.errors import TransientError, UncertainError
from ports.http import Endpoint, PooledTransport
from ports.tracker import (
    Capabilities,
    CaseChange,
    CaseQuery,
    ChangeBatch,
    Created,
    Note,
    Page,
    TrackerCase,
    TrackerId,
)

_encode = msgspec.json.Encoder().encode


class SinkTracker:
    """A tracker that can only create: one HTTP POST per case, and the answer's id."""

    capabilities = Capabilities(unique_key="enforced", version_check="none")

    def __init__(self, url: str) -> None:
        self._transport = PooledTransport(connections=128)
        self._cases = Endpoint(
            "POST",
            httpx.URL(url).join("/cases"),
            transport=self._transport,
            headers={"Content-Type": "application/json"},
            timeout=httpx.Timeout(10),
        )

    async def ensure_ready(self, groups: object) -> tuple[str, ...]:
        return ()

    async def create_if_absent(self, case: CanonicalCase) -> Created:
        body = {
            "ref": case.ref,
            "group": case.group,
            "subject": case.subject,
            "description": case.description,
        }
        try:
            answer = await self._cases.send(_encode(body))
        except httpx.ConnectError as error:
            raise TransientError("the sink is away") from error
        except httpx.TransportError as error:
            raise UncertainError("the sink's answer was lost") from error
        return Created(id=TrackerId(msgspec.json.decode(answer.content)["id"]), created=True)

    async def find(self, ref: CaseRef) -> tuple[TrackerCase, ...]:
        return ()

    async def close(self) -> None:
        await self._transport.aclose()

    async def get(self, id_: TrackerId) -> TrackerCase:
        raise NotImplementedError

    async def update(self, id_: TrackerId, change: CaseChange, expect: str | None = None) -> TrackerCase:
        raise NotImplementedError

    async def add_note(self, id_: TrackerId, note: Note) -> str:
        raise NotImplementedError

    async def find_note(self, id_: TrackerId, key: str) -> str | None:
        raise NotImplementedError

    async def add_attachment(self, id_: TrackerId, key: str, attachment: Attachment, content: bytes) -> str:
        raise NotImplementedError

    async def find_attachment(self, id_: TrackerId, key: str) -> str | None:
        raise NotImplementedError

    async def list(self, query: CaseQuery, *, page: int = 1, size: int = 50) -> Page:
        raise NotImplementedError

    async def changes(self, cursor: str | None, limit: int = 200) -> ChangeBatch:
        raise NotImplementedError


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter, for the benchmark's own hub.toml."""
    tracker = SinkTracker(settings["url"])

    async def check() -> tuple[str, ...]:
        return ()

    return Adapter(check=check, close=tracker.close, tracker=tracker)


class Sink(asyncio.Protocol):
    """HTTP/1.1 just far enough for this job: keep-alive, Content-Length, pipelining."""

    deliveries: ClassVar[dict[str, list[int]]] = {}
    groups: ClassVar[set[str]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            start = head.lower().find(b"content-length:")
            length = int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            self.transport.write(self.answer(head, body))

    def answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET"):
            report = json.dumps({"deliveries": self.deliveries, "groups": sorted(self.groups)}).encode()
            self.deliveries.clear()
            return (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % len(report)
                + report
            )
        now = time.monotonic_ns()
        case = json.loads(body)
        self.deliveries.setdefault(case["subject"], []).append(now)
        self.groups.add(case["group"])
        reply = b'{"id":"%s"}' % case["ref"].encode()
        return (
            b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(reply)
            + reply
        )


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))

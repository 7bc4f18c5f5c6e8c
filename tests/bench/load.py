"""The sending end of the standard job: signed 2 KB contacts over a fixed number of connections.

    python -m tests.bench.load PORT[,PORT] FIRST COUNT CONNECTIONS RATE SECRET

Prints one JSON object: when the first was sent and the last answered, when each was sent (system-wide
monotonic nanoseconds), and how many were not answered 202. RATE 0 = as fast as answers come.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import sys
import time
from collections import deque
from typing import Any

import uvloop

GROUPS = 20


def request(number: int, secret: bytes) -> bytes:
    """One signed POST."""
    body = json.dumps(
        {
            "id": f"bench-{number}",
            "kind": "report",
            "category": f"onderwerp-{number % GROUPS}",
            "subject": f"bench-{number}",
            "message": f"Melding {number}. " + "Het voetpad ligt open en er staat geen hek omheen. " * 34,
            "language": "nl",
            "location": {"address": f"Diestsesteenweg {number % 300}", "postcode": "3010"},
        }
    ).encode()
    id_, stamp = f"bench-{number}", str(int(time.time()))
    signature = hmac.new(secret, f"{id_}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return (
        b"POST /in/website/json HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
        b"webhook-id: %s\r\nwebhook-timestamp: %s\r\nwebhook-signature: v1,%s\r\nContent-Length: %d\r\n\r\n"
        % (id_.encode(), stamp.encode(), base64.b64encode(signature), len(body))
    ) + body


class Connection(asyncio.Protocol):
    """Sends the next request when the last one was answered."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.load.idle.append(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        start = head.find(b"content-length:")
        length = int(head[start + 15 :].split(b"\r\n", 1)[0])
        if len(self.buffer) < end + 4 + length:
            return
        self.buffer = self.buffer[end + 4 + length :]
        self.load.answered(self, ok=head.startswith(b"http/1.1 202"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.load.finished.is_set():
            self.load.broken = True
            self.load.finished.set()


class Load:
    """Keeps all connections busy, or sends at a fixed rate."""

    def __init__(self, first: int, requests: list[bytes], rate: float) -> None:
        self.first, self.requests, self.rate = first, requests, rate
        self.idle: deque[Connection] = deque()  # in turns, or the server lets go of those that are never used
        self.sent: dict[str, int] = {}
        self.next = self.done = self.refused = 0
        self.broken = False
        self.finished = asyncio.Event()

    async def run(self, ports: list[int], connections: int) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        for number in range(connections):
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", ports[number % len(ports)])
        started = time.monotonic_ns()
        if self.rate:
            await self.paced()
        else:
            while self.idle:
                self.send(self.idle.popleft())
        await self.finished.wait()
        if self.broken:
            sys.exit(f"a connection was closed after {self.done} answers, {self.refused} of them not 202")
        return {"started": started, "ended": time.monotonic_ns(), "sent": self.sent, "refused": self.refused}

    async def paced(self) -> None:
        started = time.monotonic()
        for number in range(len(self.requests)):
            await asyncio.sleep(max(0.0, started + number / self.rate - time.monotonic()))
            while not self.idle:  # noqa: ASYNC110 - a millisecond is fine here
                await asyncio.sleep(0.001)
            self.send(self.idle.popleft())

    def send(self, connection: Connection) -> None:
        if self.next >= len(self.requests):
            return
        number, self.next = self.next, self.next + 1
        self.sent[f"bench-{self.first + number}"] = time.monotonic_ns()
        connection.transport.write(self.requests[number])

    def answered(self, connection: Connection, *, ok: bool) -> None:
        self.done += 1
        self.refused += not ok
        if self.done == len(self.requests):
            self.finished.set()
        elif self.rate:
            self.idle.append(connection)
        else:
            self.send(connection)


async def main(ports: list[int], first: int, count: int, connections: int, rate: float, secret: str) -> None:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    load = Load(first, [request(first + number, key) for number in range(count)], rate)
    print(json.dumps(await load.run(ports, connections)))


if __name__ == "__main__":
    ports_, first_, count_, connections_, rate_, secret_ = sys.argv[1:]
    uvloop.run(
        main(
            [int(port) for port in ports_.split(",")],
            int(first_),
            int(count_),
            int(connections_),
            float(rate_),
            secret_,
        )
    )

"""A base register that behaves like the public Verenigingsregister: key, ETag, correlation id, and bad days."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class RegisterSimulator:
    """`entries`: number -> the body of its answer. `bad_day`: a status that every question gets."""

    entries: dict[str, bytes]
    key: str = "sleutel"
    reason: str = "reden-1"
    bad_day: int = 0
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.headers))
        refused = self.bad_day or self._refused(request)
        if refused:
            return httpx.Response(refused)
        body = self.entries.get(request.url.path.rpartition("/")[2])
        if body is None:
            return httpx.Response(404, json={"title": "niet gevonden", "status": 404})
        etag = f'W/"{hash(body) & 0xFFFF}"'
        if request.headers.get("if-none-match") == etag:
            return httpx.Response(304, headers={"ETag": etag})
        return httpx.Response(200, content=body, headers={"ETag": etag})

    def _refused(self, request: httpx.Request) -> int:
        correlated = GUID.fullmatch(request.headers.get("x-correlation-id", ""))
        if not correlated or request.headers.get("x-request-reason") != self.reason:
            return 400
        return 0 if request.headers.get("vr-api-key") == self.key else 401

"""What a door replies to every message: as a `JSONResponse`, in a fourth of its instructions."""

from collections.abc import Mapping

import msgspec
from starlette.types import Receive, Scope, Send


class Reply:
    """A JSON document; an ASGI application. Headers in ASCII, names in lower case."""

    def __init__(self, status: int, content: object, headers: Mapping[str, str]) -> None:
        self._body = msgspec.json.encode(content)
        self._start = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                *[(name.encode(), value.encode()) for name, value in headers.items()],
                (b"content-length", b"%d" % len(self._body)),
                (b"content-type", b"application/json"),
            ],
        }

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send(self._start)
        await send({"type": "http.response.body", "body": self._body})

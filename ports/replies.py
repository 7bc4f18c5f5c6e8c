"""What a door replies to every message: as a `JSONResponse`, in half of its instructions."""

import msgspec
from starlette.types import Receive, Scope, Send


class Reply:
    """A JSON document; an ASGI application. Headers as ASGI has them."""

    def __init__(self, status: int, content: object, *headers: tuple[bytes, bytes]) -> None:
        self._body = msgspec.json.encode(content)
        self._start = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                *headers,
                (b"content-length", b"%d" % len(self._body)),
                (b"content-type", b"application/json"),
            ],
        }

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send(self._start)
        await send({"type": "http.response.body", "body": self._body})

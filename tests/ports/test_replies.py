"""What a door replies is what Starlette would send."""

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from ports.replies import Reply

CONTENT = {"id": "1", "text": "café €"}


async def test_a_reply_is_a_json_response() -> None:
    async def door(_request: Request) -> JSONResponse:
        return JSONResponse(CONTENT, 202, headers={"Location": "/receipts/1"})

    assert await _got(Reply(202, CONTENT, (b"location", b"/receipts/1"))) == await _got(Route("/", door))


async def _got(app: ASGIApp) -> tuple[int, dict[str, str], bytes]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        answer = await client.get("/")
        return answer.status_code, dict(answer.headers), answer.content

"""A host of photos with its bad days, on a free port of this machine: for whoever fetches what others named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from demo.outside.serving import serving

JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(200)


@dataclass
class PhotoHost:
    """`origin` is where it is. `status` other than 200 is what it answers to everything; `asked` what it was asked."""

    origin: str = ""
    status: int = 200
    asked: list[str] = field(default_factory=list)

    async def photo(self, request: Request) -> Response:
        """A photo of its own for every name."""
        self.asked.append(request.url.path)
        if self.status != 200:
            return Response("even niet", self.status)
        return Response(JPEG + request.url.path.encode(), media_type="image/jpeg")

    async def page(self, request: Request) -> Response:
        """A log-in page that says it is a photo."""
        self.asked.append(request.url.path)
        return HTMLResponse("<!doctype html><title>Log in</title>", headers={"Content-Type": "image/jpeg"})

    async def endless(self, request: Request) -> Response:
        """A photo without end."""
        self.asked.append(request.url.path)
        return StreamingResponse(_endless(), media_type="image/jpeg")

    async def slow(self, request: Request) -> Response:
        """A photo that takes its time."""
        self.asked.append(request.url.path)
        await asyncio.sleep(5)
        return Response(JPEG)

    async def moved(self, request: Request) -> Response:
        """Sends on to where the question says."""
        self.asked.append(request.url.path)
        return RedirectResponse(request.query_params["to"], 302)

    async def round_and_round(self, request: Request) -> Response:
        """Sends back to itself."""
        self.asked.append(request.url.path)
        return RedirectResponse("/round", 302)


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield JPEG * 300
        await asyncio.sleep(0)


@asynccontextmanager
async def running_photo_host() -> AsyncIterator[PhotoHost]:
    """A host that serves until the block ends."""
    host = PhotoHost()
    app = Starlette(
        routes=[
            Route("/page.jpg", host.page),
            Route("/endless.jpg", host.endless),
            Route("/slow.jpg", host.slow),
            Route("/moved.jpg", host.moved),
            Route("/round", host.round_and_round),
            Route("/{name:path}", host.photo),
        ]
    )
    async with serving(app) as host.origin:
        yield host

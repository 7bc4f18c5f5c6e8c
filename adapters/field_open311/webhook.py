"""The door at which a planning fetches the photos of its orders, when it takes them as an address."""

from fastapi import APIRouter, Response

from adapters.field_open311.shelf import Shelf
from ports.files import media_type

_HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


def photo_door(shelf: Shelf) -> APIRouter:
    """`GET photos/{token}/foto.jpg`: the token is the key; nobody can guess one."""
    router = APIRouter()

    @router.get("/photos/{token}/foto.jpg")
    async def photo(token: str) -> Response:
        content = await shelf.get(token)
        if content is None:
            return Response(status_code=404, headers=_HEADERS)
        return Response(content, media_type=media_type(content), headers=_HEADERS)

    return router

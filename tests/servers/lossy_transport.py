"""A way to a real server that can be cut: before anything was sent, or after the server did what it was asked."""

import httpx

from ports.http import PooledTransport


class LossyTransport(httpx.AsyncBaseTransport):
    """`away`: nothing gets through. `lose_answer`: the next write is done, and its answer never arrives."""

    def __init__(self) -> None:
        self._inner = PooledTransport()
        self._loses = False
        self.away = False
        self.writes = 0

    def lose_answer(self) -> None:
        """Of the next request that changes something."""
        self._loses = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("nobody there")
        is_write = request.method in {"POST", "PUT", "DELETE", "PATCH"}
        answer = await self._inner.handle_async_request(request)
        self.writes += is_write
        if is_write and self._loses:
            self._loses = False
            raise httpx.ReadError("the line was cut")
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()

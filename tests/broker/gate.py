"""A gate between a client and a server, which a test closes in the middle of a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Passes everything on, until it holds back what the server says. Nobody is told: a black hole."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._allowed: int | None = None
        self._waited: set[asyncio.Task[None]] = set()
        self.port = 0

    def hold(self, after: int) -> None:
        """Let only so many more bytes through from the server."""
        self._allowed = after

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Gate"]:
        listener = await asyncio.start_server(self._passed, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            listener.close()
            for task in self._waited:
                task.cancel()
            await asyncio.gather(*self._waited, return_exceptions=True)

    async def _passed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        for task in (
            asyncio.create_task(self._pass(reader, server_writer, held=False)),
            asyncio.create_task(self._pass(server_reader, writer, held=True)),
        ):
            self._waited.add(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, held: bool) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(self._let_through(data) if held else data)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    def _let_through(self, data: bytes) -> bytes:
        if self._allowed is None:
            return data
        passed = data[: self._allowed]
        self._allowed -= len(passed)
        return passed

"""A proxy that can cut the line: it hands a request on, waits until the server has answered, and says nothing."""

import asyncio
from contextlib import asynccontextmanager

END_OF_HEAD = b"\r\n\r\n"


class LossyProxy:
    """Forwards connections on loopback. `lose(n)`: the answer to the nth write from now on never arrives."""

    def __init__(self, target_port):
        self.port = 0
        self.lost = []
        self._target_port = target_port
        self._countdown = None
        self._talks = set()

    def lose(self, nth):
        """1 = the next write's."""
        self._countdown = nth

    async def talk(self, reader, writer):
        """One request to a connection: the tracker behind closes after each."""
        self._talks.add(asyncio.current_task())
        there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            head = await reader.readuntil(END_OF_HEAD)
            back.write(head + await reader.readexactly(_length(head)))
            answer = await there.read(-1)
            method = head.partition(b" ")[0].decode()
            if self._loses(method):
                self.lost.append((method, head.split(b" ")[1].decode()))
                writer.transport.abort()
                return
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            back.transport.abort()
            writer.close()

    async def end(self):
        """Let nobody wait for ever."""
        for task in self._talks:
            task.cancel()
        await asyncio.gather(*self._talks)

    def _loses(self, method):
        if method == "GET" or self._countdown is None:
            return False
        self._countdown -= 1
        if self._countdown:
            return False
        self._countdown = None
        return True


@asynccontextmanager
async def before(target_port):
    """A proxy before this port of loopback."""
    proxy = LossyProxy(target_port)
    async with await asyncio.start_server(proxy.talk, "127.0.0.1", 0, limit=1 << 24) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
        await proxy.end()


def _length(head):
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0

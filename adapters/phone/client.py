"""The wire to Asterisk's manager interface: one TCP connection, logged in, events in a queue, requests answered.

Own client, as those at hand do not notice a frozen exchange (an open connection that says nothing): here every
request has a deadline, and the ping at the end of each round is such a request.
"""

import asyncio
import itertools
import ssl
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import md5

from adapters.phone.ami import PacketReader, fields
from ports.errors import MisconfiguredError, TransientError

EVENT_CLASSES = "call,agent,user,cdr,system"
"""What we ask for: no variables of the dial plan, where a caller could have written something."""
MOST_WAITING = 20_000
"""Packets that wait to be taken; above it we stop reading and Asterisk waits, unless we wait for an answer."""
_CHUNK = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Where an Asterisk is and how to log in. `context` None = without TLS."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    plain: bool
    timeout: float
    context: ssl.SSLContext | None = field(default=None, repr=False)


class Line:
    """One connection for its whole life; broken once, it stays broken. Make it with `Line.open`."""

    def __init__(
        self, exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._exchange = exchange
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._asked: dict[str, _Answer] = {}
        self._room = asyncio.Event()
        self.arrived = asyncio.Event()
        """Set whenever something came in, also when the connection ended."""
        self.packets: deque[bytes] = deque()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def open(cls, exchange: Exchange) -> "Line":
        """Connect and log in. Raises `TransientError`, or `MisconfiguredError` when the login is refused."""
        try:
            async with asyncio.timeout(exchange.timeout):
                reader, writer = await asyncio.open_connection(
                    exchange.host, exchange.port, ssl=exchange.context
                )
                banner = await reader.readline()
        except ssl.SSLError as error:
            raise TransientError(
                f"Asterisk on {exchange.host}:{exchange.port}: its certificate or its TLS is not accepted",
                detail=type(error).__name__,
            ) from error
        except (OSError, TimeoutError, ValueError) as error:
            raise TransientError(
                f"Asterisk does not answer on {exchange.host}:{exchange.port}", detail=type(error).__name__
            ) from error
        if b"Call Manager" not in banner:
            writer.close()
            raise MisconfiguredError(f"{exchange.host}:{exchange.port} is no Asterisk manager interface")
        line = cls(exchange, reader, writer)
        try:
            await line._log_in()
        except BaseException:
            await line.close()
            raise
        return line

    @property
    def is_open(self) -> bool:
        """Whether the connection still stood when we last heard of it."""
        return not self._listening.done()

    async def ping(self) -> None:
        """Return once Asterisk answered: all that it said before is in `packets` by then.

        Raises `TransientError` when it does not answer in time: frozen, or gone. The line is closed then.
        """
        await self.request({"Action": "Ping"})

    async def channels(self) -> frozenset[str] | None:
        """The ids (Linkedid) of the calls that exist now; None when this user may not ask."""
        answer = await self.request({"Action": "CoreShowChannels"})
        if answer.response.get("Response") != "Success":
            return None
        return frozenset(event["Linkedid"] for event in answer.events if event.get("Linkedid"))

    async def request(self, action: Mapping[str, str]) -> "_Answer":
        """Ask and wait for the whole answer."""
        number = f"hub-{next(self._numbers)}"
        answer = self._asked[number] = _Answer()
        self._room.set()
        text = "".join(f"{key}: {value}\r\n" for key, value in {**action, "ActionID": number}.items())
        try:
            async with asyncio.timeout(self._exchange.timeout):
                self._writer.write(f"{text}\r\n".encode())
                await self._writer.drain()
                await answer.complete.wait()
        except (OSError, TimeoutError) as error:
            await self.close()
            raise TransientError(
                f"Asterisk on {self._exchange.host} is frozen: no answer within {self._exchange.timeout:g} seconds",
                detail=type(error).__name__,
            ) from error
        finally:
            self._asked.pop(number, None)
        if answer.lost:
            raise TransientError(f"Asterisk on {self._exchange.host} closed the connection")
        return answer

    def take(self) -> list[bytes]:
        """The packets that waited, oldest first."""
        self.arrived.clear()
        taken = list(self.packets)
        self.packets.clear()
        self._room.set()
        return taken

    async def close(self) -> None:
        """Let go at once."""
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()

    async def _log_in(self) -> None:
        """Show that we know the secret; ask for no more events than we need."""
        exchange = self._exchange
        who = {"Action": "Login", "Username": exchange.username, "Events": EVENT_CLASSES}
        if exchange.plain:
            answer = await self.request({**who, "Secret": exchange.secret})
        else:
            challenge = await self.request({"Action": "Challenge", "AuthType": "MD5"})
            key = md5(
                (challenge.response.get("Challenge", "") + exchange.secret).encode(), usedforsecurity=False
            )
            answer = await self.request({**who, "AuthType": "MD5", "Key": key.hexdigest()})
        if answer.response.get("Response") != "Success":
            raise MisconfiguredError(
                f"Asterisk on {exchange.host} refuses user {exchange.username!r}: check manager.conf and the secret"
            )

    async def _listen(self) -> None:
        """Read until the connection ends; answers go to who asked, the rest waits in `packets`."""
        packets = PacketReader()
        try:
            while data := await self._reader.read(_CHUNK):
                for packet in packets.feed(data):
                    self._sort(packet)
                while len(self.packets) > MOST_WAITING and not self._asked:
                    self._room.clear()
                    await self._room.wait()
        except OSError:
            return
        finally:
            for answer in self._asked.values():
                answer.lost = not answer.complete.is_set()
                answer.complete.set()
            self.arrived.set()

    def _sort(self, packet: bytes) -> None:
        known = fields(packet)
        answer = self._asked.get(known.get("ActionID", ""))
        if answer is None:
            self.packets.append(packet)
            self.arrived.set()
            return
        answer.add(known)


class _Answer:
    """A response and, for a list, the events that follow it."""

    def __init__(self) -> None:
        self.response: Mapping[str, str] = {}
        self.events: list[Mapping[str, str]] = []
        self.complete = asyncio.Event()
        self.lost = False

    def add(self, packet: Mapping[str, str]) -> None:
        """The next packet with our number on it."""
        if "Response" in packet:
            self.response = packet
        else:
            self.events.append(packet)
        more = packet.get("EventList", "").lower()
        if more in ("complete", "cancelled") or ("Response" in packet and more != "start"):
            self.complete.set()

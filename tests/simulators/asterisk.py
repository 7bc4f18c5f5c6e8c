"""An Asterisk as its manager interface (AMI) shows it: real TCP, a login, recorded events, and its bad days.

It plays recorded packets to whoever is logged in, never to who comes later; writes call records to a file whether
somebody listens or not; answers Login (secret or MD5 challenge), Ping, CoreShowChannels, Logoff. It can split what it
sends anywhere, cut the line, freeze with the line open, and refuse.
"""

import asyncio
import contextlib
import re
import secrets
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path

_USER, _SECRET = "hub", "geheim-van-de-centrale"


@dataclass
class Asterisk:
    """One exchange. `records`: where `Master.csv` is; `piece`: bytes per TCP write, 0 = a packet at a time."""

    records: Path | None = None
    username: str = _USER
    secret: str = _SECRET
    piece: int = 0
    shows_channels: bool = True
    channels: dict[str, str] = field(default_factory=dict)
    """Channels that exist: Uniqueid -> Linkedid."""
    logins: int = 0
    pings: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None
    _server: asyncio.Server | None = None
    _clients: set[asyncio.StreamWriter] = field(default_factory=set)
    _connected: set[asyncio.StreamWriter] = field(default_factory=set)
    _frozen: bool = False

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def stop(self):
        """Gone: nobody can connect, who was connected is cut off."""
        self.thaw()
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    async def restart(self):
        """Stop, and come back on the same port with no channels left."""
        await self.stop()
        self.channels.clear()
        await self.__aenter__()

    def freeze(self):
        """The machine hangs: connections stay open, nothing is answered or sent."""
        self._frozen = True

    def thaw(self):
        self._frozen = False

    def cut(self):
        """The line breaks for everybody."""
        for writer in tuple(self._connected):
            writer.transport.abort()

    @property
    def listeners(self):
        """How many are logged in."""
        return len(self._clients)

    async def play(self, packets: Iterable[bytes]):
        """Send events to who is logged in now."""
        for packet in packets:
            self._track(packet)
            if not self._frozen:
                await self._tell(packet + b"\r\n\r\n")

    def write_record(self, *lines: bytes):
        """Append to the call records, as the exchange does when a call is over."""
        with self.records.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))

    def rotate(self):
        """As logrotate does every night."""
        self.records.rename(self.records.with_name(f"{self.records.name}.1"))

    async def _serve(self, reader, writer):
        self._connected.add(writer)
        challenge = ""
        try:
            await self._send(writer, b"Asterisk Call Manager/11.0.0\r\n")
            async for action in self._actions(reader):
                if self._frozen:
                    continue
                if action.get("Action") == "Challenge":
                    challenge = str(secrets.randbelow(10**9))
                await self._answer(writer, action, challenge)
        except (ConnectionError, asyncio.CancelledError):
            pass  # whoever ends the test ends this connection, too
        finally:
            self._clients.discard(writer)
            self._connected.discard(writer)
            writer.close()

    async def _actions(self, reader):
        while True:
            try:
                raw = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            lines = raw.decode().strip().split("\r\n")
            yield dict(line.split(": ", 1) for line in lines)

    async def _answer(self, writer, action, challenge):
        id_ = f"ActionID: {action['ActionID']}\r\n" if "ActionID" in action else ""
        name = action.get("Action", "")
        if name == "Challenge":
            await self._send(writer, f"Response: Success\r\n{id_}Challenge: {challenge}\r\n\r\n".encode())
        elif name == "Login":
            await self._log_in(writer, action, challenge, id_)
        elif writer not in self._clients:
            await self._send(writer, f"Response: Error\r\n{id_}Message: Permission denied\r\n\r\n".encode())
        elif name == "Ping":
            self.pings += 1
            pong = f"Response: Success\r\n{id_}Ping: Pong\r\nTimestamp: 1795458945.000000\r\n\r\n"
            await self._send(writer, pong.encode())
        elif name == "CoreShowChannels":
            await self._send(writer, self._shown(id_).encode())
        else:
            await self._send(
                writer, f"Response: Error\r\n{id_}Message: Invalid/unknown command\r\n\r\n".encode()
            )

    async def _log_in(self, writer, action, challenge, id_):
        key = md5(f"{challenge}{self.secret}".encode(), usedforsecurity=False).hexdigest()
        known = action.get("Secret") == self.secret or (challenge and action.get("Key") == key)
        if action.get("Username") != self.username or not known:
            await self._send(
                writer, f"Response: Error\r\n{id_}Message: Authentication failed\r\n\r\n".encode()
            )
            writer.close()
            return
        self.logins += 1
        self._clients.add(writer)
        welcome = (
            f"Response: Success\r\n{id_}Message: Authentication accepted\r\n\r\n"
            "Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n"
        )
        await self._send(writer, welcome.encode())

    def _shown(self, id_):
        if not self.shows_channels:
            return f"Response: Error\r\n{id_}Message: Permission denied\r\n\r\n"
        start = f"Response: Success\r\n{id_}EventList: start\r\nMessage: Channels will follow\r\n\r\n"
        shown = "".join(
            f"Event: CoreShowChannel\r\n{id_}Uniqueid: {unique}\r\nLinkedid: {linked}\r\n\r\n"
            for unique, linked in self.channels.items()
        )
        end = f"Event: CoreShowChannelsComplete\r\n{id_}EventList: Complete\r\nListItems: {len(self.channels)}\r\n\r\n"
        return start + shown + end

    async def _tell(self, data: bytes):
        for writer in tuple(self._clients):
            with contextlib.suppress(ConnectionError):
                await self._send(writer, data)

    async def _send(self, writer, data: bytes):
        for start in range(0, len(data), self.piece or len(data)):
            writer.write(data[start : start + (self.piece or len(data))])
            await writer.drain()
            if self.piece:
                await asyncio.sleep(0)

    def _track(self, packet: bytes):
        """Which channels exist, as CoreShowChannels would say."""
        known = dict(re.findall(rb"^(Event|Uniqueid|Linkedid): (.*?)\r?$", packet, re.MULTILINE))
        event, unique = known.get(b"Event", b"").decode(), known.get(b"Uniqueid", b"").decode()
        if event == "Newchannel":
            self.channels[unique] = known[b"Linkedid"].decode()
        elif event == "Hangup":
            self.channels.pop(unique, None)


def renamed(packets: Iterable[bytes], old: str, new: str, name: str = "") -> list[bytes]:
    """A recorded call as another call: other ids, and another name when one is given."""
    found = [packet.replace(old.encode(), new.encode()) for packet in packets]
    if not name:
        return found
    return [packet.replace(b"Jan Peeters", name.encode()) for packet in found]

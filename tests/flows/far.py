"""Systems in memory that live on when the hub is killed: objects of the test's process, an adapter in the hub's.

far = Far(folder, "tracker", MemoryTracker(...)); async with far: ...     # folder/tracker.socket
[adapters.tracker] system = "tests.flows.far:tracker", socket = "..."

Each call is a line of its own. Who is away (`Far.leave`) does not listen. A hub that dies after its question was heard never hears
the answer: what was asked is done all the same.
"""

import asyncio
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.memory import MemoryChanges, MemoryMail, MemoryTracker
from ports import errors
from ports.adapter import Adapter, Tools
from ports.errors import HubError, TransientError, UncertainError
from ports.target import Idempotency
from ports.tracker import Conflict

POLL = 0.1
_RAISED = {name: one for name, one in vars(errors).items() if isinstance(one, type)} | {"Conflict": Conflict}


class Far:
    """Answers calls on an object."""

    def __init__(self, folder: Path, name: str, thing: object) -> None:
        self.socket = folder / f"{name}.socket"
        self.thing = thing
        self._server: asyncio.Server | None = None

    async def come(self) -> None:
        """Listen from now on."""
        self.socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._answer, self.socket)

    async def leave(self) -> None:
        """Nobody is home."""
        assert self._server
        self._server.close()
        self.socket.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            name, arguments, more = pickle.loads(await _heard(reader))  # noqa: S301 - both ends are this test
            try:
                told = ("", await getattr(self.thing, name)(*arguments, **more))
            except (HubError, Conflict) as error:
                told = (type(error).__name__, str(error))
            _say(writer, told)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # who asked is dead
        finally:
            writer.close()


class _Line:
    """Calls what is at the other end."""

    def __init__(self, socket: str) -> None:
        self._socket = socket

    async def call(self, name: str, *arguments: Any, **more: Any) -> Any:
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket)
        except OSError as error:
            raise TransientError("nobody is home") from error
        try:
            _say(writer, (name, arguments, more))
            await writer.drain()
            failure, told = pickle.loads(await _heard(reader))  # noqa: S301 - both ends are this test
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise UncertainError("the line was cut") from error
        finally:
            writer.close()
        if failure:
            raise _RAISED[failure](told)
        return told


class _Tracker:
    """`ports.tracker.Tracker` at the end of a line."""

    capabilities = MemoryTracker().capabilities

    def __init__(self, socket: str) -> None:
        self._line = _Line(socket)

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **more: Any) -> Any:
            return await self._line.call(name, *arguments, **more)

        return call


class _Mail:
    """`ports.mail.MailOut` at the end of a line."""

    idempotency = Idempotency.PROBE

    def __init__(self, socket: str) -> None:
        self._line = _Line(socket)

    async def send(self, mail: Any) -> None:
        await self._line.call("send", mail)

    def shown(self, mail: Any) -> str:
        return MemoryMail().shown(mail)

    async def find(self, message_id: str) -> bool:
        return bool(await self._line.call("find", message_id))


def tracker(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter's factory."""
    far = _Tracker(str(settings["socket"]))
    return Adapter(check=_fine, tracker=far, sources=(MemoryChanges(far, tools, POLL),))  # type: ignore[arg-type]


def mail(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter's factory."""
    return Adapter(check=_fine, mail=_Mail(str(settings["socket"])))


async def _fine() -> tuple[str, ...]:
    return ()


def _say(writer: asyncio.StreamWriter, what: object) -> None:
    said = pickle.dumps(what)
    writer.write(len(said).to_bytes(4, "big") + said)


async def _heard(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))

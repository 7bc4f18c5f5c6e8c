"""What an exchange's door hears, sealed, on its way to the exchange's source: they may be in different processes."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256

import msgspec

from adapters.phone.assembler import Observation
from adapters.phone.sealing import Seal
from canonical_model.phone_number import e164
from ports.intake import Checkpoints
from ports.letterbox import Letterbox

_LONGEST_ID = 100
_NUMBER = re.compile(r"\+?[0-9]{8,}")


class Letter(msgspec.Struct, frozen=True):
    """What one request told, and when: observations, or what nobody understood and why."""

    at: datetime
    observations: tuple[Observation, ...] = ()
    unreadable: bytes = b""
    why: str = ""

    def __repr__(self) -> str:
        return "Letter(...)"


class Letters:
    """Letters and spoken messages of one exchange, durable once they are put in. Raises `TransientError`."""

    def __init__(self, name: str, checkpoints: Checkpoints, seal: Seal) -> None:
        self.name = name
        self._checkpoints = checkpoints
        self._seal = seal
        self._box = Letterbox(checkpoints, name)
        self._seal_fits = False
        self.desk = f"calls/{name}"
        """The checkpoint of the desk that takes the letters in."""

    async def put(self, letter: Letter) -> None:
        """Keep it; the same told again is the same letter. Raises `MisconfiguredError` when what waits was sealed
        with another secret: nobody could read it all.
        """
        await self._prove_seal()
        told = msgspec.json.encode((letter.observations, letter.unreadable))
        sealed = self._seal.close(self.name, msgspec.json.encode(letter))
        await self._box.put(self._seal.pseudonym(told), sealed)

    async def all(self) -> Mapping[str, Letter]:
        """What waits, the oldest first."""
        letters = await self._box.all()
        return {
            name: msgspec.json.decode(self._seal.open(self.name, sealed), type=Letter)
            for name, sealed in letters.items()
        }

    async def _prove_seal(self) -> None:
        if self._seal_fits:
            return
        await self.all()
        if sealed := await self._checkpoints.load(self.desk):
            self._seal.open(self.desk, sealed)
        self._seal_fits = True

    async def clear(self, names: Iterable[str]) -> None:
        """These were taken in."""
        await self._box.clear(names)

    async def arrival(self) -> None:
        """Return when there may be letters."""
        await self._box.arrival()

    def named(self, observations: tuple[Observation, ...]) -> tuple[Observation, ...]:
        """The same under an id that may be seen: ids end up in the log and in the index of messages, and some
        exchanges make them of the caller's number.
        """
        return tuple(msgspec.structs.replace(one, call=self._shown_id(one.call)) for one in observations)

    async def keep_recording(self, call_id: str, content: bytes) -> None:
        """Keep a spoken message until its call is handed over."""
        name = self._recording_name(call_id)
        await self._checkpoints.save(name, self._seal.close(name, content))

    async def recording(self, call_id: str) -> bytes | None:
        """The spoken message that came with this call."""
        name = self._recording_name(call_id)
        sealed = await self._checkpoints.load(name)
        return self._seal.open(name, sealed) if sealed else None

    async def forget_recording(self, call_id: str) -> None:
        """Its call was handed over."""
        await self._checkpoints.forget([self._recording_name(call_id)])

    def _shown_id(self, call_id: str) -> str:
        is_plain = len(call_id) <= _LONGEST_ID and not any(map(e164, _NUMBER.findall(call_id)))
        return call_id if is_plain else f"told-{self._seal.pseudonym(call_id.encode())}"

    def _recording_name(self, call_id: str) -> str:
        """Checkpoints have short names, call ids may be long."""
        return f"recording/{sha256(f'{self.name}/{call_id}'.encode()).hexdigest()[:32]}"

"""The room in which one exchange's desk stands: keeps it across crashes, and takes finished calls out of it.

What was observed is saved, sealed, before a letter of the door is thrown away or a position in the call records moves
on; a call leaves the desk only after the hub has accepted it. Cut off anywhere, it comes again under the same id and is
recognised. Another process that took the exchange over is noticed: then nothing of its work is overwritten.
"""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog
from msgspec.structs import replace

from adapters.phone.assembler import Call, Direction, Habits, Observation, Recording
from adapters.phone.desk import Desk, Finished, Patience, earlier_call
from adapters.phone.letters import Letters
from adapters.phone.recordings import audio_file, fetch
from adapters.phone.records import Position
from adapters.phone.sealing import Seal
from adapters.phone.settings import Settings, System
from adapters.phone.translate import Office, to_event
from canonical_model.case import CASE_REF, CaseRef
from canonical_model.contact import NEW_THREAD, Thread
from canonical_model.decision import Reference
from ports.adapter import Tools
from ports.errors import NotUnderstoodError, RejectedError, TransientError
from ports.intake import File, Inbound

log = structlog.get_logger()

_SAME_CALL = timedelta(hours=12)
"""A call that the journal took within this time of our call's end is the same one; a later one has its id again."""


class _Saved(msgspec.Struct, frozen=True, kw_only=True):
    desk: bytes
    position: Position


class Room:
    """One exchange: its desk, its name among the hub's sources, and how its calls are handed over."""

    def __init__(
        self, letters: Letters, system: System, settings: Settings, tools: Tools, seal: Seal
    ) -> None:
        self.name = letters.name
        self.letters = letters
        self._tools = tools
        self._settings = settings
        self._system = system
        self._seal = seal
        self._checkpoint = letters.desk
        self._recordings = _recordings(system)
        self._office = Office(
            callback_hours=settings.callback_hours,
            opens=settings.opens,
            closes=settings.closes,
            answered_means_resolved=settings.answered_means_resolved,
            topics=settings.topics,
        )
        self.leave()

    def leave(self) -> None:
        """Another process may take the exchange over: what is known here is read again before going on."""
        self.desk = Desk(_habits(self._system), _patience(self._system, self._settings))
        self.position = Position()
        self.is_new = True
        self.is_open = False
        self._sealed: str | None = None
        self._saved_version, self._saved_position = -1, Position()

    async def open(self) -> None:
        """Go on where an earlier life, or another process, stopped."""
        sealed = await self._tools.checkpoints.load(self._checkpoint)
        if sealed:
            saved = msgspec.json.decode(self._seal.open(self._checkpoint, sealed), type=_Saved)
            self.desk.restore(saved.desk)
            self.position, self.is_new = saved.position, False
        self.is_open, self._sealed = True, sealed

    def observe(self, observations: Iterable[Observation]) -> None:
        """Put down what was seen; durable after `save`."""
        self.desk.observe(observations, self._tools.clock.now())

    def keep_unreadable(self, raw: bytes, why: str) -> None:
        """Put down what nobody understood; durable after `save`."""
        self.desk.keep_unreadable(f"unreadable/{sha256(raw).hexdigest()}", raw, why)

    async def take_letters_in(self) -> None:
        """What the door heard, into our own keeping."""
        letters = await self.letters.all()
        for letter in letters.values():
            self.desk.observe(letter.observations, letter.at)
            if letter.why:
                self.keep_unreadable(letter.unreadable, letter.why)
        await self.save()
        await self.letters.clear(letters)

    async def save(self) -> None:
        """Return when the desk is durable as it stands. `TransientError`: another process went on from the last one."""
        version, position = self.desk.version, self.position
        if self._saved_version == version and self._saved_position == position:
            return
        kept = msgspec.json.encode(_Saved(desk=self.desk.saved(), position=position))
        sealed = self._seal.close(self._checkpoint, kept)
        if not await self._tools.checkpoints.replace(self._checkpoint, self._sealed, sealed):
            self.leave()
            raise TransientError(f"{self.name}: another process has taken the calls over")
        self._sealed, self.is_new = sealed, False
        self._saved_version, self._saved_position = version, position

    async def hand_over(self) -> int:
        """All calls that are ready, and what was not understood; how many were new."""
        new = 0
        for ref, (raw, why) in tuple(self.desk.unreadable.items()):
            new += await self._accepted(self._not_understood(ref, raw, why))
            self.desk.forget_unreadable(ref)
        for finished in self.desk.ready(self._tools.clock.now()):
            if finished.call.direction is Direction.INBOUND:
                new += await self._hand_over(finished)
            else:
                log.info("call_among_colleagues", source=self.name, call=finished.call.id)
            self.desk.close(finished, self._tools.clock.now())
        return new

    async def _hand_over(self, finished: Finished) -> int:
        call = finished.call
        files = await self._files(call)
        event = to_event(
            call, self._office, tuple(file.attachment for file in files), await self._thread(call)
        )
        raw = msgspec.json.encode(finished.observations)
        inbound = Inbound(
            source=self.name,
            source_ref=call.id,
            raw=raw,
            media_type="application/json",
            event=event,
            files=files,
        )
        try:
            new = await self._accepted(inbound)
        except RejectedError:
            new = await self._id_again(call, inbound)
        if call.recording:
            await self.letters.forget_recording(call.id)
        log.info(
            "call_handed_over", source=self.name, call=call.id, outcome=call.outcome.value, new=bool(new)
        )
        return new

    async def _accepted(self, inbound: Inbound) -> int:
        receipt = await self._tools.accept(inbound)
        return 0 if receipt.duplicate else 1

    async def _id_again(self, call: Call, inbound: Inbound) -> int:
        """The journal has other content under this id: the same call, known better now, or an id used again."""
        known = await self._tools.cases.outcome(self.name, call.id)
        if known and abs(known.received_at - call.ended) < _SAME_CALL:
            log.info("call_was_known", source=self.name, call=call.id)
            return 0
        again = replace(inbound, source_ref=f"{call.id}@{call.began:%Y-%m-%dT%H:%M:%S}")
        try:
            return await self._accepted(again)
        except RejectedError:
            log.info("call_was_known", source=self.name, call=again.source_ref)
            return 0

    async def _thread(self, call: Call) -> Thread:
        """The case of the call that this was told of too late for; else the one that the employee named, proven
        when it carries the caller's number.
        """
        if earlier := earlier_call(call.id):
            known = await self._tools.cases.outcome(self.name, earlier)
            return Thread(verified_case=known.case.ref) if known and known.case else NEW_THREAD
        named = CASE_REF.search(call.wrap_up.case.upper()) if call.wrap_up else None
        if named is None:
            return NEW_THREAD
        caller = [Reference(system="phone", value=call.number, exclusive=False)] if call.number else []
        if await self._tools.cases.belongs_to(CaseRef(named[0]), caller):
            return Thread(verified_case=named[0])
        return Thread(claimed_case=named[0])

    async def _files(self, call: Call) -> tuple[File, ...]:
        if call.recording is None:
            return ()
        content = await self._recording(call.id, call.recording)
        if content is None:
            log.warning("recording_not_taken_over", source=self.name, call=call.id)
            return ()
        file = audio_file(call.recording.name, content)
        if file is None:
            log.warning("recording_is_no_audio", source=self.name, call=call.id)
        return (file,) if file else ()

    async def _recording(self, call_id: str, recording: Recording) -> bytes | None:
        brought = await self.letters.recording(call_id)
        if brought is not None or self._recordings is None:
            return brought
        return await asyncio.to_thread(
            fetch, self._recordings, recording.name, self._settings.max_recording_bytes
        )

    def _not_understood(self, ref: str, raw: bytes, why: str) -> Inbound:
        return Inbound(
            source=self.name,
            source_ref=ref,
            raw=raw,
            media_type="text/plain",
            problem=NotUnderstoodError(why),
        )


def _recordings(system: System) -> Path | None:
    folder = system.asterisk.recordings if system.asterisk else ""
    return Path(folder) if folder else None


def _habits(system: System) -> Habits:
    contexts = system.asterisk.inbound_contexts if system.asterisk else ()
    return Habits(inbound_contexts=frozenset(contexts), lines=system.purposes)


def _patience(system: System, settings: Settings) -> Patience:
    return Patience(
        settle=timedelta(seconds=settings.settle_seconds),
        wrap_up=timedelta(seconds=system.wrap_up_seconds),
        record=timedelta(seconds=settings.record_seconds),
        silence=timedelta(hours=settings.silence_hours),
    )

"""The telephone as a source (Polling Consumer of finished calls) and as a door (webhook, screen-pop)."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from adapters.phone.ami import Hearing, Vocabulary, fields, observations
from adapters.phone.assembler import Observation, What
from adapters.phone.client import Exchange, Line
from adapters.phone.letters import Letters
from adapters.phone.records import end_of, read_on
from adapters.phone.records import observations as recorded
from adapters.phone.room import Room
from adapters.phone.sealing import Seal
from adapters.phone.settings import Asterisk, Settings, System
from adapters.phone.signature import Keyring, webhook_key
from adapters.phone.webhook import Telephone
from ports.adapter import Adapter, Tools
from ports.clock import Clock
from ports.errors import AdapterError, MisconfiguredError, NotUnderstoodError
from ports.settings import parsed

GATHER = 0.5
"""Seconds in which events are gathered once the first one came: a call tells a hundred of them."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """An Asterisk: where it is, how its dial plan speaks, where its call records lie."""

    exchange: Exchange
    vocabulary: Vocabulary
    records: Path | None
    first_look_back: bool


class PhoneSource:
    """One telephone exchange. Every round: hear what it said, read its call records on, hand over finished calls."""

    def __init__(self, room: Room, clock: Clock, station: Station | None) -> None:
        self._room = room
        self._clock = clock
        self.station = station
        self._line: Line | None = None

    @property
    def name(self) -> str:
        return self._room.name

    async def poll(self) -> int:
        await self._go_on()
        await self._room.take_letters_in()
        lost: AdapterError | None = None
        if self.station:
            lost = await self._hear_out(self.station)
            await self._read_records(self.station)
        await self._room.save()
        new = await self._room.hand_over()
        await self._room.save()
        if lost:
            raise lost
        return new

    async def wait(self, seconds: float) -> None:
        due = self._room.desk.next_due()
        if due:
            seconds = min(seconds, max(0.0, (due - self._clock.now()).total_seconds()))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._something()
                await asyncio.sleep(min(seconds, GATHER))

    async def close(self) -> None:
        await self._hang_up()
        self._room.leave()

    async def _hang_up(self) -> None:
        if self._line:
            await self._line.close()
            self._line = None

    async def _go_on(self) -> None:
        """From where we, or another process, stopped. A new hub begins with what happens now, unless told to look back."""
        if self._room.is_open:
            return
        await self._hang_up()  # what the line told another process is asked for again
        await self._room.open()
        station = self.station
        if self._room.is_new and station and station.records and not station.first_look_back:
            self._room.position = await asyncio.to_thread(end_of, station.records)
        await self._room.save()

    async def _hear_out(self, station: Station) -> AdapterError | None:
        """All that the event line told until now; why it could not be heard, when it could not.

        What was heard before it broke counts, and the call records are read all the same.
        """
        try:
            line = await self._connected(station)
            self._take_in(
                station, line
            )  # makes room, should so much wait that the answer is held up behind it
            await line.ping()
        except AdapterError as error:
            self._take_in(station, self._line)
            await self._hang_up()
            return error
        self._take_in(station, line)
        return None

    async def _connected(self, station: Station) -> Line:
        if self._line and self._line.is_open:
            return self._line
        self._take_in(station, self._line)
        await self._hang_up()
        self._line = line = await Line.open(station.exchange)
        log.info("phone_line_open", source=self.name)
        await self._notice_missed_ends(line)
        return line

    async def _notice_missed_ends(self, line: Line) -> None:
        """Calls that ended while nobody listened: the exchange no longer has them."""
        before = self._room.desk.going_on
        existing = await line.channels()
        if existing is None:
            log.warning("phone_channels_refused", source=self.name)
            return
        now = self._clock.now()
        gone = sorted(before - existing)
        self._room.observe(Observation(call=id_, what=What.GONE, at=now) for id_ in gone)
        if gone:
            log.info("phone_ends_missed", source=self.name, calls=len(gone))

    def _take_in(self, station: Station, line: Line | None) -> None:
        heard = Hearing(vocabulary=station.vocabulary, now=self._clock.now())
        for packet in line.take() if line else ():
            try:
                self._room.observe(observations(fields(packet), heard))
            except NotUnderstoodError as problem:
                self._room.keep_unreadable(packet, problem.what)

    async def _read_records(self, station: Station) -> None:
        while station.records:
            rows = await asyncio.to_thread(read_on, station.records, self._room.position)
            for one in recorded(rows.lines, station.vocabulary.time_zone):
                if isinstance(one, Observation):
                    self._room.observe([one])
                else:
                    self._room.keep_unreadable(one[0], one[1].what)
            self._room.position = rows.position
            if not rows.lines:
                return
            await self._room.save()

    async def _something(self) -> None:
        """Return when the event line or the webhook told something."""
        waiting: list[asyncio.Task[object]] = [asyncio.create_task(self._room.letters.arrival())]
        if self._line:
            waiting.append(asyncio.create_task(self._line.arrived.wait()))
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in waiting:
                task.cancel()


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter for one `[adapters.<name>]` section. Raises `MisconfiguredError` naming the setting."""
    checked = parsed(Settings, settings, tools.name)
    seal = Seal(checked.seal.get_secret_value())
    letters = {name: Letters(f"{tools.name}/{name}", tools.checkpoints, seal) for name in checked.systems}
    sources = tuple(
        PhoneSource(
            Room(letters[name], system, checked, tools, seal),
            tools.clock,
            _station(system, f"{tools.name}/{name}"),
        )
        for name, system in checked.systems.items()
    )
    telephone = Telephone(
        checked, {name: _keys(one, name) for name, one in checked.systems.items()}, letters, tools
    )

    async def check() -> tuple[str, ...]:
        return (*findings(checked), *[one for source in sources for one in await _wrong_with(source)])

    async def close() -> None:
        for source in sources:
            await source.close()

    return Adapter(check=check, close=close, sources=sources, webhook=telephone.router())


def findings(settings: Settings) -> tuple[str, ...]:
    """What an administrator should look at, without asking anything outside."""
    found: list[str] = []
    for name, system in settings.systems.items():
        if not (system.secrets or system.tokens or system.asterisk):
            found.append(f"{name}: nothing can come in: set `secrets`, `tokens` or `asterisk`")
        if system.asterisk and not system.asterisk.records:
            found.append(f"{name}: without `records`, calls are lost while the connection is down")
    return tuple(found)


async def _wrong_with(source: PhoneSource) -> tuple[str, ...]:
    """Log in and look for the records; changes nothing."""
    station = source.station
    if station is None:
        return ()
    wrong: list[str] = []
    try:
        line = await Line.open(station.exchange)
        await line.ping()
        await line.close()
    except AdapterError as error:
        wrong.append(f"{source.name}: {error.what}")
    if station.records and not await asyncio.to_thread(station.records.is_file):
        wrong.append(f"{source.name}: there are no call records at {station.records}: look at the mount")
    return tuple(wrong)


def _station(system: System, name: str) -> Station | None:
    asterisk = system.asterisk
    if asterisk is None:
        return None
    return Station(
        exchange=Exchange(
            host=asterisk.host,
            port=asterisk.port,
            username=asterisk.username,
            secret=_one_line(asterisk.secret.get_secret_value(), name),
            plain=asterisk.login == "plain",
            timeout=asterisk.timeout,
            context=_context(asterisk, name),
        ),
        vocabulary=Vocabulary(
            user_events=asterisk.user_events,
            user_fields=asterisk.user_fields,
            time_zone=ZoneInfo(asterisk.time_zone),
        ),
        records=Path(asterisk.records) if asterisk.records else None,
        first_look_back=asterisk.first_look_back,
    )


def _context(asterisk: Asterisk, name: str) -> ssl.SSLContext | None:
    if not asterisk.tls:
        return None
    try:
        return ssl.create_default_context(cafile=asterisk.ca_file or None)
    except OSError as error:
        raise MisconfiguredError(f"{name}: asterisk.ca_file can't be read: {error.strerror}") from error


def _one_line(secret: str, name: str) -> str:
    if "\r" in secret or "\n" in secret:
        raise MisconfiguredError(f"{name}: asterisk.secret has more than one line")
    return secret


def _keys(system: System, name: str) -> Keyring:
    try:
        webhooks = tuple(webhook_key(secret.get_secret_value()) for secret in system.secrets)
    except ValueError as error:
        raise MisconfiguredError(f"systems.{name}.secrets: {error}") from None
    tokens = tuple(token.get_secret_value().encode() for token in system.tokens)
    return Keyring(webhooks=webhooks, tokens=tokens)

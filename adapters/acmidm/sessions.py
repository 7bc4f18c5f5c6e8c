"""Log-ins under way and sessions. Both live in the browser, sealed; what must be remembered here is what ended.

So several processes need no shared table, and a restart logs nobody out. A session that was ended is noted durably; other
processes hear of it within `HEARD_SECONDS`.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TypeVar

import msgspec

from adapters.acmidm.persona import Persona
from adapters.acmidm.sealed import LARGEST, Sealer
from adapters.acmidm.settings import Pages
from ports.clock import Clock
from ports.intake import Checkpoints

LOG_IN_SECONDS = 900.0
"""How long somebody may take at the provider."""
SEEN_EVERY = 60.0
HEARD_SECONDS = 20.0
_NOTE = "ended-sessions"

_T = TypeVar("_T")


class LogInUnderWay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What we asked the provider, to hold its answer against."""

    state: str
    nonce: str
    verifier: str
    next: str
    started_at: float

    def __repr__(self) -> str:
        return "LogInUnderWay()"


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who is logged in. Times in seconds since 1970; `csrf` must come back with every form."""

    id: str
    csrf: str
    persona: Persona
    started_at: float
    seen_at: float
    id_token: str = ""

    def __repr__(self) -> str:
        return "Session()"


class Sessions:
    """Begins, recognises and ends sessions of one portal."""

    def __init__(self, settings: Pages, name: str, checkpoints: Checkpoints, clock: Clock) -> None:
        given = [secret.get_secret_value() for secret in settings.cookie_secrets]
        self._log_ins = Sealer(given, f"{name}/log-in")
        self._sessions = Sealer(given, f"{name}/session")
        self._idle = timedelta(minutes=settings.idle_minutes).total_seconds()
        self._longest = timedelta(hours=settings.longest_hours).total_seconds()
        self._clock = clock
        self._ended = Ended(checkpoints, clock)
        self._answered: dict[str, float] = {}

    def log_in_begun(self, verifier: str, next_: str) -> tuple[LogInUnderWay, str]:
        """A new log-in, and the cookie that remembers it."""
        under_way = LogInUnderWay(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=verifier,
            next=next_,
            started_at=self._now,
        )
        return under_way, self._log_ins.seal(msgspec.json.encode(under_way))

    def log_in_answered(self, cookie: str, state: str) -> LogInUnderWay | None:
        """The log-in that this answer is to; None when there is none, it took too long, or it was answered before."""
        under_way = _decoded(self._log_ins, cookie, LogInUnderWay)
        if under_way is None or not secrets.compare_digest(under_way.state.encode(), state.encode()):
            return None
        oldest = self._now - LOG_IN_SECONDS
        self._answered = {one: at for one, at in self._answered.items() if at > oldest}
        if under_way.started_at <= oldest or state in self._answered:
            return None
        self._answered[state] = self._now
        return under_way

    def begun(self, persona: Persona, id_token: str) -> tuple[Session, str]:
        """A new session and its cookie."""
        session = Session(
            id=secrets.token_urlsafe(24),
            csrf=secrets.token_urlsafe(24),
            persona=persona,
            started_at=self._now,
            seen_at=self._now,
            id_token=id_token,
        )
        cookie = self.cookie(session)
        if len(cookie) <= LARGEST:
            return session, cookie
        light = msgspec.structs.replace(session, id_token="")
        return light, self.cookie(light)

    def cookie(self, session: Session) -> str:
        """The session, sealed."""
        return self._sessions.seal(msgspec.json.encode(session))

    async def recognised(self, cookie: str) -> Session | None:
        """Who this cookie belongs to; None when the session is over. `TransientError` when nobody can tell."""
        session = _decoded(self._sessions, cookie, Session)
        if session is None:
            return None
        now = self._now
        if session.started_at + self._longest <= now or session.seen_at + self._idle <= now:
            return None
        return None if await self._ended.has(session.id) else session

    def refreshed(self, session: Session) -> str:
        """A cookie that notes this use; "" when the last note is recent."""
        if session.seen_at + SEEN_EVERY > self._now:
            return ""
        return self.cookie(msgspec.structs.replace(session, seen_at=self._now))

    async def end(self, session: Session) -> None:
        """From now on the cookie is worth nothing, wherever a copy of it is."""
        await self._ended.add(session.id, session.started_at + self._longest)

    @property
    def _now(self) -> float:
        return self._clock.now().timestamp()


class Ended:
    """Sessions that were ended before their time, until that time."""

    def __init__(self, checkpoints: Checkpoints, clock: Clock) -> None:
        self._checkpoints = checkpoints
        self._clock = clock
        self._until: dict[str, float] = {}
        self._read_at = float("-inf")

    async def has(self, id_: str) -> bool:
        """Whether this session was ended, here or in another process."""
        if id_ not in self._until and self._clock.monotonic() - self._read_at >= HEARD_SECONDS:
            await self._hear()
        return id_ in self._until

    async def add(self, id_: str, until: float) -> None:
        """Note it, durably; what another process noted meanwhile is kept."""
        self._until[id_] = until
        await self._hear()
        await self._checkpoints.save(_NOTE, msgspec.json.encode(self._until).decode())

    async def _hear(self) -> None:
        note = await self._checkpoints.load(_NOTE)
        noted: Mapping[str, float] = msgspec.json.decode(note, type=dict[str, float]) if note else {}
        now = self._clock.now().timestamp()
        self._until = {one: at for one, at in {**noted, **self._until}.items() if at > now}
        self._read_at = self._clock.monotonic()


def _decoded(sealer: Sealer, cookie: str, kind: type[_T]) -> _T | None:
    content = sealer.opened(cookie) if cookie else None
    try:
        return msgspec.json.decode(content, type=kind) if content else None
    except msgspec.MsgspecError:
        return None

"""Local accounts and sessions: argon2id passwords, opaque tokens stored hashed, revocable at once."""

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Connection, delete, select, update

from console.access import Role
from journal.database import Database, Transaction
from journal.instants import micros
from journal.schema import sessions, users
from ports.clock import Clock

MAX_FAILURES: Final = 5
LOCKED_FOR: Final = timedelta(minutes=5)
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
_SEEN_EVERY: Final = 60_000_000
"""A session's last use is written at most once a minute."""


class PasswordError(ValueError):
    """A password that the hub does not take; the text says why."""


class Refusal(StrEnum):
    """Why somebody is not let in; `WRONG` never tells whether the name exists."""

    WRONG = "wrong"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account, without its password."""

    name: str
    roles: frozenset[Role]
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is logged in. `csrf` must come back with every form."""

    user: User
    csrf: str = field(repr=False)
    token_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """An account to make or to change; everything is replaced."""

    name: str
    password_hash: str = field(repr=False)
    roles: frozenset[Role]
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    name: str
    right: bool


class Accounts:
    """Who may log in, and who is."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        idle: timedelta = timedelta(minutes=30),
        longest: timedelta = timedelta(hours=8),
    ) -> None:
        self._database = database
        self._clock = clock
        self._idle = idle // timedelta(microseconds=1)
        self._longest = longest // timedelta(microseconds=1)
        self._hasher = PasswordHasher()
        self._hashing = asyncio.Semaphore(2)

    async def add(self, name: str, password: str, roles: Iterable[Role], language: str = "nl") -> None:
        """Make an account or replace it; its sessions end. `PasswordError` when the password is too weak."""
        check_password(name, password)
        new = NewUser(
            name=name.strip().lower(),
            password_hash=await self._hash(password),
            roles=frozenset(roles),
            language=language,
        )
        await self._database.write(add_users, new)

    async def names(self) -> tuple[User, ...]:
        """All accounts."""
        return await self._database.read(_all_users)

    async def log_in(self, name: str, password: str) -> "str | Refusal":
        """A new session's token, or why not. Takes as long for a name that does not exist."""
        wanted = name.strip().lower()
        found = await self._database.read(lambda connection: _password_of(connection, wanted))
        stored, locked_until = found or (await self._nobody(), 0)
        right = await self._fits(stored, password) and found is not None
        if locked_until > micros(self._clock.now()):
            return Refusal.LOCKED
        if not await self._database.write(note_log_ins, _Verdict(name=wanted, right=right)):
            return Refusal.LOCKED if right else Refusal.WRONG
        token = secrets.token_urlsafe(32)
        now = micros(self._clock.now())
        row: dict[str, object] = {
            "token_hash": token_hash(token),
            "user_name": wanted,
            "csrf": secrets.token_urlsafe(32),
            "started_at": now,
            "seen_at": now,
        }
        await self._database.write(self._begin_sessions, row)
        return token

    async def session(self, token: str, *, use: bool = True) -> Session | None:
        """Who this token belongs to, None when it is over. `use` keeps the session alive."""
        hashed = token_hash(token)
        now = micros(self._clock.now())
        row = await self._database.read(lambda connection: _session_row(connection, hashed))
        if row is None or row[1] + self._longest <= now or row[2] + self._idle <= now:
            return None
        if use and row[2] + _SEEN_EVERY <= now:
            await self._database.write(note_uses, hashed)
        return row[0]

    async def log_out(self, session: Session) -> None:
        """End a session; its token is worth nothing from now on."""
        await self._database.write(end_sessions, session.token_hash)

    async def choose_language(self, name: str, language: str) -> None:
        """Remember in which language somebody reads."""
        await self._database.write(set_languages, (name, language))

    def _begin_sessions(self, tx: Transaction, rows: list[dict[str, object]]) -> list[BaseException | None]:
        """Write new sessions, and clear away those that are over."""
        over = (sessions.c.started_at < tx.now - self._longest) | (sessions.c.seen_at < tx.now - self._idle)
        tx.connection.execute(delete(sessions).where(over))
        tx.connection.execute(sessions.insert(), rows)
        return [None] * len(rows)

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _fits(self, stored: str, password: str) -> bool:
        async with self._hashing:
            return await asyncio.to_thread(self._verify, stored, password[: LONGEST_PASSWORD + 1])

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerifyMismatchError, InvalidHashError):
            return False

    async def _nobody(self) -> str:
        return await asyncio.to_thread(_hash_of_nobody)


def check_password(name: str, password: str) -> None:
    """Raise `PasswordError` when a password is too short, too long or just the name."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise PasswordError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    if name.strip().lower() in password.lower() or len(set(password)) < 5:
        raise PasswordError("a password does not hold the name and is not one sign repeated")


def token_hash(token: str) -> str:
    """Under which name a session is stored: who reads the table cannot use it."""
    return sha256(token.encode()).hexdigest()


def add_users(tx: Transaction, new: list[NewUser]) -> list[BaseException | None]:
    """Write accounts; the sessions that they had end."""
    for user in new:
        insert = tx.upsert(users)
        values = {
            "password_hash": user.password_hash,
            "roles": ",".join(sorted(user.roles)),
            "language": user.language,
            "failed_logins": 0,
            "locked_until": 0,
        }
        tx.connection.execute(
            insert.on_conflict_do_update(index_elements=["name"], set_=values), {"name": user.name, **values}
        )
        tx.connection.execute(delete(sessions).where(sessions.c.user_name == user.name))
    return [None] * len(new)


def note_log_ins(tx: Transaction, verdicts: list[_Verdict]) -> list[bool | BaseException]:
    """Count wrong log-ins and lock; whether each may come in now."""
    return [_note_log_in(tx, verdict) for verdict in verdicts]


def note_uses(tx: Transaction, hashes: list[str]) -> list[BaseException | None]:
    """Sessions that were used now."""
    tx.connection.execute(update(sessions).where(sessions.c.token_hash.in_(hashes)).values(seen_at=tx.now))
    return [None] * len(hashes)


def end_sessions(tx: Transaction, hashes: list[str]) -> list[BaseException | None]:
    """Delete sessions."""
    tx.connection.execute(delete(sessions).where(sessions.c.token_hash.in_(hashes)))
    return [None] * len(hashes)


def set_languages(tx: Transaction, choices: list[tuple[str, str]]) -> list[BaseException | None]:
    """(name, language)."""
    for name, language in choices:
        tx.connection.execute(update(users).where(users.c.name == name).values(language=language))
    return [None] * len(choices)


def _note_log_in(tx: Transaction, verdict: _Verdict) -> bool:
    row = tx.connection.execute(
        select(users.c.failed_logins, users.c.locked_until)
        .where(users.c.name == verdict.name)
        .with_for_update()
    ).one_or_none()
    if row is None or row.locked_until > tx.now:
        return False
    failures = 0 if verdict.right else row.failed_logins + 1
    locked = failures >= MAX_FAILURES
    tx.connection.execute(
        update(users)
        .where(users.c.name == verdict.name)
        .values(
            failed_logins=0 if locked else failures,
            locked_until=tx.now + LOCKED_FOR // timedelta(microseconds=1) if locked else 0,
        )
    )
    return verdict.right


def _session_row(connection: Connection, hashed: str) -> tuple[Session, int, int] | None:
    row = connection.execute(
        select(sessions, users.c.roles, users.c.language)
        .join(users, users.c.name == sessions.c.user_name)
        .where(sessions.c.token_hash == hashed)
    ).one_or_none()
    if row is None:
        return None
    user = User(name=row.user_name, roles=_roles(row.roles), language=row.language)
    return Session(user=user, csrf=row.csrf, token_hash=hashed), row.started_at, row.seen_at


def _password_of(connection: Connection, name: str) -> tuple[str, int] | None:
    row = connection.execute(
        select(users.c.password_hash, users.c.locked_until).where(users.c.name == name)
    ).one_or_none()
    return (row.password_hash, row.locked_until) if row else None


def _all_users(connection: Connection) -> tuple[User, ...]:
    rows = connection.execute(select(users.c.name, users.c.roles, users.c.language).order_by(users.c.name))
    return tuple(User(name=row.name, roles=_roles(row.roles), language=row.language) for row in rows)


def _roles(stored: str) -> frozenset[Role]:
    return frozenset(Role(name) for name in stored.split(",") if name)


@cache
def _hash_of_nobody() -> str:
    return PasswordHasher().hash(secrets.token_urlsafe(16))

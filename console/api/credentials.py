"""Credentials of existing systems: a token that is shown once, its hash kept, with scopes, an end, and a way to revoke.

A token is `wgw_<id>_<secret>`: the id finds the row, the 256 random bits prove it. They need no slow hash.
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from journal.database import Database, Transaction
from journal.instants import micros, moment
from journal.schema import api_credentials
from ports.clock import Clock

BELIEVED: Final = 5.0
"""Seconds for which a credential that was looked up is believed."""
_TOKEN: Final = re.compile(r"wgw_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_MOST_REMEMBERED: Final = 10_000


class Scope(StrEnum):
    """What a credential may be used for."""

    SEND = "send"
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A credential without its secret. Times are UTC."""

    id: str
    system: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    secret_hash: str = field(repr=False)
    credential: Credential
    until: float


class Credentials:
    """Who may call."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def issue(self, system: str, scopes: Iterable[Scope], valid: timedelta) -> tuple[Credential, str]:
        """A new credential and its token, which nobody can show again."""
        now = self._clock.now()
        credential = Credential(
            id=secrets.token_hex(8),
            system=system,
            scopes=frozenset(scopes),
            created_at=now,
            expires_at=now + valid,
        )
        secret = secrets.token_urlsafe(32)
        await self._database.write(add_credentials, (credential, _hash(secret)))
        return credential, f"wgw_{credential.id}_{secret}"

    async def revoke(self, id_: str) -> bool:
        """Worth nothing from now on; False when there is none of that id."""
        return await self._database.write(revoke_credentials, id_)

    async def all(self) -> tuple[Credential, ...]:
        """Every credential that was ever given out, by system."""
        return await self._database.read(_all)

    async def of(self, token: str) -> Credential | None:
        """Whose token this is; None when it is no token of ours, or not valid any more."""
        parts = _TOKEN.fullmatch(token)
        known = await self._look_up(parts[1]) if parts else None
        if parts is None or known is None or not hmac.compare_digest(known.secret_hash, _hash(parts[2])):
            return None
        credential = known.credential
        if credential.revoked_at is not None or credential.expires_at <= self._clock.now():
            return None
        return credential

    async def _look_up(self, id_: str) -> _Known | None:
        now = self._clock.monotonic()
        known = self._known.get(id_)
        if known and known.until > now:
            return known
        row = await self._database.read(lambda connection: _one(connection, id_))
        if row is None:
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[id_] = _Known(row.secret_hash, _credential(row), now + BELIEVED)
        return self._known[id_]


def add_credentials(tx: Transaction, new: list[tuple[Credential, str]]) -> list[BaseException | None]:
    """Write credentials with the hashes of their secrets."""
    rows = [
        {
            "id": one.id,
            "system": one.system,
            "secret_hash": hashed,
            "scopes": ",".join(sorted(one.scopes)),
            "created_at": micros(one.created_at),
            "expires_at": micros(one.expires_at),
        }
        for one, hashed in new
    ]
    tx.connection.execute(api_credentials.insert(), rows)
    return [None] * len(new)


def revoke_credentials(tx: Transaction, ids: list[str]) -> list[bool | BaseException]:
    """Whether each exists; the moment of its first revocation stays."""
    return [_revoked(tx, id_) for id_ in ids]


def _revoked(tx: Transaction, id_: str) -> bool:
    mine = api_credentials.c.id == id_
    tx.connection.execute(
        update(api_credentials).where(mine, api_credentials.c.revoked_at.is_(None)).values(revoked_at=tx.now)
    )
    return tx.connection.execute(select(api_credentials.c.id).where(mine)).scalar() is not None


def _one(connection: Connection, id_: str) -> Row[Any] | None:
    return connection.execute(select(api_credentials).where(api_credentials.c.id == id_)).one_or_none()


def _all(connection: Connection) -> tuple[Credential, ...]:
    query = select(api_credentials).order_by(api_credentials.c.system, api_credentials.c.created_at)
    return tuple(_credential(row) for row in connection.execute(query))


def _credential(row: Row[Any]) -> Credential:
    return Credential(
        id=row.id,
        system=row.system,
        scopes=frozenset(Scope(one) for one in row.scopes.split(",") if one),
        created_at=moment(row.created_at),
        expires_at=moment(row.expires_at),
        revoked_at=moment(row.revoked_at) if row.revoked_at else None,
    )


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()

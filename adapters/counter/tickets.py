"""Which tickets were registered and which were reminded of: of the two, one goes out, whichever process it is in.

A ticket is claimed in the adapter's checkpoints before a registration or a reminder is handed over.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from ports.adapter import Tools
from ports.errors import TransientError

REMEMBERED = timedelta(days=3)
STALE = timedelta(minutes=1)
"""A reminder that was begun so long ago and did not arrive was cut off: a registration may go first."""
_PREFIX = "ticket/"


class Claim(msgspec.Struct, frozen=True):
    """Who was first. `reminded`: the visit whose reminder it was; "" = a registration."""

    at: datetime
    reminded: str = ""


_CLAIM = msgspec.json.Decoder(Claim)


class Tickets:
    """The claims of one instance. A key names a ticket at a branch on a day. All may raise `TransientError`."""

    def __init__(self, tools: Tools, source: str) -> None:
        self._tools = tools
        self._source = source

    @asynccontextmanager
    async def registering(self, key: str) -> AsyncGenerator[str]:
        """While a clerk's registration of this visit is handed over: no reminder of it goes out, nor ever after.

        Gives the case that reminded of it already, or "". A registration that fails was none.
        """
        name, ours = _name(key), _text(Claim(self._tools.clock.now()))
        is_first = await self._tools.checkpoints.replace(name, None, ours)
        joins = "" if is_first else await self._join(name, ours)
        try:
            yield joins
        except BaseException:
            if is_first:
                await self._tools.checkpoints.forget([name])
            raise

    async def is_registered(self, key: str) -> bool:
        """Whether a clerk registered it."""
        known = await self._tools.checkpoints.load(_name(key))
        return known is not None and not _CLAIM.decode(known).reminded

    async def remind(self, key: str, visit: str) -> bool:
        """Claim it for the reminder of this visit; False when a clerk registered it."""
        name, ours = _name(key), _text(Claim(self._tools.clock.now(), visit))
        known = await self._tools.checkpoints.load(name)
        if known is not None and not _CLAIM.decode(known).reminded:
            return False
        if not await self._tools.checkpoints.replace(name, known, ours):
            raise TransientError("somebody registers a visit at this moment")
        return True

    async def forget_old(self) -> None:
        """Those of days that are over."""
        before = self._tools.clock.now() - REMEMBERED
        claims = await self._tools.checkpoints.saved(_PREFIX)
        old = [name for name, claim in claims.items() if _CLAIM.decode(claim).at < before]
        await self._tools.checkpoints.forget(old)

    async def _join(self, name: str, ours: str) -> str:
        """The case of the reminder that was first."""
        known = await self._tools.checkpoints.load(name)
        claim = _CLAIM.decode(known) if known else None
        if claim is None or not claim.reminded:
            return ""
        outcome = await self._tools.cases.outcome(self._source, claim.reminded)
        if outcome:
            return outcome.case.ref if outcome.case else ""
        is_stale = claim.at < self._tools.clock.now() - STALE
        if not is_stale or not await self._tools.checkpoints.replace(name, known, ours):
            raise TransientError("a reminder of this visit is on its way", retry_after=5)
        return ""


def _text(claim: Claim) -> str:
    return msgspec.json.encode(claim).decode()


def _name(key: str) -> str:
    """Checkpoints have short names; a clerk may type a long ticket."""
    return f"{_PREFIX}{sha256(key.encode()).hexdigest()[:32]}"

"""Alarm: an outage that lasts is told by mail to who can act, once when it began and once when it is over."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, or_, select

from canonical_model.commands import SendMail
from journal.instants import micros, moment
from journal.journal import Journal
from journal.operations import Health
from journal.schema import incidents
from ports.clock import Clock
from ports.errors import HubError, TransientError, UncertainError
from ports.mail import MailOut
from ports.target import Idempotency

log = structlog.get_logger()

MAIL: Final = "mail"
HICCUPS: Final = 2
NAME: Final = "alarm"
LEASE: Final = 60.0
PATIENCE: Final = 20.0
FIRST_REST: Final = 10.0
LONGEST_REST: Final = 900.0
"""Seconds that a relay is left alone after it did not take a mail: doubled each time, up to this."""
BEGAN: Final = "began"
ENDED: Final = "ended"


class AlarmSection(BaseModel):
    """`[alarm]`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str = Field(default="", description="Mail address that hears of outages; empty: nobody is mailed.")
    after: float = Field(
        default=120, ge=0, description="Seconds that an outage must last before anybody is mailed."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """An incident as the journal has it; `closed_at` is None while it goes on. Times are UTC."""

    id: str
    system: str
    what: str
    opened_at: datetime
    closed_at: datetime | None


def outages(connection: Connection, opened_after: int, closed_after: int) -> tuple[Outage, ...]:
    """Incidents that began or ended since, the oldest first; not that no mail could be sent about others."""
    query = (
        select(incidents)
        .where(incidents.c.system != NAME)
        .where(or_(incidents.c.opened_at > opened_after, incidents.c.closed_at > closed_after))
        .order_by(incidents.c.opened_at)
    )
    return tuple(
        Outage(
            id=row.id,
            system=row.system,
            what=row.what,
            opened_at=moment(row.opened_at),
            closed_at=moment(row.closed_at) if row.closed_at else None,
        )
        for row in connection.execute(query)
    )


Compose = Callable[[str, Outage], tuple[str, str]]
"""Subject and text of the mail that an outage "began" or "ended"."""


class Alarm:
    """Mails, one process at a time; without a mail adapter or an address it stays silent."""

    def __init__(
        self,
        journal: Journal,
        mail: MailOut | None,
        compose: Compose,
        *,
        clock: Clock,
        owner: str,
        settings: AlarmSection,
        mail_domain: str,
    ) -> None:
        self._journal = journal
        self._mail = mail
        self._compose = compose
        self._clock = clock
        self._owner = owner
        self._settings = settings
        self._mail_domain = mail_domain
        self._failures: int | None = None  # an earlier life may have had some
        self._trouble = ""
        self._stopping = asyncio.Event()

    async def run(self, interval: float = 5.0) -> None:
        """Go round until `stop` is called; a relay that is away, or refuses, is tried again after a rest."""
        while self._mail and self._settings.to and not self._stopping.is_set():
            try:
                async with asyncio.timeout(await self.round(self._mail, interval)):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def round(self, mail: MailOut, interval: float) -> float:
        """Tell what is to be told; seconds until the next round.

        That no mail can be sent is one incident of its own on the systems board, and one line in the log; a relay that is away
        is the outage of mail itself, after some tries.
        """
        try:
            await self._journal.know_systems([NAME])
            await self.look_around(mail)
        except (HubError, TimeoutError) as error:
            is_away = isinstance(error, TransientError | UncertainError | TimeoutError)
            await self._delayed(getattr(error, "what", "no answer in time"), is_away=is_away)
            return min(LONGEST_REST, FIRST_REST * 2.0 ** min((self._failures or 1) - 1, 10))
        return interval

    def stop(self) -> None:
        """Finish the round."""
        self._stopping.set()

    async def look_around(self, mail: MailOut) -> None:
        """Tell what is to be told now; what was there before the first look is history."""
        if not await self._journal.lease(NAME, self._owner, LEASE):
            return
        began, ended = await self._cursor(BEGAN), await self._cursor(ENDED)
        found = await self._journal.database.read(lambda connection: outages(connection, began, ended))
        for outage in found:
            if micros(outage.opened_at) > began:
                if outage.closed_at is None and not self._lasted(outage):
                    break  # in order: the next round comes back to it
                await self._tell(mail, BEGAN, outage, outage.opened_at)
        ends = [(one.closed_at, one) for one in found if one.closed_at and micros(one.closed_at) > ended]
        for at, outage in sorted(ends, key=lambda end: end[0]):
            await self._tell(mail, ENDED, outage, at)

    async def _tell(self, mail: MailOut, what: str, outage: Outage, at: datetime) -> None:
        if self._lasted(outage):
            await self._send(mail, what, outage)
        await self._journal.save_checkpoint(NAME, what, str(micros(at)))

    def _lasted(self, outage: Outage) -> bool:
        """A hiccup is nobody's business."""
        end = outage.closed_at or self._clock.now()
        return (end - outage.opened_at).total_seconds() >= self._settings.after

    async def _send(self, mail: MailOut, what: str, outage: Outage) -> None:
        subject, text = self._compose(what, outage)
        letter = SendMail(
            message_id=f"outage-{what}.{outage.id}@{self._mail_domain}".lower(),
            to=self._settings.to,
            subject=subject,
            text=text,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                if mail.idempotency is Idempotency.PROBE and await mail.find(letter.message_id):
                    return await self._works()  # sent by an earlier life, or by a try whose answer was lost
                await mail.send(letter)
        except UncertainError:
            if mail.idempotency is Idempotency.PROBE:
                raise
            log.warning(
                "alarm_uncertain", outage=outage.id
            )  # rather never mailed than mailed twice: the board shows it
        else:
            log.info("alarm_sent", system=outage.system, about=what)
            await self._works()

    async def _works(self) -> None:
        if self._failures != 0:
            await self._journal.report(Health(NAME, ok=True))
        self._failures, self._trouble = 0, ""

    async def _delayed(self, reason: str, *, is_away: bool) -> None:
        self._failures = (self._failures or 0) + 1
        if reason != self._trouble:
            log.warning("alarm_delayed", reason=reason)
        self._trouble = reason
        try:
            await self._journal.report(
                Health(
                    NAME,
                    ok=False,
                    what=reason,
                    failures=self._failures,
                    open_for=int(not is_away or self._failures > HICCUPS),
                    behind=MAIL if is_away else "",
                )
            )
        except TransientError:
            return  # the journal itself is away: that is what was logged

    async def _cursor(self, name: str) -> int:
        value = await self._journal.load_checkpoint(NAME, name)
        if value is None:
            value = str(micros(self._clock.now()))
            await self._journal.save_checkpoint(NAME, name, value)
        return int(value)

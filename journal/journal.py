"""The journal as the rest of the hub uses it: every call returns when its write is durable."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from canonical_model.case import CaseRef
from canonical_model.decision import Decision, Router
from canonical_model.events import CaseErased
from journal.apart import Apart
from journal.arrivals import Rules
from journal.awaiting import need_wait_no_more
from journal.claims import Claim, ClaimRequest, Ticket
from journal.crypto import Keyring
from journal.customers import JournalCases
from journal.database import Database, Outage, Transaction
from journal.effects import Ledger, Recorded, Result, SweepRequest
from journal.instants import micros
from journal.intake import Accepted, Intake, Routing
from journal.letter_texts import LetterTexts
from journal.operations import (
    Act,
    AuditEntry,
    DueTimer,
    Health,
    Operations,
    SystemState,
    due_timers,
    is_known,
    system_states,
)
from journal.recovery import recovery
from journal.replays import Replays
from journal.restoring import Restore, Restoring, Standing, is_older, standing
from journal.retention import Keeping, Retention, Rule, Walked
from journal.revealing import Revealed, Revealing
from journal.schema import checkpoints, data_keys, files, messages
from journal.shared_clock import SharedClock, database_time
from journal.terms import RetentionTerms
from journal.verdicts import Verdict, verdict_of
from ports.clock import Clock
from ports.errors import RejectedError
from ports.intake import Inbound


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The secrets of the journal: master keys (32 bytes, first one seals), pepper of hashes, audit key."""

    masters: tuple[bytes, ...]
    pepper: bytes
    audit: bytes


ERASURE = "erasure"
"""The source of the messages that a case is erased."""
_FILE = select(files.c.message_id, files.c.data, data_keys.c.wrapped).join(
    data_keys, data_keys.c.message_id == files.c.message_id
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """How long a journal keeps what, and the files that must outlive it."""

    terms: RetentionTerms = field(default_factory=RetentionTerms)
    apart: Apart | None = None


class Journal:
    """Messages, effects, attempts, references, timers and the audit trail.

    `replays` holds the plans of replays, `letter_texts` the texts that people wrote. All calls may raise `StoreUnavailableError` (a `TransientError`): nothing was stored, come back later.
    """

    def __init__(
        self,
        url: str,
        *,
        router: Router,
        keys: Keys,
        clock: Clock,
        shard: str,
        prefix: str = "LEU",
        config_version: str = "",
        custody: Custody | None = None,
    ) -> None:
        self.clock = clock
        self.keyring = Keyring(keys.masters, keys.pepper)
        self.database = Database(url, clock=clock, shard=shard)
        self._apart = custody.apart if custody else None
        self._intake = Intake(self.keyring, Rules(router, config_version), prefix=prefix, apart=self._apart)
        self._ledger = Ledger(self.keyring, self._intake)
        self._operations = Operations(self.keyring, self._intake, keys.audit)
        self.retention = Retention(custody.terms if custody else RetentionTerms(), self._operations)
        self._restoring = Restoring(self._operations)
        self._revealing = Revealing(self.keyring, self._operations.audit_many)
        self.cases = JournalCases(self.database, self.keyring)
        self.letter_texts = LetterTexts(self.database, self._operations)
        self.replays = Replays(self.database, self.keyring, self._operations)

    async def start(self) -> None:
        """Begin to serve; may be repeated."""
        await self.database.start()
        await self.set_clock()

    async def settle(self) -> None:
        """Before `start`, on a journal of this machine: trust only what the disk takes now; see `Database.settle_log`."""
        await self.database.settle_log()

    async def tell_outages(self) -> None:
        """Write the times without a journal down as incidents: one that this process saw end, and those that ended a life."""
        if past := self.database.past_outage():
            await self.database.write(self._operations.outage_many, past)
        failures = await asyncio.to_thread(self._apart.failures) if self._apart else ()
        for began, what in failures:
            outage = Outage(began=micros(began), ended=micros(self.clock.now()), what=what)
            await self.database.write(self._operations.outage_many, outage)
        if self._apart and failures:
            await asyncio.to_thread(self._apart.forget_failures)

    def note_failure(self, what: str) -> None:
        """The disk failed: for the next life to tell."""
        if self._apart:
            self._apart.note_failure(what, self.clock.now())

    async def set_clock(self) -> None:
        """Where several machines share the time, take it over from the database; to be repeated now and then."""
        if isinstance(self.clock, SharedClock):
            self.clock.set(await self.database.read(database_time))

    async def close(self) -> None:
        """Finish what was asked for, then let go."""
        await self.database.close()

    async def accept(self, inbound: Inbound, traceparent: str = "", ticket: Ticket | None = None) -> Accepted:
        """Store and route one message; see `ports.intake.Accept`. What the ticket allows is claimed with it.

        Raises `RejectedError` when the same source reference came before with another content.
        """
        arrival = self._intake.arrival(inbound, micros(self.clock.now()), traceparent, ticket)
        return await self.database.write(self._intake.accept_many, arrival)

    def follow(self, router: Router, config_version: str) -> None:
        """Decide by these routes about what arrives from now on; every message names the version that decided it."""
        self._intake.rules = Rules(router, config_version)

    async def foresee(self, inbound: Inbound) -> tuple[Decision | None, str]:
        """What would become of a message, or why nobody could decide; nothing is stored and nothing follows."""
        now = micros(self.clock.now())
        arrival = self._intake.arrival(inbound, now)

        def ask(connection: Connection) -> tuple[Decision | None, str]:
            tx = Transaction(connection, now, self.database.dialect)  # never committed
            return Routing(self._intake, tx, []).foresee(arrival)

        return await self.database.read(ask)

    async def claim(self, request: ClaimRequest) -> Claim:
        """Take effects to work on."""
        return await self.database.write(self._ledger.claim_many, request)

    async def record(self, result: Result) -> Recorded:
        """Write down how an attempt ended."""
        return await self.database.write(self._ledger.record_many, result)

    async def sweep(self, request: SweepRequest) -> tuple[str, ...]:
        """What must be handed out (again)."""
        return await self.database.write(self._ledger.sweep_many, request)

    async def bury(self, owner: str) -> None:
        """Let go of what processes with this name had claimed, leased or handed out.

        Call only when they are certainly dead and nobody else works on this journal.
        """
        await self.database.write(self._ledger.bury_many, owner)

    async def file(self, message_id: str, claim: str, case_ref: str = "") -> bytes:
        """The bytes of an attachment of this message, or of an earlier one of the same case.

        `RejectedError` when they were erased.
        """

        def look(connection: Connection) -> Any:
            mine = connection.execute(_FILE.where(files.c.message_id == message_id, files.c.claim == claim))
            earlier = _FILE.where(data_keys.c.case_ref == case_ref, files.c.claim == claim).limit(1)
            return mine.one_or_none() or (connection.execute(earlier).one_or_none() if case_ref else None)

        row = await self.database.read(look)
        if row is None:
            raise RejectedError("an attachment is gone from the journal: it was erased")
        return self.keyring.unwrap(row.message_id, row.wrapped).open(row.message_id, claim, row.data)

    async def traceparent(self, message_id: str) -> str:
        """The trace that a message belongs to; "" when it was not traced."""
        query = select(messages.c.traceparent).where(messages.c.id == message_id)
        found = await self.database.read(lambda connection: connection.execute(query).scalar_one_or_none())
        return found or ""

    async def due_timers(self, limit: int = 200) -> tuple[DueTimer, ...]:
        """Timers whose date has come. Their messages remove them."""
        now = micros(self.clock.now())
        return await self.database.read(lambda connection: due_timers(connection, now, limit))

    async def load_checkpoint(self, owner: str, name: str) -> str | None:
        """The value saved last."""
        query = select(checkpoints.c.value).where(checkpoints.c.owner == owner, checkpoints.c.name == name)
        return await self.database.read(lambda connection: connection.execute(query).scalar_one_or_none())

    async def saved_checkpoints(self, owner: str, prefix: str) -> Mapping[str, str]:
        """The values under names that begin so, the one saved first before the others; those that are "" are left out."""
        kept = (
            checkpoints.c.owner == owner,
            func.substr(checkpoints.c.name, 1, len(prefix)) == prefix,  # LIKE of SQLite knows no case
            checkpoints.c.value != "",
        )
        query = (
            select(checkpoints.c.name, checkpoints.c.value)
            .where(*kept)
            .order_by(checkpoints.c.saved_at, checkpoints.c.name)
        )
        rows = await self.database.read(lambda connection: connection.execute(query).all())
        return {row.name: row.value for row in rows}

    async def save_checkpoint(self, owner: str, name: str, value: str) -> None:
        """Remember a value."""
        await self.database.write(self._operations.save_checkpoints, (owner, name, value))

    async def replace_checkpoint(self, owner: str, name: str, known: str | None, value: str) -> bool:
        """Save a value where the known one stands (None: none); False when something else does."""
        return await self.database.write(self._operations.replace_checkpoints, (owner, name, known, value))

    async def forget_checkpoints(self, owner: str, names: Iterable[str]) -> None:
        """Remove these."""
        if gone := tuple(names):
            await self.database.write(self._operations.forget_checkpoints, (owner, gone))

    async def lease(self, name: str, owner: str, seconds: float) -> bool:
        """Take or renew a lease; False when somebody else holds it. 0 seconds gives it back."""
        return await self.database.write(self._operations.lease_many, (name, owner, int(seconds * 1e6)))

    async def know_systems(self, names: Sequence[str]) -> None:
        """Put targets on the systems board."""
        for name in names:
            await self.database.write(self._operations.know_many, name)

    async def system_states(self) -> tuple[SystemState, ...]:
        """All targets as they stand."""
        return await self.database.read(system_states)

    async def report(self, health: Health) -> None:
        """Tell how a target does."""
        await self.database.write(self._operations.health_many, health)

    async def pause(self, system: str, actor: str, reason: str) -> None:
        """Hold a target; `RejectedError` when it does not exist."""
        await self.database.write(self._operations.pause_many, Act(system, actor, reason))

    async def resume(self, system: str, actor: str) -> None:
        """Let a target go on; `RejectedError` when it does not exist."""
        await self.database.write(self._operations.resume_many, Act(system, actor))

    async def preview_replay(self, effect_id: str) -> Verdict:
        """What replaying this effect would do; `RejectedError` when it does not exist."""
        verdict = await self.database.read(lambda connection: verdict_of(connection, effect_id))
        if verdict is None:
            raise RejectedError(f"no effect has id {effect_id}")
        return verdict

    async def replay_effect(self, effect_id: str, actor: str, reason: str) -> tuple[str, ...]:
        """Try a parked effect again; the effects to hand out, () when there was nothing to do."""
        return await self.database.write(self._operations.replay_effects, Act(effect_id, actor, reason))

    async def skip_effect(self, effect_id: str, actor: str, reason: str) -> tuple[str, ...]:
        """Give an effect up; the effects that may go on. `RejectedError` when it is settled or being tried."""
        return await self.database.write(self._operations.skip_effects, Act(effect_id, actor, reason))

    async def replay_message(self, message_id: str, actor: str, reason: str) -> tuple[str, ...]:
        """Decide again about a parked message, or release one from quarantine."""
        return await self.database.write(self._operations.replay_messages, Act(message_id, actor, reason))

    async def need_wait_no_more(self) -> tuple[str, ...]:
        """After a restore: messages that waited for a case which is here now, in the order in which they came."""
        if micros(self.clock.now()) >= self._intake.recovery.until:
            return ()
        return await self.database.read(need_wait_no_more)

    async def drop_message(self, message_id: str, actor: str, reason: str) -> None:
        """Put a parked or quarantined message aside for good."""
        await self.database.write(self._operations.drop_messages, Act(message_id, actor, reason))

    async def finish_item(self, ref: str, name: str, actor: str, outcome: str) -> None:
        """A person looked into a work item; `RejectedError` when it was finished before."""
        act = Act(f"{ref}/{name}", actor, outcome)
        await self.database.write(self._operations.finish_items, act)

    async def erase_case(self, ref: str, actor: str, reason: str) -> int:
        """Destroy the keys of a case, and have others withdraw what they show of it; how many contacts became unreadable.

        May be repeated. What must be withdrawn elsewhere is written down first, and outlives the case.
        `RejectedError` when nothing is known of such a case: a slip of the pen must not pass for an erasure.
        """
        if not await self.database.read(lambda connection: is_known(connection, ref)):
            raise RejectedError(f"no case has the number {ref}")
        await self.accept(
            Inbound(
                source=ERASURE,
                source_ref=ref,
                raw=json.dumps({"erased": ref}).encode(),
                media_type="application/json",
                event=CaseErased(case=CaseRef(ref)),
            )
        )
        if self._apart:
            await asyncio.to_thread(self._apart.note_erasure, ref, self.clock.now())
        erased = await self.database.write(self._operations.erase_many, Act(ref, actor, reason))
        await self.database.scrub()
        return erased

    async def reveal(self, owner: str, actor: str, reason: str) -> Revealed:
        """Open the body of a message, effect or case for a person; the audit trail shows it.

        `RejectedError` when it was erased or does not exist.
        """
        return await self.database.write(self._revealing.reveal_many, Act(owner, actor, reason))

    async def audit(self, actor: str, action: str, subject: str, detail: str = "") -> None:
        """Add a line to the audit trail."""
        await self.database.write(self._operations.audit_many, AuditEntry(actor, action, subject, detail))

    async def retain(self, rule: Rule) -> Walked:
        """Remove what has had its time in the next small part of a rule's table."""
        walked = await self.database.write(self.retention.walk_many, rule)
        if walked.ended:
            await self.database.scrub()
        return walked

    async def kept(self) -> tuple[Keeping, ...]:
        """What is kept under each rule, and what goes next."""
        now = self.clock.now()
        return await self.database.read(lambda connection: self.retention.overview(connection, now))

    async def recall(self) -> None:
        """Before work begins: heed what follows when this journal was put back from a copy lately."""
        now = micros(self.clock.now())
        self._intake.recovery = await self.database.read(
            lambda connection: recovery(connection, self._openings, now)
        )

    async def is_older(self) -> bool:
        """Whether this is a copy from before: a case was opened that it does not know."""
        now = self.clock.now()
        opened = await asyncio.to_thread(self._apart.newest, now) if self._apart else ()
        return await self.database.read(lambda connection: is_older(connection, opened))

    async def standing(self) -> Standing:
        """How this journal stands against what was kept apart: is it a copy from before?"""
        openings, erasures = await asyncio.to_thread(self._kept_apart)
        return await self.database.read(lambda connection: standing(connection, openings, erasures))

    async def restored(self, actor: str, days: int) -> Standing:
        """Prepare a journal that was put back from a copy, while no hub runs; its standing before.

        For so many days, what is begun for a case of before is looked up before it is done.
        """
        openings, erasures = await asyncio.to_thread(self._kept_apart)
        request = Restore(actor=actor, days=days, openings=openings, erasures=erasures)
        before = await self.database.write(self._restoring.restore_many, request)
        await self.database.scrub()
        return before

    def _kept_apart(self) -> tuple[dict[str, str], tuple[str, ...]]:
        return (self._apart.openings(self.clock.now()), self._apart.erasures()) if self._apart else ({}, ())

    def _openings(self) -> dict[str, str]:
        return self._kept_apart()[0]

    async def verify_audit(self) -> int | None:
        """The first audit line that does not fit the chain; None = untouched."""
        return await self.database.read(self._operations.first_broken_line)

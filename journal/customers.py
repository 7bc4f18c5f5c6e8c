"""The journal's answers to adapters that ask about cases: `ports.cases.Cases`."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, func, literal_column, select

from canonical_model.case import CaseRef
from canonical_model.codec import UnreadableError, decode_card, decode_event
from canonical_model.contact import Channel, Kind
from canonical_model.decision import Reference
from canonical_model.events import Answer, CaseChanged
from canonical_model.status import CaseStatus, StatusChange
from journal.crypto import Keyring, SealBrokenError
from journal.customer_history import walk
from journal.database import Database
from journal.instants import micros, moment
from journal.reading.bounds import LOOK_BACK
from journal.schema import OPEN_STATUSES, case_history, cases, effects, messages, references
from journal.seals import Opener
from ports.cases import MOST, CaseSummary, CaseView, Outcome

_T = TypeVar("_T")


class JournalCases:
    """Reads committed data; opens only the seals of what was asked for."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def known_under(
        self, names: Sequence[Reference], *, only_open: bool = False, limit: int = MOST
    ) -> tuple[CaseSummary, ...]:
        hashes = self._hashes(names)
        return await self._read(
            lambda opener: opener.known_under(hashes, only_open=only_open, limit=min(limit, MOST))
        )

    async def brought_by(
        self, origin: str, *, since: datetime | None = None, limit: int = MOST
    ) -> tuple[CaseSummary, ...]:
        query = (
            select(cases)
            .where(cases.c.origin == origin, cases.c.changed_at >= (micros(since) if since else 0))
            .order_by(cases.c.changed_at, cases.c.ref)
            .limit(min(limit, MOST))
        )
        return await self._read(lambda opener: opener.summaries(query))

    async def view(self, ref: CaseRef) -> CaseView | None:
        return await self._read(lambda opener: opener.view(ref))

    async def belongs_to(self, ref: CaseRef, names: Sequence[Reference]) -> bool:
        query = select(func.count()).where(
            references.c.hash.in_(self._hashes(names)), references.c.case_ref == ref
        )
        return bool(await self._database.read(lambda connection: connection.execute(query).scalar_one()))

    async def outcome(self, source: str, source_ref: str) -> Outcome | None:
        identity = self._keyring.find_hash(f"identity/{source}", source_ref)
        return await self._read(lambda opener: opener.outcome(identity))

    def _hashes(self, names: Sequence[Reference]) -> list[str]:
        return [self._keyring.find_hash(name.system, name.value) for name in names]

    async def _read(self, ask: "Callable[[_Reader], _T]") -> _T:
        return await self._database.read(lambda connection: ask(_Reader(connection, self._keyring)))


class _Reader:
    """One reading transaction."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._opener = Opener(connection, keyring)

    def summaries(self, query: Any) -> tuple[CaseSummary, ...]:
        return tuple(self._summary(row) for row in self._connection.execute(query))

    def known_under(self, hashes: Sequence[str], *, only_open: bool, limit: int) -> tuple[CaseSummary, ...]:
        """Each name is walked by itself: of all together, a planner may make a walk along all cases."""
        once: dict[str, Row[Any]] = {}
        for one in hashes:
            recent = walk(one).limit(LOOK_BACK if only_open else limit).subquery("recent")
            query = (
                select(cases)
                .join(recent, recent.c.case_ref == cases.c.ref)
                .order_by(recent.c.case_ref.desc())
                .limit(limit)
            )
            if only_open:
                query = query.where(cases.c.status.in_(OPEN_STATUSES))
            once |= {row.ref: row for row in self._connection.execute(query)}
        newest = sorted(once.values(), key=lambda row: (row.opened_at, row.ref), reverse=True)
        return tuple(self._summary(row) for row in newest[:limit])

    def view(self, ref: CaseRef) -> CaseView | None:
        row = self._connection.execute(select(cases).where(cases.c.ref == ref)).one_or_none()
        card = self._card(row) if row else None
        if row is None or card is None:
            return None
        return CaseView(
            summary=self._summary(row),
            language=card.language,
            history=self._history(ref),
            answers=self._answers(ref),
        )

    def outcome(self, identity: str) -> Outcome | None:
        row = self._connection.execute(select(messages).where(messages.c.identity == identity)).one_or_none()
        if row is None:
            return None
        found = self._connection.execute(select(cases).where(cases.c.ref == row.case_ref)).one_or_none()
        return Outcome(
            message_id=row.id,
            state=row.state,
            reason=row.reason,
            received_at=moment(row.received_at),
            case=self._summary(found) if found else None,
            in_tracker=found.tracker_id if found else "",
            refused=self._refused(row.case_ref, row.id),
        )

    def _refused(self, ref: str | None, message_id: str) -> str:
        query = select(effects.c.reason).where(
            effects.c.case_ref == ref,
            effects.c.message_id == message_id,
            effects.c.action.in_(("open_case", "add_contact")),
            effects.c.state == literal_column("'parked'"),
        )
        return self._connection.execute(query).scalar() or ""

    def _history(self, ref: str) -> tuple[StatusChange, ...]:
        query = select(case_history).where(case_history.c.case_ref == ref).order_by(case_history.c.at)
        return tuple(
            StatusChange(status=CaseStatus(row.status), at=moment(row.at), by=row.handler_group)
            for row in self._connection.execute(query)
        )

    def _answers(self, ref: str) -> tuple[Answer, ...]:
        query = (
            select(messages.c.id)
            .where(messages.c.case_ref == ref, messages.c.kind == "case_changed")
            .order_by(messages.c.id)
        )
        opened = self._opener.open([row.id for row in self._connection.execute(query)])
        return _each_once(decode_event("case_changed", *opened[owner]) for owner in sorted(opened))

    def _summary(self, row: Row[Any]) -> CaseSummary:
        card = self._card(row)
        return CaseSummary(
            ref=CaseRef(row.ref),
            kind=Kind(row.kind),
            channel=Channel(row.channel),
            group=row.handler_group,
            status=CaseStatus(row.status),
            category=row.category,
            area=row.area,
            origin=row.origin,
            origin_ref=row.origin_ref,
            opened_at=moment(row.opened_at),
            changed_at=moment(row.changed_at),
            due=moment(row.due) if row.due else None,
            subject=card.subject if card else "",
        )

    def _card(self, row: Row[Any]) -> Any:
        try:
            opened = self._opener.open_one(row.key_id, row.ref, "card", row.card)
            return decode_card(opened, row.card_version) if opened else None
        except (SealBrokenError, UnreadableError):
            return None


def _each_once(events: Iterable[object]) -> tuple[Answer, ...]:
    given = [answer for event in events if isinstance(event, CaseChanged) for answer in event.answers]
    return tuple({answer.key: answer for answer in given}.values())

"""Opening a seal for a person: with a name, a reason, and a line in the audit trail of the same transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select

from journal.crypto import Keyring, SealBrokenError
from journal.database import Transaction
from journal.operations import Act, AuditEntry
from journal.schema import bodies, cases, data_keys, effects, messages
from ports.errors import RejectedError

AuditMany = Callable[[Transaction, list[AuditEntry]], list[BaseException | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """What was sealed: `raw` as it came in, `canonical` as JSON; b"" where there is none. Personal data.

    `kind` is message, effect or case; `name` the wire name of the body (the event, the command, case_card).
    """

    kind: str
    name: str
    media_type: str
    schema_version: int
    raw: bytes = field(default=b"", repr=False)
    canonical: bytes = field(default=b"", repr=False)


class Revealing:
    """Opens bodies and says so in the audit trail."""

    def __init__(self, keyring: Keyring, audit_many: AuditMany) -> None:
        self._keyring = keyring
        self._audit_many = audit_many

    def reveal_many(self, tx: Transaction, acts: list[Act]) -> list[Revealed | BaseException]:
        """The body of a message, an effect or a case. A refused look is written down as well."""
        return [self._reveal(tx, act) for act in acts]

    def _reveal(self, tx: Transaction, act: Act) -> Revealed | BaseException:
        found = self._opened(tx, act.subject)
        action = "reveal_failed" if isinstance(found, BaseException) else f"{found.kind}_revealed"
        self._audit_many(tx, [AuditEntry(act.actor, action, act.subject, act.reason)])
        return found

    def _opened(self, tx: Transaction, owner: str) -> Revealed | BaseException:
        body = tx.connection.execute(_BODY, {"owner": owner}).one_or_none()
        card = tx.connection.execute(_CARD, {"owner": owner}).one_or_none() if body is None else None
        try:
            if body is not None and body.wrapped is not None:
                return self._body(tx, body)
            if card is not None and card.wrapped is not None and card.card is not None:
                return self._card(card)
            return RejectedError("there is nothing to reveal: it was erased, or it never existed")
        except SealBrokenError as error:
            return RejectedError(
                "this seal does not open: check the master key, or ask who changed the data",
                detail=str(error),
            )

    def _body(self, tx: Transaction, row: Any) -> Revealed:
        key = self._keyring.unwrap(row.key_id, row.wrapped)
        kind, name = _kind_of(tx, row.owner)
        return Revealed(
            kind=kind,
            name=name,
            media_type=row.media_type,
            schema_version=row.schema_version,
            raw=key.open(row.owner, "raw", row.raw) if row.raw is not None else b"",
            canonical=key.open(row.owner, "canonical", row.canonical) if row.canonical is not None else b"",
        )

    def _card(self, row: Any) -> Revealed:
        key = self._keyring.unwrap(row.key_id, row.wrapped)
        return Revealed(
            kind="case",
            name="case_card",
            media_type="application/json",
            schema_version=row.card_version,
            canonical=key.open(row.ref, "card", row.card),
        )


_BODY = (
    select(bodies, data_keys.c.wrapped)
    .join(data_keys, data_keys.c.message_id == bodies.c.key_id, isouter=True)
    .where(bodies.c.owner == bindparam("owner"))
)
_CARD = (
    select(cases.c.ref, cases.c.key_id, cases.c.card, cases.c.card_version, data_keys.c.wrapped)
    .join(data_keys, data_keys.c.message_id == cases.c.key_id, isouter=True)
    .where(cases.c.ref == bindparam("owner"))
)


def _kind_of(tx: Transaction, owner: str) -> tuple[str, str]:
    kind = tx.connection.execute(select(messages.c.kind).where(messages.c.id == owner)).scalar_one_or_none()
    if kind:
        return "message", kind
    return "effect", tx.connection.execute(select(effects.c.action).where(effects.c.id == owner)).scalar_one()

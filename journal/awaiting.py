"""After a restore: news of cases whose contacts were not handed over again yet. It waits, and goes on when they are here."""

from typing import Final

from sqlalchemy import Connection, select

from canonical_model.case import CaseRef
from journal.among import among
from journal.schema import cases, messages

_SIGN: Final = (
    " was opened before the journal was put back: hand its contact over again, and this follows by itself"
)
_CASES: Final = select(cases.c.ref).where(among(cases.c.ref, "refs"))


def why_it_waits(case: CaseRef) -> str:
    """The reason of a message that waits for this case."""
    return f"{case}{_SIGN}"


def need_wait_no_more(connection: Connection, limit: int = 100) -> tuple[str, ...]:
    """Messages whose case is here now, in the order in which they came."""
    query = (
        select(messages.c.id, messages.c.reason)
        .where(
            messages.c.state == "parked",
            messages.c.case_ref.is_(None),
            messages.c.reason.endswith(_SIGN, autoescape=True),
        )
        .order_by(messages.c.id)
    )
    waiting = {row.id: row.reason.removesuffix(_SIGN) for row in connection.execute(query)}
    if not waiting:
        return ()
    here = set(connection.execute(_CASES, {"refs": sorted(set(waiting.values()))}).scalars())
    return tuple(id_ for id_, ref in waiting.items() if ref in here)[:limit]

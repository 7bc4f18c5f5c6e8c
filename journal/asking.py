"""What the hub asked of the tracker and when that was done: what the tracker said before says nothing about it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, case, func, select

from journal.among import among
from journal.instants import moment
from journal.schema import effects

NOT_YET: Final = datetime.max.replace(tzinfo=UTC)
"""When the tracker did what has not reached it so far."""
_UNFINISHED: Final = ("due", "claimed", "unknown")
_ASKED = (
    select(
        effects.c.case_ref,
        func.max(case((effects.c.state.in_(_UNFINISHED), 1), else_=0)),
        func.max(effects.c.finished_at),
    )
    .where(
        among(effects.c.case_ref, "refs"), effects.c.target == "tracker", effects.c.action == "change_case"
    )
    .group_by(effects.c.case_ref)
)


def asked_until(connection: Connection, refs: Iterable[str]) -> dict[str, datetime]:
    """When the last change that was asked for each of these cases was done; a case without any is left out."""
    wanted = sorted(refs)
    if not wanted:
        return {}
    found = connection.execute(_ASKED, {"refs": wanted})
    return {
        ref: NOT_YET if unfinished else moment(done) for ref, unfinished, done in found if unfinished or done
    }

"""What went out of a case, and to whom: asked when it is erased, so that all who got something are asked to forget it."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, or_, select

from canonical_model.decision import Sent
from journal.among import among
from journal.schema import effects

_SENT: Final = (
    select(effects.c.case_ref, effects.c.target, effects.c.action, effects.c.key, effects.c.outside_id)
    .where(
        among(effects.c.case_ref, "refs"),
        or_(
            effects.c.state != "skipped", effects.c.attempts > 0
        ),  # it may have arrived, or does at this moment
    )
    .order_by(effects.c.case_ref, effects.c.seq)
)


def sent_of(connection: Connection, refs: Iterable[str]) -> dict[str, tuple[Sent, ...]]:
    """What went out for each of these cases or is about to, oldest first; a case of which nothing did is left out."""
    found: dict[str, tuple[Sent, ...]] = {}
    wanted = sorted(refs)
    for ref, target, action, key, outside_id in connection.execute(_SENT, {"refs": wanted}) if wanted else ():
        one = Sent(target=target, action=action, key=key, outside_id=outside_id)
        found[ref] = (*found.get(ref, ()), one)
    return found

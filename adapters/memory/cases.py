"""Cases in memory, for adapters that ask about them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from canonical_model.case import CaseRef
from canonical_model.decision import Reference
from canonical_model.status import OPEN
from ports.cases import MOST, CaseSummary, CaseView, Outcome


class MemoryCases:
    """Answers from what a test or a training put in; references are compared whatever their case."""

    def __init__(self) -> None:
        self._views: dict[CaseRef, CaseView] = {}
        self._names: dict[CaseRef, set[tuple[str, str]]] = {}
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    def add(self, view: CaseView, names: Iterable[Reference] = ()) -> None:
        """Put in a case, or its new state, with the references that it carries."""
        self._views[view.summary.ref] = view
        self._names.setdefault(view.summary.ref, set()).update(_keys(names))

    def settle(self, source: str, source_ref: str, outcome: Outcome) -> None:
        """Say what became of a message."""
        self._outcomes[source, source_ref] = outcome

    async def known_under(
        self, names: Sequence[Reference], *, only_open: bool = False, limit: int = MOST
    ) -> tuple[CaseSummary, ...]:
        wanted = _keys(names)
        found = [self._views[ref].summary for ref, carried in self._names.items() if carried & wanted]
        shown = [summary for summary in found if summary.status in OPEN or not only_open]
        return tuple(sorted(shown, key=lambda one: (one.opened_at, one.ref), reverse=True)[:limit])

    async def brought_by(
        self, origin: str, *, since: datetime | None = None, limit: int = MOST
    ) -> tuple[CaseSummary, ...]:
        found = [view.summary for view in self._views.values() if view.summary.origin == origin]
        changed = [one for one in found if since is None or one.changed_at >= since]
        return tuple(sorted(changed, key=lambda one: (one.changed_at, one.ref))[:limit])

    async def view(self, ref: CaseRef) -> CaseView | None:
        return self._views.get(ref)

    async def belongs_to(self, ref: CaseRef, names: Sequence[Reference]) -> bool:
        return bool(self._names.get(ref, set()) & _keys(names))

    async def outcome(self, source: str, source_ref: str) -> Outcome | None:
        return self._outcomes.get((source, source_ref))


def _keys(names: Iterable[Reference]) -> set[tuple[str, str]]:
    return {(name.system, name.value.strip().casefold()) for name in names}

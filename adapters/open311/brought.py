"""Walks over the cases that an app brought, page by page."""

from collections.abc import AsyncGenerator
from datetime import datetime

from canonical_model.case import CaseRef
from ports.cases import MOST, Cases, CaseSummary


async def brought(cases: Cases, origin: str, since: datetime | None) -> AsyncGenerator[CaseSummary]:
    """Every case of this origin that changed since then, each once, the oldest change first."""
    seen: set[CaseRef] = set()
    while True:
        page = await cases.brought_by(origin, since=since)
        fresh = [summary for summary in page if summary.ref not in seen]
        for summary in fresh:
            seen.add(summary.ref)
            yield summary
        if len(page) < MOST or not fresh:
            return
        since = page[-1].changed_at

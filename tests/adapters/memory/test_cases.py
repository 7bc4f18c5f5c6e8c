"""Cases in memory answer like the journal."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory.cases import MemoryCases
from canonical_model.case import CaseRef
from canonical_model.contact import Channel, Kind, Language
from canonical_model.events import Answer
from canonical_model.status import CaseStatus, StatusChange
from ports.cases import CaseSummary, CaseView, Outcome
from ports.contracts.cases import MAIL, ORIGIN, PHONE, CasesContract

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


def a_view(number, status, *, origin="", origin_ref="", history=(), answers=()):
    """A case of that number, opened that many days after Monday."""
    opened = MONDAY + timedelta(days=number)
    summary = CaseSummary(
        ref=CaseRef(f"LEU-2026-{number:06d}"),
        kind=Kind.REPORT,
        channel=Channel.PHONE,
        group="kcc",
        status=status,
        category="",
        area="",
        origin=origin,
        origin_ref=origin_ref,
        opened_at=opened,
        changed_at=opened,
        due=None,
        subject="Kapot voetpad",
    )
    return CaseView(summary=summary, language=Language.NL, history=history, answers=answers)


class TestMemoryCases(CasesContract):
    @pytest.fixture
    def cases(self):
        cases = MemoryCases()
        steps = [
            StatusChange(status=status, at=MONDAY, by="kcc") for status in (CaseStatus.NEW, CaseStatus.CLOSED)
        ]
        answer = Answer(key="1", text="Het is hersteld.", at=MONDAY)
        cases.add(a_view(1, CaseStatus.CLOSED, history=tuple(steps), answers=(answer,)), [PHONE])
        newer = a_view(2, CaseStatus.NEW, origin=ORIGIN, origin_ref="its-1")
        cases.add(newer, [PHONE, MAIL])
        outcome = Outcome(
            message_id="m2", state="done", reason="opened", received_at=MONDAY, case=newer.summary
        )
        cases.settle(ORIGIN, "its-1", outcome)
        return cases

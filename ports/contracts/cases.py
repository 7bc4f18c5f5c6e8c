"""How whoever answers questions about cases must behave. Subclass `CasesContract` and give it one with two cases."""

import pytest

from canonical_model.decision import Reference
from canonical_model.status import CaseStatus
from ports.cases import Cases

PHONE = Reference(system="phone", value="+3216123456", exclusive=False)
"""Both cases carry it: the older is closed, the newer is open."""
MAIL = Reference(system="email", value="An.Peeters@example.be", exclusive=False)
"""Only the newer one carries it."""
STRANGER = Reference(system="email", value="iemand@example.be", exclusive=False)
ORIGIN = "app/leuven"
"""The source that opened the newer case, as `its-1`; the older one came by another way."""


class CasesContract:
    """Override the fixture."""

    @pytest.fixture
    def cases(self) -> Cases:
        raise NotImplementedError("return the two cases")

    async def test_a_customer_has_all_cases_under_a_name_newest_first(self, cases: Cases) -> None:
        found = await cases.known_under([PHONE])

        assert [one.status for one in found] == [CaseStatus.NEW, CaseStatus.CLOSED]
        assert [one.ref for one in found] == sorted((one.ref for one in found), reverse=True)
        assert all(one.subject for one in found)

    async def test_only_the_open_ones_when_asked(self, cases: Cases) -> None:
        assert [one.status for one in await cases.known_under([PHONE], only_open=True)] == [CaseStatus.NEW]

    async def test_any_of_the_names_will_do_and_case_does_not_matter(self, cases: Cases) -> None:
        shouted = Reference(system="email", value=MAIL.value.upper(), exclusive=False)

        assert len(await cases.known_under([STRANGER, shouted])) == 1
        assert await cases.known_under([STRANGER]) == ()
        assert await cases.known_under([]) == ()

    async def test_a_case_belongs_to_who_carries_its_name(self, cases: Cases) -> None:
        newer, older = await cases.known_under([PHONE])

        assert await cases.belongs_to(newer.ref, [STRANGER, MAIL])
        assert not await cases.belongs_to(older.ref, [STRANGER, MAIL])
        assert not await cases.belongs_to(newer.ref, [])

    async def test_a_source_sees_what_it_brought_and_nothing_else(self, cases: Cases) -> None:
        (brought,) = await cases.brought_by(ORIGIN)

        assert brought.origin_ref == "its-1"
        assert await cases.brought_by("app") == ()
        assert await cases.brought_by(ORIGIN, since=brought.changed_at) == (brought,)

    async def test_a_case_tells_its_history_and_its_answers(self, cases: Cases) -> None:
        _, older = await cases.known_under([PHONE])

        view = await cases.view(older.ref)

        assert view is not None
        assert [step.status for step in view.history] == [CaseStatus.NEW, CaseStatus.CLOSED]
        assert [answer.text for answer in view.answers] == ["Het is hersteld."]

    async def test_the_outcome_of_a_message_is_found_under_its_own_id(self, cases: Cases) -> None:
        outcome = await cases.outcome(ORIGIN, "its-1")

        assert outcome is not None
        assert outcome.case is not None
        assert outcome.case.origin == ORIGIN
        assert await cases.outcome(ORIGIN, "its-2") is None

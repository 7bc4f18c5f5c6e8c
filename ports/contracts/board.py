"""How every status board must behave. Subclass `StatusBoardContract`, give it a board and what its customers see."""

import itertools
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from msgspec.structs import replace

from canonical_model.attachment import Attachment
from canonical_model.case import CaseRef, case_ref
from canonical_model.commands import PublishStatus, SendMail, WithdrawStatus
from canonical_model.contact import Kind
from canonical_model.identifiers import Identifier, insz, kbo, vcode
from canonical_model.party import ANONYMOUS, Party, PartyKind, Representative
from canonical_model.public_status import PublicStatus
from ports.board import StatusBoard
from ports.errors import NotSupportedError, RejectedError, TransientError, UncertainError
from ports.target import Idempotency

AN = insz("85073003328")
HER_COMPANY = kbo("0403019261")
HER_CLUB = vcode("V0001001")

CITIZEN = Party(kind=PartyKind.PERSON, name="An Peeters", identifiers=(AN,))
COMPANY = Party(
    kind=PartyKind.ORGANISATION,
    name="Bakkerij Peeters",
    identifiers=(HER_COMPANY,),
    representative=Representative(name="An Peeters", identifiers=(AN,)),
)
ASSOCIATION = Party(kind=PartyKind.ASSOCIATION, name="Petanqueclub", identifiers=(HER_CLUB,))

_MORNING = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
_numbers = itertools.count(random.randrange(100_000, 900_000))  # noqa: S311 - only has to be new


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A case as a customer sees it: all statuses in their order, the last one counts. `action`: it is the customer's turn."""

    case: CaseRef
    history: tuple[PublicStatus, ...]
    action: bool


class CustomersUnderTest(Protocol):
    """What customers see, as the suite needs it. Each call but `shown_to` is about what follows it."""

    def shown_to(self, customer: Identifier) -> tuple[Shown, ...]:
        """The cases that somebody with this number sees, as they are now."""
        ...

    def go_away(self) -> None:
        """The board is not there, and takes nothing."""
        ...

    def come_back(self) -> None:
        """It is there again."""
        ...

    def lose_answer(self) -> None:
        """It does the next thing that it is told, and its answer is lost."""
        ...


def a_case() -> CaseRef:
    """A case that no test had before."""
    return case_ref("LEU", 2026, next(_numbers))


def a_publication(case: CaseRef, **changes: object) -> PublishStatus:
    """The case of a citizen was received."""
    publication = PublishStatus(
        case=case,
        kind=Kind.REPORT,
        subject="Losse tegel voor de deur",
        party=CITIZEN,
        group="wegen",
        product="1446",
        status=PublicStatus.RECEIVED,
        opened_at=_MORNING,
        changed_at=_MORNING,
    )
    return replace(publication, **changes)


def a_key(case: CaseRef) -> str:
    """A key that no effect had before."""
    return f"{case}/board/publish_status/{next(_numbers)}"


class StatusBoardContract:
    """Override the fixtures."""

    @pytest.fixture
    def board(self) -> StatusBoard:
        raise NotImplementedError("return the board under test")

    @pytest.fixture
    def customers(self) -> CustomersUnderTest:
        raise NotImplementedError("return what the customers of this board see")

    @pytest.mark.parametrize(
        ("party", "number"),
        [(CITIZEN, AN), (COMPANY, HER_COMPANY), (ASSOCIATION, HER_CLUB)],
        ids=["citizen", "company", "association"],
    )
    async def test_a_customer_sees_the_case(
        self, board: StatusBoard, customers: CustomersUnderTest, party: Party, number: Identifier
    ) -> None:
        case = a_case()

        outside_id = await board.apply(a_key(case), a_publication(case, party=party), no_files)

        assert outside_id
        assert customers.shown_to(number) == (
            Shown(case=case, history=(PublicStatus.RECEIVED,), action=False),
        )

    async def test_who_acts_for_a_company_does_not_see_its_cases_as_his_own(
        self, board: StatusBoard, customers: CustomersUnderTest
    ) -> None:
        case = a_case()

        await board.apply(a_key(case), a_publication(case, party=COMPANY), no_files)

        assert customers.shown_to(AN) == ()

    async def test_statuses_follow_each_other(
        self, board: StatusBoard, customers: CustomersUnderTest
    ) -> None:
        case = a_case()
        course = (PublicStatus.RECEIVED, PublicStatus.IN_PROGRESS, PublicStatus.WAITING_FOR_CUSTOMER)

        for minutes, status in enumerate(course):
            await board.apply(a_key(case), _later(case, minutes, status), no_files)

        assert customers.shown_to(AN) == (Shown(case=case, history=course, action=True),)

    async def test_a_second_try_changes_nothing(
        self, board: StatusBoard, customers: CustomersUnderTest
    ) -> None:
        case = a_case()
        key, publication = a_key(case), a_publication(case)

        first = await board.apply(key, publication, no_files)
        second = await board.apply(key, publication, no_files)

        assert first == second
        (shown,) = customers.shown_to(AN)
        assert shown.history == (PublicStatus.RECEIVED,)

    async def test_an_older_status_never_replaces_a_newer_one(
        self, board: StatusBoard, customers: CustomersUnderTest
    ) -> None:
        case = a_case()
        await board.apply(a_key(case), _later(case, 5, PublicStatus.EXECUTED), no_files)

        with pytest.raises(RejectedError):
            await board.apply(a_key(case), _later(case, 1, PublicStatus.IN_PROGRESS), no_files)

        (shown,) = customers.shown_to(AN)
        assert shown.history[-1] is PublicStatus.EXECUTED

    async def test_a_board_that_is_away_is_told_later(
        self, board: StatusBoard, customers: CustomersUnderTest
    ) -> None:
        case = a_case()
        key, publication = a_key(case), a_publication(case)
        customers.go_away()
        with pytest.raises((TransientError, UncertainError)):
            await board.apply(key, publication, no_files)
        customers.come_back()

        await board.apply(key, publication, no_files)

        assert [shown.case for shown in customers.shown_to(AN)] == [case]

    async def test_a_lost_answer_is_found_again(
        self, board: StatusBoard, customers: CustomersUnderTest
    ) -> None:
        case = a_case()
        key, publication = a_key(case), a_publication(case)
        assert await board.find(key, publication) is None
        customers.lose_answer()
        with pytest.raises(UncertainError):
            await board.apply(key, publication, no_files)

        found = await board.find(key, publication)

        assert found == await board.apply(key, publication, no_files)
        (shown,) = customers.shown_to(AN)
        assert shown.history == (PublicStatus.RECEIVED,)

    async def test_it_tells_how_a_case_stands(self, board: StatusBoard) -> None:
        case = a_case()
        assert await board.standing(case, "") is None
        await board.apply(a_key(case), _later(case, 0, PublicStatus.RECEIVED), no_files)
        outside_id = await board.apply(a_key(case), _later(case, 1, PublicStatus.IN_PROGRESS), no_files)

        standing = await board.standing(case, outside_id)

        assert standing is not None
        assert standing.outside_id == outside_id
        assert standing.state in (PublicStatus.IN_PROGRESS, "")

    async def test_what_is_withdrawn_nobody_sees_any_more(
        self, board: StatusBoard, customers: CustomersUnderTest
    ) -> None:
        case = a_case()
        await board.apply(a_key(case), a_publication(case), no_files)
        withdrawal = WithdrawStatus(case=case, reason="erased")

        await board.apply(a_key(case), withdrawal, no_files)
        await board.apply(a_key(case), withdrawal, no_files)

        assert customers.shown_to(AN) == ()
        assert await board.standing(case, "") is None

    async def test_a_customer_without_a_number_is_put_before_a_person(
        self, board: StatusBoard, customers: CustomersUnderTest
    ) -> None:
        case = a_case()

        for party in (ANONYMOUS, replace(CITIZEN, identifiers=())):
            with pytest.raises(RejectedError):
                await board.apply(a_key(case), a_publication(case, party=party), no_files)

        assert customers.shown_to(AN) == ()

    async def test_other_commands_are_not_supported(self, board: StatusBoard) -> None:
        mail = SendMail(message_id="a@b", to="an@example.be", subject="s", text="t")

        with pytest.raises(NotSupportedError):
            await board.apply(a_key(a_case()), mail, no_files)

    def test_an_unknown_outcome_is_repeated_or_looked_up(self, board: StatusBoard) -> None:
        assert board.idempotency in (Idempotency.NATIVE_KEY, Idempotency.PROBE)


async def no_files(attachment: Attachment) -> bytes:
    """A status has no files."""
    raise LookupError(attachment.claim)


def _later(case: CaseRef, minutes: int, status: PublicStatus) -> PublishStatus:
    action = "Stuur ons een foto." if status is PublicStatus.WAITING_FOR_CUSTOMER else ""
    return a_publication(case, status=status, action=action, changed_at=_MORNING + timedelta(minutes=minutes))

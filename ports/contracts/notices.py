"""How every notification service must behave. Subclass `NoticesContract`, give it one and the inboxes behind it."""

import itertools
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from msgspec.structs import replace

from canonical_model.attachment import Attachment
from canonical_model.case import CaseRef, case_ref
from canonical_model.commands import Notify, SendMail, WithdrawNotice
from canonical_model.identifiers import Identifier, insz
from canonical_model.party import ANONYMOUS, Party, PartyKind
from canonical_model.public_status import PublicStatus
from ports.errors import NotOfferedError, NotSupportedError, RejectedError, TransientError, UncertainError
from ports.notices import NOT_WANTED, Notices
from ports.target import Idempotency

AN = insz("85073003328")
CITIZEN = Party(kind=PartyKind.PERSON, name="An Peeters", email="an@example.be", identifiers=(AN,))

_numbers = itertools.count(random.randrange(100_000, 900_000))  # noqa: S311 - only has to be new


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A notification in an inbox."""

    case: CaseRef
    outside_id: str


class InboxesUnderTest(Protocol):
    """The service and its inboxes, as the suite needs them. Each call but `of` is about what follows it."""

    def of(self, customer: Identifier) -> tuple[Arrived, ...]:
        """What somebody with this number got, oldest first."""
        ...

    async def does_not_want(self, customer: Identifier) -> None:
        """This customer opted out with us."""
        ...

    def go_away(self) -> None:
        """The service is not there, and takes nothing."""
        ...

    def come_back(self) -> None:
        """It is there again."""
        ...

    def lose_answer(self) -> None:
        """It takes the next notification, and its answer is lost."""
        ...


def a_case() -> CaseRef:
    """A case that no test had before."""
    return case_ref("LEU", 2026, next(_numbers))


def a_notice(case: CaseRef, **changes: object) -> Notify:
    """The case of a citizen was answered, a moment ago."""
    notice = Notify(
        case=case,
        party=CITIZEN,
        subject="Losse tegel voor de deur",
        product="1446",
        status=PublicStatus.ANSWERED,
        changed_at=datetime.now(UTC),
    )
    return replace(notice, **changes)


def a_key(case: CaseRef) -> str:
    """A key that no effect had before."""
    return f"{case}/notices/notify/{next(_numbers)}"


class NoticesContract:
    """Override the fixtures."""

    @pytest.fixture
    def notices(self) -> Notices:
        raise NotImplementedError("return the service under test")

    @pytest.fixture
    def inboxes(self) -> InboxesUnderTest:
        raise NotImplementedError("return the inboxes behind it")

    async def test_a_notification_arrives(self, notices: Notices, inboxes: InboxesUnderTest) -> None:
        case = a_case()

        outside_id = await notices.apply(a_key(case), a_notice(case), no_files)

        assert inboxes.of(AN) == (Arrived(case=case, outside_id=outside_id),)

    async def test_a_second_try_is_recognised(self, notices: Notices, inboxes: InboxesUnderTest) -> None:
        case = a_case()
        key, notice = a_key(case), a_notice(case)

        first = await notices.apply(key, notice, no_files)
        second = await notices.apply(key, notice, no_files)

        assert first == second
        assert len(inboxes.of(AN)) == 1

    async def test_a_service_that_is_away_is_asked_later(
        self, notices: Notices, inboxes: InboxesUnderTest
    ) -> None:
        case = a_case()
        key, notice = a_key(case), a_notice(case)
        inboxes.go_away()
        with pytest.raises((TransientError, UncertainError)):
            await notices.apply(key, notice, no_files)
        inboxes.come_back()

        await notices.apply(key, notice, no_files)

        assert len(inboxes.of(AN)) == 1

    async def test_a_lost_answer_leaves_one_notification(
        self, notices: Notices, inboxes: InboxesUnderTest
    ) -> None:
        case = a_case()
        key, notice = a_key(case), a_notice(case)
        inboxes.lose_answer()
        with pytest.raises(UncertainError):
            await notices.apply(key, notice, no_files)

        found = await notices.find(key, notice)
        again = await notices.apply(key, notice, no_files)

        assert found in (None, again)
        assert inboxes.of(AN) == (Arrived(case=case, outside_id=again),)

    @pytest.mark.parametrize(
        "party", [ANONYMOUS, Party(kind=PartyKind.PERSON, name="An Peeters")], ids=["anonymous", "no number"]
    )
    async def test_who_cannot_be_reached_is_told_as_a_refusal(
        self, notices: Notices, inboxes: InboxesUnderTest, party: Party
    ) -> None:
        case = a_case()

        with pytest.raises(RejectedError, match="can't be reached"):
            await notices.apply(a_key(case), a_notice(case, party=party), no_files)

        assert inboxes.of(AN) == ()

    async def test_who_opted_out_hears_nothing_and_nobody_has_to_look(
        self, notices: Notices, inboxes: InboxesUnderTest
    ) -> None:
        case = a_case()
        await inboxes.does_not_want(AN)

        outside_id = await notices.apply(a_key(case), a_notice(case), no_files)

        assert outside_id == NOT_WANTED
        assert inboxes.of(AN) == ()

    async def test_what_is_no_news_any_more_is_not_sent(
        self, notices: Notices, inboxes: InboxesUnderTest
    ) -> None:
        case = a_case()
        long_ago = datetime.now(UTC) - timedelta(days=30)
        notice = a_notice(case, changed_at=long_ago, expires=(long_ago + timedelta(days=5)).date())

        with pytest.raises(RejectedError):
            await notices.apply(a_key(case), notice, no_files)

        assert inboxes.of(AN) == ()

    @pytest.mark.parametrize("by_key", [False, True], ids=["by its own id", "by its key"])
    async def test_a_notification_is_called_back_or_that_is_refused(
        self, notices: Notices, inboxes: InboxesUnderTest, *, by_key: bool
    ) -> None:
        case = a_case()
        key = a_key(case)
        outside_id = await notices.apply(key, a_notice(case), no_files)
        withdrawal = WithdrawNotice(case=case, notice=key if by_key else outside_id)

        try:
            await notices.apply(a_key(case), withdrawal, no_files)
            left = 0
        except (NotOfferedError, RejectedError):
            left = 1

        assert len(inboxes.of(AN)) == left

    async def test_calling_back_what_was_not_wanted_is_no_failure(
        self, notices: Notices, inboxes: InboxesUnderTest
    ) -> None:
        case = a_case()
        await inboxes.does_not_want(AN)
        outside_id = await notices.apply(a_key(case), a_notice(case), no_files)

        await notices.apply(a_key(case), WithdrawNotice(case=case, notice=outside_id), no_files)

        assert inboxes.of(AN) == ()

    async def test_other_commands_are_not_supported(self, notices: Notices) -> None:
        mail = SendMail(message_id="a@b", to="an@example.be", subject="s", text="t")

        with pytest.raises(NotSupportedError):
            await notices.apply(a_key(a_case()), mail, no_files)

    def test_an_unknown_outcome_is_repeated_or_looked_up(self, notices: Notices) -> None:
        assert notices.idempotency in (Idempotency.NATIVE_KEY, Idempotency.PROBE)


async def no_files(attachment: Attachment) -> bytes:
    """A notification has no files."""
    raise LookupError(attachment.claim)

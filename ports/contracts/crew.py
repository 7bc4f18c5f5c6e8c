"""How every field team's system must behave. Subclass `CrewContract`, give it a crew and the people behind it."""

import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

import pytest
from msgspec.structs import replace

from canonical_model.attachment import Attachment, Claim
from canonical_model.case import CaseRef, case_ref
from canonical_model.commands import CancelWork, ForgetWork, OrderWork, SendMail
from canonical_model.events import WorkOrderChanged
from canonical_model.location import Location, Point
from canonical_model.work_order import OrderState, WorkOrder, order_id
from ports.contracts.source import RecordingIntake
from ports.crew import Crew
from ports.errors import NotOfferedError, NotSupportedError, TransientError, UncertainError
from ports.target import Idempotency

BEFORE = b"\xff\xd8\xff\xe0\0\x10JFIF\0 voor " + bytes(64)
AFTER = b"\xff\xd8\xff\xe0\0\x10JFIF\0 na " + bytes(64)
"""Photos, by their first bytes."""

_numbers = itertools.count(random.randrange(10_000_000, 900_000_000))  # noqa: S311 - only has to be new

BringIn = Callable[[], Awaitable[None]]


class FieldUnderTest(Protocol):
    """The crew and its system, as the suite needs them. An order is named by our `order_id`."""

    def go_away(self) -> None:
        """The system is not there for what comes next; nothing that is sent reaches it."""
        ...

    def come_back(self) -> None:
        """It is there again."""
        ...

    def lose_answer(self) -> None:
        """Do the next thing that is asked, but let the answer get lost."""
        ...

    async def on_the_list(self) -> tuple[str, ...]:
        """The orders that the crew still has to do, each as often as it is there."""
        ...

    async def card(self, order: str) -> str:
        """All that the crew reads of an order."""
        ...

    async def photos(self, order: str) -> tuple[bytes, ...]:
        """The photos that the crew sees with an order, in any order."""
        ...

    async def report(self, order: str, state: OrderState, text: str = "", photo: bytes = b"") -> None:
        """The crew tells how it stands; `photo` is evidence."""
        ...


def some_work(**changes: object) -> WorkOrder:
    """A loose tile, for a case that nobody ordered work for before."""
    work = WorkOrder(
        case=case_ref("LEU", 2026, next(_numbers)),
        trip=1,
        subject="Losse tegel",
        description="Er ligt een losse tegel voor de deur. <b>Pas op</b> & kijk uit; \\ dank, 't is glad \N{BRICK}",
        category="voetpad",
        group="wegen",
        location=Location(
            address="Naamsestraat 12, 3000 Leuven",
            postcode="3000",
            area="centrum",
            point=Point(latitude=50.8774, longitude=4.7003),
        ),
        due=datetime(2026, 12, 4, 16, 0, tzinfo=UTC),
    )
    return replace(work, **changes)


def a_photo(content: bytes = BEFORE, name: str = "stoep.jpg") -> Attachment:
    """What is known of a photo with these bytes."""
    claim = Claim(sha256(content).hexdigest())
    return Attachment(claim=claim, name=name, media_type="image/jpeg", size=len(content))


def key_of(work: WorkOrder) -> str:
    """The effect's key."""
    return f"{work.case}/crew/order_work/{work.trip}"


def cancelled(work: WorkOrder, outside_id: str, reason: str = "Dubbel gemeld") -> CancelWork:
    """The command that takes the order back."""
    return CancelWork(case=work.case, trip=work.trip, outside_id=outside_id, reason=reason)


class CrewContract:
    """Override the fixtures; each test uses orders of its own, so the system may be shared."""

    forgets = True
    """Whether an order can be removed over there; if not, the crew says `NotOfferedError`."""

    @pytest.fixture
    def intake(self) -> RecordingIntake:
        return RecordingIntake()

    @pytest.fixture
    def crew(self, intake: RecordingIntake) -> Crew:
        raise NotImplementedError("return the crew under test, whose changes go to this intake")

    @pytest.fixture
    def field(self) -> FieldUnderTest:
        raise NotImplementedError("return the people behind it and their system")

    @pytest.fixture
    def bring_in(self) -> BringIn:
        """Gets what changed into the intake: polls the source; where the system calls us, nothing."""
        raise NotImplementedError("return what brings the changes in")

    async def test_an_order_is_on_the_list_once(self, crew: Crew, field: FieldUnderTest) -> None:
        work = some_work()

        outside_id = await _ordered(crew, work)

        assert outside_id
        assert await _times(field, work) == 1
        assert await crew.find(key_of(work), OrderWork(order=work)) == outside_id

    async def test_the_crew_reads_what_and_where(self, crew: Crew, field: FieldUnderTest) -> None:
        work = some_work()

        await _ordered(crew, work)

        card = await field.card(order_id(work.case, work.trip))
        assert work.subject in card
        assert work.description in card
        assert work.location.address in card

    async def test_an_order_without_a_place_on_the_map_goes_out_too(
        self, crew: Crew, field: FieldUnderTest
    ) -> None:
        work = some_work(location=Location(address="Naamsestraat 12, 3000 Leuven"), due=None, urgent=True)

        await _ordered(crew, work)

        assert await _times(field, work) == 1

    async def test_a_second_try_makes_no_second_order(self, crew: Crew, field: FieldUnderTest) -> None:
        work = some_work()

        first = await _ordered(crew, work)
        second = await _ordered(crew, work)

        assert second == first
        assert await _times(field, work) == 1

    async def test_what_was_not_ordered_is_not_found(self, crew: Crew) -> None:
        work = some_work()

        assert await crew.find(key_of(work), OrderWork(order=work)) is None
        assert await crew.standing(work.case, "") is None

    async def test_a_lost_answer_is_uncertain_and_the_probe_knows(
        self, crew: Crew, field: FieldUnderTest
    ) -> None:
        work = some_work()
        field.lose_answer()

        with pytest.raises(UncertainError):
            await _ordered(crew, work)

        field.come_back()
        found = await crew.find(key_of(work), OrderWork(order=work))
        assert found
        assert await _ordered(crew, work) == found
        assert await _times(field, work) == 1

    async def test_a_system_that_is_away_got_nothing(self, crew: Crew, field: FieldUnderTest) -> None:
        work = some_work()
        field.go_away()

        with pytest.raises(TransientError):
            await _ordered(crew, work)

        field.come_back()
        assert await crew.find(key_of(work), OrderWork(order=work)) is None
        await _ordered(crew, work)
        assert await _times(field, work) == 1

    async def test_a_second_trip_is_an_order_of_its_own(self, crew: Crew, field: FieldUnderTest) -> None:
        first = some_work()
        second = replace(first, trip=2)

        ids = {await _ordered(crew, first), await _ordered(crew, second)}

        assert len(ids) == 2
        assert (await _times(field, first), await _times(field, second)) == (1, 1)

    async def test_photos_go_along(self, crew: Crew, field: FieldUnderTest) -> None:
        work = some_work(attachments=(a_photo(BEFORE), a_photo(AFTER, "detail.jpg")))

        await _ordered(crew, work)
        await _ordered(crew, work)

        assert sorted(await field.photos(order_id(work.case, work.trip))) == sorted((BEFORE, AFTER))

    async def test_a_cancelled_order_leaves_the_list(self, crew: Crew, field: FieldUnderTest) -> None:
        work = some_work()
        outside_id = await _ordered(crew, work)

        await crew.apply(f"{work.case}/crew/cancel_work/1", cancelled(work, outside_id), no_files)
        await crew.apply(f"{work.case}/crew/cancel_work/1", cancelled(work, outside_id), no_files)

        assert await _times(field, work) == 0
        assert await crew.find(f"{work.case}/crew/cancel_work/1", cancelled(work, outside_id))
        await _assert_stands(crew, work, outside_id, OrderState.CANCELLED)

    async def test_what_stands_is_not_found_as_cancelled(self, crew: Crew) -> None:
        work = some_work()
        outside_id = await _ordered(crew, work)

        assert await crew.find(f"{work.case}/crew/cancel_work/1", cancelled(work, outside_id)) is None

    async def test_what_the_crew_has_done_is_not_cancelled(self, crew: Crew, field: FieldUnderTest) -> None:
        work = some_work()
        outside_id = await _ordered(crew, work)
        await field.report(order_id(work.case, work.trip), OrderState.DONE, "Hersteld")

        with pytest.raises(NotOfferedError):
            await crew.apply(f"{work.case}/crew/cancel_work/1", cancelled(work, outside_id), no_files)

    async def test_what_is_not_there_is_not_cancelled(self, crew: Crew) -> None:
        work = some_work()

        with pytest.raises(NotOfferedError):
            await crew.apply(f"{work.case}/crew/cancel_work/1", cancelled(work, ""), no_files)

    async def test_the_order_of_an_erased_case_is_forgotten(
        self, crew: Crew, field: FieldUnderTest, intake: RecordingIntake, bring_in: BringIn
    ) -> None:
        work = some_work(attachments=(a_photo(BEFORE),))
        outside_id = await _ordered(crew, work)
        await bring_in()
        forget = ForgetWork(case=work.case, trip=work.trip, outside_id=outside_id)
        key = f"{work.case}/crew/forget_work/erased-trip-1"

        if not self.forgets:
            with pytest.raises(NotOfferedError, match=order_id(work.case, work.trip)):
                await crew.apply(key, forget, no_files)
            return
        assert await crew.find(key, forget) is None
        await crew.apply(key, forget, no_files)
        await crew.apply(key, forget, no_files)
        await bring_in()
        assert await crew.find(key, forget)
        assert await _times(field, work) == 0
        assert await crew.standing(work.case, outside_id) is None
        assert _changes(intake, work.case) == []

    async def test_nothing_else_is_taken(self, crew: Crew) -> None:
        mail = SendMail(message_id="a@b", to="an@example.be", subject="s", text="t")

        with pytest.raises(NotSupportedError):
            await crew.apply("LEU-2026-000123/crew/send_mail/1", mail, no_files)

    def test_an_unknown_outcome_is_recognised_or_looked_up(self, crew: Crew) -> None:
        assert crew.idempotency in (Idempotency.NATIVE_KEY, Idempotency.PROBE)

    @pytest.mark.parametrize(
        "state", [OrderState.PLANNED, OrderState.IN_PROGRESS, OrderState.DONE, OrderState.NOT_FOUND]
    )
    async def test_what_the_crew_tells_comes_in(
        self,
        crew: Crew,
        field: FieldUnderTest,
        intake: RecordingIntake,
        bring_in: BringIn,
        state: OrderState,
    ) -> None:
        work = some_work()
        outside_id = await _ordered(crew, work)
        started = datetime.now(UTC) - timedelta(minutes=5)

        await field.report(order_id(work.case, work.trip), state, "Ploeg 3 was er")
        await bring_in()

        (change,) = _changes(intake, work.case)
        assert (change.trip, change.outside_id, change.state) == (1, outside_id, state)
        assert change.system
        assert "Ploeg 3 was er" in change.text
        assert change.update
        assert change.at.utcoffset() == timedelta(0)
        assert change.at > started
        await _assert_stands(crew, work, outside_id, state)

    async def test_the_crew_may_drop_an_order(
        self, crew: Crew, field: FieldUnderTest, intake: RecordingIntake, bring_in: BringIn
    ) -> None:
        work = some_work()
        await _ordered(crew, work)

        await field.report(order_id(work.case, work.trip), OrderState.CANCELLED, "Geen tijd")
        await bring_in()

        assert [change.state for change in _changes(intake, work.case)] == [OrderState.CANCELLED]

    async def test_every_step_comes_in_once_and_in_order(
        self, crew: Crew, field: FieldUnderTest, intake: RecordingIntake, bring_in: BringIn
    ) -> None:
        work = some_work()
        await _ordered(crew, work)
        steps = [OrderState.PLANNED, OrderState.IN_PROGRESS, OrderState.DONE]

        for step in steps:
            await field.report(order_id(work.case, work.trip), step)
            await bring_in()
            await bring_in()

        assert [change.state for change in _changes(intake, work.case)] == steps
        assert len({change.update for change in _changes(intake, work.case)}) == len(steps)

    async def test_evidence_comes_along(
        self, crew: Crew, field: FieldUnderTest, intake: RecordingIntake, bring_in: BringIn
    ) -> None:
        work = some_work(attachments=(a_photo(BEFORE),))
        await _ordered(crew, work)

        await field.report(order_id(work.case, work.trip), OrderState.DONE, "Hersteld", AFTER)
        await bring_in()

        (inbound,) = [one for one in intake.understood if _is_about(one.event, work.case)]
        (change,) = _changes(intake, work.case)
        assert [file.content for file in inbound.files] == [AFTER]
        assert change.evidence == tuple(file.attachment for file in inbound.files)
        assert change.evidence[0].claim == sha256(AFTER).hexdigest()

    async def test_whoever_asks_is_told_no_less_than_whoever_hears(
        self, crew: Crew, field: FieldUnderTest, intake: RecordingIntake, bring_in: BringIn
    ) -> None:
        work = some_work()
        outside_id = await _ordered(crew, work)
        await field.report(order_id(work.case, work.trip), OrderState.DONE, "Hersteld", AFTER)

        standing = await crew.standing(work.case, outside_id)

        assert standing
        await bring_in()
        (heard,) = _changes(intake, work.case)
        asked = (standing.state, standing.text, tuple(file.attachment for file in await standing.files()))
        assert asked == (heard.state, heard.text, heard.evidence)
        assert heard.text == "Hersteld"

    async def test_what_we_did_ourselves_is_no_news(
        self, crew: Crew, intake: RecordingIntake, bring_in: BringIn
    ) -> None:
        work = some_work(attachments=(a_photo(BEFORE),))
        outside_id = await _ordered(crew, work)
        await bring_in()
        await crew.apply(f"{work.case}/crew/cancel_work/1", cancelled(work, outside_id), no_files)
        await bring_in()

        assert _changes(intake, work.case) == []

    async def test_how_it_stands_is_known_without_the_outside_id(
        self, crew: Crew, field: FieldUnderTest
    ) -> None:
        work = some_work()
        outside_id = await _ordered(crew, work)

        standing = await crew.standing(work.case, "")

        assert standing
        assert (standing.outside_id, standing.state) == (outside_id, OrderState.ORDERED)


async def photo_bytes(attachment: Attachment) -> bytes:
    """The bytes of the suite's photos."""
    return next(content for content in (BEFORE, AFTER) if sha256(content).hexdigest() == attachment.claim)


async def no_files(attachment: Attachment) -> bytes:
    """Taking back needs no files."""
    raise LookupError(attachment.claim)


async def _ordered(crew: Crew, work: WorkOrder) -> str:
    return await crew.apply(key_of(work), OrderWork(order=work), photo_bytes)


async def _times(field: FieldUnderTest, work: WorkOrder) -> int:
    return (await field.on_the_list()).count(order_id(work.case, work.trip))


async def _assert_stands(crew: Crew, work: WorkOrder, outside_id: str, state: OrderState) -> None:
    standing = await crew.standing(work.case, outside_id)

    assert standing
    assert (standing.outside_id, standing.state) == (outside_id, state)


def _is_about(event: object, case: CaseRef) -> bool:
    return isinstance(event, WorkOrderChanged) and event.case == case


def _changes(intake: RecordingIntake, case: CaseRef) -> list[WorkOrderChanged]:
    events = [inbound.event for inbound in intake.understood]
    return [event for event in events if isinstance(event, WorkOrderChanged) and event.case == case]

"""How every tracker must behave. Subclass `TrackerContract` in a test and give it a tracker and a handler."""

import asyncio
import hashlib
import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from msgspec.structs import replace

from canonical_model.attachment import Attachment, Claim
from canonical_model.case import CanonicalCase, CaseRef, case_ref
from canonical_model.contact import Channel, Kind
from canonical_model.events import CaseChanged
from canonical_model.location import Location, Point
from canonical_model.party import Party, PartyKind
from canonical_model.status import CaseStatus
from ports.errors import RejectedError
from ports.tracker import CaseChange, CaseQuery, Conflict, Note, Tracker, TrackerCase, TrackerId

GROUPS = ("kcc", "openbaar-domein", "burgerzaken")
"""The handler groups that the tracker under test must have."""
NO_GROUP = "bestaat-niet"
DUE = datetime(2031, 3, 14, 16, 30, 5, tzinfo=UTC)
ODD_TEXT = (
    'Ça va? \'n "put" <b>&amp;</b> €5 \u2013 naïef ß 日本 🚲 ; DROP TABLE issue; %s {0} \\ ..\nTweede lijn'
)

_numbers = itertools.count(random.randrange(10_000_000, 900_000_000))  # noqa: S311 - only has to be new


class Handler(Protocol):
    """Somebody at work in the tracker, as the suite needs them."""

    async def answer(self, ref: CaseRef, text: str) -> None:
        """Write to the customer."""
        ...

    async def set_status(self, ref: CaseRef, status: CaseStatus) -> None:
        """Change the status of a case."""
        ...

    async def download(self, attachment_id: str) -> bytes:
        """The bytes of an attachment."""
        ...


def a_case(**changes: object) -> CanonicalCase:
    """A report with a reference that no case had before."""
    number = next(_numbers)
    case = CanonicalCase(
        ref=case_ref("TST", 2026, number),
        kind=Kind.REPORT,
        channel=Channel.MAIL,
        group="openbaar-domein",
        subject="Losliggende stoeptegel",
        description="Voor nummer 12 ligt een tegel los.",
        party_ref=f"p-{number}",
        party=Party(kind=PartyKind.PERSON, name="Jo Peeters", email=f"jo.{number}@example.be"),
        location=Location(
            address="Bondgenotenlaan 12",
            postcode="3000",
            area="centrum",
            point=Point(latitude=50.88, longitude=4.7),
        ),
        category="wegen",
        product="12345",
    )
    return replace(case, **changes)


def a_note(key: str, **changes: object) -> Note:
    """An internal note of the hub."""
    note = Note(key=key, text="Doorgestuurd.", public=False, incoming=False)
    return replace(note, **changes)


def a_file(content: bytes, name: str = "foto.jpg", media_type: str = "image/jpeg") -> Attachment:
    """What the hub knows of these bytes."""
    claim = Claim(hashlib.sha256(content).hexdigest())
    return Attachment(claim=claim, name=name, media_type=media_type, size=len(content))


async def opened(tracker: Tracker, case: CanonicalCase) -> TrackerId:
    """The id of the case, made now."""
    return (await tracker.create_if_absent(case)).id


async def drained(
    tracker: Tracker, cursor: str | None = None, limit: int = 200
) -> tuple[list[CaseChanged], str]:
    """All changes from the cursor on, and the cursor after them."""
    changes: list[CaseChanged] = []
    while True:
        batch = await tracker.changes(cursor, limit)
        changes += batch.changes
        assert len(batch.changes) <= limit
        if not batch.changes and batch.cursor == cursor:
            return changes, batch.cursor
        cursor = batch.cursor


async def listed(tracker: Tracker, query: CaseQuery, size: int = 50) -> list[list[TrackerCase]]:
    """All pages of a list."""
    pages: list[list[TrackerCase]] = []
    page = 1
    while page:
        found = await tracker.list(query, page=page, size=size)
        pages.append(list(found.cases))
        page = found.next_page
    return pages


def refs_of(pages: Sequence[Sequence[TrackerCase]]) -> list[CaseRef]:
    """The references on these pages, in order."""
    return [case.ref for page in pages for case in page]


class TrackerContract:
    """Override the fixtures. All tests may run one after another on one and the same tracker."""

    paged_cases = 2500
    """How many cases the paging test makes; fewer where making them is slow."""

    @pytest.fixture
    def tracker(self) -> Tracker:
        raise NotImplementedError("return the tracker under test, with the groups in GROUPS")

    @pytest.fixture
    def handler(self) -> Handler:
        raise NotImplementedError("return somebody who works in the tracker under test")

    async def test_a_tracker_with_all_groups_is_ready(self, tracker: Tracker) -> None:
        assert await tracker.ensure_ready(GROUPS) == ()

    async def test_a_missing_group_is_named(self, tracker: Tracker) -> None:
        missing = await tracker.ensure_ready((*GROUPS, NO_GROUP))

        assert len(missing) == 1
        assert NO_GROUP in missing[0]

    async def test_the_same_case_twice_is_one_case(self, tracker: Tracker) -> None:
        case = a_case()

        first = await tracker.create_if_absent(case)
        second = await tracker.create_if_absent(case)

        assert (first.created, second.created) == (True, False)
        assert first.id == second.id
        assert len((await tracker.get(first.id)).notes) == 1

    async def test_the_same_case_eight_times_at_once_is_one_case(self, tracker: Tracker) -> None:
        for _ in range(5):
            case = a_case()

            made = await asyncio.gather(*(tracker.create_if_absent(case) for _ in range(8)))

            assert sorted(one.created for one in made) == [False] * 7 + [True]
            assert len({one.id for one in made}) == 1
            assert len(await tracker.find(case.ref)) == 1
            assert len((await tracker.get(made[0].id)).notes) == 1

    async def test_customers_with_the_same_reference_are_one_customer(self, tracker: Tracker) -> None:
        first = a_case()
        others = [a_case(party_ref=first.party_ref) for _ in range(4)]

        await asyncio.gather(*(tracker.create_if_absent(case) for case in (first, *others)))

        pages = await listed(tracker, CaseQuery(party_ref=first.party_ref))
        assert sorted(refs_of(pages)) == sorted(case.ref for case in (first, *others))

    async def test_a_case_that_was_never_made_is_not_found(self, tracker: Tracker) -> None:
        assert await tracker.find(a_case().ref) == ()

    async def test_a_part_of_a_reference_finds_nothing(self, tracker: Tracker) -> None:
        case = a_case()
        await opened(tracker, case)

        assert await tracker.find(CaseRef(case.ref[:-1])) == ()
        assert await tracker.find(CaseRef(case.ref.lower())) == ()

    async def test_a_case_is_found_as_it_was_made(self, tracker: Tracker) -> None:
        case = a_case(due=DUE)
        id_ = await opened(tracker, case)

        (found,) = await tracker.find(case.ref)

        assert found == TrackerCase(
            id=id_,
            ref=case.ref,
            status=CaseStatus.NEW,
            group=case.group,
            subject=case.subject,
            due=DUE,
            party_ref=case.party_ref,
            version=found.version,
        )

    async def test_the_description_is_the_first_note(self, tracker: Tracker) -> None:
        case = a_case()

        (note,) = (await tracker.get(await opened(tracker, case))).notes

        assert (note.text, note.public, note.incoming) == (case.description, True, True)
        assert note.channel is Channel.MAIL

    async def test_texts_come_back_sign_by_sign(self, tracker: Tracker) -> None:
        subject = ODD_TEXT.replace("\n", " ")
        id_ = await opened(tracker, a_case(subject=subject, description=ODD_TEXT))
        await tracker.add_note(id_, a_note(f"{id_}/odd", text=ODD_TEXT))

        found = await tracker.get(id_)

        assert found.subject == subject
        assert [note.text for note in found.notes] == [ODD_TEXT, ODD_TEXT]

    async def test_texts_without_content_are_no_obstacle(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case(subject="", description=" \n", party_ref="", party=Party()))
        await tracker.add_note(id_, a_note(f"{id_}/empty", text=""))

        assert len((await tracker.get(id_)).notes) == 2

    async def test_broken_signs_are_no_obstacle(self, tracker: Tracker) -> None:
        broken = "voor\x00na \ud83d \x1b[31m einde"

        id_ = await opened(tracker, a_case(subject=broken, description=broken))
        await tracker.add_note(id_, a_note(f"{id_}/broken", text=broken))

        assert all("einde" in note.text for note in (await tracker.get(id_)).notes)

    async def test_a_long_text_is_kept_whole(self, tracker: Tracker) -> None:
        long = "Een zin met ë.\n" * 40_000

        found = await tracker.get(await opened(tracker, a_case(description=long)))

        assert found.notes[0].text.split() == long.split()

    async def test_a_change_is_there_when_it_is_confirmed(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())

        change = CaseChange(status=CaseStatus.IN_PROGRESS, group="burgerzaken", due=DUE)
        changed = await tracker.update(id_, change)

        assert (changed.status, changed.group, changed.due) == (change.status, change.group, change.due)
        assert replace(await tracker.get(id_), notes=(), attachments=()) == changed

    async def test_fields_that_are_not_named_stay(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case(due=DUE))

        changed = await tracker.update(id_, CaseChange(status=CaseStatus.WAITING_FOR_FIELD_TEAM))

        assert (changed.group, changed.due) == ("openbaar-domein", DUE)

    @pytest.mark.parametrize("status", list(CaseStatus))
    async def test_every_status_can_be_set(self, tracker: Tracker, status: CaseStatus) -> None:
        id_ = await opened(tracker, a_case())

        assert (await tracker.update(id_, CaseChange(status=status))).status is status

    @pytest.mark.parametrize("kind", list(Kind))
    async def test_every_kind_can_be_opened(self, tracker: Tracker, kind: Kind) -> None:
        assert (await tracker.create_if_absent(a_case(kind=kind))).created

    @pytest.mark.parametrize("channel", list(Channel))
    async def test_every_channel_can_be_opened(self, tracker: Tracker, channel: Channel) -> None:
        found = await tracker.get(await opened(tracker, a_case(channel=channel)))

        assert found.notes[0].channel is channel

    async def test_the_same_change_again_is_fine(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())
        change = CaseChange(status=CaseStatus.ANSWERED, group="kcc")

        first = await tracker.update(id_, change)

        assert await tracker.update(id_, change) == first

    async def test_a_change_of_an_outdated_version_is_refused(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())
        seen = (await tracker.get(id_)).version
        newer = await tracker.update(id_, CaseChange(status=CaseStatus.IN_PROGRESS), expect=seen)

        with pytest.raises(Conflict):
            await tracker.update(id_, CaseChange(status=CaseStatus.CLOSED), expect=seen)

        assert replace(await tracker.get(id_), notes=()) == newer

    async def test_of_two_who_expect_the_same_version_one_wins(self, tracker: Tracker) -> None:
        if tracker.capabilities.version_check != "exact":
            pytest.skip("this product cannot promise it")
        for _ in range(5):
            id_ = await opened(tracker, a_case())
            seen = (await tracker.get(id_)).version
            wishes = [CaseChange(group=group) for group in ("kcc", "burgerzaken")]

            ended = await asyncio.gather(
                *(tracker.update(id_, wish, expect=seen) for wish in wishes), return_exceptions=True
            )

            assert sorted(isinstance(end, Conflict) for end in ended) == [False, True]

    async def test_changes_without_expectation_all_get_through(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())
        statuses = [status for status in CaseStatus if status is not CaseStatus.NEW]

        await asyncio.gather(*(tracker.update(id_, CaseChange(status=status)) for status in statuses))

        assert (await tracker.get(id_)).status in statuses

    async def test_an_unknown_group_is_refused_and_nothing_is_made(self, tracker: Tracker) -> None:
        case = a_case(group=NO_GROUP)

        with pytest.raises(RejectedError):
            await tracker.create_if_absent(case)

        assert await tracker.find(case.ref) == ()
        assert (await tracker.create_if_absent(replace(case, group="kcc"))).created

    async def test_a_move_to_an_unknown_group_is_refused_and_nothing_changes(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())
        before = await tracker.get(id_)

        with pytest.raises(RejectedError):
            await tracker.update(id_, CaseChange(status=CaseStatus.CLOSED, group=NO_GROUP))

        assert await tracker.get(id_) == before

    async def test_an_unknown_case_is_refused(self, tracker: Tracker) -> None:
        nowhere = TrackerId("987654321")

        with pytest.raises(RejectedError):
            await tracker.get(nowhere)
        with pytest.raises(RejectedError):
            await tracker.update(nowhere, CaseChange(status=CaseStatus.CLOSED))
        with pytest.raises(RejectedError):
            await tracker.add_note(nowhere, a_note("nowhere"))

    async def test_a_note_with_the_same_key_is_added_once(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())
        note = a_note(f"{id_}/once")

        first = await tracker.add_note(id_, note)
        second = await tracker.add_note(id_, note)

        assert first == second == await tracker.find_note(id_, note.key)
        assert [held.key for held in (await tracker.get(id_)).notes][1:] == [note.key]

    async def test_a_note_with_the_same_key_at_once_is_added_once(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())
        note = a_note(f"{id_}/at-once")

        ids = await asyncio.gather(*(tracker.add_note(id_, note) for _ in range(8)))

        assert len(set(ids)) == 1
        assert [held.key for held in (await tracker.get(id_)).notes].count(note.key) == 1

    async def test_notes_of_many_at_once_are_all_kept(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())
        notes = [a_note(f"{id_}/{number}", text=f"Nota {number}") for number in range(8)]

        await asyncio.gather(*(tracker.add_note(id_, note) for note in notes))

        held = (await tracker.get(id_)).notes[1:]
        assert sorted(held, key=lambda note: note.key) == notes

    async def test_the_same_text_with_another_key_is_another_note(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())

        first = await tracker.add_note(id_, a_note(f"{id_}/one"))
        second = await tracker.add_note(id_, a_note(f"{id_}/two"))

        assert first != second

    @pytest.mark.parametrize("public", [True, False])
    @pytest.mark.parametrize("incoming", [True, False])
    async def test_who_may_see_a_note_and_who_wrote_it_stays(
        self, tracker: Tracker, *, public: bool, incoming: bool
    ) -> None:
        id_ = await opened(tracker, a_case())
        note = a_note(f"{id_}/n", public=public, incoming=incoming, channel=Channel.PHONE)

        await tracker.add_note(id_, note)

        assert (await tracker.get(id_)).notes[1] == note

    async def test_a_note_that_was_not_added_is_not_found(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())

        assert await tracker.find_note(id_, f"{id_}/never") is None

    async def test_a_note_of_another_case_is_not_found(self, tracker: Tracker) -> None:
        one, other = await opened(tracker, a_case()), await opened(tracker, a_case())
        await tracker.add_note(one, a_note(f"{one}/here"))

        assert await tracker.find_note(other, f"{one}/here") is None

    async def test_ten_megabytes_come_back_byte_by_byte(self, tracker: Tracker, handler: Handler) -> None:
        content = random.Random(7).randbytes(10_000_000)  # noqa: S311 - bytes for a test
        name = "foto's van de put \u2013 œuvre 1.jpg"
        id_ = await opened(tracker, a_case())

        kept = await tracker.add_attachment(id_, f"{id_}/file", a_file(content, name), content)

        assert hashlib.sha256(await handler.download(kept)).digest() == hashlib.sha256(content).digest()
        assert (await tracker.get(id_)).attachments == (name,)

    @pytest.mark.parametrize("content", [b"", b"\x00", b"\r\n\r\n--boundary--\r\n", bytes(range(256))])
    async def test_odd_bytes_come_back_byte_by_byte(
        self, tracker: Tracker, handler: Handler, content: bytes
    ) -> None:
        id_ = await opened(tracker, a_case())

        kept = await tracker.add_attachment(id_, f"{id_}/odd", a_file(content), content)

        assert await handler.download(kept) == content

    async def test_an_attachment_with_the_same_key_is_added_once(self, tracker: Tracker) -> None:
        id_, content = await opened(tracker, a_case()), b"een foto"
        key = f"{id_}/file"

        first = await tracker.add_attachment(id_, key, a_file(content), content)
        second = await tracker.add_attachment(id_, key, a_file(content), content)

        assert first == second == await tracker.find_attachment(id_, key)
        assert (await tracker.get(id_)).attachments == ("foto.jpg",)

    async def test_an_attachment_with_the_same_key_at_once_is_added_once(self, tracker: Tracker) -> None:
        id_, content = await opened(tracker, a_case()), b"een foto"

        ids = await asyncio.gather(
            *(tracker.add_attachment(id_, f"{id_}/file", a_file(content), content) for _ in range(8))
        )

        assert len(set(ids)) == 1
        assert (await tracker.get(id_)).attachments == ("foto.jpg",)

    async def test_an_attachment_that_was_not_added_is_not_found(self, tracker: Tracker) -> None:
        id_ = await opened(tracker, a_case())

        assert await tracker.find_attachment(id_, f"{id_}/never") is None

    async def test_a_list_is_complete_over_its_pages(self, tracker: Tracker) -> None:
        party = a_case().party_ref
        cases = [a_case(party_ref=party) for _ in range(self.paged_cases)]
        for start in range(0, len(cases), 8):
            await asyncio.gather(*(tracker.create_if_absent(case) for case in cases[start : start + 8]))

        pages = await listed(tracker, CaseQuery(party_ref=party), size=-(-len(cases) // 3))

        assert len(pages) == 3
        assert sorted(refs_of(pages)) == sorted(case.ref for case in cases)

    async def test_a_list_keeps_to_all_that_is_asked(self, tracker: Tracker) -> None:
        party = a_case().party_ref
        early, late = DUE - timedelta(days=1), DUE + timedelta(days=1)
        fits = a_case(party_ref=party, group="kcc", due=early)
        answered = a_case(party_ref=party, group="kcc", due=early)
        elsewhere = a_case(party_ref=party, group="burgerzaken", due=early)
        later = a_case(party_ref=party, group="kcc", due=late)
        exactly = a_case(party_ref=party, group="kcc", due=DUE)
        undated = a_case(party_ref=party, group="kcc")
        for case in (fits, answered, elsewhere, later, exactly, undated):
            await opened(tracker, case)
        (held,) = await tracker.find(answered.ref)
        await tracker.update(held.id, CaseChange(status=CaseStatus.ANSWERED))

        async def refs(query: CaseQuery) -> set[CaseRef]:
            return set(refs_of(await listed(tracker, replace(query, party_ref=party))))

        every = {case.ref for case in (fits, answered, elsewhere, later, exactly, undated)}
        assert await refs(CaseQuery()) == every
        assert await refs(CaseQuery(group="burgerzaken")) == {elsewhere.ref}
        assert await refs(CaseQuery(status=CaseStatus.ANSWERED)) == {answered.ref}
        assert await refs(CaseQuery(open=False)) == {answered.ref}
        assert await refs(CaseQuery(open=True)) == every - {answered.ref}
        assert await refs(CaseQuery(due_before=DUE)) == {fits.ref, answered.ref, elsewhere.ref}
        assert await refs(CaseQuery(group=NO_GROUP)) == set()
        assert await refs(CaseQuery(open=True, status=CaseStatus.ANSWERED)) == set()
        assert await refs(CaseQuery(group="kcc", open=True, due_before=DUE)) == {fits.ref}

    async def test_a_list_of_nothing_is_one_empty_page(self, tracker: Tracker) -> None:
        found = await tracker.list(CaseQuery(party_ref=a_case().party_ref))

        assert (found.cases, found.next_page) == ((), 0)

    async def test_an_answer_comes_with_the_next_changes(self, tracker: Tracker, handler: Handler) -> None:
        case = a_case()
        id_ = await opened(tracker, case)
        await tracker.add_note(id_, a_note(f"{id_}/ours", public=True))
        await tracker.add_note(id_, a_note(f"{id_}/internal"))
        _, cursor = await drained(tracker)

        await handler.answer(case.ref, "De tegel ligt weer vast.\nGroeten")
        await handler.set_status(case.ref, CaseStatus.ANSWERED)

        changes, _ = await drained(tracker, cursor)
        last = changes[-1]
        assert (last.case, last.tracker_id, last.status) == (case.ref, id_, CaseStatus.ANSWERED)
        assert last.group == "openbaar-domein"
        assert [answer.text for answer in last.answers] == ["De tegel ligt weer vast.\nGroeten"]
        assert last.changed_at.utcoffset() == timedelta()

    async def test_versions_of_a_case_grow_in_the_feed(self, tracker: Tracker, handler: Handler) -> None:
        case = a_case()
        await opened(tracker, case)
        _, cursor = await drained(tracker)
        versions: list[int] = []

        for status in (CaseStatus.IN_PROGRESS, CaseStatus.ANSWERED, CaseStatus.CLOSED):
            await handler.set_status(case.ref, status)
            changes, cursor = await drained(tracker, cursor)
            versions += [change.version for change in changes if change.case == case.ref]

        assert versions == sorted(set(versions))
        assert len(versions) == 3

    async def test_every_answer_has_its_own_key(self, tracker: Tracker, handler: Handler) -> None:
        case = a_case()
        await opened(tracker, case)
        _, cursor = await drained(tracker)

        await handler.answer(case.ref, "Hetzelfde")
        await handler.answer(case.ref, "Hetzelfde")

        changes, _ = await drained(tracker, cursor)
        assert len({answer.key for change in changes for answer in change.answers}) == 2

    async def test_a_cursor_can_be_used_again(self, tracker: Tracker, handler: Handler) -> None:
        case = a_case()
        await opened(tracker, case)
        _, cursor = await drained(tracker)
        await handler.answer(case.ref, "Eenmaal")

        first, _ = await drained(tracker, cursor)
        second, _ = await drained(tracker, cursor)

        assert first[-1] == second[-1]
        assert first[-1].answers

    async def test_small_batches_miss_nothing(self, tracker: Tracker, handler: Handler) -> None:
        _, cursor = await drained(tracker)
        cases = [a_case() for _ in range(24)]
        for case in cases:
            await opened(tracker, case)
        for case in cases[:6]:
            await handler.answer(case.ref, "Antwoord")

        changes, _ = await drained(tracker, cursor, limit=5)

        assert {change.case for change in changes} == {case.ref for case in cases}
        answered = {change.case for change in changes if change.answers}
        assert answered == {case.ref for case in cases[:6]}

    async def test_no_change_is_missed_while_many_write(self, tracker: Tracker, handler: Handler) -> None:
        cases = [a_case() for _ in range(16)]
        await asyncio.gather(*(opened(tracker, case) for case in cases))
        _, cursor = await drained(tracker)
        writing = asyncio.gather(*(self._work_on(handler, case.ref) for case in cases))
        seen: list[CaseChanged] = []

        while not writing.done():
            batch = await tracker.changes(cursor, 7)
            seen, cursor = [*seen, *batch.changes], batch.cursor
            await asyncio.sleep(0.01)
        await writing
        late, _ = await drained(tracker, cursor, limit=7)

        keys: dict[CaseRef, set[str]] = {case.ref: set() for case in cases}
        last: dict[CaseRef, CaseChanged] = {}
        for change in [*seen, *late]:
            keys[change.case] |= {answer.key for answer in change.answers}
            last[change.case] = max(change, last.get(change.case, change), key=lambda one: one.version)
        assert {ref: len(held) for ref, held in keys.items()} == dict.fromkeys(keys, 2)
        assert {change.status for change in last.values()} == {CaseStatus.ANSWERED}
        assert all(len(change.answers) == 2 for change in last.values())

    async def _work_on(self, handler: Handler, ref: CaseRef) -> None:
        await handler.set_status(ref, CaseStatus.IN_PROGRESS)
        await handler.answer(ref, "Eerste antwoord")
        await handler.answer(ref, "Tweede antwoord")
        await handler.set_status(ref, CaseStatus.ANSWERED)

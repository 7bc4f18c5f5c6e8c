"""What crews tell comes in: however long the outage, however late the report, whatever happened to the photo."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from adapters.field_open311.source import Updates
from canonical_model.case import CaseRef
from canonical_model.commands import OrderWork
from canonical_model.events import WorkOrderChanged
from canonical_model.work_order import OrderState
from ports.contracts.crew import AFTER, key_of, photo_bytes, some_work
from ports.errors import NotSupportedError, NotUnderstoodError, TransientError
from tests.simulators.photo_host import running_photo_host


@pytest.fixture
async def job(crew, planning):
    work = some_work()
    return planning.jobs[await crew.apply(key_of(work), OrderWork(order=work), photo_bytes)]


@pytest.fixture
def told(intake):
    """What came in so far, in order."""

    def told():
        events = [inbound.event for inbound in intake.understood]
        return [(event.state, event.text) for event in events if isinstance(event, WorkOrderChanged)]

    return told


async def test_an_outage_longer_than_every_window_loses_nothing(source, planning, job, clock, told):
    await source.poll()
    for day in range(9):
        clock.advance(timedelta(days=1))
        planning.report(job.id, OrderState.IN_PROGRESS, f"dag {day}")
    clock.advance(timedelta(days=1))

    await source.poll()

    assert [text for _, text in told()] == [f"dag {day}" for day in range(9)]


class TestARequestThatTheyCanNotShow:
    @pytest.fixture
    async def jobs(self, crew, planning, job):
        works = [some_work() for _ in range(4)]
        made = [await crew.apply(key_of(work), OrderWork(order=work), photo_bytes) for work in works]
        return [planning.jobs[id_] for id_ in made]

    async def test_holds_nobody_up_is_told_and_comes_in_later(self, source, planning, jobs, clock, told):
        planning.bad_days.breaks_over = frozenset({jobs[0].id})
        for job in jobs:
            clock.advance(timedelta(seconds=1))
            planning.report(job.id, OrderState.IN_PROGRESS, job.id)

        for _ in range(2):
            with pytest.raises(TransientError, match=f"request {jobs[0].id}: the planning failed"):
                await source.poll()
        assert [text for _, text in told()] == [job.id for job in jobs[1:]]

        clock.advance(timedelta(days=3))
        planning.report(jobs[0].id, OrderState.DONE, "klaar")
        planning.bad_days.breaks_over = frozenset()
        await source.poll()
        assert [text for _, text in told()][3:] == [jobs[0].id, "klaar"]

    async def test_as_many_in_a_row_as_there_can_be_do_neither(self, source, planning, jobs, clock, told):
        planning.bad_days.breaks_over = frozenset(job.id for job in jobs[:3])
        for job in jobs:
            clock.advance(timedelta(seconds=1))
            planning.report(job.id, OrderState.IN_PROGRESS, job.id)

        with pytest.raises(TransientError):
            await source.poll()
        assert told() == [], "it may be the planning"
        with pytest.raises(TransientError):
            await source.poll()
        assert [text for _, text in told()] == [jobs[3].id]

    async def test_goes_to_people_after_a_week(self, source, planning, jobs, clock, intake):
        planning.bad_days.breaks_over = frozenset({jobs[0].id})
        planning.report(jobs[0].id, OrderState.DONE, "klaar")
        with pytest.raises(TransientError):
            await source.poll()
        clock.advance(timedelta(days=7, hours=1))

        await source.poll()
        await source.poll()

        (failure,) = intake.problems
        assert jobs[0].id in failure.problem.what


class TestAListThatTheyCanNotShow:
    """One step of the crew breaks every list that it is in."""

    @pytest.fixture
    async def _broken(self, source, planning, job, clock):
        await source.poll()
        for text in ("voor", "stuk", "na"):
            clock.advance(timedelta(hours=5))
            planning.report(job.id, OrderState.IN_PROGRESS, text)
        clock.advance(timedelta(hours=5))
        planning.bad_days.breaks_on = frozenset({"stuk"})

    @pytest.mark.usefixtures("_broken")
    async def test_is_read_around_and_named_as_an_outage(self, source, planning, told, clock):
        before = len(planning.asked)
        with pytest.raises(TransientError, match=r"updates of 2026-\S+Z/2026-\S+Z: the planning failed"):
            await source.poll()
        assert [text for _, text in told()] == ["voor", "na"]
        narrowing = len(planning.asked) - before

        before = len(planning.asked)
        with pytest.raises(TransientError, match="updates of"):
            await source.poll()
        assert len(planning.asked) - before < 6 < narrowing < 60, "narrowed down once, remembered then"

    @pytest.mark.usefixtures("_broken")
    async def test_comes_in_when_they_can_show_it_again(
        self, source, planning, told, clock, tools, settings, client, orders
    ):
        with pytest.raises(TransientError):
            await source.poll()
        clock.advance(timedelta(days=5))
        planning.bad_days.breaks_on = frozenset()
        after_a_restart = Updates(tools, settings, client, orders)

        await after_a_restart.poll()
        await after_a_restart.poll()
        await after_a_restart.close()

        assert [text for _, text in told()] == ["voor", "na", "stuk"]

    @pytest.mark.usefixtures("_broken")
    async def test_goes_to_people_after_a_week_and_is_an_outage_no_more(self, source, intake, clock, told):
        with pytest.raises(TransientError):
            await source.poll()
        clock.advance(timedelta(days=7, hours=1))

        await source.poll()
        await source.poll()

        (failure,) = intake.problems
        assert "look there what it was" in failure.problem.what
        assert failure.source_ref.startswith("stretch/2026-")

    async def test_is_no_reason_to_ask_more_while_the_planning_shows_nothing(
        self, source, planning, job, clock, told
    ):
        await source.poll()
        planning.report(job.id, OrderState.DONE, "klaar")
        clock.advance(timedelta(hours=5))
        planning.bad_days.nobody_home = 2
        before = len(planning.asked)

        with pytest.raises(TransientError):
            await source.poll()
        assert len(planning.asked) - before == 2

        await source.poll()
        assert [text for _, text in told()] == ["klaar"]


async def test_a_late_report_brings_its_text_and_not_its_state(source, planning, job, clock, told):
    clock.advance(timedelta(hours=2))
    planning.report(job.id, OrderState.DONE, "klaar")
    await source.poll()
    planning.report(job.id, OrderState.IN_PROGRESS, "begonnen", at=clock.now() - timedelta(hours=1))

    await source.poll()

    assert told() == [(OrderState.DONE, "klaar"), (OrderState.DONE, "begonnen")]


async def test_reports_of_the_same_second_keep_the_order_of_the_list(source, planning, job, told):
    planning.report(job.id, OrderState.IN_PROGRESS, "a")
    planning.report(job.id, OrderState.DONE, "b")

    await source.poll()

    assert told() == [(OrderState.IN_PROGRESS, "a"), (OrderState.DONE, "b")]


async def test_updates_told_twice_in_any_order_come_in_once_and_in_theirs(source, planning, job, clock, told):
    planning.bad_days.repeat_and_shuffle = True
    steps = [OrderState.PLANNED, OrderState.IN_PROGRESS, OrderState.DONE]
    for step in steps:
        planning.report(job.id, step)
        clock.advance(timedelta(minutes=1))

    await source.poll()
    await source.poll()

    assert [state for state, _ in told()] == steps


async def test_a_completion_that_was_never_told_is_seen_by_who_asks(source, crew, planning, job, told):
    planning.report(job.id, OrderState.IN_PROGRESS)
    planning.bad_days.swallow = 1
    planning.report(job.id, OrderState.DONE, "klaar")

    await source.poll()

    assert [state for state, _ in told()] == [OrderState.IN_PROGRESS]
    assert (await crew.standing(CaseRef("LEU-2026-000001"), job.id)).state is OrderState.DONE


async def test_an_explicit_reopening_counts(source, planning, job, clock, told):
    planning.report(job.id, OrderState.DONE, "klaar")
    clock.advance(timedelta(minutes=5))
    planning.report(job.id, OrderState.IN_PROGRESS, "toch niet")

    await source.poll()

    assert [state for state, _ in told()] == [OrderState.DONE, OrderState.IN_PROGRESS]


async def test_a_comment_without_a_state_keeps_what_was_known(source, planning, job, clock, told):
    planning.report(job.id, OrderState.PLANNED, "morgen")
    clock.advance(timedelta(minutes=5))
    planning.report(job.id, OrderState.PLANNED, "om 8 uur", status="unchanged")

    await source.poll()

    assert told() == [(OrderState.PLANNED, "morgen"), (OrderState.PLANNED, "om 8 uur")]


async def test_an_unknown_status_is_logged_and_kept_for_people_once(source, planning, job, intake):
    planning.report(job.id, OrderState.DONE, "?", status="weird_status")

    with capture_logs() as logs:
        await source.poll()
        await source.poll()

    (inbound,) = intake.problems
    assert isinstance(inbound.problem, NotSupportedError)
    assert "weird_status" in inbound.problem.what
    assert [log["event"] for log in logs].count("work_order_status_unknown") == 1


class TestIgnored:
    @pytest.fixture
    def more_settings(self):
        return {"ignored_statuses": ["Printed"]}

    async def test_noise_that_was_named_is_dropped(self, source, planning, job, intake):
        planning.report(job.id, OrderState.DONE, "?", status="printed")

        await source.poll()

        assert not intake.accepted


async def test_what_other_people_reported_there_is_none_of_ours(source, planning, job, intake):
    fields = {"service_code": "voetpad", "description": "Putje bij nr 4 [x]", "lat": "50.8", "long": "4.7"}
    other = planning._made(fields, [])
    planning.report(other.id, OrderState.DONE, "klaar")

    await source.poll()

    assert not intake.accepted


async def test_an_update_without_a_readable_time_is_kept_for_people(
    source, planning, job, intake, monkeypatch
):
    planning.report(job.id, OrderState.DONE, "klaar")
    monkeypatch.setattr("demo.field_planning._stamp", lambda _: "gisteren")

    await source.poll()

    assert [type(inbound.problem) for inbound in intake.problems] == [NotUnderstoodError]


async def test_after_a_restart_nothing_comes_again_and_no_photo_is_fetched_again(
    source, planning, job, intake, tools, settings, client, orders
):
    planning.report(job.id, OrderState.DONE, "klaar", [AFTER])
    await source.poll()
    calls, photos = intake.calls, dict(planning.photos)
    planning.photos.clear()
    again = Updates(tools, settings, client, orders)

    assert await again.poll() == 0
    await again.close()

    assert intake.calls == calls
    assert photos


class TestPhotosElsewhere:
    @pytest.fixture
    async def photo_host(self):
        async with running_photo_host() as host:
            yield host

    @pytest.fixture
    def more_settings(self, photo_host):
        return {
            "media_origins": [photo_host.origin],
            "media_hours": 1,
            "max_file_bytes": 2000,
            "max_files": 2,
        }

    async def test_who_waits_for_a_photo_holds_up_nobody_else(
        self, source, planning, job, crew, photo_host, told, clock, intake
    ):
        work = some_work()
        other = await crew.apply(key_of(work), OrderWork(order=work), photo_bytes)
        photo_host.status = 503
        planning.report(job.id, OrderState.DONE, "klaar", media=[f"{photo_host.origin}/a.jpg"])
        planning.report(job.id, OrderState.DONE, "en opgeruimd")
        planning.report(other, OrderState.PLANNED, "morgen")

        await source.poll()

        assert told() == [(OrderState.PLANNED, "morgen")]
        photo_host.status = 200
        clock.advance(timedelta(minutes=5))
        await source.poll()
        assert told()[1:] == [(OrderState.DONE, "klaar"), (OrderState.DONE, "en opgeruimd")]
        assert [len(inbound.files) for inbound in intake.understood] == [0, 1, 0]

    async def test_a_photo_that_never_comes_is_given_up_and_shown(
        self, source, planning, job, photo_host, told, clock, intake
    ):
        photo_host.status = 503
        planning.report(job.id, OrderState.DONE, "klaar", media=[f"{photo_host.origin}/a.jpg"])
        await source.poll()
        clock.advance(timedelta(hours=2))

        await source.poll()

        assert told() == [(OrderState.DONE, "klaar")]
        assert len(intake.problems) == 1

    @pytest.mark.parametrize("path", ["/page.jpg", "/endless.jpg", "/moved.jpg?to=http://169.254.169.254/x"])
    async def test_what_is_no_decent_photo_is_left_out(
        self, source, planning, job, photo_host, told, intake, path
    ):
        planning.report(job.id, OrderState.DONE, "klaar", media=[photo_host.origin + path])

        await source.poll()

        assert told() == [(OrderState.DONE, "klaar")]
        assert len(intake.problems) == 1

    async def test_nobody_else_is_asked_for_a_photo(
        self, source, planning, job, told, intake, server, photo_host
    ):
        photos = [
            f"{server.address}/media/1.jpg",
            "http://user@evil.test/a.jpg",
            f"{photo_host.origin}/c.jpg",
        ]
        planning.report(job.id, OrderState.DONE, "klaar", media=photos)

        await source.poll()

        assert told() == [(OrderState.DONE, "klaar")]
        assert len(intake.problems) == 3
        assert not photo_host.asked

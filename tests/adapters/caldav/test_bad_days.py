"""What phones, crews and servers do: tasks deleted, versions that do not fit, tokens forgotten, photos at strange addresses."""

from datetime import timedelta

import httpx
import pytest
from structlog.testing import capture_logs

from adapters.caldav.adapter import TaskList
from adapters.caldav.client import TaskListClient
from adapters.caldav.source import DELETED, Tasks
from canonical_model.commands import OrderWork
from canonical_model.work_order import OrderState
from ports.contracts.crew import AFTER, BEFORE, a_photo, cancelled, key_of, no_files, photo_bytes, some_work
from ports.errors import (
    MisconfiguredError,
    NotOfferedError,
    NotSupportedError,
    NotUnderstoodError,
    RejectedError,
    TransientError,
    UncertainError,
)
from tests.simulators.photo_host import running_photo_host


async def ordered(crew, work):
    return await crew.apply(key_of(work), OrderWork(order=work), photo_bytes)


@pytest.fixture
async def name(crew):
    return await ordered(crew, some_work())


@pytest.fixture
def told(intake):
    return lambda: [(inbound.event.state, inbound.event.text) for inbound in intake.understood]


async def test_a_task_that_was_thrown_away_is_cancelled_for_people_to_see(source, app, name, told):
    await source.poll()
    await app.delete(name)

    await source.poll()
    await source.poll()

    assert told() == [(OrderState.CANCELLED, DELETED)]


async def test_a_task_that_was_thrown_away_before_the_first_look_is_told_too(source, app, crew, told):
    await source.poll()
    name = await ordered(crew, some_work())
    await source.poll()
    await app.delete(name)

    await source.poll()

    assert told() == [(OrderState.CANCELLED, DELETED)]


async def test_who_tidies_up_what_is_done_cancels_nothing(source, app, name, told):
    await app.report(name, OrderState.DONE, "klaar")
    await source.poll()
    await app.delete(name)

    await source.poll()

    assert told() == [(OrderState.DONE, "klaar")]


async def test_what_we_took_back_may_be_thrown_away(source, app, crew, told):
    work = some_work()
    name = await ordered(crew, work)
    await source.poll()
    await crew.apply("k", cancelled(work, name), no_files)
    await app.delete(name)

    await source.poll()

    assert told() == []


async def test_a_forgotten_token_means_reading_everything_and_telling_only_what_is_new(
    source, app, crew, memory, told, intake
):
    names = [await ordered(crew, some_work()) for _ in range(4)]
    await app.report(names[0], OrderState.PLANNED, "morgen")
    await source.poll()
    await app.report(names[1], OrderState.DONE, "klaar")
    await app.delete(names[2])
    await memory.remember_token(
        "http://radicale.org/ns/sync/0000000000000000000000000000000000000000000000000000000000000000"
    )

    with capture_logs() as logs:
        await source.poll()

    assert [log["event"] for log in logs] == ["task_list_read_anew"]
    assert [state for state, _ in told()] == [OrderState.PLANNED, OrderState.DONE, OrderState.CANCELLED]
    calls = intake.calls
    await memory.remember_token("")
    assert await source.poll() == 0
    assert intake.calls == calls


class _BrokenOver(httpx.AsyncBaseTransport):
    """A server that answers 500 whenever one of these tasks is read."""

    def __init__(self, line):
        self._line = line
        self.names: set[str] = set()

    async def handle_async_request(self, request):
        if request.method == "GET" and request.url.path.rpartition("/")[2] in self.names:
            return httpx.Response(500, html="<h1>Server Error (500)</h1>")
        return await self._line.handle_async_request(request)


class TestATaskThatTheServerCanNotGive:
    @pytest.fixture
    def broken(self, line):
        return _BrokenOver(line)

    @pytest.fixture
    async def source(self, tools, settings, broken, memory):
        client = TaskListClient(settings, broken)
        source = Tasks(tools, settings, client, memory)
        yield source
        await source.close()
        await client.close()

    @pytest.fixture
    async def names(self, crew, app):
        names = sorted([await ordered(crew, some_work()) for _ in range(4)])
        for name in names:
            await app.report(name, OrderState.IN_PROGRESS, name)
        return names

    async def test_holds_nobody_up_is_told_and_comes_in_later(self, source, broken, names, app, told):
        broken.names = {names[0]}

        for _ in range(2):
            with pytest.raises(TransientError, match=names[0].removesuffix(".ics")):
                await source.poll()
        assert [text for _, text in told()] == names[1:]

        await app.report(names[2], OrderState.DONE, "klaar")
        with pytest.raises(TransientError):
            await source.poll()
        assert told()[3:] == [(OrderState.DONE, "klaar")]
        broken.names = set()
        await source.poll()
        assert told()[4:] == [(OrderState.IN_PROGRESS, names[0])]
        assert await source.poll() == 0

    async def test_as_many_in_a_row_as_there_can_be_do_neither(self, source, broken, names, told):
        broken.names = set(names[:3])

        with pytest.raises(TransientError):
            await source.poll()
        assert told() == [], "it may be the server"
        with pytest.raises(TransientError):
            await source.poll()
        assert [text for _, text in told()] == names[3:]

    async def test_goes_to_people_after_a_week(self, source, broken, names, clock, intake):
        broken.names = {names[0]}
        with pytest.raises(TransientError):
            await source.poll()
        clock.advance(timedelta(days=7, hours=1))

        await source.poll()
        await source.poll()

        (failure,) = intake.problems
        assert names[0].removesuffix(".ics") in failure.problem.what


async def test_a_task_of_the_crews_own_is_none_of_our_business(source, app, name, intake):
    task = await app.task(name)
    task.todo["uid"] = "eigen-taak"
    async with httpx.AsyncClient(auth=app._http.auth, trust_env=False) as client:
        await client.put(f"{app._address}eigen-taak.ics", content=task.calendar.to_ical())

    await source.poll()

    assert not intake.accepted


async def test_the_crew_is_faster_than_a_cancellation(crew, app, client, monkeypatch):
    work = some_work()
    name = await ordered(crew, work)
    put = client.put

    async def too_late(*arguments):
        monkeypatch.setattr(client, "put", put)
        await app.report(name, OrderState.IN_PROGRESS, "begonnen")
        return await put(*arguments)

    monkeypatch.setattr(client, "put", too_late)

    await crew.apply("k", cancelled(work, name), no_files)

    task = await app.task(name)
    assert task.state is OrderState.CANCELLED
    assert "begonnen" in str(task.todo["description"])
    assert str(task.todo["comment"]) == "Niet meer nodig: Dubbel gemeld"


async def test_the_crew_is_done_before_a_cancellation(crew, app, client, monkeypatch):
    work = some_work()
    name = await ordered(crew, work)
    put = client.put

    async def too_late(*arguments):
        await app.report(name, OrderState.DONE)
        return await put(*arguments)

    monkeypatch.setattr(client, "put", too_late)

    with pytest.raises(NotOfferedError, match="ended"):
        await crew.apply("k", cancelled(work, name), no_files)

    assert (await app.task(name)).state is OrderState.DONE


async def test_a_cancellation_whose_answer_got_lost_is_known(crew, app, field):
    work = some_work()
    name = await ordered(crew, work)
    field.lose_answer()
    command = cancelled(work, name)

    with pytest.raises(UncertainError):
        await crew.apply("k", command, no_files)

    assert await crew.find("k", command) == name
    assert await crew.apply("k", command, no_files) == name
    assert int((await app.task(name)).todo["sequence"]) == 1


async def test_something_else_under_our_name_is_a_rejection(crew, app, name):
    other = some_work()
    task = await app.task(name)
    task.todo["uid"] = "iets-anders"
    task.name = f"{other.case}.01.ics"
    async with httpx.AsyncClient(auth=app._http.auth, trust_env=False) as client:
        await client.put(f"{app._address}{task.name}", content=task.calendar.to_ical())

    with pytest.raises(RejectedError, match="something else"):
        await ordered(crew, other)


@pytest.mark.parametrize(
    ("state", "words", "category", "found"),
    [
        ("CANCELLED", "Niets te zien, adres NIET GEVONDEN", None, OrderState.NOT_FOUND),
        ("COMPLETED", "", "Niet gevonden", OrderState.NOT_FOUND),
        ("NEEDS-ACTION", "", "niet gevonden", OrderState.NOT_FOUND),
        ("CANCELLED", "geen tijd", None, OrderState.CANCELLED),
    ],
)
async def test_how_a_crew_says_that_it_cannot_be_found(
    source, app, name, told, state, words, category, found
):
    task = await app.task(name)
    task.todo["status"] = state
    if words:
        task.todo.add("comment", words)
    if category:
        task.todo.pop("categories", None)
        task.todo.add("categories", [category])
    await app.save(task)

    await source.poll()

    assert told() == [(found, words)]


async def test_a_moved_term_is_a_plan_and_the_new_words_alone_are_told(source, app, crew, told):
    work = some_work()
    name = await ordered(crew, work)
    await source.poll()
    task = await app.task(name)
    task.todo["due"].dt = work.due + timedelta(days=1)
    task.todo["description"] = f"{task.todo['description']}\nWachten op tegels"
    await app.save(task)
    await source.poll()
    await app.report(name, OrderState.IN_PROGRESS, "Tegels zijn er")
    await source.poll()

    assert told() == [
        (OrderState.PLANNED, "Gepland op 05/12/2026 17:00\nWachten op tegels"),
        (OrderState.IN_PROGRESS, "Tegels zijn er"),
    ]


async def test_back_and_forth_is_told_each_time(source, app, name, told):
    for state in (OrderState.IN_PROGRESS, OrderState.ORDERED, OrderState.IN_PROGRESS):
        await app.report(name, state)
        await source.poll()

    assert [state for state, _ in told()] == [
        OrderState.IN_PROGRESS,
        OrderState.ORDERED,
        OrderState.IN_PROGRESS,
    ]


async def test_a_note_that_replaced_our_text_is_read(source, app, name, told):
    task = await app.task(name)
    task.todo["description"] = "Alles vervangen"
    task.todo["status"] = "COMPLETED"
    await app.save(task)

    await source.poll()

    assert told() == [(OrderState.DONE, "Alles vervangen")]


async def test_a_second_photo_comes_alone(source, app, name, intake):
    await app.report(name, OrderState.IN_PROGRESS, "", BEFORE)
    await source.poll()
    await app.report(name, OrderState.DONE, "", AFTER)
    await source.poll()

    assert [[file.content for file in inbound.files] for inbound in intake.understood] == [[BEFORE], [AFTER]]


async def test_a_status_of_nobodys_is_kept_for_people(source, app, name, intake):
    task = await app.task(name)
    task.todo["status"] = "OPGEBLAZEN"
    await app.save(task)

    with capture_logs() as logs:
        await source.poll()

    assert [type(inbound.problem) for inbound in intake.problems] == [NotSupportedError]
    assert [log["event"] for log in logs] == ["work_order_status_unknown"]


async def test_after_a_restart_nothing_comes_again(
    source, app, name, tools, settings, client, memory, intake
):
    await app.report(name, OrderState.DONE, "klaar", AFTER)
    await source.poll()
    calls = intake.calls
    again = Tasks(tools, settings, client, memory)

    assert await again.poll() == 0
    await again.close()

    assert intake.calls == calls


class TestSmallPhotosOnly:
    @pytest.fixture
    def more_settings(self):
        return {"max_photo_bytes": len(BEFORE)}

    async def test_what_does_not_fit_is_counted(self, crew, app):
        name = await ordered(crew, some_work(attachments=(a_photo(BEFORE), a_photo(AFTER))))

        task = await app.task(name)
        assert task.photos == [BEFORE]
        assert "Foto's die hier niet bij staan: 1" in str(task.todo["description"])


async def test_a_server_that_drops_photos_is_found_out(crew, client, monkeypatch):
    put = client.put_new

    async def dropping(name, content):
        kept = b"\r\n".join(
            line for line in content.replace(b"\r\n ", b"").split(b"\r\n") if b"ATTACH" not in line
        )
        await put(name, kept)
        return ""  # RFC 4791 section 5.3.4: no version, as it was not kept as it came

    monkeypatch.setattr(client, "put_new", dropping)
    work = some_work(attachments=(a_photo(BEFORE),))

    with pytest.raises(RejectedError, match="photos"):
        await ordered(crew, work)

    assert await crew.find(key_of(work), OrderWork(order=work)) is None


class TestPhotosElsewhere:
    @pytest.fixture
    async def photo_host(self):
        async with running_photo_host() as host:
            yield host

    @pytest.fixture
    def more_settings(self, photo_host):
        return {"media_origins": [photo_host.origin], "media_hours": 1}

    async def done_with(self, app, name, address):
        task = await app.task(name)
        task.todo.add("attach", address)
        task.todo["status"] = "COMPLETED"
        await app.save(task)

    async def test_a_photo_at_an_address_is_awaited_and_holds_up_nobody(
        self, source, app, crew, name, photo_host, told, intake
    ):
        other = await ordered(crew, some_work())
        photo_host.status = 503
        await self.done_with(app, name, f"{photo_host.origin}/na.jpg")
        await app.report(other, OrderState.IN_PROGRESS)
        await source.poll()
        assert [state for state, _ in told()] == [OrderState.IN_PROGRESS]
        photo_host.status = 200

        await source.poll()

        assert [state for state, _ in told()] == [OrderState.IN_PROGRESS, OrderState.DONE]
        assert len(intake.understood[1].files) == 1

    async def test_a_photo_that_never_comes_is_given_up_and_shown(
        self, source, app, name, photo_host, told, clock, intake
    ):
        photo_host.status = 503
        await self.done_with(app, name, f"{photo_host.origin}/na.jpg")
        await source.poll()
        clock.advance(timedelta(hours=2))

        await source.poll()

        assert [state for state, _ in told()] == [OrderState.DONE]
        assert [type(inbound.problem) for inbound in intake.problems] == [NotUnderstoodError]

    async def test_nobody_else_is_asked(self, source, app, name, told, intake, photo_host):
        await self.done_with(app, name, "http://169.254.169.254/na.jpg")

        await source.poll()

        assert [state for state, _ in told()] == [OrderState.DONE]
        assert len(intake.problems) == 1
        assert not photo_host.asked


async def test_a_list_that_is_fine_passes_the_check(crew):
    assert await crew.check() == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "http://127.0.0.1:9/x/"}, "can't be reached"),
        ({"username": "iemand"}, "`password`"),
    ],
)
async def test_the_check_says_what_is_wrong(settings, memory, clock, change, words):
    client = TaskListClient(settings.model_copy(update=change))

    (wrong,) = await TaskList(settings, client, memory, clock).check()
    await client.close()

    assert words in wrong


async def test_a_list_that_is_not_there_is_said_so(settings, memory, clock):
    client = TaskListClient(settings.model_copy(update={"url": settings.url.replace("werk", "bestaat-niet")}))
    crew = TaskList(settings, client, memory, clock)

    with pytest.raises(MisconfiguredError):
        await ordered(crew, some_work())
    (wrong,) = await crew.check()
    await client.close()

    assert "`url`" in wrong

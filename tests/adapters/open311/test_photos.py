"""Photos: by upload, and from an address that a report names; never in the way of the report, never from elsewhere."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.open311 import build
from adapters.open311.client import PhotoClient
from adapters.open311.photos import PhotoRules, kind_of, safe_name, to_files
from adapters.open311.posted import Upload
from adapters.open311.problems import ReportError
from adapters.open311.settings import Settings
from adapters.open311.source import PhotoSource
from adapters.open311.waiting import WaitingPhoto, WaitingRoom
from canonical_model.status import CaseStatus
from ports.contracts.source import RecordingIntake, SourceContract
from ports.errors import NotUnderstoodError, TransientError
from tests.adapters.open311.conftest import KEY
from tests.simulators.open311 import Report
from tests.simulators.photo_host import JPEG

RULES = PhotoRules(max_files=3, max_bytes=100_000)


def lamp(id_="4711", *urls):
    return Report(
        id=id_, service_code="lamp-1", description="Lamp stuk", fields={"media_url": urls[0]} if urls else {}
    )


@pytest.fixture
def settings(settings, photo_host):
    return settings | {"media_origins": [photo_host.origin], "media_seconds": 2, "max_file_bytes": 100_000}


@pytest.fixture
def source(adapter):
    return adapter.sources[0]


def photos_of(city):
    return [one for one in city.stored if one.source == "open311/photos"]


async def test_a_report_never_waits_for_its_photo(app, city, photo_host, source):
    report = await app.send(lamp("1", f"{photo_host.origin}/slow.jpg"))

    assert report.external_id == "LEU-2026-000001"
    assert photo_host.asked == []
    assert f"Foto: {photo_host.origin}/slow.jpg" in city.stored[0].event.contact.text


async def test_the_photo_comes_afterwards_and_joins_its_case(app, city, photo_host, source):
    await app.send(lamp("1", f"{photo_host.origin}/stoep.jpeg?sig=1"))

    assert await source.poll() == 1
    assert await source.poll() == 0

    (photo,) = photos_of(city)
    assert photo.event.contact.thread.verified_case == "LEU-2026-000001"
    assert [(file.attachment.name, file.attachment.media_type) for file in photo.files] == [
        ("stoep.jpg", "image/jpeg")
    ]
    assert b"sig" not in photo.raw


async def test_the_source_is_told_that_there_is_something(app, photo_host, source):
    waiting = asyncio.create_task(source.wait(30))
    await asyncio.sleep(0)

    await app.send(lamp("1", f"{photo_host.origin}/a.jpg"))

    await asyncio.wait_for(waiting, 5)


async def test_the_photo_of_an_update_joins_too(app, city, clock, photo_host, source):
    report = await app.send(lamp("1"))
    await source.poll()
    clock.advance(timedelta(seconds=1))
    await app.add(report, "Nog een foto", id_="9", media_url=f"{photo_host.origin}/b.jpg")
    city.step(report.external_id, CaseStatus.IN_PROGRESS)  # joining changes the case

    assert await source.poll() == 1


async def test_a_repeated_report_does_not_fetch_its_photo_again(app, photo_host, source):
    report = lamp("1", f"{photo_host.origin}/a.jpg")
    await app.send(report)
    await source.poll()

    await app.send(report)
    await source.poll()

    assert photo_host.asked == ["/a.jpg"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/page.jpg", "no photo"),
        ("/endless.jpg", "more than 100000 bytes"),
        ("/round", "round and round"),
        ("/moved.jpg?to=http://127.0.0.2/x.jpg", "not among media_origins"),
        ("/moved.jpg?to=file:///etc/passwd", "not among media_origins"),
        ("/moved.jpg", "answers 500"),
    ],
)
async def test_hazard_56_a_photo_that_will_never_come_is_shown_to_people_and_the_report_stays(
    app, city, clock, photo_host, source, path, why
):
    report = await app.send(lamp("1", f"{photo_host.origin}{path}"))
    if why == "answers 500":
        with pytest.raises(TransientError):
            await source.poll()
        clock.advance(timedelta(hours=25))

    await source.poll()

    (photo,) = photos_of(city)
    assert isinstance(photo.problem, NotUnderstoodError)
    assert why in photo.problem.what
    assert "LEU-2026-000001" in photo.problem.what
    assert report.external_id == "LEU-2026-000001"
    assert await source.poll() == 0


async def test_a_redirect_within_the_list_is_followed(app, city, photo_host, source):
    await app.send(lamp("1", f"{photo_host.origin}/moved.jpg?to=/c.jpg"))

    await source.poll()

    assert photos_of(city)[0].event


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_host_that_is_away_for_a_while_is_asked_again(app, city, photo_host, source, status):
    await app.send(lamp("1", f"{photo_host.origin}/a.jpg"))
    photo_host.status = status
    with pytest.raises(TransientError, match=f"answers {status}"):
        await source.poll()
    photo_host.status = 200

    assert await source.poll() == 1


async def test_a_slow_photo_does_not_keep_the_others(app, city, photo_host, source):
    await app.send(lamp("1", f"{photo_host.origin}/slow.jpg"))
    await app.send(lamp("2", f"{photo_host.origin}/a.jpg"))

    with pytest.raises(TransientError, match="within 2 s"):
        await source.poll()

    assert [photo.event.contact.thread.verified_case for photo in photos_of(city)] == ["LEU-2026-000002"]


async def test_what_waits_survives_a_restart(app, city, photo_host, tools, settings):
    await app.send(lamp("1", f"{photo_host.origin}/a.jpg"))

    reborn = build(settings, tools)

    assert await reborn.sources[0].poll() == 1
    await reborn.close()


async def test_what_waits_is_sealed(app, photo_host, checkpoints):
    await app.send(lamp("1", f"{photo_host.origin}/secret-name.jpg"))

    (kept,) = checkpoints.kept.values()
    assert "secret-name" not in kept


async def test_a_report_that_is_held_back_gets_its_photo_when_it_is_let_through(
    app, city, photo_host, source
):
    city.holding = True
    await app.send(lamp("1", f"{photo_host.origin}/a.jpg"))
    assert await source.poll() == 0
    city.release(city.stored[0])

    assert await source.poll() == 1


async def test_a_closed_case_is_not_opened_again_by_its_photo(app, city, photo_host, source):
    report = await app.send(lamp("1", f"{photo_host.origin}/a.jpg"))
    city.step(report.external_id, CaseStatus.CLOSED)

    await source.poll()

    assert "closed before the photo came" in photos_of(city)[0].problem.what


async def test_a_host_that_is_not_on_the_list_is_never_asked(app, city, photo_host, source):
    await app.send(lamp("1", f"http://127.0.0.2:{photo_host.origin.rpartition(':')[2]}/a.jpg"))

    assert await source.poll() == 0
    assert photo_host.asked == []
    assert "Foto: http://127.0.0.2" in city.stored[0].event.contact.text


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://fotos.example.be/a.jpg", True),
        ("HTTPS://FOTOS.example.be/a.jpg", True),
        ("http://fotos.example.be/a.jpg", False),
        ("https://fotos.example.be:8443/a.jpg", False),
        ("https://fotos.example.be@evil.example/a.jpg", False),
        ("https://user@fotos.example.be/a.jpg", False),
        ("https://fotos.example.be.evil.example/a.jpg", False),
        ("https://evil.example/https://fotos.example.be/a.jpg", False),
        ("https://fotos.example.be\\@evil.example/a.jpg", False),
        ("https://fotos.example.be:99999/a.jpg", False),
        ("https://[::1/a.jpg", False),
        ("https://fotos.example.be/a\n.jpg", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_only_known_origins_are_asked(url, may):
    client = PhotoClient(("https://fotos.example.be",), max_bytes=10, seconds=1)

    assert client.may_ask(url) is may


def test_a_photo_is_what_its_bytes_say():
    assert kind_of(JPEG) == ("image/jpeg", "jpg")
    assert kind_of(b"\x89PNG\r\n\x1a\n")[0] == "image/png"
    assert kind_of(b"GIF89a...")[0] == "image/gif"
    assert kind_of(b"RIFF1234WEBP")[0] == "image/webp"
    assert kind_of(b"\0\0\0\x18ftypheic")[0] == "image/heic"
    assert kind_of(b"<svg>") == ("", "")
    assert kind_of(b"") == ("", "")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("..\\..\\a.exe", "a.jpg"),
        ("/etc/foto.PNG", "foto.jpg"),
        ("", "foto.jpg"),
        ("a\u202egpj.exe", "agpj.jpg"),
    ],
)
def test_names_are_made_safe_and_end_as_the_bytes_say(name, safe):
    assert safe_name(name, "jpg") == safe


def test_uploads_have_a_fixed_order_and_each_content_once():
    one, other = Upload(name="a.jpg", content=JPEG), Upload(name="b.jpg", content=JPEG + b"x")

    assert to_files([one, other, one], RULES) == to_files([other, one], RULES)
    with pytest.raises(ReportError, match="larger than"):
        to_files([Upload(name="a.jpg", content=JPEG + bytes(200_000))], RULES)


class PhotosToCome:
    """Reports with a photo each, some of which is none, for the suite of sources."""

    def __init__(self, app, host, room, cases):
        self._app, self._host, self._room, self._cases = app, host, room, cases

    async def put(self, text):
        await self._app.send(lamp(text, f"{self._host.origin}/{text}.jpg"))

    async def put_poison(self):
        await self._app.send(lamp("poison", f"{self._host.origin}/page.jpg"))

    async def unconfirmed(self):
        brought = await self._cases.brought_by("open311/straatapp")
        return sum([len(await self._room.waiting("straatapp", case.origin_ref)) for case in brought])


class TestPhotoSource(SourceContract):
    @pytest.fixture
    async def source(self, intake: RecordingIntake, tools, settings, checkpoints):
        checked = Settings.model_validate(settings)
        source = PhotoSource(
            replace(tools, accept=intake),
            WaitingRoom(checkpoints, checked.apps),
            PhotoClient(checked.media_origins, max_bytes=100_000, seconds=2),
            apps=("straatapp",),
            rules=RULES,
            patience=timedelta(hours=1),
        )
        yield source
        await source.close()

    @pytest.fixture
    def system(self, app, photo_host, checkpoints, settings, cases):
        return PhotosToCome(
            app, photo_host, WaitingRoom(checkpoints, Settings.model_validate(settings).apps), cases
        )


async def test_after_both_keys_are_replaced_what_waited_is_let_go(checkpoints, clock):
    def room(*keys):
        return WaitingRoom(checkpoints, Settings.model_validate({"apps": {"a": {"keys": list(keys)}}}).apps)

    new = "another-key-of-the-street-app"
    photo = WaitingPhoto(url="https://f.be/1.jpg", since=clock.now())
    await room(KEY).put("a", "id-1", (photo,))

    assert await room(new, KEY).waiting("a", "id-1") == (photo,)
    assert await room(new).waiting("a", "id-1") == ()

"""The server, as report apps meet it: receipts, repetitions, refusals, statuses, and nothing personal."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from structlog.testing import capture_logs

from adapters.open311 import build
from canonical_model.status import CaseStatus
from ports.errors import NotUnderstoodError, TransientError
from tests.adapters.open311.conftest import KEY, OTHER_KEY
from tests.simulators.open311 import Report, ReportApp, read_xml
from tests.simulators.photo_host import JPEG

HOUR = timedelta(hours=1)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def lamp(id_="4711", **changes):
    return Report(id=id_, service_code="lamp-1", description="Lamp stuk", **changes)


def fields(**changes):
    return {
        "api_key": KEY,
        "service_code": "lamp-1",
        "lat": "50.88",
        "long": "4.7",
        "description": "Lamp stuk",
    } | changes


def errors(answer):
    """What an answer says is wrong, in either format."""
    if answer.headers["content-type"].startswith("application/json"):
        return [(error["code"], error["description"]) for error in answer.json()]
    return [(int(e["code"]), e["description"]) for e in read_xml(answer.content)["errors"]["error"]]


async def test_the_services_are_open_to_everybody_in_both_formats(client):
    in_xml, in_json = await client.get("/v2/services.xml"), await client.get("/v2/services.json")

    assert in_xml.headers["content-type"] == "text/xml; charset=utf-8"
    assert in_json.headers["content-type"] == "application/json; charset=utf-8"
    assert in_json.json()[0] == {
        "service_code": "voetpad",
        "service_name": "Voetpad of stoep",
        "description": "Losse of gebroken tegels",
        "metadata": True,
        "type": "realtime",
        "keywords": "stoep,tegel",
        "group": "Openbaar domein",
    }
    assert [one["service_code"] for one in read_xml(in_xml.content)["services"]["service"]] == [
        "voetpad",
        "lamp-1",
        "idee",
    ]


async def test_the_questions_of_a_service_are_found_whatever_its_casing(client):
    answer = await client.get("/v2/services/VOETPAD.json")

    assert [one["code"] for one in answer.json()["attributes"]] == ["gevaar", "breedte"]
    assert errors(await client.get("/v2/services/ufo.json"))[0][0] == 404


async def test_discovery_tells_where_we_are(client):
    endpoint = (await client.get("/discovery.json")).json()["endpoints"][0]
    in_xml = read_xml((await client.get("/discovery.xml")).content)["discovery"]

    assert endpoint["url"] == "https://hub.leuven.test/in/open311/v2"
    assert in_xml["endpoints"]["endpoint"]["formats"]["format"] == ["text/xml", "application/json"]


@pytest.mark.parametrize("path", ["discovery.json", "v2/discovery.json?jurisdiction_id=leuven.be"])
async def test_discovery_without_a_public_address_tells_the_one_that_was_asked(tools, settings, path):
    router = build(settings | {"public_url": ""}, tools).webhook
    transport = httpx.ASGITransport(router)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
        (endpoint,) = (await client.get(path)).json()["endpoints"]

    assert endpoint["url"] == "http://hub.test/v2"


async def test_a_report_is_answered_with_our_number_once_it_is_stored(client, city):
    answer = await client.post("/v2/requests.json", data=fields())

    assert answer.status_code == 201
    assert answer.json() == [
        {"service_request_id": "LEU-2026-000001", "service_notice": None, "account_id": None}
    ]
    (stored,) = city.stored
    assert stored.source == "open311/straatapp"
    assert stored.event.contact.subject == "Lamp stuk"
    assert KEY.encode() not in stored.raw


@pytest.mark.parametrize(
    ("fixture", "type_"),
    [
        ("fms_report.form", FORM["Content-Type"]),
        ("odd_casing.form", FORM["Content-Type"]),
        ("address_only.form", FORM["Content-Type"]),
        ("address_id.form", FORM["Content-Type"]),
        ("lambert.form", FORM["Content-Type"]),
        ("report.json", "application/json"),
        ("fms_upload.multipart", "multipart/form-data; boundary=Xx7"),
    ],
)
async def test_everything_that_apps_really_send_is_taken(client, city, fixture_bytes, fixture, type_):
    body = fixture_bytes(fixture).strip() if fixture.endswith("form") else fixture_bytes(fixture)

    answer = await client.post("/v2/requests.xml", content=body, headers={"Content-Type": type_})

    assert answer.status_code == 201, answer.text
    assert city.stored[0].event


async def test_hazard_56_an_uploaded_photo_arrives(client, city, fixture_bytes):
    await client.post(
        "/v2/requests.xml",
        content=fixture_bytes("fms_upload.multipart"),
        headers={"Content-Type": "multipart/form-data; boundary=Xx7"},
    )

    (file,) = city.stored[0].files
    assert (file.attachment.name, file.attachment.media_type) == ("lamp.png", "image/png")
    assert city.stored[0].event.contact.attachments == (file.attachment,)


@pytest.mark.parametrize("where", ["field", "query", "header", "bearer"])
async def test_the_key_may_stand_in_several_places(client, where):
    given = fields()
    given.pop("api_key")
    how = {
        "field": {"data": fields()},
        "query": {"data": given, "params": {"api_key": KEY}},
        "header": {"data": given, "headers": {"X-Api-Key": KEY}},
        "bearer": {"data": given, "headers": {"Authorization": f"Bearer {KEY}"}},
    }

    assert (await client.post("/v2/requests.json", **how[where])).status_code == 201


@pytest.mark.parametrize("key", ["", "wrong", KEY[:-1], "é" * 30])
@pytest.mark.parametrize("format_", ["xml", "json"])
async def test_without_a_known_key_nothing_is_stored_and_the_refusal_has_the_format_asked(
    client, city, key, format_
):
    answer = await client.post(f"/v2/requests.{format_}", data=fields(api_key=key))

    assert answer.status_code == 403
    assert errors(answer) == [(403, "api_key is missing or not known here")]
    assert city.stored == []


@pytest.mark.parametrize(
    "path", ["requests", "requests/LEU-2026-000001", "tokens/id-1", "servicerequestupdates"]
)
async def test_reading_needs_a_key_too(client, path):
    assert errors(await client.get(f"/v2/{path}.json"))[0][0] == 403


async def test_another_city_is_not_ours_and_no_city_is(client, city):
    elsewhere = await client.post("/v2/requests.json", data=fields(jurisdiction_id="gent.be"))
    unsaid = await client.post("/v2/requests.json", data=fields())

    assert errors(elsewhere)[0][0] == 404
    assert unsaid.status_code == 201
    assert len(city.stored) == 1


async def test_the_format_follows_the_address_then_the_accept_header_then_the_standard(client):
    assert (await client.get("/v2/services")).headers["content-type"].startswith("text/xml")
    assert (await client.get("/v2/services", headers={"Accept": "application/json"})).json()
    assert errors(await client.get("/v2/services.yaml"))[0][0] == 404


@pytest.mark.parametrize(
    ("changes", "code", "what"),
    [
        ({"service_code": "ufo"}, 404, "service_code"),
        ({"service_code": ""}, 400, "service_code"),
        ({"lat": ""}, 400, "place"),
        ({"service_code": "voetpad"}, 400, "attribute[gevaar]"),
    ],
)
async def test_what_an_app_sends_wrongly_is_refused_and_still_kept_for_people(
    client, city, changes, code, what
):
    answer = await client.post("/v2/requests.json", data=fields(**changes))

    assert answer.status_code == code
    ((told, description),) = errors(answer)
    assert told == code
    assert what in description
    (stored,) = city.stored
    assert stored.event is None
    assert isinstance(stored.problem, NotUnderstoodError)
    assert b"Lamp stuk" in stored.raw


async def test_a_report_that_was_refused_is_taken_when_it_comes_again_mended(client, city):
    refused = await client.post("/v2/requests.json", data=fields(external_id="7", lat=""))
    mended = await client.post("/v2/requests.json", data=fields(external_id="7"))

    assert (refused.status_code, mended.status_code) == (400, 201)
    assert len(city.opened()) == 1


async def test_hazard_51_an_answer_that_got_lost_gives_no_second_case(app, city):
    report = lamp()

    await app.send(report, lose_answer=True)
    await app.send(report)

    assert report.external_id == "LEU-2026-000001"
    assert len(city.opened()) == 1


async def test_two_daemons_at_once_give_one_case(app, city):
    report = lamp()

    await app.two_daemons(report)

    assert report.external_id == "LEU-2026-000001"
    assert len(city.opened()) == 1


@pytest.mark.parametrize("hours", [0, 0.1, 5, 23.9])
async def test_without_an_own_id_equal_content_is_one_report_for_a_day(app, city, clock, hours):
    app.names_itself = False
    report = lamp()
    await app.send(report, lose_answer=True)
    clock.advance(hours * HOUR)

    await app.send(report)

    assert report.external_id == "LEU-2026-000001"
    assert len(city.opened()) == 1


async def test_the_same_words_a_week_later_are_a_new_report(app, city, clock):
    app.names_itself = False
    await app.send(lamp())
    clock.advance(7 * 24 * HOUR)

    await app.send(lamp("4712"))

    assert len(city.opened()) == 2


async def test_equal_reports_of_two_apps_are_two(client, app, city):
    other = ReportApp(client=client, address=app.address, api_key=OTHER_KEY)

    await app.send(lamp())
    await other.send(lamp())

    assert len(city.opened()) == 2


async def test_an_idempotency_key_counts_first(client, city):
    answers = [
        await client.post("/v2/requests.json", data=fields(), headers={"Idempotency-Key": key})
        for key in ("a", "a", "b")
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 201]
    assert len(city.opened()) == 2


async def test_the_same_id_with_another_content_is_refused_and_the_first_kept(client, city):
    await client.post("/v2/requests.json", data=fields(external_id="7"))

    answer = await client.post("/v2/requests.json", data=fields(external_id="7", description="Iets anders"))

    assert errors(answer)[0][0] == 409
    assert len(city.stored) == 1


async def test_a_report_that_is_held_back_is_answered_with_a_token(app, city, client):
    city.holding = True
    report = await app.send(lamp())

    assert report.external_id == ""
    assert report.failures == []
    city.holding = False
    city.release(city.stored[0])
    await app.send_all()
    await app.send(report)
    assert report.external_id == "LEU-2026-000001"
    assert len(city.opened()) == 1


async def test_hazard_57_a_batch_service_answers_with_a_token_that_leads_to_the_case(client):
    answer = await client.post("/v2/requests.json", data=fields(service_code="idee"))
    (record,) = answer.json()

    found = await client.get(f"/v2/tokens/{record['token']}.json", params={"api_key": KEY})

    assert answer.status_code == 202
    assert "service_request_id" not in record
    assert found.json() == [{"service_request_id": "LEU-2026-000001", "token": record["token"]}]


async def test_a_token_is_only_for_the_app_that_got_it(client):
    (record,) = (await client.post("/v2/requests.json", data=fields(service_code="idee"))).json()

    answer = await client.get(f"/v2/tokens/{record['token']}.json", params={"api_key": OTHER_KEY})

    assert errors(answer)[0][0] == 404


async def test_an_app_sees_what_it_brought_and_nothing_else(client, app, city):
    await app.send(lamp("1"))
    await ReportApp(client=client, address=app.address, api_key=OTHER_KEY).send(lamp("2"))

    mine = await client.get("/v2/requests.json", params={"api_key": KEY})
    asked = await client.get(
        "/v2/requests.json",
        params={"api_key": KEY, "service_request_id": "LEU-2026-000001,LEU-2026-000002,LEU-2026-000009,x"},
    )
    theirs = await client.get("/v2/requests/LEU-2026-000002.json", params={"api_key": KEY})

    assert [one["service_request_id"] for one in mine.json()] == ["LEU-2026-000001"]
    assert asked.json() == mine.json()
    assert errors(theirs)[0][0] == 404


async def test_the_status_of_a_report_in_xml(client, app, city):
    await app.send(lamp())
    city.step("LEU-2026-000001", CaseStatus.CLOSED)

    answer = await client.get("/v2/requests/LEU-2026-000001.xml", params={"api_key": KEY})

    (record,) = read_xml(answer.content)["service_requests"]["request"]
    assert (record["status"], record["status_notes"]) == ("closed", "De melding is afgesloten.")
    assert record["agency_responsible"] == "Stad Leuven"


async def test_reports_of_a_window_newest_first_by_status_service_and_page(client, app, city, clock):
    for number in range(5):
        await app.send(lamp(f"{number}"))
        clock.advance(24 * HOUR)
    city.step("LEU-2026-000002", CaseStatus.ANSWERED)

    async def listed(**query):
        answer = await client.get("/v2/requests.json", params={"api_key": KEY, **query})
        return [one["service_request_id"][-1] for one in answer.json()]

    assert await listed() == ["5", "4", "3", "2", "1"]
    assert await listed(start_date="2026-03-03T00:00:00Z", end_date="2026-03-05T09:30:00Z") == ["4", "3", "2"]
    assert await listed(status="closed") == ["2"]
    assert await listed(service_code="voetpad") == []
    assert await listed(page_size="2", page="2") == ["3", "2"]
    assert await listed(updated_after="2026-03-06T00:00:00+01:00") == ["5", "2"]


@pytest.mark.parametrize(
    "query", [{"start_date": "gisteren"}, {"page": "0"}, {"page_size": "x"}, {"end_date": "99"}]
)
async def test_a_question_that_is_no_question_is_refused(client, query):
    answer = await client.get("/v2/requests.json", params={"api_key": KEY, **query})

    assert errors(answer)[0][0] == 400
    assert next(iter(query)) in errors(answer)[0][1]


async def test_hazard_58_updates_reach_an_app_that_was_away_when_it_asks_for_longer(app, city, clock):
    app.reports.append(await app.send(lamp()))
    for status in (CaseStatus.IN_PROGRESS, CaseStatus.WAITING_FOR_FIELD_TEAM, CaseStatus.ANSWERED):
        clock.advance(3 * HOUR)
        city.step("LEU-2026-000001", status)
    (report,) = app.reports

    assert await app.fetch_updates(clock.now()) == 1
    assert await app.fetch_updates(clock.now(), timedelta(days=2)) == 2
    assert await app.fetch_updates(clock.now(), timedelta(days=2)) == 0
    assert len(report.updates) == 3


async def test_hazard_59_the_borders_of_a_window_belong_to_it(client, app, city, clock):
    await app.send(lamp())
    clock.advance(HOUR)
    city.step("LEU-2026-000001", CaseStatus.IN_PROGRESS)
    moment = clock.now().isoformat()

    async def told(start, end):
        query = {"api_key": KEY, "start_date": start, "end_date": end}
        return len((await client.get("/v2/servicerequestupdates.json", params=query)).json())

    assert await told(moment, moment) == 1
    assert await told((clock.now() - HOUR).isoformat(), moment) == 1
    assert await told(moment, (clock.now() + HOUR).isoformat()) == 1
    assert await told((clock.now() + timedelta(seconds=1)).isoformat(), (clock.now() + HOUR).isoformat()) == 0


async def test_more_updates_than_fit_come_in_pages_the_oldest_first(client, app, city, clock):
    for number in range(130):
        await app.send(lamp(f"{number}"))
        city.step(f"LEU-2026-{number + 1:06}", CaseStatus.IN_PROGRESS)
        clock.advance(timedelta(seconds=1))
    query = {"api_key": KEY, "start_date": "2026-03-01T00:00:00Z", "page_size": "100"}

    pages = [
        (await client.get("/v2/servicerequestupdates.json", params=query | {"page": f"{page}"})).json()
        for page in (1, 2, 3)
    ]

    assert [len(page) for page in pages] == [100, 30, 0]
    times = [update["updated_datetime"] for page in pages for update in page]
    assert times == sorted(times)


async def test_what_the_reporter_adds_joins_his_case(app, city):
    report = await app.send(lamp())

    first, again = [await app.add(report, "Nu ook de volgende lamp.", id_="991") for _ in range(2)]

    assert (first.status_code, again.status_code) == (201, 200)
    assert read_xml(first.content)["service_request_updates"]["request_update"] == [{"update_id": "991"}]
    contact = city.stored[1].event.contact
    assert contact.thread.verified_case == "LEU-2026-000001"
    assert len(city.stored) == 2


async def test_nobody_adds_to_what_another_brought(client, app, city):
    report = await app.send(lamp())
    other = ReportApp(client=client, address=app.address, api_key=OTHER_KEY)

    answer = await other.add(report, "Sluit deze zaak!", id_="1")

    assert errors(answer)[0][0] == 404
    assert len(city.stored) == 1


async def test_hazard_61_our_own_update_that_comes_back_does_nothing(app, city):
    report = await app.send(lamp())

    answer = await app.add(report, "Uw melding is in behandeling.", id_="LEU-2026-000001-1")

    assert answer.status_code == 200
    assert len(city.stored) == 1


async def test_nothing_personal_goes_out(client, app, city, clock):
    await app.send(lamp(fields={"phone": "0470123456", "address_string": "Geheime Weg 1"}))
    city.step("LEU-2026-000001", CaseStatus.ANSWERED, "Beste mevrouw Janssens")

    answers = [
        (await client.get(f"/v2/{path}", params={"api_key": KEY})).text
        for path in (
            "requests.json",
            "requests.xml",
            "servicerequestupdates.xml",
            "servicerequestupdates.json",
        )
    ]

    assert all("LEU-2026-000001" in answer for answer in answers)
    for secret in ("Janssens", "an.janssens", "0470", "Geheime", "Lamp stuk", "wegen", "50.8798"):
        assert not [answer for answer in answers if secret in answer]


async def test_the_log_holds_nothing_personal(client):
    with capture_logs() as logs:
        await client.post("/v2/requests.json", data=fields(email="an@example.org"))
        await client.post("/v2/requests.json", data=fields(email="an@example.org", lat=""))
        await client.post("/v2/requests.json", data=fields(api_key="wrong-key-of-somebody-else"))

    assert logs
    assert not [word for word in ("an@example", "Lamp", "wrong-key", KEY) if word in str(logs)]


async def test_when_nothing_can_be_stored_the_app_is_told_to_come_back(app, city):
    report = lamp()
    city.failure = TransientError("the disk is full", retry_after=7)

    answer = await app.client.post(f"{app.address}/v2/requests.json", data=fields())
    await app.send(report)
    assert report.failures
    city.failure = None
    await app.send(report)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert errors(answer)[0][0] == 503
    assert report.external_id == "LEU-2026-000001"


async def test_what_is_too_large_is_refused_before_it_is_read(tools, settings, city):
    small = build(settings | {"max_body_bytes": 1000}, tools)
    transport = httpx.ASGITransport(small.webhook)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
        answer = await client.post("/v2/requests.json", data=fields(description="x" * 2000))

    assert errors(answer)[0][0] == 413
    assert city.stored == []


@pytest.mark.parametrize("photos", [[("a.exe", b"MZ" + bytes(50))], [("a.jpg", JPEG)] * 9])
async def test_what_is_no_photo_or_too_many_is_refused_and_the_report_kept_for_people(app, city, photos):
    unlike = [(name, content + bytes([n])) for n, (name, content) in enumerate(photos)]

    report = await app.send(lamp(photos=unlike))

    assert "400: " in report.failures[0]
    assert isinstance(city.stored[0].problem, NotUnderstoodError)


async def test_the_app_in_a_day_of_bad_luck_has_every_report_once(app, city):
    for number in range(30):
        app.reports.append(Report(id=f"{number}", service_code="lamp-1", description=f"Lamp {number} stuk"))
    for number, report in enumerate(app.reports):
        city.failure = TransientError("busy") if number % 5 == 0 else None
        await app.send(report, lose_answer=number % 3 == 0)
    city.failure = None
    await asyncio.gather(app.send_all(), app.send_all())

    assert len({report.external_id for report in app.reports}) == 30
    assert len(city.opened()) == 30


async def test_an_unreadable_body_is_answered_with_what_to_send_and_kept_when_we_know_whose_it_is(
    client, city
):
    xml = {"content": b"<x/>", "headers": {"Content-Type": "text/xml"}}

    unknown = await client.post("/v2/requests.json", **xml)
    known = [await client.post("/v2/requests.json", params={"api_key": KEY}, **xml) for _ in range(2)]

    what = (400, "send application/x-www-form-urlencoded, multipart/form-data or JSON")
    assert [errors(answer) for answer in (unknown, *known)] == [[what]] * 3
    (stored,) = city.stored
    assert (stored.raw, stored.media_type) == (b"<x/>", "text/xml")
    assert stored.problem


async def test_a_question_that_is_too_wide_is_refused_and_not_cut_off(client, app, monkeypatch):
    for number in range(4):
        await app.send(lamp(f"{number}"))
    monkeypatch.setattr("adapters.open311.webhook._FURTHEST", 3)

    for path in ("requests", "servicerequestupdates"):
        answer = await client.get(f"/v2/{path}.json", params={"api_key": KEY})
        assert errors(answer) == [(400, "too many reports changed since start_date: ask from a later one")]

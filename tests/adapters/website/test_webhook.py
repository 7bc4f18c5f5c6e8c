"""The doors, as senders meet them: receipts, retries, refusals."""

import asyncio
import json
import threading

import httpx
import pytest
from structlog.testing import capture_logs

from adapters.website import build
from adapters.website.translate import to_event
from ports.errors import NotUnderstoodError, TransientError
from tests.adapters.website.conftest import tools
from tests.simulators.website import (
    double_click,
    report,
    retry_after_timeout,
    signed_headers,
    until_answered,
)

PNG = b"\x89PNG\r\n\x1a\n\0\0"
PDF = b"%PDF-1.7\n"


@pytest.fixture
def now(clock):
    return clock.now().timestamp()


@pytest.fixture
def post_report(website, now):
    """Posts a report that is freshly signed, by our clock."""

    def post(submission, **options):
        return website.post_json(submission, **{"at": now} | options)

    return post


def form_fields(**changes):
    return {
        "id": "form-1",
        "subject": "Lamp",
        "message": "De lamp is stuk.",
        "email": "an@example.org",
    } | changes


def assert_problem(answer, status, name):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:wegwijzer:problem:{name}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


async def test_a_receipt_is_given_once_it_is_stored(post_report, intake):
    answer = await post_report(report())

    (stored,) = intake.stored
    assert answer.status_code == 202
    assert answer.json() == {
        "id": "1".rjust(32, "0"),
        "status_url": f"/receipts/{'1'.rjust(32, '0')}",
        "duplicate": False,
    }
    assert answer.headers["location"] == answer.json()["status_url"]
    assert stored.source == "website/json"
    assert stored.event.contact.subject == "Zwerfvuil aan de vijver"


async def test_the_raw_body_is_kept_byte_for_byte(client, intake, secret, now, fixture_bytes):
    body = fixture_bytes("json_report.json").replace(b'"id"', b' "\\u0069d" ')

    await client.post("/json", content=body, headers=signed_headers(body, "msg_1", [secret], now))

    assert intake.stored[0].raw == body


@pytest.mark.parametrize("door", ["json", "form", "drupal", "open-formulieren"])
async def test_every_door_gives_the_same_receipt_for_the_same_submission(door, website, intake, now):
    submission, post = report(), {}
    post["json"] = lambda: website.post_json(submission, at=now)
    post["form"] = lambda: website.post_form(form_fields(), [("a.png", PNG)])
    post["drupal"] = lambda: website.post_drupal({"uuid": "u-1", "subject": "Lamp", "message": "stuk"})
    post["open-formulieren"] = lambda: website.post_open_formulieren({"message": "stuk"}, "OF-1")

    answers = [await post[door]() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 200, 200]
    assert [answer.json()["duplicate"] for answer in answers] == [False, True, True]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(intake.stored) == 1
    assert intake.stored[0].event


async def test_hazard_46_what_drupal_posts_once_is_never_lost_even_when_it_cannot_be_read(website, intake):
    answer = await website.post_drupal({"uuid": "u-1", "subject": "Lamp", "message": "x", "email": "an@"})

    problem = assert_problem(answer, 422, "not-understood")
    assert problem["path"] == "$.person.email"
    (stored,) = intake.stored
    assert stored.event is None
    assert isinstance(stored.problem, NotUnderstoodError)
    assert b"an%40" in stored.raw
    assert stored.media_type == "application/x-www-form-urlencoded"


async def test_hazard_47_a_double_click_is_one_submission(post_report, intake):
    submission = report()

    answers = await double_click(lambda: post_report(submission), times=100)

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 99 + [202]
    assert len(intake.stored) == 1


async def test_hazard_47_a_replayed_submission_under_a_new_webhook_id_is_recognisable(post_report, intake):
    submission = report()

    for webhook_id in ("msg_1", "msg_2"):
        await post_report(submission, webhook_id=webhook_id)

    first, second = (stored.event.contact.fingerprint for stored in intake.stored)
    assert first == second


async def test_hazard_48_a_retry_with_the_files_in_another_order_is_the_same_form(website, intake):
    files = [("a.png", PNG), ("b.pdf", PDF)]

    answer = await retry_after_timeout(
        lambda: website.post_form(form_fields(), files),
        lambda: website.post_form(form_fields(), reversed(files)),
    )

    assert (answer.status_code, answer.json()["duplicate"]) == (200, True)
    assert [file.attachment.name for file in intake.stored[0].files] in (
        ["a.png", "b.pdf"],
        ["b.pdf", "a.png"],
    )


async def test_hazard_48_also_for_our_own_json(post_report, intake):
    files = [{"name": "a.png", "content": "iVBORw0KGgo="}, {"name": "b.pdf", "content": "JVBERi0xLjQK"}]
    submission = report(attachments=files)

    answer = await retry_after_timeout(
        lambda: post_report(submission), lambda: post_report(submission | {"attachments": files[::-1]})
    )

    assert (answer.status_code, answer.json()["duplicate"]) == (200, True)
    assert len(intake.stored) == 1


async def test_hazard_49_the_signature_is_over_the_bytes_as_sent(client, intake, secret, now):
    submission = report()
    signed = json.dumps(submission).encode()
    reserialised = json.dumps(submission, separators=(",", ":"), sort_keys=True).encode()

    answer = await client.post(
        "/json", content=reserialised, headers=signed_headers(signed, "msg_1", [secret], now)
    )

    assert_problem(answer, 401, "not-authentic")
    assert intake.stored == []


@pytest.mark.parametrize(("skew", "status"), [(-301, 401), (-299, 202), (299, 202), (301, 401)])
async def test_hazard_50_the_senders_clock_may_differ_five_minutes(post_report, now, skew, status):
    assert (await post_report(report(), at=now + skew)).status_code == status


async def test_hazard_50_while_the_secret_is_replaced_old_and_new_both_open_the_door(
    intake, clock, secret, now, post_report
):
    other = "whsec_" + "b3RoZXIgc2VjcmV0IG9mIGVub3VnaCBieXRlcyE="

    assert (await post_report(report(), secrets=[other, secret])).status_code == 202
    assert (await post_report(report(), secrets=[other])).status_code == 401


async def test_hazard_50_a_replay_gives_the_first_receipt_and_nothing_else(client, intake, secret, now):
    body = json.dumps(report()).encode()
    headers = signed_headers(body, "msg_1", [secret], now)

    first, replayed = [await client.post("/json", content=body, headers=headers) for _ in range(2)]

    assert replayed.json() == first.json() | {"duplicate": True}
    assert len(intake.stored) == 1


@pytest.mark.parametrize("door", ["json", "form", "drupal", "open-formulieren"])
async def test_the_same_id_with_another_content_is_refused_and_the_first_one_kept(door, website, intake, now):
    submission, post = report(), {}
    post["json"] = lambda text: website.post_json(submission | {"message": text}, at=now)
    post["form"] = lambda text: website.post_form(form_fields(message=text))
    post["drupal"] = lambda text: website.post_drupal({"uuid": "u-1", "message": text})
    post["open-formulieren"] = lambda text: website.post_open_formulieren({"message": text}, "OF-1")

    await post[door]("eerste")
    answer = await post[door]("tweede")

    assert_problem(answer, 409, "conflict")
    assert [stored.event.contact.text for stored in intake.stored] == ["eerste"]


async def test_two_senders_may_use_the_same_id(client, intake, token):
    for sender in (token, "the-token-of-the-meldpunt"):
        answer = await client.post(
            "/drupal", json={"uuid": "1", "message": sender}, headers={"X-Wegwijzer-Token": sender}
        )
        assert answer.status_code == 202

    assert [stored.source for stored in intake.stored] == [
        "website/drupal/webteam",
        "website/drupal/meldpunt",
    ]


@pytest.mark.parametrize("door", ["json", "form", "drupal", "open-formulieren"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic YS10b2tlbg=="},
        {"X-Wegwijzer-Token": "wrong"},
        {"X-Wegwijzer-Token": "é"},
        {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,AA=="},
    ],
)
async def test_strangers_are_sent_away_and_nothing_is_stored(client, intake, door, headers):
    encoded = {name: value.encode() for name, value in headers.items()}

    answer = await client.post(f"/{door}", content=b"{}", headers=encoded)

    assert_problem(answer, 401, "not-authentic")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert intake.stored == []


async def test_a_token_in_the_address_opens_nothing(client, token):
    answer = await client.post(f"/form?token={token}&access_token={token}", data=form_fields())

    assert answer.status_code == 401


async def test_a_token_does_not_open_the_signed_door(client, token):
    answer = await client.post("/json", json=report(), headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [(b"{", 400, "malformed"), (b'{"id":"1"}', 422, "not-understood"), (b"\xff", 400, "malformed")],
)
async def test_what_is_signed_but_not_understood_is_kept_raw(client, intake, secret, now, body, status, name):
    headers = signed_headers(body, "msg_1", [secret], now)

    answers = [await client.post("/json", content=body, headers=headers) for _ in range(2)]

    for answer in answers:
        assert assert_problem(answer, status, name)["id"] == "1".rjust(32, "0")
    (stored,) = intake.stored
    assert (stored.source_ref, stored.raw, stored.event) == ("msg_1", body, None)
    assert isinstance(stored.problem, NotUnderstoodError)


async def test_an_unreadable_form_can_be_sent_again_repaired_under_its_own_id(website, intake):
    wrong = await website.post_form(form_fields(email="an@"))
    right = await website.post_form(form_fields())

    assert (wrong.status_code, right.status_code) == (422, 202)
    assert intake.stored[0].source_ref.startswith("unreadable:")
    assert intake.stored[1].source_ref == "form-1"


async def test_another_content_type_is_kept_and_named(client, intake, token):
    answer = await client.post(
        "/form",
        content=b"<a/>",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "Text/XML; a=b"},
    )

    assert_problem(answer, 415, "wrong-type")
    assert intake.stored[0].media_type == "text/xml"


async def test_a_program_as_attachment_is_refused_with_the_reason(post_report, intake):
    answer = await post_report(report(attachments=[{"name": "factuur.pdf", "content": "TVqQAAMAAAA="}]))

    problem = assert_problem(answer, 422, "not-understood")
    assert "programs" in problem["detail"]
    assert problem["path"] == "$.attachments[0]"
    assert intake.stored[0].problem


async def test_suspect_submissions_are_accepted_and_marked(post_report, intake):
    answer = await post_report(report(honeypot="x", filled_in_seconds=1))

    assert answer.status_code == 202
    assert intake.stored[0].event.contact.suspicions == ("honeypot", "filled_in_too_fast")


async def test_what_cannot_be_stored_now_is_asked_for_again(post_report, intake):
    intake.failure = TransientError("the disk is full", retry_after=7.2)
    submission = report()

    answer = await post_report(submission)

    assert_problem(answer, 503, "try-later")
    assert answer.headers["retry-after"] == "8"
    intake.failure = None
    assert (await post_report(submission)).status_code == 202


async def test_a_sender_that_keeps_trying_gets_there(post_report, intake):
    intake.failure = TransientError("the database is away")
    submission, tries = report(), []

    async def post():
        tries.append(1)
        if len(tries) == 2:
            raise httpx.ReadTimeout("no answer")
        if len(tries) == 3:
            intake.failure = None
        return await post_report(submission)

    answer = await until_answered(post, [0, 0, 0, 0])

    assert (answer.status_code, len(tries)) == (202, 3)


@pytest.mark.parametrize(("size", "apart"), [(10, False), (3_000_000, True)])
async def test_large_submissions_do_not_hold_up_the_others(website, intake, monkeypatch, size, apart):
    photo, threads = PNG + b"\x55" * size, set()

    def noting(*arguments, **options):
        threads.add(threading.current_thread())
        return to_event(*arguments, **options)

    monkeypatch.setattr("adapters.website.webhook.to_event", noting)
    answers = [await website.post_form(form_fields(), [("foto.png", photo)]) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 200]
    assert intake.stored[0].files[0].content == photo
    assert (threading.current_thread() not in threads) is apart


async def test_what_is_announced_as_too_large_is_refused_unread(client, website, secret, now, intake):
    headers = signed_headers(b"", "msg_1", [secret], now) | {"Content-Length": "25000001"}

    answer = await client.post("/json", content=never(), headers=headers)

    assert_problem(answer, 413, "too-large")
    assert answer.headers["connection"] == "close"
    assert intake.stored == []


async def test_what_grows_too_large_is_refused_on_the_way(secret, token, intake, clock, now):
    async with client_of({"secrets": [secret], "max_body_bytes": 1000}, intake, clock) as client:
        seen = []

        async def endless():
            while True:
                seen.append(1)
                yield b"x" * 100

        headers = signed_headers(b"", "msg_1", [secret], now)
        answer = await client.post("/json", content=endless(), headers=headers)

    assert_problem(answer, 413, "too-large")
    assert len(seen) < 20


async def test_a_body_that_takes_too_long_is_refused(secret, intake, clock, now):
    async with client_of({"secrets": [secret], "body_seconds": 0.05}, intake, clock) as client:

        async def dripping():
            while True:
                await asyncio.sleep(0.01)
                yield b" "

        headers = signed_headers(b"", "msg_1", [secret], now)
        answer = await client.post("/json", content=dripping(), headers=headers)

    assert_problem(answer, 408, "too-slow")
    assert answer.headers["connection"] == "close"


async def test_all_unfinished_bodies_together_have_a_limit_and_it_frees_itself(secret, intake, clock, now):
    body = json.dumps(report()).encode()
    settings = {"secrets": [secret], "max_held_bytes": len(body) + 500}
    async with client_of(settings, intake, clock) as client:
        started, finish = asyncio.Event(), asyncio.Event()

        async def unfinished():
            yield body[:510]
            started.set()
            await finish.wait()
            yield body[510:]

        def post(content, id_):
            return client.post("/json", content=content, headers=signed_headers(body, id_, [secret], now))

        slow = asyncio.create_task(post(unfinished(), "slow"))
        await started.wait()
        refused = await post(body, "other")
        finish.set()

        assert_problem(refused, 503, "try-later")
        assert refused.headers["retry-after"] == "5"
        assert (await slow).status_code == 202
        assert (await post(body, "other")).status_code == 202


async def test_logs_name_references_and_never_what_was_written(post_report, website, client, intake):
    with capture_logs() as logs:
        await post_report(report())
        await post_report(report(person={"email": "an.janssens@"}))
        await website.post_form(form_fields(name="Janssens", onbekend="Janssens"))
        await client.post("/json", content=b"Janssens")

    assert {entry["event"] for entry in logs} == {"submission_not_understood", "submission_refused"}
    assert "anssens" not in str(logs)


async def test_problems_never_repeat_what_was_written(post_report, website):
    answers = [
        await post_report(report(person={"email": "Janssens"})),
        await post_report(report(Janssens="x")),
        await post_report(report(kind="Janssens")),
        await post_report(report(submitted_at="Janssens")),
        await post_report(report(organisation={"kbo": "Janssens"})),
        await website.post_form(form_fields(Janssens="x")),
        await website.post_form(form_fields(latitude="Janssens", longitude="Janssens")),
        await website.post_form(form_fields(), [("Janssens.exe", b"x")]),
    ]

    assert {answer.status_code for answer in answers} == {422}
    assert not [answer.text for answer in answers if "Janssens" in answer.text]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_doors_only_take_posts(client, method):
    assert (await client.request(method, "/json")).status_code == 405


async def never():
    raise AssertionError("the body must not be read")
    yield b""


def client_of(settings, intake, clock):
    from fastapi import FastAPI

    app = FastAPI()
    app.include_router(build(settings, tools(intake, clock)).webhook)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub.test")

"""What an existing system may count on at `/api/v1`."""

import asyncio
import base64
import json
from datetime import timedelta

from sqlalchemy import func, select

from console.api.credentials import Credentials, Scope
from journal.schema import cases, effects, messages
from tests.console.api.conftest import a_contact, an_event, client_of, token_of

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


async def count(hub, table):
    query = select(func.count()).select_from(table)
    return await hub.journal.database.read(lambda connection: connection.execute(query).scalar_one())


def assert_problem(answer, status, name):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:wegwijzer:problem:{name}"
    assert answer.json()["detail"]
    return answer.json()


async def test_a_receipt_ends_in_the_number_of_the_tracker(kassa, post):
    answer = await post(kassa, an_event())

    assert answer.status_code == 202
    receipt = answer.json()
    assert receipt["event"] == {"source": "/kassa/3", "id": "k-1"}
    assert answer.headers["location"] == receipt["status_url"] == f"/api/v1/receipts/{receipt['receipt']}"
    settled = (await kassa.get(f"/receipts/{receipt['receipt']}", params={"wait": 10})).json()
    assert settled["state"] == "accepted"
    assert settled["case"]["tracker_number"]
    assert settled["case"]["ref"].startswith("LEU-")
    by_name = await kassa.get("/receipts", params={"source": "/kassa/3", "id": "k-1"})
    assert by_name.json() == settled


async def test_the_same_event_again_gives_the_same_receipt(hub, kassa, post):
    answers = [await post(kassa, an_event()) for _ in range(3)]

    assert [one.status_code for one in answers] == [202, 200, 200]
    assert len({one.json()["receipt"] for one in answers}) == 1
    assert [one.json()["duplicate"] for one in answers] == [False, True, True]
    assert await count(hub, cases) == 1


async def test_a_hundred_times_at_once_is_one_case(hub, kassa, post):
    answers = await asyncio.gather(*(post(kassa, an_event()) for _ in range(100)))

    assert sorted({one.status_code for one in answers}) == [200, 202]
    assert await count(hub, cases) == 1


async def test_the_same_id_of_another_source_is_another_event(hub, kassa, post):
    await post(kassa, an_event())
    answer = await post(kassa, an_event(source="/kassa/4"))

    assert answer.status_code == 202
    assert await count(hub, cases) == 2


async def test_another_content_under_a_used_id_is_refused(kassa, post):
    await post(kassa, an_event())

    assert_problem(await post(kassa, an_event(data=a_contact(message="iets anders"))), 409, "conflict")


async def test_binary_mode_means_the_same(hub, kassa):
    event = an_event()
    headers = {f"ce-{name}": event[name] for name in ("specversion", "id", "source", "type")}

    answers = [await kassa.post("/events", json=event["data"], headers=headers) for _ in range(2)]

    assert [one.status_code for one in answers] == [202, 200]
    assert answers[0].json()["event"] == {"source": "/kassa/3", "id": "k-1"}


async def test_every_event_of_a_batch_is_taken_by_itself(hub, kassa):
    batch = [an_event("a"), an_event("b", data={"subject": 7, "message": ""}), an_event("c")]

    answer = await kassa.post("/events", json=batch, headers={"Content-Type": BATCH})

    assert answer.status_code == 202
    first, second, third = answer.json()["events"]
    assert first["receipt"]["event"]["id"] == "a"
    assert second["rejected"]["path"] == "$.data.subject"
    assert second["rejected"]["receipt"]
    assert third["receipt"]["event"]["id"] == "c"
    assert await count(hub, cases) == 2


async def test_a_file_comes_along(hub, kassa, post):
    photo = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(100)).decode()
    data = a_contact(attachments=[{"name": "kassa.png", "content": photo}])

    answers = [await post(kassa, an_event(data=data)) for _ in range(2)]

    assert [one.status_code for one in answers] == [202, 200]
    receipt = answers[0].json()["receipt"]
    assert (await kassa.get(f"/receipts/{receipt}", params={"wait": 10})).json()["state"] == "accepted"


UNFIT = [
    (b'{"specversion"', STRUCTURED, 400, "malformed"),
    (b'{"a":NaN}', STRUCTURED, 400, "malformed"),
    (b'{"data":' + b"[" * 50_000, STRUCTURED, 400, "malformed"),
    (b"\xff", STRUCTURED, 400, "malformed"),
    (b"{}", STRUCTURED, 422, "not-understood"),
    (json.dumps(an_event(type="iets.anders")).encode(), STRUCTURED, 422, "not-understood"),
    (
        json.dumps(an_event(data={"subject": "a\u0000", "message": "b"})).encode(),
        STRUCTURED,
        422,
        "not-understood",
    ),
    (json.dumps(an_event(data=a_contact(onbekend=1))).encode(), STRUCTURED, 422, "not-understood"),
    (
        json.dumps(an_event(data=a_contact(person={"insz": "123"}))).encode(),
        STRUCTURED,
        422,
        "not-understood",
    ),
    (b"[null]", BATCH, 422, "not-understood"),
    (b"[]", BATCH, 422, "not-understood"),
    (b"<a/>", "text/xml", 415, "wrong-type"),
    (b"{}", "application/json", 415, "wrong-type"),
]


async def test_what_does_not_fit_is_refused_with_its_reason(kassa):
    for body, content_type, status, name in UNFIT:
        answer = await kassa.post("/events", content=body, headers={"Content-Type": content_type})

        assert_problem(answer, status, name)


async def test_what_is_not_understood_is_kept_and_its_id_stays_free(hub, kassa, post):
    broken = await post(kassa, an_event(data={"subject": "x", "message": 1}))

    problem = assert_problem(broken, 422, "not-understood")
    assert problem["path"] == "$.data.message"
    kept = (await kassa.get(f"/receipts/{problem['receipt']}")).json()
    assert kept["state"] == "on_hold"
    assert (await post(kassa, an_event())).status_code == 202


async def test_a_body_without_end_is_cut_off(hub, kassa):
    settings = hub.configuration.settings.api
    body = b"x" * (settings.max_body_bytes + 1)

    assert_problem(await kassa.post("/events", content=body), 413, "too-large")


# --- would you accept this? ---------------------------------------------------------------------------------


async def test_a_rehearsal_tells_the_group_and_the_rule_and_leaves_nothing(hub, kassa, post):
    before = [await count(hub, table) for table in (messages, cases, effects)]

    answer = await post(kassa, an_event(), "/events/check")

    assert answer.status_code == 200
    told = answer.json()
    assert (told["would_accept"], told["fate"], told["kind"]) == (True, "routed", "report")
    assert (told["area"], told["joins_case"]) == ("kessel-lo", "")
    assert told["rule"]
    assert told["reason"] == f"opens a case for {told['group']}"
    assert [await count(hub, table) for table in (messages, cases, effects)] == before


async def test_a_rehearsal_says_the_same_as_the_real_thing(hub, kassa, post):
    told = (await post(kassa, an_event(), "/events/check")).json()
    receipt = (await post(kassa, an_event())).json()

    assert receipt["case"]["group"] == told["group"]
    again = (await post(kassa, an_event(), "/events/check")).json()
    assert again["seen_before"]


async def test_a_rehearsal_says_what_is_wrong_and_where_and_keeps_nothing(kassa, post):
    answer = await post(kassa, an_event(data={"subject": "x", "message": 1}), "/events/check")

    assert assert_problem(answer, 422, "not-understood")["path"] == "$.data.message"
    assert "receipt" not in answer.json()


async def test_a_contact_for_its_own_case_joins_it_and_for_anothers_does_not(hub, kassa, bib, post):
    receipt = (await post(kassa, an_event())).json()
    ref = receipt["case"]["ref"]
    more = an_event("k-2", data=a_contact(case=ref))

    assert (await post(kassa, more, "/events/check")).json()["joins_case"] == ref
    assert (await post(bib, more, "/events/check")).json()["joins_case"] == ""
    joined = (await post(kassa, more)).json()
    assert joined["case"]["ref"] == ref
    assert (await kassa.get(f"/receipts/{joined['receipt']}", params={"wait": 10})).json()[
        "state"
    ] == "accepted"


# --- reading ------------------------------------------------------------------------------------------------


async def test_the_feed_tells_the_news_of_a_case_once_and_in_order(hub, kassa, post):
    await post(kassa, an_event())

    answer = await kassa.get("/events", params={"wait": 10})

    (event,) = answer.json()
    assert answer.headers["content-type"] == BATCH
    assert event["type"] == "be.wegwijzer.case.accepted.v1"
    assert event["data"]["about"] == {"source": "/kassa/3", "id": "k-1"}
    position = answer.headers["feed-position"]
    assert (await kassa.get("/events", params={"after": position})).json() == []
    await post(kassa, an_event("k-2"))
    (second,) = (await kassa.get("/events", params={"after": position, "wait": 10})).json()
    assert second["data"]["about"]["id"] == "k-2"


async def test_a_feed_is_read_in_pages(kassa, post):
    for number in range(5):
        await post(kassa, an_event(f"k-{number}"))
    async with asyncio.timeout(20):
        while len((await kassa.get("/events")).json()) < 5:  # noqa: ASYNC110 - HTTP rings no bell
            await asyncio.sleep(0.1)

    read, position, more = [], "0", "true"
    while more == "true":
        page = await kassa.get("/events", params={"after": position, "limit": 2})
        read += [event["data"]["about"]["id"] for event in page.json()]
        position, more = page.headers["feed-position"], page.headers["feed-more"]

    assert sorted(read) == [f"k-{number}" for number in range(5)]


async def test_own_cases_can_be_looked_at(kassa, post):
    ref = (await post(kassa, an_event())).json()["case"]["ref"]

    listed = (await kassa.get("/cases")).json()["cases"]
    detail = (await kassa.get(f"/cases/{ref}")).json()

    assert [one["ref"] for one in listed] == [ref]
    assert listed[0]["event"] == {"source": "/kassa/3", "id": "k-1"}
    assert detail["case"]["ref"] == ref
    assert detail["history"][0]["status"] == "new"


async def test_a_system_sees_nothing_of_another(kassa, bib, post):
    receipt = (await post(kassa, an_event())).json()
    await kassa.get(f"/receipts/{receipt['receipt']}", params={"wait": 10})

    assert_problem(await bib.get(f"/receipts/{receipt['receipt']}"), 404, "not-found")
    assert_problem(await bib.get("/receipts", params={"source": "/kassa/3", "id": "k-1"}), 404, "not-found")
    assert_problem(await bib.get(f"/cases/{receipt['case']['ref']}"), 404, "not-found")
    assert (await bib.get("/cases")).json() == {"cases": []}
    assert (await bib.get("/events")).json() == []


# --- who may ------------------------------------------------------------------------------------------------


PATHS = ["/events", "/receipts", "/receipts/" + "0" * 32, "/cases", "/openapi.json"]
NO_TOKENS = ["", "wgw_0123456789abcdef_" + "x" * 43, "onzin", "wgw_" + "0" * 16]


async def test_without_a_valid_token_nothing_is_answered(hub):
    for token in NO_TOKENS:
        async with client_of(hub, token) as stranger:
            answers = [await stranger.get(path) for path in PATHS]

        for answer in answers:
            assert_problem(answer, 401, "not-authentic")
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_secret_of_another_credential_does_not_fit(hub):
    first, second = await token_of(hub, "kassa"), await token_of(hub, "bib")
    mixed = first[:21] + second[21:]

    async with client_of(hub, mixed) as stranger:
        assert (await stranger.get("/cases")).status_code == 401


async def test_an_expired_and_a_revoked_credential_are_worth_nothing(hub):
    expired = await token_of(hub, "kassa", valid=timedelta(seconds=-1))
    revoked = await token_of(hub, "kassa")
    await Credentials(hub.journal.database, hub.clock).revoke(revoked[4:20])

    for token in (expired, revoked):
        async with client_of(hub, token) as stranger:
            assert (await stranger.get("/cases")).status_code == 401


async def test_scopes_are_kept_apart(hub, post):
    async with client_of(hub, await token_of(hub, "kassa", Scope.SEND)) as sending:
        assert_problem(await sending.get("/cases"), 403, "not-allowed")
        assert (await post(sending, an_event())).status_code == 202
    async with client_of(hub, await token_of(hub, "kassa", Scope.READ)) as reading:
        assert_problem(await post(reading, an_event()), 403, "not-allowed")
        assert_problem(await post(reading, an_event(), "/events/check"), 403, "not-allowed")


async def test_a_system_that_left_the_settings_is_not_known(hub):
    async with client_of(hub, await token_of(hub, "weg")) as gone:
        assert (await gone.get("/cases")).status_code == 401


async def test_tokens_are_hashed_at_rest(hub, tmp_path):
    token = await token_of(hub, "kassa")
    await hub.journal.close()

    kept = b"".join(file.read_bytes() for file in (tmp_path / "var").rglob("*") if file.is_file())

    assert token.encode() not in kept
    assert token[21:].encode() not in kept


async def test_too_many_requests_are_told_when_to_come_back(hub):
    async with client_of(hub, await token_of(hub, "traag")) as eager:
        answers = [await eager.get("/cases") for _ in range(8)]

    statuses = [one.status_code for one in answers]
    assert statuses.count(200) in (3, 6)  # the minute may turn meanwhile
    refused = next(one for one in answers if one.status_code == 429)
    assert_problem(refused, 429, "too-many")
    assert 1 <= int(refused.headers["retry-after"]) <= 61


async def test_answers_are_for_the_caller_alone(kassa):
    answer = await kassa.get("/cases")

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_what_is_not_there_and_what_cannot_be_done(kassa):
    assert_problem(await kassa.get("/nergens"), 404, "not-found")
    refused = await kassa.delete("/events")
    assert_problem(refused, 405, "wrong-method")
    assert refused.headers["allow"] == "GET, POST"
    assert_problem(await kassa.get("/events", params={"after": "x"}), 422, "not-understood")
    assert_problem(await kassa.get("/cases", params={"since": "0.5"}), 422, "not-understood")

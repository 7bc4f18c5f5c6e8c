"""Replay plans for programs: log in, plan, approve as somebody else, carry out; and who may do what."""

from collections.abc import Callable

import httpx
import pytest_asyncio

from console.access import RIGHTS, Right, Role, required
from journal.schema import audit, replay_plans
from tests.console.conftest import PASSWORD, Browser
from tests.console.seed import City
from tests.console.test_access import filled, routes
from tests.console.test_replays import carried_out, mails_refused
from tests.journal.scene import rows

WHY = "de groep bestaat nu"


class Program:
    """A script with an account."""

    def __init__(self, client: httpx.AsyncClient, token: str = "") -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path, headers=self.headers)

    async def post(self, path: str, document: object = None, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=document or {}, headers={**self.headers, **headers})


@pytest_asyncio.fixture
async def program(open_browser: Callable[[], Browser]):
    """Logs programs in."""

    async def log_in(role: Role) -> Program:
        client = open_browser().client
        answer = await client.post("/api/session", json={"name": role.value, "password": PASSWORD})
        assert answer.status_code == 201
        assert "set-cookie" not in answer.headers
        return Program(client, answer.json()["token"])

    return log_in


async def test_a_program_plans_starts_and_reads_the_results(program, city: City):
    script = await program(Role.ADMINISTRATOR)
    made = await script.post("/api/replays", {"reason": WHY, "remedy": "refused"})
    assert made.status_code == 201
    plan_id = made.json()["plan"]["id"]
    assert [
        (one["target"], one["action"], one["verdict"], one["count"]) for one in made.json()["totals"]
    ] == [("tracker", "open_case", "probe", 2)]
    started = await script.post(f"/api/replays/{plan_id}/start", {"pace": 600})
    assert started.json()["plan"]["state"] == "running"
    await carried_out(city)

    assert (await script.get(f"/api/replays/{plan_id}")).json()["plan"]["state"] == "done"
    lines = (await script.get(f"/api/replays/{plan_id}/rows?state=applied")).json()
    assert [row["number"] for row in lines["rows"]] == [1, 2]
    assert [plan["id"] for plan in (await script.get("/api/replays")).json()] == [plan_id]


async def test_the_second_person_is_another_program_with_the_right(program, city: City):
    await mails_refused(city, 1)
    maker, viewer = await program(Role.ADMINISTRATOR), await program(Role.KCC_VIEWER)
    plan_id = (await maker.post("/api/replays", {"reason": WHY, "target": "mail"})).json()["plan"]["id"]
    path = f"/api/replays/{plan_id}"
    refused = await maker.post(f"{path}/start")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert "a second person must approve first" in refused.json()["detail"]
    assert (await maker.post(f"{path}/approve")).status_code == 409
    assert (await viewer.post(f"{path}/approve")).status_code == 403

    approved = await (await program(Role.KCC_DISPATCHER)).post(f"{path}/approve")
    assert approved.json()["plan"]["approved_by"] == Role.KCC_DISPATCHER
    assert (await maker.post(f"{path}/start")).status_code == 200
    assert (await maker.post(f"{path}/pause", {"reason": "even wachten"})).status_code == 200
    assert (await maker.post(f"{path}/resume")).status_code == 200
    cancelled = await maker.post(f"{path}/cancel", {"reason": "toch niet"})
    assert cancelled.json()["plan"]["state"] == "cancelled"


async def test_each_role_gets_what_it_may_and_nothing_else(program, open_browser, city: City):
    app = open_browser().client._transport.app
    wrong = []
    for role in Role:
        script = await program(role)
        granted = {Right.PUBLIC, Right.SIGNED_IN} | RIGHTS[role]
        for method, path, endpoint in routes(app):
            if path.startswith("/api/") and method != "DELETE":
                target = filled(path, city)
                answer = await (script.post(target) if method == "POST" else script.get(target))
                assert answer.status_code < 500
                if (answer.status_code == 403) == (required(endpoint) in granted):
                    wrong.append((role, method, path, answer.status_code))

    assert wrong == []


async def test_without_a_token_nothing_is_told_and_a_cookie_is_no_token(administrator: Browser):
    app = administrator.client._transport.app
    answers = {
        (await administrator.client.request(method, path, json={})).status_code
        for method, path, _ in routes(app)
        if path.startswith("/api/replays")
    }

    assert answers == {401}
    told = await administrator.client.get("/api/replays")
    assert told.headers["www-authenticate"] == "Bearer"
    assert "name=" not in told.text


async def test_a_page_from_elsewhere_cannot_use_a_browser_to_call_it(program):
    script = await program(Role.ADMINISTRATOR)
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        answer = await script.post("/api/replays", {"reason": WHY}, **headers)
        assert answer.status_code == 403


async def test_a_token_ends_with_the_log_out(program):
    script = await program(Role.ADMINISTRATOR)
    assert (await script.client.delete("/api/session", headers=script.headers)).status_code == 204

    assert (await script.get("/api/replays")).status_code == 401


async def test_a_wrong_password_is_refused_and_noted(open_browser, city: City):
    client = open_browser().client
    answer = await client.post("/api/session", json={"name": "administrator", "password": "fout wachtwoord"})

    assert answer.status_code == 401
    assert "fout" not in answer.text
    assert ("administrator", "log_in_refused") in [
        (row.actor, row.action) for row in await rows(city.journal, audit)
    ]


async def test_what_is_wrong_in_a_document_is_said_and_nothing_is_made(program, city: City):
    script = await program(Role.ADMINISTRATOR)
    wrong = [
        ({}, "reason"),
        ({"reason": "x"}, "reason"),
        ({"reason": WHY, "tarket": "mail"}, "tarket"),
        ({"reason": WHY, "since": "gisteren"}, "since"),
        ({"reason": WHY, "remedy": "magic"}, "remedy"),
        ({"reason": WHY, "ids": ["nonsense"]}, "ids"),
        ({"reason": WHY, "done": "yes"}, "done"),
        ({"reason": WHY, "ids": ["0" * 32] * 10_001}, "ids"),
    ]
    answers = [(await script.post("/api/replays", document), says) for document, says in wrong]

    assert [answer.status_code for answer, _ in answers] == [422] * len(wrong)
    assert [says for answer, says in answers if says not in answer.json()["detail"]] == []
    assert await rows(city.journal, replay_plans) == []


async def test_what_is_no_json_or_too_large_is_refused(program):
    script = await program(Role.ADMINISTRATOR)
    answers = [
        await script.client.post(
            "/api/replays", content=body, headers={**script.headers, "Content-Type": kind}
        )
        for body, kind in (
            (b"reason=x", "application/x-www-form-urlencoded"),
            (b"{", "application/json"),
            (b"[" * 600_000, "application/json"),
        )
    ]

    assert [answer.status_code for answer in answers] == [415, 422, 413]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}

"""The feed for connectors: who asks, in which order, and from where to go on."""

import httpx
import pytest
from fastapi import FastAPI
from msgspec.structs import replace

from adapters.dosis import build
from demo.outside.dosis import SOURCE
from ports.contracts.board import ASSOCIATION
from ports.errors import TransientError
from tests.adapters.dosis.conftest import CASE, RIGHTS

TOKEN = "a token of at least 24 characters"
OTHER = "another one that is long enough too"


@pytest.fixture
async def connector(tools):
    feed = {"tokens": [TOKEN, OTHER], "most": 3}
    adapter = build({"source": SOURCE, "feed": feed, "rights": RIGHTS}, tools)
    app = FastAPI(openapi_url=None)
    app.include_router(adapter.webhook, prefix="/in/dosis")
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="https://hub.example/in/dosis", headers=headers
    ) as client:
        yield client


async def put_up(tools, *publications):
    for number, publication in enumerate(publications):
        key = f"{CASE}/dosis/publish_status/{number}"
        tools.feeds.commands[key] = publication
        await tools.feeds.append("in/dosis", key)


async def test_changes_come_in_the_order_of_their_index(connector, tools, publication):
    subjects = [f"nummer {number}" for number in range(5)]
    await put_up(tools, *[replace(publication, subject=subject) for subject in subjects])

    first = (await connector.get("/dossierstatusveranderingen", params={"index": 0, "limiet": 2})).json()
    rest = (await connector.get(first["@volgendeVerzameling"])).json()

    assert [one["dossiernaam"] for one in first["elementen"]] == subjects[:2]
    assert [one["index"] for one in rest["elementen"]] == [3, 4]
    assert first["@id"] == "https://hub.example/in/dosis/dossierstatusveranderingen?index=0&limiet=2"
    assert (first["index"], first["limiet"], first["nieuweIndex"]) == (0, 2, 2)


async def test_at_the_end_the_index_stays(connector, tools, publication):
    await put_up(tools, publication)

    answer = (await connector.get("/dossierstatusveranderingen", params={"index": 1})).json()

    assert (answer["elementen"], answer["nieuweIndex"]) == ([], 1)


async def test_no_answer_holds_more_than_was_set(connector, tools, publication):
    await put_up(tools, *[publication] * 5)

    answer = (await connector.get("/dossierstatusveranderingen", params={"limiet": 1000})).json()

    assert (len(answer["elementen"]), answer["nieuweIndex"]) == (3, 3)


async def test_what_was_erased_is_passed_over(connector, tools, publication):
    await put_up(tools, publication, publication, replace(publication, party=ASSOCIATION))
    tools.feeds.commands[f"{CASE}/dosis/publish_status/0"] = None

    answer = (await connector.get("/dossierstatusveranderingen")).json()

    assert [one["index"] for one in answer["elementen"]] == [2]
    assert answer["nieuweIndex"] == 3


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer "}]
)
async def test_without_a_token_there_is_nothing_to_see(connector, tools, publication, header):
    await put_up(tools, publication)
    connector.headers.pop("Authorization")

    answer = await connector.get("/dossierstatusveranderingen", headers=header)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "elementen" not in answer.json()


async def test_a_token_that_is_being_replaced_still_works(connector):
    answer = await connector.get("/dossierstatusveranderingen", headers={"Authorization": f"Bearer {OTHER}"})

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "query",
    [
        {"index": "-1"},
        {"index": "x"},
        {"limiet": "0"},
        {"limiet": "1.5"},
        {"index": "9" * 30},
        {"index": "²"},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(connector, query):
    assert (await connector.get("/dossierstatusveranderingen", params=query)).status_code == 400


async def test_an_index_that_is_far_away_finds_nothing(connector):
    answer = await connector.get("/dossierstatusveranderingen", params={"index": "9" * 19})

    assert answer.json()["elementen"] == []


async def test_a_journal_that_is_away_says_when_to_come_back(connector, tools, monkeypatch):
    async def away(feed, after, limit):
        raise TransientError("away", retry_after=30)

    monkeypatch.setattr(tools.feeds, "read", away)

    answer = await connector.get("/dossierstatusveranderingen")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")

"""`/metrics`: clean for promtool, few series, right figures, for who may read them."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.private import free_port
from tests.servers.promtool import promtool
from tests.telemetry.small_hub import METRICS_TOKEN, SmallHub, configured, running

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest_asyncio.fixture
async def small(tmp_path) -> AsyncIterator[SmallHub]:
    async with running(configured(tmp_path / "hub")) as small:
        yield small


def samples(text: str) -> Samples:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def figure(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


async def test_promtool_finds_them_clean(small: SmallHub):
    await small.post("a-1")
    await small.settled()

    said = promtool("check", "metrics", typed=await small.metrics())

    assert said.strip() == ""


async def test_they_count_what_came_in_and_what_became_of_it(small: SmallHub):
    before = samples(await small.metrics())
    for id_ in ("b-1", "b-2", "b-1"):
        await small.post(id_)
    await small.client.post("/in/website/form", data={"id": "b-3"})
    await small.settled()
    after = samples(await small.metrics())

    def grown(name: str, **labels: str) -> float:
        return figure(after, name, **labels) - figure(before, name, **labels)

    source = "website/form/forms"
    assert grown("wegwijzer_received_messages_total", source=source, outcome="accepted") == 2
    assert grown("wegwijzer_received_messages_total", source=source, outcome="duplicate") == 1
    assert grown("wegwijzer_door_responses_total", adapter="website", code="202") == 2
    assert grown("wegwijzer_door_responses_total", adapter="website", code="401") == 1
    assert grown("wegwijzer_effects_total", target="tracker", action="open_case", outcome="applied") == 2
    assert grown("wegwijzer_delivery_duration_seconds_count", target="tracker") == 2
    assert grown("wegwijzer_attempt_duration_seconds_count", target="tracker") == 2
    assert grown("wegwijzer_attempts_total", target="mail", outcome="again") >= 1
    assert grown("wegwijzer_journal_commit_writes_sum") >= 4


async def test_they_show_how_the_journal_stands(small: SmallHub):
    await small.post("c-1")
    await small.settled()
    await small.hub.journal.pause("tracker", "sofie", "onderhoud")
    found = samples(await small.metrics())

    assert figure(found, "wegwijzer_journal_up") == 1
    assert figure(found, "wegwijzer_messages_open", source="website/form/forms", state="waiting") == 1
    assert figure(found, "wegwijzer_effects_open", target="mail", state="waiting") >= 1
    assert ("wegwijzer_oldest_waiting_seconds", frozenset({("target", "mail")})) in found
    assert figure(found, "wegwijzer_system_paused", system="tracker") == 1
    assert figure(found, "wegwijzer_system_held", system="mail") == 1
    assert figure(found, "wegwijzer_incidents_open") >= 1
    assert figure(found, "wegwijzer_adapter_quarantined", adapter="nowhere") == 1
    assert figure(found, "wegwijzer_listener_active", source="tracker/changes") == 1
    assert figure(found, "wegwijzer_listener_lease_seconds", source="tracker/changes") > 0
    assert figure(found, "wegwijzer_balance_unaccounted") == 0


async def test_a_message_adds_no_series(small: SmallHub):
    await small.post("d-0")
    await small.settled()
    before = samples(await small.metrics()).keys()
    for number in range(1, 20):
        await small.post(f"d-{number}")
    await small.settled()
    after = samples(await small.metrics()).keys()

    assert {name for name, _ in after - before} <= {"wegwijzer_door_responses_total"}
    assert len(after) < 600


async def test_only_a_scheduler_shows_the_journal(tmp_path):
    path = configured(tmp_path / "hub")
    async with running(path, ["intake", "worker"]) as small:
        found = await small.metrics()

    assert "wegwijzer_build_info" in found
    assert "wegwijzer_journal_up" not in found


@pytest.mark.parametrize(
    "authorization", ["", METRICS_TOKEN, "Bearer", "Bearer wrong", f"Basic {METRICS_TOKEN}", "Bearer é"]
)
async def test_they_are_for_who_has_the_token(small: SmallHub, authorization: str):
    answer = await small.client.get("/metrics", headers={"Authorization": authorization.encode()})

    assert answer.status_code == 401
    assert "wegwijzer_" not in answer.text


async def test_without_a_setting_there_are_none(tmp_path):
    path = configured(tmp_path / "hub")
    path.write_text(path.read_text().replace('token = "secret:metrics_token"', ""))
    async with running(path, ["intake"]) as small:
        answer = await small.client.get("/metrics")

    assert answer.status_code == 404


async def test_an_address_of_its_own_on_loopback_needs_no_token(tmp_path):
    listen = f"127.0.0.1:{free_port()}"
    path = configured(tmp_path / "hub", metrics=f'listen = "{listen}"')
    async with running(path, ["scheduler"]), httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{listen}/metrics")
        other = await client.get(f"http://{listen}/health/ready")

    assert "wegwijzer_journal_up 1.0" in answer.text
    assert other.status_code == 404


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "10.1.2.3:9464", "9464", "[::]:9464"])
def test_an_address_that_others_reach_is_refused(listen: str):
    from pydantic import ValidationError

    from telemetry.settings import MetricsSettings

    with pytest.raises(ValidationError):
        MetricsSettings(listen=listen)

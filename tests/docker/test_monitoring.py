"""Prometheus and Grafana: valid, tested, and about metrics that exist."""

import json
import re
from shutil import copytree

import pytest

from tests.docker.files import DOCKER, metrics_in, yaml
from tests.servers.promtool import promtool
from tests.shipped import ROOT
from tests.telemetry.small_hub import configured, running

RULES = [rule for group in yaml(DOCKER / "prometheus" / "rules.yml")["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((DOCKER / "grafana" / "dashboards" / "wegwijzer.json").read_text())
PAGE = (ROOT / "docs" / "operations" / "monitoring.md").read_text()


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> set[str]:
    """The names of all metrics that a whole hub shows, as Prometheus stores them."""
    import asyncio

    async def ask() -> str:
        async with running(configured(tmp_path_factory.mktemp("hub") / "hub")) as small:
            await small.post("m-1")
            await small.settled()
            return await small.metrics()

    names = re.findall(r"(?m)^# TYPE (\S+)", asyncio.run(ask()))
    return {re.sub(r"_total$", "", name) for name in names}


def test_promtool_accepts_the_configuration(tmp_path):
    folder = copytree(DOCKER / "prometheus", tmp_path / "prometheus")
    (tmp_path / "token").write_text("t")
    config = folder / "prometheus.yml"
    config.write_text(
        config.read_text()
        .replace("/run/secrets/metrics_token", str(tmp_path / "token"))
        .replace("/etc/prometheus", str(folder))
    )

    assert "SUCCESS" in promtool("check", "config", config)


def test_the_rules_do_what_their_tests_say():
    assert "SUCCESS" in promtool("test", "rules", DOCKER / "prometheus" / "rules_test.yml")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_about_metrics_that_exist_and_says_what_to_do(rule, exported):
    named = set(metrics_in(rule["expr"]))

    assert named <= exported
    assert named or "up{" in rule["expr"]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert f"### {rule['alert']}\n" in PAGE


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_a_panel_shows_metrics_that_exist(panel, exported):
    expressions = [target["expr"] for target in panel["targets"]]
    named = {name for expression in expressions for name in metrics_in(expression)}

    assert named <= exported
    assert named or expressions == ['sum(up{job="wegwijzer"})']


def test_panels_do_not_lie_on_each_other():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_the_dashboard_is_provisioned_from_where_it_is_mounted():
    provider = yaml(DOCKER / "grafana" / "provisioning" / "dashboards" / "wegwijzer.yml")["providers"][0]
    source = yaml(DOCKER / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"][0]
    mounts = yaml(DOCKER / "compose.yaml")["services"]["grafana"]["volumes"]

    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {source["uid"]}


def test_every_metric_of_ours_is_explained(exported):
    ours = {name for name in exported if name.startswith("wegwijzer_")}

    assert not {name for name in ours if f"`{name}" not in PAGE}

"""The dashboard: what the code builds, explained panel by panel, and found by Grafana."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from deploy.grafana import build
from deploy.grafana.panels import STATES
from monitor.core.incident import State
from tests.deploy.deployed import DASHBOARD, DEPLOY, PROMETHEUS, of_dashboard, panels, read

PROVISIONING = DEPLOY / "grafana" / "provisioning"


def test_the_committed_dashboard_is_what_the_code_builds() -> None:
    assert build.build() == DASHBOARD.read_text(), "run: python -m deploy.grafana.build"


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: str(panel["title"]))
def test_a_panel_says_what_it_shows_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_panels_have_ids_and_titles_of_their_own_and_fill_their_rows() -> None:
    every = read(DASHBOARD)["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    assert len({panel["title"] for panel in panels()}) == len(panels())
    widths: Counter[int] = Counter()
    for panel in every:
        widths[panel["gridPos"]["y"]] += panel["gridPos"]["w"]
    assert set(widths.values()) == {24}


def test_one_can_choose_data_source_vantage_component_and_probe() -> None:
    variables = {each["name"]: each for each in read(DASHBOARD)["templating"]["list"]}
    assert list(variables) == ["datasource", "vantage", "component", "probe", "page"]
    assert all(variables[name]["includeAll"] for name in ("vantage", "component", "probe"))


def test_every_query_keeps_to_the_chosen_vantage() -> None:
    free = {
        target["expr"]
        for panel in panels()
        for target in panel["targets"]
        if 'vantage=~"$vantage"' not in target["expr"]
    }
    assert free == {"claude_uptime:slo_objective:ratio"}


def test_every_state_has_a_colour() -> None:
    assert [state for state, _ in STATES] == [state.value for state in State]


@pytest.mark.parametrize(
    "title",
    [
        "State by component",
        "The vendor's page",
        "How long good runs take",
        "First content by model, p50 and p95",
        "First text by model, p50 and p95",
        "Time per token by model, p50",
        "Cost within a day",
        "Budget left today",
        "Runs by outcome",
        "Success ratio by component",
        "p95 by phase",
        "Components with an open incident",
        "Attempts by result",
        "How late runs start",
    ],
)
def test_what_an_operator_looks_for_is_there(title: str) -> None:
    assert title in {panel["title"] for panel in panels()}


def test_a_click_leads_to_a_page_of_the_monitor() -> None:
    """Each path is a route, and each label that it takes is one of the series that it stands on."""
    links = [
        (link["url"], target["expr"])
        for panel in panels()
        for link in panel["fieldConfig"]["defaults"].get("links") or ()
        for target in panel["targets"]
    ]
    assert {url.split("?")[0].split("${__")[0] for url, _ in links} == {
        "${page}/probes/",
        "${page}/incidents",
        "${page}/history",
    }
    for url, expr in links:
        for label in re.findall(r"__field\.labels\.(\w+)", url):
            assert label in expr, url


def test_quantiles_come_from_histograms_with_their_buckets() -> None:
    asked = [each.text for each in of_dashboard() if "histogram_quantile" in each.text]
    assert asked
    assert all(re.search(r"sum by \(le[,)].*_bucket\{", text) for text in asked)


# ---------------------------------------------------------------- provisioning


def test_grafana_finds_dashboard_and_prometheus_where_compose_puts_them() -> None:
    grafana = read(DEPLOY / "compose" / "compose.yaml")["services"]["grafana"]
    (provider,) = read(PROVISIONING / "dashboards" / "claude-uptime.yaml")["providers"]
    folder = provider["options"]["path"]
    mounts = dict(volume.removesuffix(":ro").split(":") for volume in grafana["volumes"])
    assert mounts["../grafana/claude-uptime.json"] == f"{folder}/claude-uptime.json"
    assert mounts["../grafana/provisioning"] == "/etc/grafana/provisioning"
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == mounts["../grafana/claude-uptime.json"]


def test_grafana_knows_how_often_prometheus_scrapes() -> None:
    sources = read(PROVISIONING / "datasources" / "prometheus.yaml")["datasources"]
    source = next(each for each in sources if each["type"] == "prometheus")
    interval = read(PROMETHEUS / "prometheus.yaml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval

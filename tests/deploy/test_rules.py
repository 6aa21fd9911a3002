"""The rules for Prometheus and Alertmanager: sound, explained, tested both ways, in step."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from prometheus_client import CollectorRegistry

from monitor.core.incident import EventType
from monitor.metrics.instruments import Instruments
from tests.deploy.deployed import (
    DEPLOY,
    PROMETHEUS,
    ROOT,
    Expression,
    alerts,
    of_dashboard,
    of_rules,
    read,
    rules,
    selectors,
    watched,
)
from tests.factories import a_plan

ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yaml"
RUNBOOK = ROOT / "docs" / "runbook.md"
DOCS_URL = "https://claude-uptime.example/docs/runbook.md"
SEVERITIES = {"critical": "oncall", "warning": "team", "ticket": "tickets"}

FOREIGN = {
    "up",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
}
"""Series that are not the monitor's own: Prometheus's, and the client library's."""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """A program that ends by itself."""
    return subprocess.run(  # noqa: S603  # our own arguments
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def exported() -> set[str]:
    """Every series that the daemon shows, by name."""
    registry = CollectorRegistry()
    instruments = Instruments(a_plan(), ["oncall"], registry)
    instruments.know_reload()
    instruments.know_budget()
    instruments.know_provider()
    names: set[str] = set()
    for family in registry.collect():
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        names.update(f"{family.name}{end}" for end in ends.get(family.type, [""]))
    return names


def expressions() -> list[Expression]:
    return [*of_rules(), *of_dashboard()]


# ---------------------------------------------------------------- expressions


@pytest.mark.parametrize("expression", expressions(), ids=lambda each: each.place)
def test_an_expression_parses_and_reads_only_series_that_exist(expression: Expression) -> None:
    promql_parser.parse(expression.text)
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert selectors(expression.text) <= exported() | recorded | FOREIGN


def test_a_series_that_nobody_exports_is_found() -> None:
    text = "sum(rate(claude_uptime_runs_total[5m])) / claude_uptime_tuns_total offset 1h"
    assert selectors(text) - exported() == {"claude_uptime_tuns_total"}


def test_what_an_alert_watches_is_its_expression_without_the_comparisons() -> None:
    assert watched('up{job="x"} == 0 or absent(up{job="y"})') == ['up{job="x"}', 'up{job="y"}']
    assert watched("(1 - a > 3 * b) and c unless d") == ["1 - a{}", "3 * b{}", "c{}"]


def test_every_recorded_series_is_read_somewhere_or_meant_for_reports() -> None:
    """A rule nobody reads is work for nothing; those for reports say so in their comments."""
    read_somewhere = set().union(*(selectors(each.text) for each in expressions()))
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert recorded - read_somewhere == {
        "probe:claude_uptime_success:ratio_avg1h",
        "probe:claude_uptime_success:ratio_avg1d",
        "component:claude_uptime_slo_good_minutes:sum1d",
    }


# ---------------------------------------------------------------- alerts


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_how_bad_it_is_and_what_to_do(name: str) -> None:
    alert = alerts()[name]
    assert alert["labels"]["severity"] in SEVERITIES
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"{DOCS_URL}#{name.lower()}"


def headings() -> list[str]:
    return re.findall(r"^### ([\w.]+)$", RUNBOOK.read_text(), re.MULTILINE)


def test_the_runbook_has_every_alert_and_every_event_of_the_monitor_and_no_other() -> None:
    events = {event.value for event in EventType if event.value.startswith("monitor.")}
    found = [each for each in headings() if each.startswith(("Claude", "monitor."))]
    assert sorted(found) == sorted([*alerts(), *events])


def test_every_entry_of_the_runbook_says_what_it_means_and_what_to_check_and_do() -> None:
    entries = re.split(r"^### ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    lacking = [
        (entry.splitlines()[0], word)
        for entry in entries
        for word in ("**Means.**", "**Check first.**", "**Do.**")
        if word not in entry
    ]
    assert len(entries) == len(alerts()) + 3
    assert lacking == []


def cases() -> dict[str, set[bool]]:
    """For each alert, whether some test expects it to fire, and some other that it does not."""
    found: dict[str, set[bool]] = defaultdict(set)
    for group in read(PROMETHEUS / "alerts_test.yaml")["tests"]:
        for case in group.get("alert_rule_test", ()):
            found[case["alertname"]].add(bool(case["exp_alerts"]))
    return found


def test_every_alert_is_tested_where_it_fires_and_where_it_must_not() -> None:
    assert cases() == {name: {True, False} for name in alerts()}


@pytest.mark.integration("promtool")
def test_the_rules_do_what_their_unit_tests_say() -> None:
    ended = run("promtool", "test", "rules", *sorted(PROMETHEUS.glob("*_test.yaml")))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("SUCCESS") == 2


@pytest.mark.integration("promtool")
def test_a_unit_test_of_the_rules_can_fail(tmp_path: Path) -> None:
    for name in ("rules.yaml", "alerts.yaml", "rules_test.yaml"):
        text = (PROMETHEUS / name).read_text()
        (tmp_path / name).write_text(text.replace('counts=~"good|bad"', 'counts="good"'))
    ended = run("promtool", "test", "rules", tmp_path / "rules_test.yaml")
    assert ended.returncode != 0


@pytest.mark.integration("promtool")
def test_prometheus_takes_its_configuration_and_finds_the_rules() -> None:
    ended = run("promtool", "check", "config", PROMETHEUS / "prometheus.yaml")
    assert ended.returncode == 0, ended.stderr
    assert "2 rule files found" in ended.stdout


def test_the_alerts_find_the_daemon_by_the_job_that_is_configured() -> None:
    jobs = {job["job_name"]: job for job in read(PROMETHEUS / "prometheus.yaml")["scrape_configs"]}
    named = set(re.findall(r'job="([\w-]+)"', str([rule["expr"] for rule in rules()])))
    assert named == {"claude-uptime"}
    job = jobs["claude-uptime"]
    assert job["honor_labels"] is True
    vantage = job["static_configs"][0]["labels"]["vantage"]
    assert vantage == read(ROOT / "config" / "claude.yaml")["vantage"]


# ---------------------------------------------------------------- Alertmanager


def amtool(part: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Debian brings it with the server."""
    return run(Path(part["alertmanager"]).with_name("amtool"), *words)


@pytest.mark.integration("alertmanager")
def test_alertmanager_takes_its_configuration(part: dict[str, str]) -> None:
    ended = amtool(part, "check-config", ALERTMANAGER)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.integration("alertmanager")
@pytest.mark.parametrize(("severity", "receiver"), SEVERITIES.items())
def test_each_severity_goes_to_its_receiver(
    part: dict[str, str], severity: str, receiver: str
) -> None:
    ended = amtool(
        part, "config", "routes", "test", "--config.file", ALERTMANAGER, f"severity={severity}"
    )
    assert ended.stdout.strip() == receiver


def names_in(matchers: Iterable[str]) -> set[str]:
    """The alerts that matchers name; a pattern stands for all that fit it."""
    found: set[str] = set()
    for matcher in matchers:
        label, operator, value = re.fullmatch(r'(\w+) (=~|!=|=) "?([^"]+)"?', matcher).groups()  # type: ignore[union-attr]  # an assertion of its own
        assert label == "alertname"
        if operator != "!=":
            named = {name for name in alerts() if re.fullmatch(value, name)}
            assert named, f"{matcher} names no alert"
            found |= named
    return found


@pytest.mark.parametrize("rule", read(ALERTMANAGER)["inhibit_rules"], ids=str)
def test_an_inhibition_names_alerts_that_exist_and_keeps_to_one_vantage(
    rule: dict[str, Any],
) -> None:
    assert names_in(rule["source_matchers"])
    assert names_in(rule["target_matchers"])
    assert {"job", "vantage"} <= set(rule["equal"])

"""A whole outage through the real chain: daemon, Prometheus with the shipped rules, Alertmanager.

The daemon plays a shortened outage at ten times the speed. Its scenario begins at the real now, so
that its timestamps lie near those of Prometheus; by the end they are ten minutes ahead. Prometheus
runs the shipped rules from a copy in which only waiting is shorter: `for` and the groups' intervals
are a second. The expressions are the same, letter by letter.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.clock import SystemClock
from tests.deploy.deployed import DEPLOY, ROOT, RULE_FILES, of_dashboard, of_rules, read, watched
from tests.integration.servers import (
    Alertmanager,
    Program,
    Prometheus,
    alertmanager,
    client,
    free_port,
    prometheus,
    running,
    until,
)

SPEED = 10
IMPACT = (timedelta(minutes=1), timedelta(minutes=4))
LENGTH = timedelta(minutes=12)

NO_DATA = {
    "claude_uptime_tls_certificate_expiry_timestamp_seconds": (
        "the simulated Claude speaks plain HTTP on loopback: nobody shows a certificate"
    ),
}
"""Series that cannot be there in this show, and why; everything else is due."""


def scenario(start: datetime) -> dict[str, Any]:
    """claude.ai dead, the API refusing three keys of five, for three minutes."""
    begins, ends = (f"{start + after:%Y-%m-%dT%H:%M:%SZ}" for after in IMPACT)
    return {
        "name": "short",
        "title": "A short outage for the chain of alerts",
        "source": "Invented, after 28 April 2026.",
        "visibility": "assumed",
        "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{start + LENGTH:%Y-%m-%dT%H:%M:%SZ}",
        "impact": {"start": begins, "end": ends},
        "phases": [
            {
                "from": begins,
                "until": ends,
                "faults": [
                    {"fault": "page_500", "components": "claude_ai"},
                    {
                        "fault": "auth_401",
                        "services": ["models", "count_tokens", "messages"],
                        "keyed": True,
                        "probability": "60%",
                    },
                ],
            }
        ],
    }


def impatient(folder: Path) -> None:
    """The shipped rules, with every wait cut to a second."""
    for path in RULE_FILES:
        text = path.read_text()
        quick = re.sub(r"^(\s+(?:for|interval)): \S+$", r"\1: 1s", text, flags=re.MULTILINE)
        kept = [[rule["expr"] for rule in group["rules"]] for group in read(path)["groups"]]
        found = yaml.safe_load(quick)["groups"]
        assert [[rule["expr"] for rule in group["rules"]] for group in found] == kept
        (folder / path.name).write_text(quick)


def configured(folder: Path, daemon: int, alerts: str) -> Path:
    """The shipped configuration, its targets moved to where things run here."""
    config = read(DEPLOY / "prometheus" / "prometheus.yaml")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    host = alerts.removeprefix("http://")
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [host]
    (job,) = (each for each in config["scrape_configs"] if each["job_name"] == "claude-uptime")
    job["static_configs"][0]["targets"] = [f"127.0.0.1:{daemon}"]
    config["scrape_configs"] = [job]
    impatient(folder)
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


async def surprises(server: Prometheus) -> list[str]:
    """Parts of expressions without data although it is due, or with data although it cannot be."""
    found: list[str] = []
    for expression in (*of_rules(), *of_dashboard()):
        await server.ask("query", query=expression.text)  # the whole of it is accepted
        for part in watched(expression.text):
            due = not any(name in part for name in NO_DATA)
            if due is not bool(await server.query(part)):
                found.append(f"{expression.place}: {part}")
    return found


async def during(server: Prometheus, alerts: Alertmanager) -> None:
    """The outage alert fires and arrives; every expression has its data."""
    major = {"component": "claude_ai"}
    (fired,) = await until(
        lambda: server.firing("ClaudeMajorOutage", **major),
        within=60,
        what="the outage alert fires",
    )
    assert fired["annotations"]["summary"] == "Major outage of claude_ai, seen from local"
    (arrived,) = await until(
        lambda: alerts.details("alertname=ClaudeMajorOutage", "component=claude_ai"),
        within=20,
        what="Alertmanager has it",
    )
    assert arrived["labels"]["severity"] == "critical"
    assert [receiver["name"] for receiver in arrived["receivers"]] == ["oncall"]
    await until(
        lambda: server.firing("ClaudePartialOutage", component="api"),
        within=30,
        what="the partial outage of the API fires",
    )
    assert await surprises(server) == []


async def afterwards(server: Prometheus, alerts: Alertmanager) -> None:
    """The alert ends when the daemon closes the incident, in both servers."""

    async def none_fires() -> bool:
        return not await server.firing("ClaudeMajorOutage")

    async def none_is_known() -> bool:
        return not await alerts.alerts("alertname=ClaudeMajorOutage")

    await until(none_fires, within=70, what="the outage alert ends")
    await until(none_is_known, within=20, what="Alertmanager hears that it ended")
    quiet = 'ALERTS{alertstate="firing", component=~"console|government"}'
    assert await server.query(f"last_over_time({quiet}[10m])") == []
    assert await server.query('last_over_time(ALERTS{component="claude_ai"}[10m])')


async def exemplars(server: Prometheus) -> list[dict[str, Any]]:
    """Request ids that came with the scrape."""
    clock = SystemClock()
    found = await server.ask(
        "query_exemplars",
        query="claude_uptime_run_duration_seconds_bucket",
        start=str(clock.now().timestamp() - 600),
        end=str(clock.now().timestamp() + 600),
    )
    return [one["labels"] for series in found for one in series["exemplars"]]


async def ended(daemon: Program, server: Prometheus, alerts: Alertmanager) -> None:
    """The daemon is done: it ends by itself, and its absence is an alert with its vantage."""

    async def done() -> bool:
        return daemon.process.returncode is not None

    await until(done, within=60, what="the show ends")
    assert daemon.process.returncode == 0, daemon.said.read_text()
    (down,) = await until(
        lambda: server.firing("ClaudeUptimeDown"), within=20, what="the daemon is missed"
    )
    assert down["labels"]["vantage"] == "local"
    await until(
        lambda: alerts.alerts("alertname=ClaudeUptimeDown", "vantage=local"),
        within=20,
        what="Alertmanager has that too",
    )


@pytest.mark.integration("prometheus", "alertmanager")
@pytest.mark.timeout(240)
async def test_dashboards_against_real_prometheus_have_data_and_an_outage_reaches_alertmanager(
    tmp_path: Path, part: dict[str, str], offline: dict[str, str]
) -> None:
    port = free_port()
    show = tmp_path / "short.yaml"
    show.write_text(yaml.safe_dump(scenario(SystemClock().now())))
    demo = ("demo", "--scenario", show, "--speed", str(SPEED), "--port", str(port), "--json")
    async with (
        client() as session,
        alertmanager(
            part["alertmanager"], DEPLOY / "alertmanager" / "alertmanager.yaml", tmp_path, session
        ) as alerts,
        prometheus(
            part["prometheus"], configured(tmp_path, port, alerts.url), tmp_path, session
        ) as server,
        running(
            *(sys.executable, "-m", "monitor", *demo),
            said=tmp_path / "demo.log",
            output=tmp_path / "demo.json",
            env=offline,
            cwd=ROOT,
        ) as daemon,
    ):
        await until(
            lambda: server.query('up{job="claude-uptime"} == 1'),
            within=30,
            what="Prometheus scrapes the daemon",
        )
        await during(server, alerts)
        await afterwards(server, alerts)
        assert any("request_id" in labels for labels in await exemplars(server))
        await ended(daemon, server, alerts)
    outcome = json.loads((tmp_path / "demo.json").read_text())
    touched = {name for incident in outcome["incidents"] for name in incident["components"]}
    assert {"claude_ai", "api"} <= touched
    assert not touched & {"console", "government"}

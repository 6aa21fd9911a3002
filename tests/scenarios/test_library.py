"""The scenarios that come with the monitor: each met on three seeds, and together they cover all.

A scenario says in a comment, `# patterns: 1, 4`, which patterns of past incidents it is one of.
`docs/reference/scenarios.md` lists the patterns and the scenarios.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.backtest.library import play, with_simulated_keys
from monitor.config.load import load
from monitor.config.schema import Config
from monitor.core.incident import Event, EventType, Reason
from monitor.simulation import Scenario, load_scenario

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config" / "scenarios"
FILES = sorted(FOLDER.glob("*.yaml"))
PAGE = ROOT / "docs" / "reference" / "scenarios.md"
SEEDS = range(3)
COUNT_MIN = 24
PATTERNS = set(range(1, 13))

PATTERNS_LINE = re.compile(r"^# patterns: (\d+(?:, \d+)*)$", re.MULTILINE)
INCIDENT_ID = re.compile(r"\b[Ii]ncidents? ([a-z0-9]{12})\b")
"""An incident's id on the vendor's page."""
ROW = re.compile(
    r"^\| \[([\w-]+)\]\(([^)]+)\) \| ([^|]*) \| ([^|]*) \| (\w+) \| [^|]+ \|$", re.MULTILINE
)
"""A line of the page's table: name, file, incident, patterns, visibility, what it shows."""

QUIET = {
    "2026-03-03",
    "2026-04-23",
    "2026-04-24",
    "2026-07-16",
    "2026-08-14",
    "2026-09-10",
    "egress-proxy",
    "healthy",
    "gateway-key-revoked",
    "long-thinking",
    "allowlist-closed",
    "contract-spend-limit",
    "encryption-key-unreachable",
    "nat-pool",
    "retired-at-midnight",
    "gateway-cooldown",
    "maintenance",
    "own-network",
    "own-network-blips",
    "path-blips",
    "rate-limit-storm",
    "retired-model",
    "revoked-key",
    "spent-balance",
}
"""The scenarios in which nothing may open."""

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def shipped_config() -> Config:
    """The configuration that comes with the monitor, with a simulated key for each credential."""
    return with_simulated_keys(load(ROOT / "config" / "claude.yaml", {}))


def scenario(path: Path) -> Scenario:
    return load_scenario(path.stem, FOLDER)


def patterns(path: Path) -> set[int]:
    """The patterns that a scenario says it is one of; none when it says nothing."""
    found = PATTERNS_LINE.search(path.read_text())
    return {int(number) for number in found[1].split(", ")} if found else set()


# What a whole playing reaches in the core is reached by the core's own tests; without their
# bookkeeping the library takes a fraction of the time.
@pytest.mark.no_cover
@pytest.mark.timeout(240)
@every_file
def test_a_scenario_meets_its_expectations_on_every_seed(path: Path) -> None:
    config = shipped_config()

    missed = {seed: play(config, scenario(path), seed).score.missed for seed in SEEDS}

    assert missed == dict.fromkeys(SEEDS, ())


@every_file
def test_a_scenario_is_named_as_its_file_and_leaves_no_component_out(path: Path) -> None:
    loaded = scenario(path)
    expected = {name for item in loaded.expectations.incidents for name in item.components}

    assert loaded.name == path.stem
    assert len(expected) + len(loaded.expectations.quiet) == 6


@every_file
def test_a_scenario_says_what_it_assumes(path: Path) -> None:
    assert scenario(path).assumed


def test_the_library_covers_every_pattern_of_past_incidents() -> None:
    assert len(FILES) >= COUNT_MIN
    assert set().union(*map(patterns, FILES)) == PATTERNS


def test_what_must_open_nothing_expects_nothing_and_the_rest_something() -> None:
    found = {path.stem for path in FILES if not scenario(path).expectations.incidents}

    assert found == QUIET


def test_what_was_seen_rests_on_an_incident_a_report_and_a_post() -> None:
    seen = [item for item in map(scenario, FILES) if item.visibility == "seen"]

    assert seen
    for item in seen:
        assert INCIDENT_ID.search(item.source), item.name
        assert "anthropics/claude-code issues" in item.source, item.name
        assert item.timeline, item.name


def test_what_is_seen_fails_only_where_users_saw_it_fail() -> None:
    for item in map(scenario, FILES):
        if item.visibility == "seen":
            faults = [fault for phase in item.phases for fault in phase.faults]
            assert {service for fault in faults for service in fault.services} == {"messages"}
            assert not any(fault.components or fault.hosts for fault in faults), item.name


def test_a_dated_scenario_names_the_incident_that_its_source_names() -> None:
    for item in map(scenario, FILES):
        if item.vendor is not None and not item.vendor.id.startswith("simulated"):
            assert item.vendor.id in item.source, item.name


def test_what_is_invisible_expects_nothing_in_the_midst_of_an_impact() -> None:
    hidden = [item for item in map(scenario, FILES) if item.visibility == "invisible"]

    assert hidden
    assert all(item.impact and not item.expectations.incidents for item in hidden)


# ---------------------------------------------------------------- what else is announced


def announced(name: str) -> list[Event]:
    """What the monitor says of itself while the scenario plays."""
    events = play(shipped_config(), load_scenario(name, FOLDER), seed=0).record.events
    return [event for event in events if event.type.startswith("monitor.")]


def test_a_revoked_key_is_announced_once_and_by_its_name() -> None:
    events = announced("revoked-key")

    assert [(event.type, event.reason) for event in events] == [
        (EventType.MISCONFIGURED, Reason.CREDENTIAL_REJECTED)
    ]
    assert events[0].subject == "credential/main"


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("spent-balance", "organization/unnamed/credit_balance_too_low"),
        ("retired-model", "missing/claude-haiku-5-5"),
    ],
)
def test_what_is_ours_to_repair_is_announced_by_its_cause(name: str, subject: str) -> None:
    events = announced(name)

    assert {(event.type, event.reason, event.subject) for event in events} == {
        (EventType.MISCONFIGURED, Reason.CLIENT_ERROR, subject)
    }
    keys = 2 if name == "retired-model" else 1
    assert len(events) <= keys


@pytest.mark.parametrize("name", ["own-network", "own-network-blips"])
def test_a_network_of_ours_that_is_away_is_never_a_misconfiguration(name: str) -> None:
    assert {event.type for event in announced(name)} <= {EventType.BLIND, EventType.SIGHTED}


def test_a_long_absence_of_our_network_is_announced_and_its_return_too() -> None:
    assert [event.type for event in announced("own-network")] == [
        EventType.BLIND,
        EventType.SIGHTED,
    ]


# ---------------------------------------------------------------- the page


def test_the_page_lists_every_scenario_once_with_its_patterns_and_visibility() -> None:
    rows = ROW.findall(PAGE.read_text())
    listed = {name: (file, numbers, seen) for name, file, _, numbers, seen in rows}

    assert len(rows) == len(listed)
    assert listed == {
        path.stem: (
            f"../../config/scenarios/{path.name}",
            ", ".join(map(str, sorted(patterns(path)))) or "-",
            scenario(path).visibility,
        )
        for path in FILES
    }


def test_the_page_names_the_incident_of_each_scenario_that_has_one() -> None:
    named = {name: cell for name, _, cell, _, _ in ROW.findall(PAGE.read_text())}

    for item in map(scenario, FILES):
        if item.source.startswith("Invented"):
            assert named[item.name] == "invented", item.name
        else:
            found = INCIDENT_ID.search(item.source)
            assert named[item.name] == (found[1] if found else "-"), item.name


@pytest.mark.no_cover
@pytest.mark.timeout(240)
def test_one_dead_line_of_three_is_degraded_performance_and_is_named() -> None:
    played = play(shipped_config(), load_scenario("haiku-dead", FOLDER), 0)

    told = [event for event in played.record.events if event.incident is not None]
    assert {event.incident.severity.value for event in told if event.incident} == {"minor"}
    assert "degraded performance" in told[0].summary
    assert told[0].summary.endswith("of the models only haiku fails.")


@pytest.mark.no_cover
@pytest.mark.timeout(240)
def test_long_thinking_is_an_outage_only_for_a_probe_that_has_no_patience_for_it() -> None:
    scenario = load_scenario("long-thinking", FOLDER)

    hasty = play(shipped_config(), scenario.model_copy(update={"probes": {}}), 0)

    assert not play(shipped_config(), scenario, 0).record.events
    assert hasty.score.missed


@pytest.mark.no_cover
@pytest.mark.timeout(240)
def test_a_gateway_that_refuses_our_keys_is_told_and_opens_nothing() -> None:
    played = play(shipped_config(), load_scenario("gateway-key-revoked", FOLDER), 0)

    told = [event for event in played.record.events if event.reason is Reason.CREDENTIAL_REJECTED]
    assert {event.subject for event in told} == {"credential/main", "credential/second"}
    assert all("gateway" in event.summary for event in told)

"""The vendor's page of a scenario, read in virtual time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.backtest.library import play, with_simulated_keys
from monitor.backtest.vendorpage import VendorPage
from monitor.config.load import load
from monitor.config.schema import Config
from monitor.core.incident import EventType, State
from monitor.core.moment import Moment
from monitor.core.provider import ProviderReport
from monitor.simulation.scenario import Scenario, parse_scenario
from tests.e2e.processes import ROOT

APRIL = (ROOT / "config" / "scenarios" / "2026-04-28.yaml").read_text()
STATUS_FAULT = """
phases:
  - from: 17:30:00
    until: 19:20:00
    faults: [{{fault: {fault}, services: status}}]
"""


@pytest.fixture(scope="module")
def config() -> Config:
    return with_simulated_keys(load(ROOT / "config" / "claude.yaml", {}))


def april(fault: str = "") -> Scenario:
    text = APRIL
    if fault:
        head = APRIL[: APRIL.index("\nphases:")]
        text = head + STATUS_FAULT.format(fault=fault)
    return parse_scenario(text, "april.yaml")


def read(page: VendorPage, scenario: Scenario, minutes: float) -> ProviderReport:
    wall = scenario.start + timedelta(minutes=minutes)
    return page.read(Moment(mono=60.0 * minutes, wall=wall))


def test_it_says_what_was_posted_so_far(config: Config) -> None:
    scenario = april()
    page = VendorPage(config, config.plan(), scenario)
    said = {minutes: read(page, scenario, minutes) for minutes in (5, 13, 25, 110)}
    states = {
        minutes: report.state_of("api", scenario.start + timedelta(minutes=minutes))
        for minutes, report in said.items()
    }
    assert states == {
        5: State.OPERATIONAL,
        13: State.OPERATIONAL,
        25: State.PARTIAL_OUTAGE,
        110: State.OPERATIONAL,
    }
    assert said[5].incidents == ()
    assert said[25].incidents[0].components == ("claude_ai", "api", "claude_code", "cowork")
    assert said[25].url.endswith("/api/v2/summary.json")
    assert said[110].incidents[0].is_over


@pytest.mark.parametrize("fault", ["tls_wrong_host", "hang", "refused", "page_500"])
def test_a_page_that_cannot_be_read_says_nothing(fault: str, config: Config) -> None:
    scenario = april(fault)
    report = read(VendorPage(config, config.plan(), scenario), scenario, 25)
    assert report.error is not None
    assert report.components == ()


def test_an_old_address_leads_on(config: Config) -> None:
    urls = ("https://status.anthropic.com/history.atom",)
    moved = config.provider_status.model_copy(update={"urls": urls})
    scenario = april()
    page = VendorPage(config.model_copy(update={"provider_status": moved}), config.plan(), scenario)
    assert read(page, scenario, 25).error is None


def test_a_scenario_played_notes_who_was_first(config: Config) -> None:
    record = play(config, april(), 1).record
    closed = [event for event in record.events if event.type is EventType.CLOSED]
    assert closed
    for event in closed:
        assert event.incident is not None
        assert event.incident.provider is not None
        lead = event.incident.provider.lead_seconds
        assert lead is not None
        assert 360 < lead < 480

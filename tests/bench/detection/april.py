"""The outage of 28 April 2026, played by the backtest with keys."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from random import Random

from monitor.backtest.library import play, with_simulated_keys
from monitor.config.load import load
from monitor.config.schema import Config
from monitor.core.incident import EventType
from monitor.simulation import Scenario, load_scenario
from tests.bench.detection.products import ROOT, SHIPPED
from tests.bench.detection.trials import Trial

SCENARIO = "2026-04-28"
COMPONENTS = frozenset({"claude_ai", "api", "claude_code", "cowork"})
"""What the vendor named that day."""


@cache
def _setting() -> tuple[Config, Scenario]:
    config = with_simulated_keys(load(SHIPPED, {}))
    return config, load_scenario(SCENARIO, ROOT / "config" / "scenarios")


def april(seed: str) -> Trial:
    """One playing: seconds after the onset at which it was announced, and after the end closed.

    `incidents` is how many there were; `components` is 1 if together they name the four.
    """
    config, scenario = _setting()
    events = play(config, scenario, Random(seed).getrandbits(32)).record.events
    impact = scenario.impact
    if impact is None:
        msg = f"{SCENARIO} has no impact"
        raise ValueError(msg)
    opened = [event for event in events if event.type is EventType.OPENED]
    incidents = [event.incident for event in events if event.incident is not None]
    named = {name for incident in incidents for name in incident.names}
    closed = [event.at for event in events if event.type is EventType.CLOSED]
    return {
        "opened": _since(impact.start, opened[0].at if opened else None),
        "closed": _since(impact.end, closed[-1] if len(closed) >= len(opened) > 0 else None),
        "incidents": float(len({incident.id for incident in incidents})),
        "components": float(named == COMPONENTS),
        "reopens": float(sum(event.type is EventType.REOPENED for event in events)),
    }


def _since(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds()

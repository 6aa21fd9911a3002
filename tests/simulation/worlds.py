"""What the tests of the simulation share: small scenarios, worlds with a seed, requests."""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from monitor.simulation.exchange import SimRequest
from monitor.simulation.scenario import Scenario, parse_scenario
from monitor.simulation.world import World

KEY = "sk-ant-sim-1"
KEYED = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}

CALM = """\
name: calm
title: Nothing happens
source: Invented
visibility: assumed
start: 2026-05-01T12:00:00Z
end: +2h
"""


TOLD = {
    "code": "code: cmek_key_unreachable",
    "model": "model: claude-haiku-5-5",
    "stop_reason": "stop_reason: pause_turn",
}
"""What a fault is told that cannot do without it."""


def a_scenario(*faults: str, timeline: str = "") -> Scenario:
    """An hour of `faults` (each the inside of a YAML mapping), from 12:00 on."""
    phase = "phases:\n  - from: 12:00\n    until: 13:00\n    faults:\n"
    lines = "".join(f"      - {{{fault}}}\n" for fault in faults)
    return parse_scenario(CALM + timeline + (phase + lines if faults else ""), "test.yaml")


def a_world(
    scenario: Scenario | None = None, *, seed: int = 1, keys: Collection[str] | None = None
) -> World:
    """A world with seeded dice; a calm one unless told otherwise."""
    dice = random.Random(seed)
    return World(scenario or a_scenario(), rng=dice, keys=keys)


def struck(*faults: str, seed: int = 1) -> World:
    """A world in which `faults` are in force."""
    return a_world(a_scenario(*faults), seed=seed)


def noon(world: World) -> datetime:
    """The first moment of the world's scenario."""
    return world.scenario.start


def get(url: str, method: str = "GET", **headers: str) -> SimRequest:
    """A request for `url`; `_` in a header's name is `-`."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimRequest(method=method, host=parts.netloc, path=path, headers=named)


def post(
    url: str, body: dict[str, Any] | bytes, headers: dict[str, str] | None = None
) -> SimRequest:
    """A POST of `body`, with a good key unless told otherwise."""
    parts = urlsplit(url)
    return SimRequest(
        method="POST",
        host=parts.netloc,
        path=parts.path,
        headers=KEYED if headers is None else headers,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )

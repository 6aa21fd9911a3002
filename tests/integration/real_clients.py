"""The simulated Claude for clients that others wrote, and our own probes beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor import probes
from monitor.clock import ScaledClock
from monitor.core.classify import Context, classify
from monitor.core.observation import Observation, Origin
from monitor.core.outcome import Verdict
from monitor.pipeline import Progress
from monitor.probes import AnyKind, BoundProbe, ProbeContext
from monitor.simulation.server import SimulatedClaude
from monitor.spec import Secret
from tests.simulation.worlds import KEY, a_scenario, a_world

FOLDER = Path(__file__).with_name("clients")
API = "https://api.anthropic.com"


@asynccontextmanager
async def simulated(*faults: str) -> AsyncIterator[SimulatedClaude]:
    """The simulated Claude on loopback, with `faults` (each the inside of a YAML mapping)."""
    scenario = a_scenario(*faults)
    server = SimulatedClaude(a_world(scenario), ScaledClock(start=scenario.start, speed=1.0))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def api(server: SimulatedClaude) -> str:
    """Where the simulated API is."""
    return server.url(API)


async def seen_by(
    kind: AnyKind, context: ProbeContext, *, key: str = KEY, gateway: bool = False, **values: Any
) -> tuple[Observation, Verdict]:
    """A run of a probe of `kind`, and its verdict: it was ok here before, and its key worked."""
    spec = kind.spec.model_validate(
        {
            "name": "real_client",
            "kind": kind.name,
            "components": ["claude_code"],
            "credential": "main",
            "timeout": "20s",
            "gateway": gateway,
            **values,
        }
    )
    planned = probes.plan_of(kind, spec, credential_fingerprint="f" * 16, disabled=None)
    plan = replace(planned, gateway=gateway)
    probe = BoundProbe(kind, spec, plan, Secret(key), context)
    observation = await probe.run("real_client/1", Origin.SCHEDULED, Progress())
    known = Context(probe=plan, proven=True, key_worked=True)
    return observation, classify(observation, known)

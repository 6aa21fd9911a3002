"""Every probe of the shipped config, with keys, finds the simulated Claude well over sockets.

Each is asked as the daemon asks it: with what the list of models says of its model, read from the
server; and once more as before that list is read, when nothing is said of thinking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from monitor import probes
from monitor.app.models import ModelWatch
from monitor.clock import ScaledClock
from monitor.config.load import load
from monitor.core.classify import Context, classify
from monitor.core.models import ModelInfo
from monitor.core.observation import Observation, Origin
from monitor.core.outcome import Outcome
from monitor.core.plan import ProbePlan
from monitor.pipeline import Progress
from monitor.probes import BoundProbe, LookupThreads
from monitor.simulation.server import SimulatedClaude
from tests.simulation.worlds import a_world

CONFIG = Path(__file__).parents[2] / "config" / "claude.yaml"
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-sim-main", "ANTHROPIC_API_KEY_2": "sk-ant-sim-second"}
PLAN = load(CONFIG, KEYS).plan(b"salt")
SPEED = 5.0

ENABLED = [probe.name for probe in PLAN.enabled()]
THINKING_ONLY = {"api_stream_opus"}
"""Probes of models that always think, and are cut within it by max_tokens."""

Seen = Mapping[tuple[str, bool], tuple[Observation, ModelInfo | None]]


async def asked() -> Seen:
    """Each enabled probe run once with the list of models, and once without."""
    world = a_world()
    clock = ScaledClock(start=world.scenario.start, speed=SPEED)
    server = SimulatedClaude(world, clock)
    threads = LookupThreads(4)
    async with AsyncExitStack() as stack:
        stack.callback(threads.shutdown)
        await server.start()
        stack.push_async_callback(server.stop)
        config = load(CONFIG, KEYS).rebased(server.base_url)
        plan = config.plan(b"salt")
        context = probes.context(clock, "test", threads)
        models = ModelWatch(config, plan, context, clock)
        await models.refresh()
        kinds = {kind.name: kind for kind in probes.kinds()}
        specs = {spec.name: spec for spec in config.probes}

        async def run(probe: ProbePlan, *, listed: bool) -> Observation:
            credential = config.credentials.get(probe.credential_name or "")
            key = credential.api_key if credential else None
            takes = replace(context, takes=models.info) if listed else context
            bound = BoundProbe(kinds[probe.kind], specs[probe.name], probe, key, takes)
            return await bound.run("run", Origin.SCHEDULED, Progress())

        cases = [(probe, listed) for probe in plan.enabled() for listed in (True, False)]
        runs = await asyncio.gather(*(run(probe, listed=listed) for probe, listed in cases))
        return {
            (probe.name, listed): (seen, models.info(probe))
            for (probe, listed), seen in zip(cases, runs, strict=True)
        }


@pytest.fixture(scope="module")
def seen() -> Seen:
    return asyncio.run(asked())


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "not listed"])
@pytest.mark.parametrize("probe", PLAN.enabled(), ids=lambda probe: probe.name)
def test_every_enabled_probe_of_the_shipped_config_is_ok(
    probe: ProbePlan, seen: Seen, *, listed: bool
) -> None:
    run, _ = seen[probe.name, listed]

    verdict = classify(run, Context(probe=probe, proven=True, key_worked=True))

    assert verdict.outcome is Outcome.OK, verdict.reason


@pytest.mark.parametrize("name", sorted(THINKING_ONLY))
def test_a_model_that_always_thinks_is_cut_within_it_and_that_is_well(
    name: str, seen: Seen
) -> None:
    run, info = seen[name, True]

    assert info is not None
    assert info.thinking_types == frozenset({"adaptive"})
    assert run.thinking_tokens == run.output_tokens
    assert run.first_content is not None
    assert run.first_token is None
    told = [(check.detail, check.counts) for check in run.checks if not check.ok]
    assert told == [("it stopped within its thinking (max_tokens)", False)]


def test_who_need_not_think_answers_in_words_once_the_list_is_read(seen: Seen) -> None:
    asks = {probe.name: probe for probe in PLAN.enabled() if probe.paid}
    assert set(asks) > THINKING_ONLY
    for name in set(asks) - THINKING_ONLY:
        run, _ = seen[name, True]
        assert [check for check in run.checks if not check.ok] == []
        assert run.thinking_tokens in (0, None)

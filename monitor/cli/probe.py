"""`probe`: run probes once, now, and say what each run came to."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from monitor.app import StartError
from monitor.app.build import bound_probes, control_probe, probe_context, salt_of
from monitor.cli._shared import add_config, load_config, run_loop
from monitor.clock import SystemClock
from monitor.config.problems import did_you_mean
from monitor.config.schema import Config
from monitor.core.effects import Judged
from monitor.core.engine import Engine
from monitor.core.moment import Moment
from monitor.core.observation import Observation, Origin
from monitor.core.outcome import Counts
from monitor.core.plan import Plan
from monitor.pipeline import Progress, microseconds
from monitor.probes import BoundProbe, HttpControl, LookupThreads


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("probe", help="run each probe once and print what came of it")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which probes (default: all)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    add_config(parser)
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """0 when nothing is bad, 1 when something is."""
    config = load_config(options)
    plan = config.plan(salt_of(config.vantage))
    enabled = [probe.name for probe in plan.enabled()]
    unknown = sorted(set(options.names) - {probe.name for probe in plan.probes})
    if unknown:
        known = did_you_mean(unknown[0], (probe.name for probe in plan.probes))
        msg = f"no probe is called {unknown[0]}{known}"
        raise StartError(msg)
    wanted = [name for name in options.names or enabled if name in enabled]
    for name in options.names:
        if name not in enabled:
            print(f"{name} is disabled: {plan.probe(name).disabled}", file=sys.stderr)
    judged = run_loop(_ask(config, plan, wanted))
    print(_as_json(judged) if options.json else _as_table(judged), end="")
    return int(any(one.verdict.counts is Counts.BAD for one in judged))


async def _ask(config: Config, plan: Plan, names: Sequence[str]) -> list[Judged]:
    """Ask all at once; a control target beside them tells whose network it is."""
    clock = SystemClock()
    lookups = LookupThreads(max(1, len(names)))
    try:
        context = probe_context(config, clock, lookups)
        bound = bound_probes(config, plan, context)
        engine = Engine(plan, config.policy())

        def now() -> Moment:
            return Moment(mono=clock.monotonic(), wall=clock.now())

        await _controls(engine, plan, control_probe(context), now)
        seen = await asyncio.gather(*(_once(bound[name], clock.now()) for name in names))
        effects = [effect for one in seen for effect in engine.feed(one, now())]
    except ValueError as error:
        raise StartError(str(error)) from None
    finally:
        lookups.shutdown(wait=False)
    return [effect for effect in effects if isinstance(effect, Judged)]


async def _controls(engine: Engine, plan: Plan, control: HttpControl, now: Any) -> None:
    results = await asyncio.gather(*(control.check(target) for target in plan.controls))
    for result in results:
        engine.control(result, now())


async def _once(probe: BoundProbe, at: datetime) -> Observation:
    run_id = f"{probe.plan.name}/{microseconds(at)}"
    return await probe.run(run_id, Origin.MANUAL, Progress())


def _as_json(judged: Sequence[Judged]) -> str:
    rows = [
        {
            "probe": one.observation.probe,
            "at": one.observation.at.isoformat().replace("+00:00", "Z"),
            "outcome": str(one.verdict.outcome),
            "fault": str(one.verdict.fault),
            "counts": str(one.verdict.counts),
            "reason": one.verdict.reason,
            "seconds": round(one.observation.seconds, 6),
            "phases": {
                str(phase): round(seconds, 6) for phase, seconds in one.observation.timings.phases()
            },
            "status": one.observation.answer.status if one.observation.answer else None,
            "request_id": one.observation.answer.request_id if one.observation.answer else None,
        }
        for one in judged
    ]
    return json.dumps(rows, indent=2) + "\n"


def _as_table(judged: Sequence[Judged]) -> str:
    width = max((len(one.observation.probe) for one in judged), default=5)
    lines: list[str] = []
    for one in judged:
        seconds = one.observation.seconds
        lines.append(
            f"{one.observation.probe:{width}}  {one.verdict.outcome:<20} "
            f"{one.verdict.counts:<8} {seconds * 1000:7.0f} ms"
        )
        phases = "  ".join(
            f"{phase} {took * 1000:.0f}" for phase, took in one.observation.timings.phases()
        )
        lines.append(f"{'':{width}}  {one.verdict.reason}")
        if phases:
            lines.append(f"{'':{width}}  {phases} (ms)")
    return "\n".join(lines) + "\n" if lines else "no probe is enabled\n"

"""`simulate`: the simulated Claude on loopback, playing a scenario."""

from __future__ import annotations

import argparse
import random
from typing import Any

from monitor.app import StartError
from monitor.cli._shared import check_port, check_speed, run_loop, stop_on_signals
from monitor.clock import ScaledClock
from monitor.config.places import scenario_folder
from monitor.simulation import Scenario, World, load_scenario
from monitor.simulation.server import SimulatedClaude

PORT = 9600
SPEED_MAX = 3600.0


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("simulate", help="serve the simulated Claude on loopback")
    parser.add_argument("--scenario", default="2026-04-28", metavar="NAME_OR_FILE")
    parser.add_argument("--port", type=int, default=PORT, help=f"port (default {PORT}; 0: any)")
    parser.add_argument("--speed", type=float, default=1.0, help="scenario seconds a second")
    parser.add_argument("--seed", type=int, default=0, help="seed of chance")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    check_port(options.port)
    check_speed(options.speed, SPEED_MAX)
    scenario = load_scenario(options.scenario, scenario_folder())
    run_loop(_serve(scenario, options))
    return 0


async def _serve(scenario: Scenario, options: argparse.Namespace) -> None:
    stop = stop_on_signals()
    clock = ScaledClock(start=scenario.start, speed=options.speed)
    world = World(scenario, rng=random.Random(options.seed))  # noqa: S311  # seeded on purpose
    claude = SimulatedClaude(world, clock)
    try:
        await claude.start(options.port)
    except OSError as error:
        msg = f"port {options.port} cannot be used: {error.strerror}; try another with --port"
        raise StartError(msg) from None
    print(f"{scenario.title}")
    print(f"  it is {scenario.start:%Y-%m-%d %H:%M:%S} UTC there, at speed {options.speed:g}")
    if scenario.impact is not None:
        print(f"  the impact lasts {scenario.impact.start:%H:%M} to {scenario.impact.end:%H:%M}")
    print("  try:")
    for real in _EXAMPLES:
        print(f"    curl -i {claude.url(real)}")
    print(flush=True)
    await stop.wait()
    await claude.stop()


_EXAMPLES = (
    "https://api.anthropic.com/api/hello",
    "https://api.anthropic.com/v1/models",
    "https://claude.ai/",
    "https://status.claude.com/api/v2/summary.json",
)

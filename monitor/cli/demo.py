"""`demo`: a past outage against the whole daemon, over real sockets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from monitor import logs
from monitor.cli._look import coloured
from monitor.cli._shared import (
    add_config,
    check_port,
    check_speed,
    load_config,
    run_loop,
    stop_on_signals,
)
from monitor.config.places import scenario_folder
from monitor.demo import Demo
from monitor.refusal import Refusal
from monitor.simulation import load_scenario

SPEED = 60.0
SPEED_MAX = 60.0


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("demo", help="play an outage: no network, no key")
    parser.add_argument("--scenario", default="2026-04-28", metavar="NAME_OR_FILE")
    parser.add_argument(
        "--speed", type=float, default=SPEED, help=f"scenario seconds a second, to {SPEED_MAX:g}"
    )
    parser.add_argument("--port", type=int, help="port of the status page (default 9595, or any)")
    parser.add_argument("--seed", type=int, default=0, help="seed of chance")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON at the end")
    parser.add_argument(
        "--keep", metavar="FILE", help="leave the record there, for `incidents --store FILE`"
    )
    add_config(parser)
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Play to the end of the scenario, or until a signal comes."""
    check_speed(options.speed, SPEED_MAX)
    if options.port is not None:
        check_port(options.port)
    keep = None if options.keep is None else Path(options.keep)
    if keep is not None and keep.exists():
        msg = f"--keep {keep}: it exists already, and a demo begins a record of its own"
        raise Refusal(msg)
    config = load_config(options)
    scenario = load_scenario(options.scenario, scenario_folder())
    logs.configure("error", "console", config.secrets())

    async def play() -> None:
        demo = Demo(config, scenario, speed=options.speed, seed=options.seed, keep=keep)
        await demo.play(
            stop_on_signals(), port=options.port, as_json=options.json, painted=coloured
        )

    run_loop(play())
    return 0

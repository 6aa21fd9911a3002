"""`run`: the daemon."""

from __future__ import annotations

import argparse
import random
import sys
from typing import Any

import structlog

from monitor import logs
from monitor.app import Daemon
from monitor.cli._shared import (
    add_config,
    ignore_hangup,
    load_config,
    run_loop,
    settle_memory,
    stop_on_signals,
)
from monitor.clock import SystemClock
from monitor.config.schema import Config


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="run the daemon; SIGTERM stops it within 8 s")
    add_config(parser)
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Run until a signal comes."""
    config = load_config(options)
    style = "console" if sys.stderr.isatty() else config.log.format
    logs.configure(config.log.level, style, config.secrets())
    run_loop(_run(config))
    return 0


async def _run(config: Config) -> None:
    stop = stop_on_signals()
    ignore_hangup(_not_read_again)
    daemon = Daemon(config, SystemClock(), random.Random())  # noqa: S311  # spreads retries
    settle_memory()
    await daemon.run(stop)


def _not_read_again() -> None:
    """Tell who sent SIGHUP that it changes nothing."""
    structlog.get_logger("monitor").warning(
        "config.not_read_again",
        signal="SIGHUP",
        advice="the configuration is read at the start only: restart the daemon",
    )

"""`check`: what is wrong with the configuration, or what it means."""

from __future__ import annotations

import argparse
import os
from typing import Any

from monitor import logs
from monitor.app import StartError
from monitor.app.build import notifiers, probe_context
from monitor.cli._look import show
from monitor.cli._online import look_online
from monitor.cli._shared import add_config, load_config, run_loop
from monitor.clock import SystemClock
from monitor.config.places import config_file
from monitor.config.report import render_check
from monitor.config.schema import Config
from monitor.probes import LookupThreads


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("check", help="validate the configuration and print the plan")
    add_config(parser)
    parser.add_argument(
        "--online",
        action="store_true",
        help="also ask the list of models, the control targets and the vendor's page",
    )
    parser.set_defaults(act=act)


def try_egress(config: Config) -> None:
    """Read the files that the egress section and the notifiers name, as the daemon will.

    Raises:
        StartError: the proxy or a file of certificates is of no use.
    """
    lookups = LookupThreads(1)
    try:
        probe_context(config, SystemClock(), lookups)
    except ValueError as error:
        msg = f"egress: {error}"
        raise StartError(msg) from None
    else:
        try_notifiers(config, lookups)
    finally:
        lookups.shutdown(wait=False)


def try_notifiers(config: Config, lookups: LookupThreads) -> None:
    """Build the senders; StartError when a file that one of them names is of no use."""
    try:
        notifiers(config, SystemClock(), lookups)
    except ValueError as error:
        raise StartError(str(error)) from None


def act(options: argparse.Namespace) -> int:
    """Print the plan; a configuration that cannot be used raises ConfigError or StartError."""
    config = load_config(options)
    try_egress(config)
    show(render_check(config, config_file(options.config, os.environ)))
    if not options.online:
        return 0
    logs.configure("error", "console", config.secrets())
    found = run_loop(look_online(config))
    show("\n".join(found.lines) + "\n")
    return 1 if found.worries else 0

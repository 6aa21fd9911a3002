"""`check`: what is wrong with the configuration, or what it means."""

from __future__ import annotations

import argparse
import os
from typing import Any

from monitor.cli._shared import add_config, load_config
from monitor.config.places import config_file
from monitor.config.report import render_check


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("check", help="validate the configuration and print the plan")
    add_config(parser)
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Print the plan; a configuration that cannot be used raises ConfigError."""
    config = load_config(options)
    print(render_check(config, config_file(options.config, os.environ)), end="")
    return 0

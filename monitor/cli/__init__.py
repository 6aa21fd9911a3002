"""The command line. Each command is one module with `add(parsers)`; this one joins them.

Exit status: 0 all well, 1 something bad was found, 2 the input or the set-up is unusable.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from monitor import __version__
from monitor.app import StartError
from monitor.cli import check, demo, health, probe, run, schema, simulate
from monitor.config.problems import ConfigError
from monitor.simulation import ScenarioError

COMMANDS = (run, check, probe, demo, simulate, schema, health)
EXIT_UNUSABLE = 2


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="claude-uptime",
        description="Watches claude.ai, the Claude Console, API, Code, Cowork and Government.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. Unusable input is one line each on stderr."""
    options = build_parser().parse_args(arguments)
    try:
        status: int = options.act(options)
    except (ConfigError, ScenarioError, StartError) as error:
        print(error, file=sys.stderr)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, as `head` does
        return 0
    return status

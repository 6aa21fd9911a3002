"""The command line. Each command is one module with `add(parsers)`; this one joins them.

Exit status: 0 all well, 1 something bad was found, 2 the input or the set-up is unusable.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence

from monitor import __version__
from monitor.refusal import Refusal

COMMANDS = (
    "run",
    "check",
    "probe",
    "demo",
    "simulate",
    "backtest",
    "export-runs",
    "incidents",
    "notify",
    "deliveries",
    "mute",
    "unmute",
    "schema",
    "health",
)
EXIT_UNUSABLE = 2
UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a full disk behind a redirected output says."""


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of all commands, or of `only` one.

    A command's module is imported when its parser is made: the health check of a container runs
    twice a minute and must not load a database for it.
    """
    parser = argparse.ArgumentParser(
        prog="claude-uptime",
        description="Watches claude.ai, the Claude Console, API, Code, Cowork and Government.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS if only is None else (only,):
        importlib.import_module(f"{__name__}.{name.replace('-', '_')}").add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. Unusable input is one line each on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    only = given[0] if given and given[0] in COMMANDS else None
    try:
        options = _parsed(given, only)
        status: int = options.act(options)
        sys.stdout.flush()
    except Refusal as error:
        print(error, file=sys.stderr)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does.
        _drop_output()
        return 0
    except OSError as error:
        if error.errno not in UNWRITABLE or error.filename is not None:
            raise
        _drop_output()
        print(f"cannot write the output: {os.strerror(error.errno)}", file=sys.stderr)
        return EXIT_UNUSABLE
    return status


def _parsed(given: Sequence[str], only: str | None) -> argparse.Namespace:
    """The options; what `--help` printed is written before argparse ends the process."""
    try:
        return build_parser(only).parse_args(given)
    except SystemExit:
        sys.stdout.flush()
        raise


def _drop_output() -> None:
    """What is left in the buffer goes nowhere: the flush at exit must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

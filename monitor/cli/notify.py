"""`notify`: try the notifiers with a marked test event."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from monitor.app.trial import Trial, trial_events, try_notifiers, wanted
from monitor.cli._look import show
from monitor.cli._shared import add_config, load_config, run_loop
from monitor.clock import SystemClock
from monitor.core.incident import SeverityLevel
from monitor.delivery import Delivered


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("notify", help="try the notifiers")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    test = actions.add_parser("test", help="send a test event and its end, marked as TEST")
    test.add_argument("name", nargs="?", metavar="NAME", help="which notifier (default: all)")
    test.add_argument(
        "--severity",
        choices=[str(level) for level in SeverityLevel],
        default=str(SeverityLevel.MINOR),
        help="severity of the test (default minor: critical may ring somebody)",
    )
    test.add_argument(
        "--leave-open", action="store_true", help="send no end: it stays open at the receiver"
    )
    add_config(test)
    test.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """0 when all was delivered, 1 when something was not."""
    config = load_config(options)
    chosen = wanted(config, options.name)
    clock = SystemClock()
    severity = SeverityLevel(options.severity)
    events = trial_events(config, clock.now(), severity, leave_open=options.leave_open)
    trials = run_loop(try_notifiers(config, chosen, events, clock))
    show(_as_table(trials))
    return int(not all(isinstance(trial.result, Delivered) for trial in trials))


def _as_table(trials: Sequence[Trial]) -> str:
    width = max(len(trial.notifier) for trial in trials)
    return "".join(
        f"{trial.notifier:{width}}  {trial.kind:<12}  {trial.type:<15}  {_told(trial)}\n"
        for trial in trials
    )


def _told(trial: Trial) -> str:
    result = trial.result
    if isinstance(result, Delivered):
        return f"delivered: {result.detail}" if result.detail else "delivered"
    return f"not delivered: {result.reason}"

"""`backtest`: the engine over scenarios or recorded runs, on a virtual clock."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from monitor.app import StartError
from monitor.backtest import report
from monitor.backtest.library import Playing, play_all, with_simulated_keys
from monitor.backtest.outcome import document, newest
from monitor.backtest.playback import Playback
from monitor.backtest.runs import read_runs
from monitor.cli._shared import add_config, load_config
from monitor.config.load import load
from monitor.config.places import scenario_folder
from monitor.config.schema import Config
from monitor.simulation import Scenario, load_scenario

SEEDS = 1
EXIT_MISSED = 1


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("backtest", help="what the thresholds would have done")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--scenario",
        nargs="+",
        metavar="NAME_OR_FILE",
        help="scenarios to play (default: all of config/scenarios)",
    )
    what.add_argument("--runs", metavar="FILE", help="recorded runs, JSON lines; - for stdin")
    parser.add_argument(
        "--compare", nargs=2, metavar=("A", "B"), help="two configurations side by side"
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"playings each ({SEEDS})")
    parser.add_argument("--json", action="store_true", help="the outcome as JSON")
    add_config(parser)
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """0 as expected, 1 an expectation is missed; bad input raises, and exits with 2."""
    if options.seeds < 1:
        msg = "--seeds is at least 1"
        raise StartError(msg)
    if options.runs is not None:
        return _runs(options)
    scenarios = _scenarios(options.scenario)
    if options.compare:
        return _compare(options, scenarios)
    config = with_simulated_keys(load_config(options))
    playings = play_all(config, scenarios, options.seeds, os.cpu_count() or 1)
    if options.json:
        print(json.dumps(_as_json(playings, scenarios), indent=2))
    else:
        _print(playings, scenarios)
    return EXIT_MISSED if any(playing.score.missed for playing in playings) else 0


def _scenarios(names: Sequence[str] | None) -> list[Scenario]:
    folder = scenario_folder()
    if names is None:
        names = [str(path) for path in sorted(folder.glob("*.yaml"))]
    return [load_scenario(name, folder) for name in names]


def _print(playings: Sequence[Playing], scenarios: Sequence[Scenario]) -> None:
    for _, group in groupby(playings, key=lambda playing: playing.score.scenario):
        print(report.table([playing.score for playing in group]))
        print()
    print(report.summary([playing.score for playing in playings]))
    if len(scenarios) == 1 and scenarios[0].impact is None:
        print("(no impact: nothing should have opened)")


def _as_json(playings: Sequence[Playing], scenarios: Sequence[Scenario]) -> Any:
    """The outcome of the one playing, or of each by scenario and seed."""
    if len(playings) == 1:
        record = playings[0].record
        return document(record.events, record.runs)
    return {
        scenario.name: [
            {
                "seed": playing.score.seed,
                **document(playing.record.events, playing.record.runs),
                "missed": list(playing.score.missed),
            }
            for playing in playings
            if playing.score.scenario == scenario.name
        ]
        for scenario in scenarios
    }


def _compare(options: argparse.Namespace, scenarios: Sequence[Scenario]) -> int:
    configs = [_config(name) for name in options.compare]
    print(f"{options.compare[0]} -> {options.compare[1]}, medians of {options.seeds} playings\n")
    results = [
        play_all(config, scenarios, options.seeds, os.cpu_count() or 1) for config in configs
    ]
    missed = False
    for scenario in scenarios:
        one, other = (
            [playing.score for playing in result if playing.score.scenario == scenario.name]
            for result in results
        )
        print(report.side_by_side(scenario.name, one, other))
        missed = missed or any(score.missed for score in other)
    return EXIT_MISSED if missed else 0


def _config(name: str) -> Config:
    return with_simulated_keys(load(Path(name), os.environ))


def _runs(options: argparse.Namespace) -> int:
    """Recorded runs through the configuration, or through two of them."""
    if options.compare and options.runs == "-":
        msg = "--compare reads the runs twice, so they cannot come from stdin: name a file"
        raise StartError(msg)
    if not options.compare:
        _print_runs(options, with_simulated_keys(load_config(options)))
        return 0
    for name in options.compare:
        print(f"{name}:")
        _print_runs(options, _config(name))
    return 0


def _print_runs(options: argparse.Namespace, config: Config) -> None:
    plan = config.plan()
    playback = Playback(plan, config.policy())
    with _opened(options.runs) as stream:
        names = {probe.name for probe in plan.probes}
        record = playback.play(read_runs(stream, _shown(options.runs), names))
    if options.json:
        print(json.dumps(document(record.events, record.runs), indent=2))
        return
    incidents = newest(record.events)
    for incident in incidents:
        closed = f"{incident.closed_at:%H:%M:%S}" if incident.closed_at else "still open"
        print(
            f"{incident.opened_at:%Y-%m-%d %H:%M:%S}  {closed:<10}  {incident.severity:<8}  "
            f"{', '.join(incident.names)}  {incident.cause}"
        )
    print(f"{record.runs} runs, {len(incidents)} incidents")


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(name).open("rb")  # noqa: SIM115  # closed below; only opening may fail so
    except OSError as error:
        msg = f"{name}: {error.strerror}"
        raise StartError(msg) from None
    with stream:
        yield stream


def _shown(name: str) -> str:
    return "stdin" if name == "-" else name

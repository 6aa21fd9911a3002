"""`backtest`: the engine over scenarios or recorded runs, on a virtual clock."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from monitor.backtest import report
from monitor.backtest.ahead import in_batches, read_ahead
from monitor.backtest.library import Playing, play_all, with_simulated_keys
from monitor.backtest.outcome import document, newest
from monitor.backtest.playback import Playback, Played
from monitor.backtest.runs import RecordedRun, RunFileError, read_runs
from monitor.cli._look import show
from monitor.cli._progress import Progress
from monitor.cli._shared import add_config
from monitor.config.load import load
from monitor.config.places import config_file, scenario_folder
from monitor.config.schema import Config
from monitor.refusal import Refusal
from monitor.simulation import Scenario, load_scenario

SEEDS = 1
SEEDS_MAX = 1000
EXIT_MISSED = 1
AHEAD_BYTES = 1024 * 1024
"""A file shorter than this is read in this process."""

_STDIN = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration and what it is called in the output."""

    name: str
    config: Config


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
    if not 1 <= options.seeds <= SEEDS_MAX:
        msg = f"--seeds lies between 1 and {SEEDS_MAX}, not at {options.seeds}"
        raise Refusal(msg)
    names = options.compare or [str(config_file(options.config, os.environ))]
    candidates = [
        Candidate(name, with_simulated_keys(load(Path(name), os.environ))) for name in names
    ]
    if options.runs is not None:
        return _runs(options, candidates)
    return _scenarios(options, candidates)


# ---------------------------------------------------------------- scenarios


def _scenarios(options: argparse.Namespace, candidates: Sequence[Candidate]) -> int:
    scenarios = _load_scenarios(options.scenario)
    results: list[list[Playing]] = []
    total = len(candidates) * len(scenarios) * options.seeds
    with Progress(sys.stderr) as progress:
        for candidate in candidates:
            results.append([])
            for playing in play_all(
                candidate.config, scenarios, options.seeds, os.cpu_count() or 1
            ):
                results[-1].append(playing)
                done = sum(map(len, results))
                progress.tell(f"{done} of {total} playings, {playing.score.scenario}")
    if options.json:
        documents = [_as_json(playings, scenarios) for playings in results]
        _print_json(documents, candidates, compare=bool(options.compare))
    elif options.compare:
        _print_compared(results, candidates, options.seeds)
    else:
        _print(results[0])
    missed = any(playing.score.missed for playings in results for playing in playings)
    return EXIT_MISSED if missed else 0


def _load_scenarios(names: Sequence[str] | None) -> list[Scenario]:
    folder = scenario_folder()
    if names is None:
        names = [str(path) for path in sorted(folder.glob("*.yaml"))]
    if not names:
        msg = f"{folder}: there are no scenarios"
        raise Refusal(msg)
    scenarios = [load_scenario(name, folder) for name in names]
    known: set[str] = set()
    for scenario in scenarios:
        if scenario.name in known:
            msg = f"two scenarios are called '{scenario.name}'"
            raise Refusal(msg)
        known.add(scenario.name)
    return scenarios


def _by_scenario(playings: Iterable[Playing]) -> Iterator[list[Playing]]:
    """The playings of each scenario, in order."""
    for _, group in groupby(playings, key=lambda playing: playing.score.scenario):
        yield list(group)


def _print(playings: Sequence[Playing]) -> None:
    for group in _by_scenario(playings):
        show(report.table([playing.score for playing in group]))
        print()
    show(report.summary([playing.score for playing in playings]))


def _print_compared(
    results: Sequence[Sequence[Playing]], candidates: Sequence[Candidate], seeds: int
) -> None:
    _print_names(candidates)
    print(f"each cell: A -> B, medians of {report.counted(seeds, 'playing')}\n")
    for one, other in zip(*map(_by_scenario, results), strict=True):
        scores = [[playing.score for playing in group] for group in (one, other)]
        show(report.side_by_side(*scores))
        print()
    for mark, playings in zip("AB", results, strict=True):
        show(f"{mark}: {report.summary([playing.score for playing in playings])}")


def _print_names(candidates: Sequence[Candidate]) -> None:
    for mark, candidate in zip("AB", candidates, strict=True):
        print(f"{mark}: {candidate.name}")


def _as_json(playings: Sequence[Playing], scenarios: Sequence[Scenario]) -> Any:
    """The outcome of the one playing, or of each by scenario and seed."""
    if len(playings) == 1:
        record = playings[0].record
        return document(record.events, record.runs)
    rows: dict[str, list[Any]] = {scenario.name: [] for scenario in scenarios}
    for playing in playings:
        rows[playing.score.scenario].append(
            {
                "seed": playing.score.seed,
                **document(playing.record.events, playing.record.runs),
                "missed": list(playing.score.missed),
                "lead_seconds": playing.score.lead,
            }
        )
    return {"scenarios": rows}


def _print_json(
    documents: Sequence[Any], candidates: Sequence[Candidate], *, compare: bool
) -> None:
    whole: Any = documents[0]
    if compare:
        whole = {
            "compare": [
                {"config": candidate.name, **found}
                for candidate, found in zip(candidates, documents, strict=True)
            ]
        }
    print(json.dumps(whole, indent=2))


# ---------------------------------------------------------------- recorded runs


def _runs(options: argparse.Namespace, candidates: Sequence[Candidate]) -> int:
    """Recorded runs through one configuration or two, read once."""
    plans = [candidate.config.plan() for candidate in candidates]
    playbacks = [
        Playback(plan, candidate.config.policy())
        for plan, candidate in zip(plans, candidates, strict=True)
    ]
    names = set.intersection(*({probe.name for probe in plan.probes} for plan in plans))
    with _batches(options.runs, names) as batches, Progress(sys.stderr) as progress:
        count = 0
        for batch in batches:
            for playback in playbacks:
                playback.feed(batch)
            count += len(batch)
            progress.tell(f"{count:,} runs, {batch[-1].at:%Y-%m-%d %H:%M}")
    found = [playback.finish() for playback in playbacks]
    if options.json:
        documents = [document(played.events, played.runs) for played in found]
        _print_json(documents, candidates, compare=bool(options.compare))
        if found[0].gap_count or found[0].absent:
            print("\n".join(report.recording(found[0])), file=sys.stderr)
    else:
        _print_runs(found, candidates)
    return 0


def _print_runs(found: Sequence[Played], candidates: Sequence[Candidate]) -> None:
    show("\n".join(report.recording(found[0])))
    for mark, candidate, played in zip("AB", candidates, found, strict=False):
        incidents = newest(played.events)
        count = report.counted(len(incidents), "incident")
        print(f"\n{mark}: {candidate.name}: {count}" if len(found) > 1 else f"\n{count}")
        show("\n".join(report.incident_lines(incidents)))


@contextmanager
def _batches(name: str, probes: set[str]) -> Iterator[Iterator[list[RecordedRun]]]:
    """The runs of a file or of stdin, read in a second process if there is much to read."""
    with _opened(name) as stream:
        runs = read_runs(stream, "stdin" if name == "-" else name, probes)
        much = name == "-" or os.fstat(stream.fileno()).st_size >= AHEAD_BYTES
        if (os.cpu_count() or 1) > 1 and much:
            with closing(read_ahead(runs)) as batches:
                yield batches
        else:
            yield in_batches(runs)


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    try:
        # A descriptor of its own: the second process closes its standard input.
        number = os.dup(_STDIN) if name == "-" else os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        stream = os.fdopen(number, "rb")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        msg = f"{'stdin' if name == '-' else name}: {why}"
        raise RunFileError(msg) from None
    with stream:
        yield stream

"""`probe`: run probes now, once or again and again, and say what each run came to."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from rich.console import Console
from rich.live import Live

from monitor import logs
from monitor.app import StartError
from monitor.app.build import bound_probes, control_probe, probe_context, salt_of
from monitor.app.models import ModelWatch, questioned
from monitor.cli import _look, _runs
from monitor.cli._shared import add_config, load_config, run_loop, stop_on_signals
from monitor.clock import SystemClock
from monitor.config.problems import did_you_mean
from monitor.config.schema import Config
from monitor.core.effects import Judged
from monitor.core.engine import Engine
from monitor.core.moment import Moment
from monitor.core.observation import Observation, Origin
from monitor.core.outcome import Counts
from monitor.core.plan import Plan
from monitor.pipeline import Progress, microseconds
from monitor.probes import BoundProbe, HttpControl, LookupThreads

WATCH_SECONDS = 10.0
"""Seconds between two rounds of `--watch`: short enough to look at, long enough to be polite."""

WATCH_ROUNDS_MAX = 360
"""Rounds after which `--watch` ends by itself: a forgotten terminal is not a monitor."""

MODELS_SECONDS = 10.0
"""How long the runs wait for the lists of models: a list that hangs must not hide what does not."""

T = TypeVar("T")


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("probe", help="run each probe once and print what came of it")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which probes (default: all)")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument(
        "--watch",
        action="store_true",
        help=f"ask again every {WATCH_SECONDS:g} s, for an hour at most; paid probes only when "
        "they are named",
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="with --watch: end after so many rounds"
    )
    add_config(parser)
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """0 when nothing is bad, 1 when something is."""
    rounds = _rounds(options)
    config = load_config(options)
    logs.configure("error", "console", config.secrets())
    plan = config.plan(salt_of(config.vantage))
    wanted = _wanted(options, plan)
    on, asker = _look.console(), _Asker(config, plan, wanted)
    if options.watch:
        judged = _watched(asker, rounds, on, as_json=options.json)
    else:
        judged = run_loop(_once_over(asker))
        (_show_json if options.json else _show_table)(judged, on)
    return int(any(one.verdict.counts is Counts.BAD for one in judged))


def _rounds(options: argparse.Namespace) -> int:
    """How often to ask.

    Raises:
        StartError: `--rounds` makes no sense.
    """
    if options.rounds is None:
        return WATCH_ROUNDS_MAX
    if not options.watch or not 1 <= options.rounds <= WATCH_ROUNDS_MAX:
        msg = f"--rounds goes with --watch, and lies between 1 and {WATCH_ROUNDS_MAX}"
        raise StartError(msg)
    return int(options.rounds)


def _wanted(options: argparse.Namespace, plan: Plan) -> list[str]:
    """The probes to ask; those that are named and disabled are told on stderr.

    Raises:
        StartError: a name that no probe has.
    """
    enabled = [probe.name for probe in plan.enabled()]
    unknown = sorted(set(options.names) - {probe.name for probe in plan.probes})
    if unknown:
        known = did_you_mean(unknown[0], (probe.name for probe in plan.probes))
        msg = f"no probe is called {unknown[0]}{known}"
        raise StartError(msg)
    for name in options.names:
        if name not in enabled:
            print(f"{name} is disabled: {plan.probe(name).disabled}", file=sys.stderr)
    return [
        name
        for name in options.names or enabled
        if name in enabled and not (options.watch and not options.names and plan.probe(name).paid)
    ]


# ------------------------------------------------------------------ asking


class _Asker:
    """Asks probes all at once; control targets beside them tell whose network it is."""

    def __init__(self, config: Config, plan: Plan, names: Sequence[str]) -> None:
        self._plan = plan
        self._clock = SystemClock()
        self._lookups = LookupThreads(max(1, len(names)))
        try:
            context = probe_context(config, self._clock, self._lookups)
        except ValueError as error:
            self.close()
            raise StartError(str(error)) from None
        self._models = ModelWatch(config, questioned(plan, names), context, self._clock)
        bound = bound_probes(config, plan, replace(context, takes=self._models.info))
        self._probes = [bound[name] for name in names]
        self._control: HttpControl = control_probe(context)
        self._engine = Engine(plan, config.policy())

    def close(self) -> None:
        """Let the threads go."""
        self._lookups.shutdown(wait=False)

    async def round(self) -> list[Judged]:
        """Ask every probe once, and judge what came in the light of the rounds before."""
        await self._read_models()
        results = await _all(self._control.check(target) for target in self._plan.controls)
        for result in results:
            self._engine.control(result, self._now())
        seen = await _all(_once(probe, self._clock.now()) for probe in self._probes)
        effects = [effect for one in seen for effect in self._engine.feed(one, self._now())]
        return [effect for effect in effects if isinstance(effect, Judged)]

    async def _read_models(self) -> None:
        """Read what the models take where that is due; what cannot be read is told once."""
        before = {source.name: source.error for source in self._models.sources}
        try:
            async with self._clock.timeout(MODELS_SECONDS):
                await self._models.refresh()
        except TimeoutError:
            self._models.postpone(f"no answer within {MODELS_SECONDS:g} s")
        for source in self._models.sources:
            if source.error is not None and before[source.name] is None:
                print(
                    f"the list of models of {source.name} cannot be read ({source.error}); "
                    "messages say nothing of thinking",
                    file=sys.stderr,
                )

    def _now(self) -> Moment:
        return Moment(mono=self._clock.monotonic(), wall=self._clock.now())

    async def pause(self, seconds: float) -> None:
        """Wait."""
        await self._clock.sleep(seconds)


async def _all(asked: Any) -> list[Any]:
    return list(await asyncio.gather(*asked))


async def _once(probe: BoundProbe, at: datetime) -> Observation:
    run_id = f"{probe.plan.name}/{microseconds(at)}"
    return await probe.run(run_id, Origin.MANUAL, Progress())


async def _once_over(asker: _Asker) -> list[Judged]:
    try:
        return await asker.round()
    finally:
        asker.close()


async def _watch(
    asker: _Asker, rounds: int, show: Callable[[Sequence[Judged]], None]
) -> list[Judged]:
    """Ask again and again until enough, or told to stop; gives the last whole round."""
    stop = stop_on_signals()
    judged: list[Judged] = []
    try:
        for number in range(rounds):
            if number:
                await _unless(stop, asker.pause(WATCH_SECONDS))
            found = None if stop.is_set() else await _unless(stop, asker.round())
            if found is None:
                break
            judged = found
            show(judged)
    finally:
        asker.close()
    return judged


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` gives; None when `stop` comes first."""
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work)
        stopping = tasks.create_task(stop.wait())
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        done = working.done()
        working.cancel()
        stopping.cancel()
    return working.result() if done else None


# ------------------------------------------------------------------ showing


def _show_json(judged: Sequence[Judged], on: Console) -> None:
    on.file.write(json.dumps(_runs.as_json(judged), indent=2) + "\n")


def _show_table(judged: Sequence[Judged], on: Console) -> None:
    on.print(_runs.table(judged, on))


def _watched(asker: _Asker, rounds: int, on: Console, *, as_json: bool) -> list[Judged]:
    """Watch in place on a terminal; in a pipe, line by line."""
    if as_json:
        return run_loop(_watch(asker, rounds, lambda judged: _line_of_json(judged, on)))
    if not on.is_terminal or on.is_dumb_terminal:
        return run_loop(_watch(asker, rounds, lambda judged: _lines(judged, on)))
    with Live(console=on, auto_refresh=False, vertical_overflow="ellipsis") as live:

        def redraw(judged: Sequence[Judged]) -> None:
            live.update(_runs.table(judged, on, brief=True), refresh=True)

        return run_loop(_watch(asker, rounds, redraw))


def _line_of_json(judged: Sequence[Judged], on: Console) -> None:
    on.file.write(json.dumps(_runs.as_json(judged), separators=(",", ":")) + "\n")
    on.file.flush()


def _lines(judged: Sequence[Judged], on: Console) -> None:
    on.file.writelines(f"{_runs.line(one)}\n" for one in judged)
    on.file.flush()

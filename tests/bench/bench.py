"""What the daemon costs, measured against its targets: `make bench`.

Every figure is one function here, listed in `FIGURES` with its unit and its target: the most it may
be, or the least. A figure that cannot be measured is written down without a value and counts as
missed. The result goes into `build/bench.json` as a list of `{figure, value, unit, target, pass}`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
import yaml
from sqlalchemy import insert

from monitor.clock import SystemClock
from monitor.core.effects import Judged
from monitor.core.engine import Engine
from monitor.core.moment import Moment
from monitor.core.observation import Check, Observation
from monitor.core.outcome import Outcome
from monitor.core.plan import Plan
from monitor.core.policy import Policy
from monitor.storage.database import open_database
from monitor.storage.rows import run_row, run_values
from monitor.storage.store import Store
from monitor.storage.tables import runs
from tests.bench import deliveries, pages
from tests.factories import NOON, a_plan, a_verdict, an_answer, an_observation

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN = 60.0
STOP_WITHIN = 30.0
SAMPLES_PER_SECOND = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that is measured: its name, unit, the most it may be, and how it is taken."""

    name: str
    unit: str
    target: float
    measure: Callable[[float], float]
    """From the seconds that a daemon is watched to the value."""
    least: bool = False
    """The target is the least that it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A figure, taken. Without a value it could not be, and `error` says why."""

    figure: Figure
    value: float | None
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether it was measured and is within its target."""
        if self.value is None:
            return False
        over = self.value - self.figure.target
        return over >= 0 if self.figure.least else over <= 0

    def as_json(self) -> dict[str, object]:
        """The row of `bench.json`."""
        row: dict[str, object] = {
            "figure": self.figure.name,
            "value": self.value,
            "unit": self.figure.unit,
            "target": self.figure.target,
            "pass": self.passed,
        }
        return {**row, "error": self.error} if self.error else row


def take(figure: Figure, seconds: float) -> Result:
    """Measure one figure; whatever goes wrong is part of the result."""
    try:
        return Result(figure=figure, value=round(figure.measure(seconds), 3))
    except Exception as error:  # noqa: BLE001  # a broken figure must not hide the others
        traceback.print_exc()
        return Result(figure=figure, value=None, error=f"{type(error).__name__}: {error}")


# ---------------------------------------------------------------- an idle daemon


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """A daemon on the shipped config that finds no network, watched after its start."""

    rss_mib: float
    cpu_percent: float
    stop_seconds: float


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def daemon(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon on the shipped config, with port and database of its own and no network."""
    config = yaml.safe_load((ROOT / "config" / "claude.yaml").read_text())
    config.setdefault("web", {})["listen"] = f"127.0.0.1:{port}"
    config.setdefault("storage", {})["url"] = f"sqlite:///{folder / 'bench.db'}"
    path = folder / "bench.yaml"
    path.write_text(yaml.safe_dump(config))
    environment = {
        **os.environ,
        "CLAUDE_UPTIME_TESTS_OFFLINE": "1",
        "PYTHONPATH": str(ROOT / "tests" / "offline"),
    }
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-m", "monitor", "run", "--config", path],
            cwd=ROOT,
            env=environment,
            stderr=log,
            stdout=log,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def last_line(log: Path) -> str:
    """The last thing that a daemon said."""
    return (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the daemon serves; raises when it ends or takes too long."""
    deadline = time.perf_counter() + READY_WITHIN
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            message = f"the daemon ended with {process.returncode}: {last_line(log)}"
            raise RuntimeError(message)
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.1)
    message = f"the daemon was not ready within {READY_WITHIN:g} s: {last_line(log)}"
    raise RuntimeError(message)


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


@functools.cache
def idle(seconds: float) -> Idle:
    """Start a daemon, watch it for `seconds`, stop it."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, daemon(Path(folder), port) as process:
        wait_until_ready(process, port, Path(folder) / "log")
        watched = psutil.Process(process.pid)
        began, used, largest = time.perf_counter(), cpu_seconds(watched), 0
        while time.perf_counter() - began < seconds:
            largest = max(largest, watched.memory_info().rss)
            time.sleep(1 / SAMPLES_PER_SECOND)
        share = (cpu_seconds(watched) - used) / (time.perf_counter() - began)
        began = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        if code := process.wait(STOP_WITHIN):
            message = f"the daemon ended with {code}"
            raise RuntimeError(message)
        stopped = time.perf_counter() - began
    return Idle(rss_mib=largest / 2**20, cpu_percent=share * 100, stop_seconds=stopped)


# ---------------------------------------------------------------- one run

RUNS = 20_000
BAD_EVERY = 100
BATCH = 100
"""Runs in one transaction: what a second brings where much is probed."""


def a_history(plan: Plan) -> Iterator[Observation]:
    """Runs of every probe of `plan` on its grid, one in a hundred of them overloaded."""
    probes = plan.enabled()
    gap = 1 / sum(1 / probe.interval for probe in probes)
    overloaded = an_answer(
        529, anthropic_error=True, error_type="overloaded_error", error_message="Overloaded"
    )
    for number in range(RUNS):
        probe = probes[number % len(probes)]
        started = 1000.0 + number * gap
        yield an_observation(
            probe.name,
            run_id=f"local-{number}",
            at=NOON + timedelta(seconds=number * gap),
            started=started,
            ended=started + 0.25,
            answer=overloaded if number % BAD_EVERY == 0 else an_answer(),
            checks=(Check(name="status", ok=number % BAD_EVERY != 0, detail=""),),
        )


@functools.cache
def core_cost() -> float:
    """Microseconds that the engine takes to judge a run and to decide on it, its ticks included."""
    plan = a_plan()
    engine = Engine(plan, Policy())
    history = list(a_history(plan))
    ticked, began = history[0].started, time.perf_counter()
    for run in history:
        now = Moment(mono=run.ended, wall=run.at + timedelta(seconds=0.25))
        engine.feed(run, now)
        if run.ended - ticked >= 1.0:
            engine.tick(now)
            ticked = run.ended
    return (time.perf_counter() - began) / RUNS * 1e6


async def _store(folder: Path) -> float:
    """Seconds that it takes to write a history into a file, in batches."""
    judged = [Judged(observation=run, verdict=a_verdict(Outcome.OK)) for run in a_history(a_plan())]
    database = await open_database(f"sqlite:///{folder / 'bench.db'}")
    store = Store(database, "local", SystemClock())
    await store.start()
    began = time.perf_counter()
    for first in range(0, RUNS, BATCH):
        for each in judged[first : first + BATCH]:
            store.run(each)
        await store.flush()
    took = time.perf_counter() - began
    await store.stop()
    await database.close()
    return took


@functools.cache
def storage_cost() -> float:
    """Microseconds that storage takes for a run, batched."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_store(Path(folder))) / RUNS * 1e6


# ---------------------------------------------------------------- a restart

STORED_RUNS = 600_000
STORED_DAYS = 14


async def _fill(path: Path) -> None:
    """Make a store with as many runs as a default plan leaves in two weeks, up to now."""
    database = await open_database(f"sqlite:///{path}")
    names = [probe.name for probe in a_plan().enabled()]
    end, gap = SystemClock().now(), timedelta(days=STORED_DAYS) / STORED_RUNS
    judged = [
        Judged(
            observation=an_observation(name, run_id="", at=end, started=0.0, ended=0.25),
            verdict=a_verdict(Outcome.OK),
        )
        for name in names
    ]
    rows = [run_values(run_row("local", each)) for each in judged]
    for first in range(0, STORED_RUNS, 50_000):
        async with database.writing() as connection:
            await connection.execute(
                insert(runs),
                [
                    {
                        **rows[number % len(rows)],
                        "run_id": f"stored-{number}",
                        "at": end - (STORED_RUNS - number) * gap,
                    }
                    for number in range(first, first + 50_000)
                ],
            )
    await database.close()


def restart() -> float:
    """Seconds from the start of a process on a full store to the end of its first run."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_fill(Path(folder) / "bench.db"))
        began = time.perf_counter()
        with daemon(Path(folder), port) as process:
            while time.perf_counter() - began < READY_WITHIN and process.poll() is None:
                with (
                    contextlib.suppress(OSError),
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1) as answer,
                ):
                    if b"\nclaude_uptime_last_run_timestamp_seconds{" in answer.read():
                        return time.perf_counter() - began
                time.sleep(0.02)
    message = "no run ended after the restart"
    raise RuntimeError(message)


# ---------------------------------------------------------------- thirty days of runs

DAYS = 30
PROBES = 15
INTERVAL = 30
OUTAGE_EVERY = 7 * 86_400
OUTAGE_SECONDS = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A backtest over `DAYS` of recorded runs, its start-up included."""

    runs_per_second: float
    peak_mib: float
    """The resident memory of its processes together; what they share counts twice."""


def write_recording(path: Path) -> int:
    """Runs of `PROBES` probes every `INTERVAL` seconds, an hour's outage a week; how many."""
    config = yaml.safe_load((ROOT / "config" / "claude.yaml").read_text())
    names = [probe["name"] for probe in config["probes"]][:PROBES]
    count = DAYS * 86_400 // INTERVAL * len(names)
    with path.open("w") as file:
        for number in range(count):
            second = number * INTERVAL / len(names)
            bad = OUTAGE_EVERY - second % OUTAGE_EVERY <= OUTAGE_SECONDS or number % 997 == 0
            outcome = "overloaded" if bad else "ok"
            file.write(
                f'{{"at": "{(NOON + timedelta(seconds=second)).isoformat()}", '
                f'"probe": "{names[number % len(names)]}", "outcome": "{outcome}", '
                f'"seconds": {0.1 + number % 500 / 1000:.3f}}}\n'
            )
    return count


def resident(process: psutil.Process) -> int:
    """Bytes of a process and of those that it started."""
    total = 0
    for each in (process, *process.children()):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += int(each.memory_info().rss)
    return total


@functools.cache
def backtest() -> Backtest:
    """Run the command over a recording, as somebody would."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "runs.jsonl"
        count = write_recording(recording)
        began, largest = time.perf_counter(), 0
        with subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-m", "monitor", "backtest", "--runs", recording, "--json"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            watched = psutil.Process(process.pid)
            while process.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    largest = max(largest, resident(watched))
                time.sleep(0.1)
            took = time.perf_counter() - began
        if process.returncode:
            message = f"the backtest ended with {process.returncode}"
            raise RuntimeError(message)
    return Backtest(runs_per_second=count / took, peak_mib=largest / 2**20)


FIGURES: tuple[Figure, ...] = (
    Figure(name="run_core", unit="us", target=80, measure=lambda _: core_cost()),
    Figure(name="run_storage", unit="us", target=70, measure=lambda _: storage_cost()),
    Figure(name="run", unit="us", target=150, measure=lambda _: core_cost() + storage_cost()),
    Figure(name="idle_rss", unit="MiB", target=130, measure=lambda s: idle(s).rss_mib),
    Figure(name="idle_cpu", unit="% of a core", target=3, measure=lambda s: idle(s).cpu_percent),
    Figure(name="stop", unit="s", target=8, measure=lambda s: idle(s).stop_seconds),
    Figure(
        name="lateness_rise_with_1000_pending",
        unit="ms",
        target=20,
        measure=deliveries.lateness_rise,
    ),
    Figure(
        name="deliveries_beside_a_dead_receiver",
        unit="1/s",
        target=5,
        measure=deliveries.good_per_second,
        least=True,
    ),
    Figure(name="page", unit="ms", target=50, measure=lambda _: pages.page_ms()),
    Figure(name="scrape", unit="ms", target=30, measure=lambda _: pages.metrics_ms()),
    Figure(
        name="scrape_with_every_key",
        unit="ms",
        target=60,
        measure=lambda _: pages.metrics_keyed_ms(),
    ),
    Figure(name="lateness_rise_with_visitors", unit="ms", target=20, measure=pages.lateness_rise),
    Figure(name="restart", unit="s", target=3, measure=lambda _: restart()),
    Figure(
        name="backtest_runs_per_second",
        unit="1/s",
        target=DAYS * 86_400 / INTERVAL * PROBES / 20,
        measure=lambda _: backtest().runs_per_second,
        least=True,
    ),
    Figure(name="backtest_peak", unit="MiB", target=300, measure=lambda _: backtest().peak_mib),
)


# ---------------------------------------------------------------- the table


def table(results: Sequence[Result]) -> str:
    """The results for people."""
    lines = [f"{'figure':<24}{'value':>12}{'target':>12}  unit"]
    for each in results:
        value = "-" if each.value is None else f"{each.value:g}"
        mark = "" if each.passed else f"  MISSED {each.error}"
        figure = each.figure
        lines.append(f"{figure.name:<24}{value:>12}{figure.target:>12g}  {figure.unit}{mark}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None, figures: Sequence[Figure] = FIGURES) -> int:
    """Measure, write, print; 1 when a figure misses its target."""
    parser = argparse.ArgumentParser(description="measure what the daemon costs")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="how long an idle daemon is watched"
    )
    parser.add_argument("--only", nargs="*", metavar="FIGURE", help="measure these alone")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    options = parser.parse_args(arguments)
    wanted = [each for each in figures if not options.only or each.name in options.only]
    if unknown := set(options.only or ()) - {each.name for each in wanted}:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    results = [take(figure, options.seconds) for figure in wanted]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps([each.as_json() for each in results], indent=2) + "\n")
    print(table(results))
    return 0 if all(each.passed for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())

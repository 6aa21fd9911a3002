"""What `claude-uptime probe` prints against the simulated Claude: in health, and in each fault.

    python -m tests.show_probe                     # health and every fault
    python -m tests.show_probe healthy auth_401    # some of them
    python -m tests.show_probe --probe api_hello --colour envoy_503

Real sockets on loopback, the shipped probes of the API with time limits of two seconds, and the
real command; it takes about a minute for all. `test_show_probe.py` holds it to what it promises.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from monitor.cli import main
from monitor.clock import ScaledClock
from monitor.simulation import World
from monitor.simulation.faults import FAULTS
from monitor.simulation.server import SimulatedClaude
from tests.e2e.configs import shipped_on, written
from tests.simulation.worlds import TOLD, a_scenario

HEALTHY = "healthy"
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-sim-main", "ANTHROPIC_API_KEY_2": "sk-ant-sim-second"}
LIMITS = {"timeout": "2s", "soft_deadline": "1s"}


def shown() -> tuple[str, ...]:
    """Health, and every fault that a probe can meet."""
    return (HEALTHY, *(name for name in FAULTS if not name.startswith("status_")))


async def show(name: str, probes: Sequence[str], colour: str) -> tuple[int, str]:
    """Exit code and output of the command while `name` is in force."""
    strikes = () if name == HEALTHY else (_fault(name),)
    scenario = a_scenario(*strikes)
    world = World(scenario, rng=random.Random(1))
    simulated = SimulatedClaude(world, ScaledClock(start=scenario.start, speed=1))
    await simulated.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            config = _config(Path(folder), simulated.base_url)
            return await asyncio.to_thread(_run, ["probe", *probes, "--config", config], colour)
    finally:
        await simulated.stop()


def _fault(name: str) -> str:
    """The fault `name` at the API, told what it must be told."""
    told = [f", {TOLD[parameter]}" for parameter in sorted(FAULTS[name].needs)]
    return f"fault: {name}, hosts: api.anthropic.com{''.join(told)}"


def _config(folder: Path, base_url: str) -> str:
    """The shipped configuration, asking the stand-in in a hurry."""
    document = shipped_on(base_url, folder)
    for probe in document["probes"]:
        probe.pop("limits", None)  # of whole seconds, longer than the time that there is
        probe.update(LIMITS)
    return str(written(folder, document))


def _run(arguments: Sequence[str], colour: str) -> tuple[int, str]:
    out = io.StringIO()
    settings = {**KEYS, **({"FORCE_COLOR": "1"} if colour else {})}
    with _environment(settings), contextlib.redirect_stdout(out):
        code = main(list(arguments))
    return code, out.getvalue()


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


async def show_all(names: Sequence[str], probes: Sequence[str], colour: str) -> None:
    """Print one after the other."""
    for name in names:
        does = "every answer as it should be" if name == HEALTHY else FAULTS[name].does
        code, text = await show(name, probes, colour)
        sys.stdout.write(f"\n=== {name}: {does}\n{text}exit {code}\n")
        sys.stdout.flush()


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="FAULT", help=f"of {', '.join(shown())}")
    parser.add_argument("--probe", action="append", metavar="NAME", help="which probes to ask")
    parser.add_argument("--colour", action="store_const", const="yes", default="")
    found = parser.parse_args(arguments)
    unknown = sorted(set(found.names) - set(shown()))
    if unknown:
        parser.error(f"no fault is called {unknown[0]}")
    return found


PROBES = ("api_hello", "api_gate", "api_models", "api_count_tokens", "api_message_haiku")
"""The probes of the API, from the edge to a model, with one key."""

if __name__ == "__main__":
    chosen = parsed(sys.argv[1:])
    asyncio.run(show_all(chosen.names or shown(), chosen.probe or PROBES, chosen.colour))

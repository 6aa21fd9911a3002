"""What holds for every test: no network beyond this machine, and how other programs are asked for.

* A test that would leave the machine fails, whoever caught the error on the way.
* `@pytest.mark.integration("promtool")` names the programs of `PARTS` that a test drives. Where
  one is absent the test is skipped, and all such tests together say so in one line; with
  `CLAUDE_UPTIME_REQUIRE_INTEGRATION=1` (as in `make integration`) the test fails instead.
* `@pytest.mark.integration(minutes=2)` is about what needs only time: it runs where that variable
  is set, and is skipped elsewhere.
* Hypothesis runs its quick profile; `--hypothesis-profile=long` digs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from tests.offline import sitecustomize as network

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "build" / "clients"
REQUIRE = "CLAUDE_UPTIME_REQUIRE_INTEGRATION"
SKIP = "CLAUDE_UPTIME_SKIP_INTEGRATION"

hypothesis.settings.register_profile(
    "quick", max_examples=25, deadline=None, print_blob=True, database=None
)
hypothesis.settings.register_profile("long", max_examples=2000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("quick")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A program that is not ours: the names it goes by, and the Debian package that brings it.

    One without a package is brought by `.ci/clients`: `programs` are then patterns of its file
    below `build/clients`.
    """

    programs: tuple[str, ...]
    package: str = ""

    def find(self) -> str | None:
        """Where it is, or None."""
        if self.package:
            return next(filter(None, map(shutil.which, self.programs)), None)
        found = (path for pattern in self.programs for path in sorted(CLIENTS.glob(pattern)))
        return next(map(str, found), None)


PARTS = {
    "chromium": Part(
        programs=("chromium", "chromium-browser", "google-chrome"), package="chromium"
    ),
    "prometheus": Part(programs=("prometheus",), package="prometheus"),
    "promtool": Part(programs=("promtool",), package="prometheus"),
    "alertmanager": Part(
        programs=("alertmanager", "prometheus-alertmanager"), package="prometheus-alertmanager"
    ),
    "node": Part(programs=("node", "nodejs"), package="nodejs"),
    "buildah": Part(programs=("buildah",), package="buildah"),
    "mmdebstrap": Part(programs=("mmdebstrap",), package="mmdebstrap"),
    "strace": Part(programs=("strace",), package="strace"),
    "claude-code": Part(programs=("node_modules/@anthropic-ai/claude-code-*/claude",)),
    "anthropic-sdk": Part(programs=("node_modules/@anthropic-ai/sdk/index.mjs",)),
    "litellm": Part(programs=("litellm/bin/litellm",)),
    "systemd-analyze": Part(programs=("systemd-analyze",), package="systemd"),
}

_ATTEMPTS: list[str] = []
"""What this process tried to reach outside; emptied before each test."""

_ABSENT = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Close the doors before the first test module is imported.

    Modules of one name in two folders have tests of one name in two folders, and these are no
    packages: so pytest is to tell test modules apart by their paths.
    """
    config.option.importmode = "importlib"
    network.install(_ATTEMPTS.append)


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Fail a test that tried to leave the machine, even if the code under test hid the error."""
    _ATTEMPTS.clear()
    yield
    if _ATTEMPTS:
        pytest.fail(f"this test tried to leave the machine: {_ATTEMPTS[0]}", pytrace=False)


@pytest.fixture
def offline() -> dict[str, str]:
    """Environment for a Python process that is to find no network beyond this machine."""
    return {
        **os.environ,
        network.ENABLE: "1",
        "PYTHONPATH": str(ROOT / "tests" / "offline"),
    }


@pytest.fixture
def part() -> dict[str, str]:
    """Where each program of `PARTS` is, for those that are there."""
    return {name: path for name, part in PARTS.items() if (path := part.find())}


def needs_of(item: pytest.Item) -> tuple[str, ...]:
    """The parts that a test asks for through its markers; an error names an unknown one."""
    marks = list(item.iter_markers("integration"))
    needs = tuple(sorted({name for mark in marks for name in mark.args}))
    if marks and not needs and minutes_of(item) is None:
        message = f"{item.nodeid}: @pytest.mark.integration names the parts it needs: {list(PARTS)}"
        raise pytest.UsageError(message)
    if unknown := set(needs) - set(PARTS):
        message = f"{item.nodeid}: no such part: {sorted(unknown)}; there are {list(PARTS)}"
        raise pytest.UsageError(message)
    return needs


def minutes_of(item: pytest.Item) -> float | None:
    """How long a test takes that asks for time through its marker; None where none does."""
    asked = (mark.kwargs.get("minutes") for mark in item.iter_markers("integration"))
    return next((float(minutes) for minutes in asked if minutes), None)


def absent_line(absent: set[str], tests: int) -> str:
    """The one line that says what was skipped and how to get it."""
    packages = " ".join(sorted({PARTS[name].package for name in absent} - {""}))
    if not absent:
        return f"{tests} integration tests skipped; to run them: make integration"
    steps = [f"on Debian: apt-get install {packages}"] if packages else []
    if any(not PARTS[name].package for name in absent):
        steps.append(".ci/clients")
    return (
        f"{tests} integration tests skipped: no {', '.join(sorted(absent))} here; "
        f"{'; '.join(steps)}; then: make integration"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs an absent program, with the same line for all, so that it shows once."""
    here = {name for name, part in PARTS.items() if part.find()}
    lacking = {item: set(needs_of(item)) - here for item in items}
    absent = set().union(*lacking.values())
    skipped = [
        item
        for item in items
        if lacking[item] or (os.environ.get(SKIP) and item.get_closest_marker("integration"))
    ]
    config.stash[_ABSENT] = absent_line(absent, len(skipped))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail or skip a test whose programs are absent; skip one that takes long."""
    if os.environ.get(SKIP) and item.get_closest_marker("integration"):
        pytest.skip(item.config.stash[_ABSENT])
    minutes = minutes_of(item)
    if minutes is not None and not os.environ.get(REQUIRE):
        pytest.skip(f"takes {minutes:g} minutes of real time; to run it: make integration")
    absent = sorted(name for name in needs_of(item) if PARTS[name].find() is None)
    if not absent:
        return
    if os.environ.get(REQUIRE):
        pytest.fail(f"{REQUIRE} is set and there is no {', '.join(absent)} here", pytrace=False)
    pytest.skip(item.config.stash[_ABSENT])

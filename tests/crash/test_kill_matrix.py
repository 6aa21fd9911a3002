"""The daemon dies at every step between a decision and its receipt, and nothing is lost by it.

Real processes, real SIGKILL, real files, real sockets: see `story` for what is played, `child` for
how a daemon dies, and `story.wrongs` for what must hold afterwards.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.site import Site, a_site
from tests.crash.story import a_stage, arrivals, wrongs

pytestmark = [pytest.mark.delivery_faults, pytest.mark.slow, pytest.mark.timeout(180)]

AT_ONCE = 2
"""Stories played beside each other; each mostly waits."""

EVENT = (
    "engine/decided",
    "change/begin",
    "change/insert incidents",
    "change/select deliveries",
    "change/insert incident_events",
    "change/insert deliveries",
    "change/insert engine_state",
    "change/insert component_states",
    "change/commit",
    "change/committed",
    "claim/select deliveries",
    "claim/begin",
    "claim/update deliveries",
    "claim/commit",
    "claim/committed",
    "send/begun",
    "send/answered",
    "settle/begin",
    "settle/update deliveries",
    "settle/commit",
    "settle/committed",
)
"""Every step that an event takes from the engine to the receipt, in order.

A `begin` is told before it is asked for, a `commit` likewise; every other step when it is done.
"""

START = (
    "setup/begin",
    "setup/create deliveries",
    "setup/insert alembic_version",
    "setup/commit",
    "setup/committed",
    "batch/begin",
    "batch/insert runs",
    "batch/commit",
    "batch/committed",
)
"""The first start, which makes the schema, and the first quiet runs."""

STEPS = {"start": START[::2], "opened": EVENT, "recovering": EVENT[::2], "closed": EVENT}
REPEATED = ("send/answered", "settle/begin", "settle/update deliveries", "settle/commit")
"""Where a receipt is lost: the receiver has it, the outbox does not know."""

BESIDE = ("read/", "batch/", "change/insert runs", "claim/begin", "settle/select deliveries")
"""Steps that no event needs: reads, quiet runs, and turns of the courier that find nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one story: where it was killed and when, and what is wrong with it."""

    point: str
    died: int
    after: float
    stopped: int
    repeats: int
    wrongs: list[str]

    def row(self) -> str:
        """A line of the table."""
        repeats = f"{self.repeats} again under the same id" if self.repeats else ""
        return f"  {self.point:<40} at {self.after:5.1f} s  {repeats}\n"


async def play(site: Site, folder: Path, point: str) -> Told:
    """A daemon dies at `point`; another takes over and brings the story to its end."""
    path = folder / f"{point.replace('/', '-').replace(' ', '-')}.db"
    async with a_stage(path) as stage, asyncio.TaskGroup() as tasks:
        first = await site.start(stage, kill_at=point)
        story = tasks.create_task(stage.play())
        await asyncio.wait((story, first.ended), return_when=asyncio.FIRST_COMPLETED)
        after = stage.passed
        if not first.ended.done():
            await first.stop()  # the end was seen just before the last step's death
        second = await site.start(stage)
        await story
        stopped = await second.stop()
        counted = Counter(each.id for each in arrivals(stage.receiver.got))
        return Told(
            point=point,
            died=await first.ended,
            after=after,
            stopped=stopped,
            repeats=sum(counted.values()) - len(counted),
            wrongs=wrongs(stage),
        )


async def play_all(folder: Path, points: list[str]) -> list[Told]:
    """All of them, some at a time."""
    waiting: Iterator[str] = iter(points)
    told: list[Told] = []

    async def lane(site: Site) -> None:
        for point in waiting:
            told.append(await play(site, folder, point))  # noqa: PERF401  # another lane adds too

    async with a_site() as site, asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(lane(site))
    return sorted(told, key=lambda each: points.index(each.point))


@pytest.mark.parametrize("stage", STEPS)
async def test_kill_matrix(stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At each step of `stage`: nothing lost, nothing reordered, repeats under the same id only."""
    points = [f"{stage}/{step}" for step in STEPS[stage]]
    told = await play_all(tmp_path, points)
    with capsys.disabled():
        sys.stdout.write(f"\n{len(told)} daemons killed, nothing kept back:\n")
        sys.stdout.writelines(each.row() for each in told)
    assert {each.point: each.wrongs for each in told if each.wrongs} == {}
    assert [each.point for each in told if each.died != -signal.SIGKILL] == []
    assert {each.stopped for each in told} == {0}
    lost_receipts = [each for each in told if each.point.partition("/")[2] in REPEATED]
    assert all(each.repeats >= 1 for each in lost_receipts)


async def test_kill_matrix_knows_every_step_of_an_event(tmp_path: Path) -> None:
    """A daemon that nobody kills takes the steps of the matrix, and no others."""
    async with a_site() as site, a_stage(tmp_path / "whole.db") as stage:
        life = await site.start(stage)
        await stage.play()
        assert await life.stop() == 0
        assert wrongs(stage) == []
        assert len(arrivals(stage.receiver.got)) == len(
            {e.id for e in arrivals(stage.receiver.got)}
        )
    taken: dict[str, set[str]] = {}
    for place in json.loads((tmp_path / "whole.steps").read_text()):
        name, _, step = place.partition("/")
        if not step.startswith(BESIDE) and not step.endswith("/pragma"):
            taken.setdefault(name, set()).add(step)
    wanted = {step for step in EVENT if not step.startswith(BESIDE)}
    assert taken["recovering"] == wanted
    assert taken["opened"] == wanted
    assert taken["closed"] >= wanted  # and the last write of the stop


def test_kill_matrix_has_at_least_thirty_points_between_decision_and_receipt() -> None:
    points = [f"{stage}/{step}" for stage, steps in STEPS.items() for step in steps]
    assert len(points) == len(set(points))
    assert sum(not point.startswith("start/") for point in points) >= 30

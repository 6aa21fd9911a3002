from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.effects import ComponentView, DepthView, StateChanged
from monitor.core.incident import State
from monitor.core.outcome import Depth
from monitor.core.plan import Plan, Window
from monitor.core.policy import Policy
from monitor.core.status import fresh
from tests.core.timeline import (
    MONO,
    Comes,
    Story,
    Trouble,
    an_entry,
    hellos,
    keyed,
    moment,
    plan_of,
    windows_with,
)
from tests.factories import NOON, a_probe

HELLOS = plan_of(*hellos(3))
DEEP = plan_of(*hellos(2), keyed("models"))


def view(story: Story, name: str = "api", at: float | None = None) -> ComponentView:
    status = story.engine.status(moment(story.now if at is None else at))
    return next(component for component in status.components if component.name == name)


def changes(story: Story) -> list[tuple[str, State]]:
    return [(change.component, change.after) for change in story.all(StateChanged)]


@pytest.mark.parametrize(("age", "is_fresh"), [(0.0, True), (100.0, True), (100.1, False)])
def test_a_run_is_fresh_for_three_intervals_and_a_soft_deadline(
    age: float,
    is_fresh: bool,  # noqa: FBT001  # a table
) -> None:
    windows = windows_with([an_entry("a", 0.0)])
    found = fresh(a_probe("a"), windows, Policy(), MONO + age)
    assert (found is not None) is is_fresh
    assert fresh(a_probe("b"), windows, Policy(), MONO) is None


def test_a_component_is_unknown_until_it_is_heard_and_again_when_it_falls_silent() -> None:
    story = Story(HELLOS)
    story.tick(0.0)
    assert view(story).state is State.UNKNOWN
    assert view(story).reason == "no usable run of any of its probes lately"
    story.play(300.0)
    assert view(story).state is State.OPERATIONAL
    assert view(story).reason == "3 of 3 probes heard, down to the depth edge"
    story.world = lambda probe, at: Comes.LIMITED
    story.play(600.0)
    assert view(story).state is State.UNKNOWN
    assert changes(story) == [
        ("api", State.OPERATIONAL),
        ("api", State.UNKNOWN),
    ]


def test_a_component_without_an_enabled_probe_is_unknown() -> None:
    plan = plan_of(a_probe("a", disabled="no key"), components=["console"])
    story = Story(plan)
    story.tick(0.0)
    for name in ("api", "console"):
        assert view(story, name).state is State.UNKNOWN
        assert view(story, name).reason == "no enabled probe is evidence for it"
        assert view(story, name).depths == ()


def test_maintenance_that_is_told_later_is_shown_while_detection_goes_on() -> None:
    window = Window(starts=NOON, ends=NOON + timedelta(hours=1), reason="patches")
    story = Story(HELLOS, world=Trouble(300.0, 9e9))
    for _ in range(2):  # told again and again, as a daemon does
        story.engine.maintain((window,))
    story.play(450.0)
    assert (view(story).state, view(story).reason) == (State.UNDER_MAINTENANCE, "patches")
    assert story.said == ["opened api"]
    story.engine.maintain(())
    assert view(story).state is not State.UNDER_MAINTENANCE


def test_maintenance_goes_before_everything() -> None:
    window = Window(starts=NOON, ends=NOON + timedelta(seconds=400), reason="a move")
    story = Story(replace(HELLOS, maintenance=(window,)), world=Trouble(300.0, 9e9)).play(399.0)
    assert (view(story).state, view(story).reason) == (State.UNDER_MAINTENANCE, "a move")
    story.play(500.0)
    assert view(story).state is State.MAJOR_OUTAGE
    nameless = Story(replace(HELLOS, maintenance=(replace(window, reason=""),)))
    assert view(nameless).reason == "maintenance"


def test_an_open_incident_gives_the_state_and_its_reason() -> None:
    story = Story(HELLOS, world=Trouble(100.0, 700.0)).play(200.0)
    shown = view(story)
    assert shown.state is State.MAJOR_OUTAGE
    assert shown.reason.startswith("fast: ")
    assert shown.incident_id == story.incident.id
    assert shown.since == NOON + timedelta(seconds=140.25)
    assert not shown.suspect
    story.play(760.0)
    assert view(story).state is State.PARTIAL_OUTAGE, "recovering is partial at most"
    story.play(1000.0)
    assert (view(story).state, view(story).incident_id) == (State.OPERATIONAL, None)


def test_a_host_without_a_network_knows_nothing_but_keeps_what_is_open() -> None:
    plan = plan_of(*hellos(3), *hellos(0), a_probe("z", components=("console",)), controls=2)
    story = Story(plan, world=Trouble(100.0, 300.0, probes=("a", "b", "c")))
    story.controls = True
    story.play(300.0)
    story.world, story.controls = (lambda probe, at: Comes.DEAD), False
    story.play(340.0)
    assert view(story).state is State.MAJOR_OUTAGE
    assert view(story, "console").state is State.UNKNOWN
    assert view(story, "console").reason.startswith("this host sees nothing: all 2 proven")
    assert not story.engine.status(moment(340.0)).network.up


def test_a_bad_run_makes_a_calm_component_suspect_for_half_a_minute() -> None:
    story = Story(HELLOS)
    story.run("a", 10.0, Comes.FAIL)
    assert view(story, at=40.0).suspect
    assert not view(story, at=40.1).suspect


# ------------------------------------------------------------------ depths and the share


def depths(story: Story) -> list[tuple[Depth, State, int, int]]:
    return [(row.depth, row.state, row.runs, row.bad) for row in view(story).depths]


def test_each_depth_is_told_apart() -> None:
    dead = Story(DEEP, world=Trouble(100.0, 9e9, probes=("models",))).play(300.0)
    assert view(dead).deciding_depth is Depth.KEY
    assert view(dead).error_ratio == pytest.approx(dead_share(dead))
    edge, key = view(dead).depths
    assert edge.state is State.OPERATIONAL
    assert key.state is State.MAJOR_OUTAGE
    assert (edge.probes, key.probes, edge.bad) == (2, 1, 0)


def dead_share(story: Story) -> float:
    runs = story.engine._windows.since(("models",), MONO)
    return sum(entry.bad for entry in runs) / len(runs)


def test_a_depth_whose_key_is_refused_is_unknown_while_the_component_is_operational() -> None:
    story = Story(DEEP, world=Trouble(0.0, 9e9, Comes.REFUSED, ("models",))).play(300.0)
    assert view(story).state is State.OPERATIONAL
    assert depths(story) == [
        (Depth.EDGE, State.OPERATIONAL, 20, 0),
        (Depth.KEY, State.UNKNOWN, 0, 0),
    ]


def test_the_share_is_that_of_the_worst_pool_over_five_minutes() -> None:
    story = Story(DEEP)
    assert (view(story).error_ratio, view(story).deciding_depth) == (None, None)
    story.run("a", 0.0, Comes.FAIL)
    story.run("a", 10.0)
    story.run("models", 11.0)
    assert view(story).error_ratio == pytest.approx(1 / 3)
    assert view(story).deciding_depth is Depth.EDGE
    story.run("models", 20.0, Comes.FAIL)
    assert (view(story).error_ratio, view(story).deciding_depth) == (0.5, Depth.EDGE)
    story.run("models", 30.0, Comes.FAIL)
    assert view(story).error_ratio == pytest.approx(2 / 3)
    assert view(story).deciding_depth is Depth.KEY
    assert view(story, at=311.1).error_ratio == 1.0
    assert view(story, at=400.0).error_ratio is None


def test_a_row_counts_the_probes_of_exactly_its_depth() -> None:
    story = Story(DEEP)
    story.run("a", 0.0)
    assert view(story, at=1.0).depths == (
        DepthView(depth=Depth.EDGE, state=State.OPERATIONAL, probes=2, runs=1, bad=0),
        DepthView(depth=Depth.KEY, state=State.UNKNOWN, probes=1, runs=0, bad=0),
    )


# ------------------------------------------------------------------ memory


def test_since_when_a_state_lasts_survives_a_restart() -> None:
    story = Story(HELLOS).play(300.0)
    since = view(story).since
    other = story.restart()
    assert view(other).since == since
    other.play(400.0)
    assert changes(other) == []


def test_a_component_that_the_plan_no_longer_has_is_forgotten() -> None:
    plan: Plan = plan_of(*hellos(3), a_probe("z", components=("console",)))
    story = Story(plan).play(60.0).restart(plan=HELLOS)
    assert list(story.engine._board.snapshot()) == ["api"]


def test_a_state_that_has_not_been_told_yet_began_now() -> None:
    story = Story(HELLOS)
    assert view(story, at=7.0).since == NOON + timedelta(seconds=7)

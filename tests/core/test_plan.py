from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.outcome import Depth
from monitor.core.plan import (
    ComponentPlan,
    Plan,
    ProbePlan,
    Window,
    all_covered,
    phase_offset,
    staggered_offsets,
)

START = datetime(2026, 4, 28, 17, 0, tzinfo=UTC)


def a_probe(name: str, interval: float = 30.0, disabled: str | None = None) -> ProbePlan:
    return ProbePlan(
        name=name,
        kind="http",
        depth=Depth.EDGE,
        components=("api",),
        interval=interval,
        disabled=disabled,
    )


def a_plan(*probes: ProbePlan) -> Plan:
    return Plan(
        vantage="local", components=(ComponentPlan(name="api", title="Claude API"),), probes=probes
    )


def test_a_probe_is_found_by_its_name() -> None:
    plan = a_plan(a_probe("one"), a_probe("two"))
    assert plan.probe("two").name == "two"
    with pytest.raises(KeyError, match="three"):
        plan.probe("three")


def test_a_probe_with_a_reason_against_it_does_not_run() -> None:
    plan = a_plan(a_probe("one"), a_probe("two", disabled="no key"))
    assert [probe.name for probe in plan.enabled()] == ["one"]


@pytest.mark.parametrize(
    ("component", "minutes", "covered"),
    [
        ("api", -1, False),
        ("api", 0, True),
        ("api", 59, True),
        ("api", 60, False),
        ("console", 30, False),
    ],
)
def test_a_maintenance_window_covers_its_components_until_it_ends(
    component: str, minutes: int, *, covered: bool
) -> None:
    window = Window(starts=START, ends=START + timedelta(hours=1), components=("api",))
    assert window.covers(component, START + timedelta(minutes=minutes)) is covered


def test_a_maintenance_window_without_components_covers_all() -> None:
    window = Window(starts=START, ends=START + timedelta(hours=1))
    assert window.covers("anything", START)


@pytest.mark.parametrize(
    ("components", "covered"),
    [((), False), (("api",), True), (("api", "console"), True), (("api", "cowork"), False)],
    ids=str,
)
def test_an_incident_is_covered_when_all_its_components_are(
    components: tuple[str, ...], *, covered: bool
) -> None:
    end = START + timedelta(hours=1)
    windows = [Window(starts=START, ends=end, components=(name,)) for name in ("api", "console")]
    assert all_covered(components, windows, START) is covered
    assert not all_covered(components, windows, START + timedelta(hours=1))


@given(st.text(min_size=1), st.floats(min_value=0.1, max_value=86_400))
def test_a_phase_lies_within_the_interval_and_does_not_move(name: str, interval: float) -> None:
    offset = phase_offset(name, interval)
    assert 0 <= offset < interval or offset == pytest.approx(interval)
    assert offset == phase_offset(name, interval)


def test_a_phase_is_the_same_on_every_machine() -> None:
    assert phase_offset("api_hello", 30.0) == pytest.approx(10.742267270713551)


@given(st.sets(st.text(min_size=1, max_size=5), min_size=1, max_size=12))
def test_probes_of_one_interval_are_spread_evenly(names: set[str]) -> None:
    offsets = sorted(staggered_offsets(tuple(a_probe(name, 60.0) for name in names)).values())
    gap = 60.0 / len(names)
    steps = [after - before for before, after in itertools.pairwise(offsets)]
    assert steps == pytest.approx([gap] * len(steps))
    assert all(0 <= offset < 60.0 for offset in offsets)


def test_the_order_of_the_config_does_not_move_the_grid() -> None:
    one, two, three = a_probe("one"), a_probe("two"), a_probe("three", 60.0)
    assert staggered_offsets((one, two, three)) == staggered_offsets((three, two, one))


def test_groups_of_other_intervals_do_not_meet() -> None:
    offsets = staggered_offsets((a_probe("one", 30.0), a_probe("two", 60.0)))
    assert offsets["one"] % 30 != offsets["two"] % 30

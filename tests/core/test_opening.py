from __future__ import annotations

import pytest

from monitor.core.incident import Reason
from monitor.core.noise import NoiseMeter
from monitor.core.opening import Found, deepest_good, evidence, find, path_proven
from monitor.core.outcome import Depth
from monitor.core.policy import Policy
from monitor.core.pools import Pool, pools_of
from monitor.core.window import Entry, Windows
from tests.core.timeline import MONO, an_entry, entries, keyed, plan_of
from tests.factories import a_probe

NEVER = float("-inf")
POLICY = Policy()
PLAN = plan_of(
    a_probe("a"),
    a_probe("b"),
    a_probe("gate", depth=Depth.GATEWAY),
    keyed("models"),
    keyed("count"),
)
POOLS = pools_of("api", PLAN, POLICY)


def held(rows: dict[str, str]) -> Windows:
    windows = Windows([probe.name for probe in PLAN.probes], 10_000.0)
    for entry in entries(**rows):
        windows.put(entry)
    return windows


def found_in(
    rows: dict[str, str], *, at: float = 60.0, floor: float = NEVER, answered_only: bool = False
) -> Found | None:
    since = evidence(held(rows), floor, answered_only=answered_only)
    return find(POOLS, since, POLICY, MONO + at, NoiseMeter(POOLS, POLICY.noise))


GOOD = dict.fromkeys(("a", "b", "gate", "models", "count"), "......")
EVERYTHING = dict.fromkeys(GOOD, "xxxxxx")


def test_while_all_is_well_no_rule_is_met() -> None:
    assert found_in(GOOD) is None


def test_an_outage_of_the_keys_alone_is_put_down_to_the_pool_of_the_keys() -> None:
    found = found_in({**GOOD, "models": "xxxxxx", "count": "xxxxxx"})
    assert found is not None
    assert found.pool.depth is Depth.KEY
    assert found.share == 1.0
    assert {entry.probe for entry in found.entries} == {"models", "count"}


def test_if_everything_is_dead_it_is_the_edge_that_is_named() -> None:
    found = found_in(EVERYTHING)
    assert found is not None
    assert found.pool.depth is Depth.EDGE


def test_the_evidence_begins_with_the_onset() -> None:
    found = found_in({**GOOD, "models": "..xxxx", "count": "..xxxx"}, at=55.0)
    assert found is not None
    assert found.breach.onset == MONO + 23.0
    assert min(entry.started for entry in found.entries) == MONO + 23.0


def test_runs_from_before_the_floor_are_no_evidence() -> None:
    assert found_in(EVERYTHING, floor=MONO + 70.0) is None
    found = found_in(EVERYTHING, floor=MONO + 20.0)
    assert found is not None
    assert found.breach.onset >= MONO + 20.0


def test_old_runs_are_no_evidence_for_fast() -> None:
    rows = {**GOOD, "models": "xxx", "count": "xxx"}
    found = found_in(rows)
    assert found is not None
    assert found.breach.reason is Reason.FAST
    assert found_in(rows, at=200.0) is None


def test_one_dead_probe_is_found_by_the_solo_rule_in_the_pool_of_its_own_depth() -> None:
    bad = "x" * 9
    found = found_in({**dict.fromkeys(GOOD, "." * 9), "gate": bad}, at=90.0)
    assert found is not None
    assert found.breach.reason is Reason.SOLO
    assert found.pool.depth is Depth.GATEWAY


def test_trouble_that_comes_and_goes_is_found_by_the_slow_rule() -> None:
    rows = {**dict.fromkeys(GOOD, "." * 26), "a": "x..x..x..x..x..x..x..x..x."}
    found = found_in(rows, at=260.0)
    assert found is not None
    assert found.breach.reason is Reason.SLOW
    assert found.pool.depth is Depth.EDGE


@pytest.mark.parametrize(
    ("row", "opens"), [("x..x..x..x..x..x..x..x..x.", False), ("x.x.x.x.x.x.x.x.x.x.x.x.x.", True)]
)
def test_where_a_hundredth_fails_on_a_usual_day_the_slow_rule_needs_four_episodes_more(
    row: str,
    opens: bool,  # noqa: FBT001  # a table
) -> None:
    rows = {**dict.fromkeys(GOOD, "." * 26), "a": row}
    assert found_in(rows, at=260.0) is not None, "in a calm place either is enough"
    noise = NoiseMeter(POOLS, POLICY.noise)
    noise.heard(MONO - 86_400.0)
    for place in range(1, 290):
        noise.bad("a", MONO - 86_400.0 + 280.0 * place)
    found = find(POOLS, evidence(held(rows), NEVER), POLICY, MONO + 260.0, noise)
    assert (found is not None) is opens
    assert found is None or ", 4 of them since " in found.breach.sentence


@pytest.mark.parametrize(
    ("rows", "opens"),
    [
        pytest.param(dict.fromkeys(GOOD, "oooooo"), False, id="no answer at all"),
        pytest.param({**dict.fromkeys(GOOD, "oooooo"), "a": "xxxxxx"}, False, id="of one probe"),
        pytest.param({**dict.fromkeys(GOOD, "xxxxxx"), "a": "oooooo"}, True, id="of all but one"),
    ],
)
def test_while_the_network_is_in_doubt_only_answered_failures_are_evidence(
    rows: dict[str, str],
    opens: bool,  # noqa: FBT001  # a table
) -> None:
    assert found_in(rows) is not None
    assert (found_in(rows, answered_only=True) is not None) is opens


@pytest.mark.parametrize(
    ("rows", "proven"),
    [
        pytest.param({"a": "xx", "gate": "xx"}, True, id="two probes have answers"),
        pytest.param({"a": "xxxxx", "gate": "oo"}, False, id="one may be in trouble of its own"),
        pytest.param({"a": "xx"}, True, id="it is the only one that fails"),
        pytest.param({"a": "xo"}, False, id="one answer may be chance"),
        pytest.param({"a": "oo", "gate": "oo"}, False, id="none has"),
    ],
)
def test_a_path_is_proven_by_as_many_probes_as_can_prove_it(
    rows: dict[str, str],
    proven: bool,  # noqa: FBT001  # a table
) -> None:
    assert path_proven(entries(**rows), 2) is proven


def test_a_component_without_a_pool_opens_nothing() -> None:
    assert (
        find((), evidence(held(EVERYTHING), NEVER), POLICY, MONO, NoiseMeter((), POLICY.noise))
        is None
    )


# ------------------------------------------------------------------ what still works


def of(depth: Depth) -> Pool:
    return next(pool for pool in POOLS if pool.depth is depth)


def newest(**bad: bool) -> list[Entry]:
    return [an_entry(probe, 0.0, bad=bad.get(probe, False)) for probe in GOOD]


@pytest.mark.parametrize(
    ("found", "deciding", "at", "deepest"),
    [
        pytest.param(newest(models=True), Depth.KEY, 10.0, Depth.GATEWAY, id="the next shallower"),
        pytest.param(newest(gate=True), Depth.KEY, 10.0, Depth.EDGE, id="not if its newest is bad"),
        pytest.param(newest(a=True, gate=True), Depth.KEY, 10.0, None, id="one bad probe of two"),
        pytest.param(newest(), Depth.EDGE, 10.0, None, id="nothing is shallower than the edge"),
        pytest.param(newest(), Depth.KEY, 300.0, Depth.GATEWAY, id="five minutes ago"),
        pytest.param(newest(), Depth.KEY, 300.1, None, id="longer ago"),
        pytest.param([], Depth.KEY, 10.0, None, id="silence is no health"),
    ],
)
def test_what_still_works_is_the_deepest_depth_whose_probes_all_answered_well_last(
    found: list[Entry], deciding: Depth, at: float, deepest: Depth | None
) -> None:
    windows = Windows([probe.name for probe in PLAN.probes], 10_000.0)
    for entry in found:
        windows.put(entry)
    assert deepest_good(POOLS, of(deciding), windows, POLICY, MONO + at) is deepest

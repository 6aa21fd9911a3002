from __future__ import annotations

import json

from monitor.core.case import Case, case_from_plain, case_to_plain, member_after, worst_of
from monitor.core.incident import Reason, SeverityLevel, State
from monitor.core.outcome import Depth
from monitor.core.standing import Signal, Stage
from monitor.core.transition import Source, Transition
from tests.core.timeline import MONO, moment
from tests.factories import NOON, an_incident


def a_step(signal: Signal, **more: object) -> Transition:
    values: dict[str, object] = {
        "component": "api",
        "reason": Reason.FAST,
        "sentence": "a rule",
        "state": State.MAJOR_OUTAGE,
        "depth": Depth.KEY,
        "onset": MONO - 60.0,
    }
    return Transition(signal=signal, **{**values, **more})  # type: ignore[arg-type]  # a test's own values


def test_a_member_follows_its_detector() -> None:
    begun = member_after(a_step(Signal.BREACH), None, moment(0.0))
    assert (begun.stage, begun.state, begun.since) == (
        Stage.OPEN, State.MAJOR_OUTAGE, moment(-60.0).wall
    )  # fmt: skip
    better = a_step(Signal.GOOD_STREAK, state=State.PARTIAL_OUTAGE, recovered=MONO + 50.0)
    recovering = member_after(better, begun, moment(60.0))
    assert recovering.recovering
    assert recovering.recovered == moment(50.0).wall
    assert (recovering.worst, recovering.joined_at) == (State.MAJOR_OUTAGE, NOON)
    clean = a_step(Signal.CLEAN, state=State.OPERATIONAL, recovered=MONO + 50.0)
    well = member_after(clean, recovering, moment(900.0, wall_shift=30.0))
    assert (well.active, well.state) == (False, State.OPERATIONAL)
    assert well.recovered == recovering.recovered, "a clock that moved changes no decision"


def test_slowness_alone_keeps_a_member_degraded() -> None:
    slow = a_step(Signal.BREACH, state=State.DEGRADED_PERFORMANCE, source=Source.LATENCY)
    member = member_after(slow, None, moment(0.0))
    assert (member.active, member.stage, member.state) == (
        True, Stage.CALM, State.DEGRADED_PERFORMANCE
    )  # fmt: skip
    assert not member_after(a_step(Signal.CLEAN, source=Source.LATENCY), member, moment(9.0)).active
    outage = member_after(a_step(Signal.BREACH), member, moment(10.0))
    assert (outage.slow, outage.state) == (False, State.MAJOR_OUTAGE)


def test_the_worst_of_states() -> None:
    assert worst_of((State.PARTIAL_OUTAGE, State.MAJOR_OUTAGE)) is State.MAJOR_OUTAGE


def test_a_case_survives_the_way_through_json_with_its_times_moved() -> None:
    member = member_after(a_step(Signal.BREACH), None, moment(0.0))
    case = Case(
        incident=an_incident(),
        members={"api": member},
        onset=10.0,
        joined=20.0,
        suspected=30.0,
        due=None,
        updated=40.0,
        told=("api",),
        told_severity=SeverityLevel.MAJOR,
        told_model="haiku",
        recovery_told=True,
        returns=(5.0,),
        changed="why",
    )
    again = case_from_plain(json.loads(json.dumps(case_to_plain(case))), 100.0)
    assert (again.onset, again.joined, again.suspected, again.due) == (110.0, 120.0, 130.0, None)
    assert (again.updated, again.returns) == (140.0, (105.0,))
    assert again.members["api"].onset == member.onset + 100.0
    assert (again.incident, again.told, again.told_model) == (case.incident, ("api",), "haiku")

"""What holds for every history: of outages, blips, refused keys, hangs and restarts, in any order.

A history is a row of phases. In each a share of the runs of some probes comes back otherwise than
it should, picked by a hash, so that a history is the same whenever it is told.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from monitor.core.incident import Event, IncidentPhase, Reason, State
from monitor.core.noise import NoiseMeter
from monitor.core.opening import Found, evidence, find
from monitor.core.outcome import Depth
from monitor.core.policy import Fast, Policy
from monitor.core.pools import pools_of
from monitor.core.rules import fast
from monitor.core.window import Entry
from tests.core.timeline import (
    MONO,
    Comes,
    Story,
    an_entry,
    keyed,
    plan_of,
    short,
    windows_with,
)
from tests.factories import a_probe

PLAN = plan_of(
    a_probe("a", components=("api", "console")),
    a_probe("b", components=("console",)),
    a_probe("gate", depth=Depth.GATEWAY),
    keyed("models"),
    keyed("message", Depth.INFERENCE, paid=True, interval=60.0),
    controls=2,
)
NAMES = tuple(probe.name for probe in PLAN.probes)
POLICY = Policy()
POOLS = pools_of("api", PLAN, POLICY)
NEVER = float("-inf")

LIFE = re.compile(
    r"opened( updated| recovering)*( closed reopened( updated| recovering)*)*( closed)?"
)


@dataclass(frozen=True, slots=True)
class Part:
    """Some seconds in which a share (percent) of the runs of `probes` comes back as `comes`."""

    seconds: int
    comes: Comes
    percent: int
    probes: frozenset[str]
    controls: bool


@dataclass(frozen=True, slots=True)
class History:
    """Phases, told as a world and as what the control targets do; all is well in the beginning."""

    parts: tuple[Part, ...]

    @property
    def end(self) -> float:
        return 60.0 + sum(part.seconds for part in self.parts)

    def part(self, at: float) -> Part | None:
        begin = 60.0
        for part in self.parts:
            if begin <= at < begin + part.seconds:
                return part
            begin += part.seconds
        return None

    def answers(self, at: float) -> bool:
        """Whether the control targets do."""
        part = self.part(at)
        return part is None or part.controls

    def __call__(self, probe: str, at: float) -> Comes:
        part = self.part(at)
        if part is None or probe not in part.probes:
            return Comes.OK
        return (
            part.comes if zlib.crc32(f"{probe}{at:g}".encode()) % 100 < part.percent else Comes.OK
        )


def histories(
    comes: Sequence[Comes] = tuple(Comes), *, controls: bool = True
) -> st.SearchStrategy[History]:
    part = st.builds(
        Part,
        seconds=st.sampled_from([40, 90, 200, 400]),
        comes=st.sampled_from(comes),
        percent=st.sampled_from([100, 100, 70, 40, 0]),
        probes=st.sampled_from(
            [
                frozenset(NAMES),
                frozenset(["models", "message"]),
                frozenset(["a"]),
                frozenset(["a", "b"]),
                frozenset(["message"]),
            ]
        ),
        controls=st.sampled_from([True, True, True, False]) if controls else st.just(True),  # noqa: FBT003  # a value
    )
    return st.lists(part, min_size=1, max_size=5).map(lambda parts: History(tuple(parts)))


def begun(history: History) -> Story:
    story = Story(PLAN, POLICY, world=history)
    story.tick_every, story.bursts, story.controls = 2.0, True, history.answers
    return story


def whole(history: History) -> Story:
    return begun(history).play(history.end)


def incidents(events: Sequence[Event]) -> dict[str, list[Event]]:
    found = defaultdict(list)
    for event in events:
        if event.incident is not None:
            found[event.incident.id].append(event)
    return found


# ------------------------------------------------------------------ incidents


GROWS = History(
    tuple(
        Part(seconds=seconds, comes=comes, percent=100, probes=frozenset(probes), controls=True)
        for seconds, comes, probes in (
            (200, Comes.FAIL, ("message",)),
            (40, Comes.FAIL, NAMES),
            (90, Comes.OK, NAMES),
        )
    )
)
"""One model fails, and then everything: the impact began with the model."""


@example(GROWS)
@given(histories())
def test_an_incident_opens_then_closes_and_reopens_in_turn(history: History) -> None:
    events = whole(history).events
    for about in incidents(events).values():
        life = " ".join(event.type.removeprefix("incident.") for event in about)
        assert LIFE.fullmatch(life), life
        assert [event.at for event in about] == sorted(event.at for event in about)
        last = about[-1].incident
        assert last is not None
        assert last.started_at <= last.opened_at
        assert last.closed_at is None or last.closed_at >= last.opened_at


@given(histories())
def test_every_event_has_an_id_of_its_own_a_reason_and_a_sentence(history: History) -> None:
    events = whole(history).events
    assert len({event.id for event in events}) == len(events)
    for event in events:
        assert event.reason in Reason
        assert event.summary
        if event.incident is not None:
            assert event.incident.explanation
            assert 0 <= event.incident.evidence.bad <= event.incident.evidence.runs


@given(histories())
def test_the_severity_of_an_incident_never_falls(history: History) -> None:
    order = ["minor", "major", "critical"]
    for about in incidents(whole(history).events).values():
        levels = [order.index(event.incident.severity) for event in about if event.incident]
        assert levels == sorted(levels)


@given(histories())
def test_a_component_is_part_of_one_open_incident_at_most(history: History) -> None:
    story = begun(history)
    for part in range(1, 9):
        story.play(history.end * part / 8)
        status = story.engine.status(story.moment(story.now))
        lasting = [*status.open_incidents, *status.suspects]
        broken = [
            impact.component
            for incident in lasting
            for impact in incident.components
            if impact.state is not State.OPERATIONAL
        ]
        assert len(broken) == len(set(broken))


@given(histories())
def test_the_story_of_an_incident_is_in_order_and_every_line_has_its_reason(
    history: History,
) -> None:
    for event in whole(history).events:
        if event.incident is None:
            continue
        times = [note.at for note in event.incident.timeline]
        assert times == sorted(times)
        assert event.incident.phase not in (IncidentPhase.SUSPECT, IncidentPhase.WITHDRAWN)
        assert all(note.sentence and note.reason in Reason for note in event.incident.timeline)


# ------------------------------------------------------------------ restarts


@given(histories(), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=3))
def test_going_on_from_a_snapshot_at_any_time_is_going_on(
    history: History, shares: list[float]
) -> None:
    story, events = begun(history), []
    for share in sorted(shares):
        events += story.play(share * history.end).events
        story = story.restart()
    events += story.play(history.end).events
    assert events == whole(history).events


@given(histories(), st.floats(0.0, 1.0), st.sampled_from([-49_000.0, 1e5]))
def test_a_restart_with_another_monotonic_clock_changes_no_decision(
    history: History, share: float, shift: float
) -> None:
    before = begun(history).play(share * history.end)
    after = before.restart(mono_shift=shift).play(history.end)
    told = [(short(event), event.reason, event.id) for event in [*before.events, *after.events]]
    assert told == [(short(e), e.reason, e.id) for e in whole(history).events]


# ------------------------------------------------------------------ what must not matter

USABLE = (Comes.OK, Comes.FAIL, Comes.HANG, Comes.LATE)


@given(
    histories(USABLE, controls=False),
    st.lists(st.tuples(st.floats(0.05, 1.0), st.sampled_from(NAMES)), max_size=20),
    st.sampled_from([Comes.LIMITED, Comes.GONE]),
)
def test_excluded_runs_change_nothing_about_incidents(
    history: History, extra: list[tuple[float, str]], comes: Comes
) -> None:
    story = begun(history)
    for share, probe in sorted(extra):
        at = round(share * history.end)
        story.play(at)
        story.run(probe, at - 0.25, comes)
    events = story.play(history.end).events
    assert [event for event in events if event.incident] == whole(history).events


@given(
    st.lists(st.tuples(st.integers(0, 599), st.sampled_from(NAMES), st.booleans()), max_size=150),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_results_come_does_not_matter(
    runs: list[tuple[int, str, bool]], random: Random
) -> None:
    found = [
        an_entry(probe, at / 2 + NAMES.index(probe) / 100, bad=bad, run_id=f"{probe}@{at}")
        for at, probe, bad in {(at, probe): (at, probe, bad) for at, probe, bad in runs}.values()
    ]
    shuffled = list(found)
    random.shuffle(shuffled)
    now = MONO + 300.0
    padding = [an_entry(name, -9000.0) for name in NAMES]

    def opened(order: Sequence[Entry]) -> Found | None:
        noise = NoiseMeter(POOLS, POLICY.noise)
        noise.heard(MONO)
        for entry in order:
            if entry.bad:
                noise.bad(entry.probe, entry.started)
        since = evidence(windows_with([*order, *padding]), NEVER)
        return find(POOLS, since, POLICY, now, noise)

    assert opened(found) == opened(shuffled)


# ------------------------------------------------------------------ one probe is one witness


@given(
    st.lists(st.integers(0, 600), min_size=1, max_size=80, unique=True),
    st.lists(st.tuples(st.integers(0, 600), st.sampled_from("bcd")), max_size=20, unique=True),
    st.booleans(),
    st.integers(1, 9),
)
def test_the_failures_of_one_probe_alone_are_never_enough_for_the_fast_rule(
    failures: list[int],
    good: list[tuple[int, str]],
    answered: bool,  # noqa: FBT001  # drawn
    size: int,
) -> None:
    bad = [an_entry("a", at / 10, bad=True, answered=answered) for at in failures]
    healthy = [an_entry(probe, at / 10) for at, probe in good]
    found: list[Entry] = sorted([*bad, *healthy], key=lambda entry: entry.started)
    assert fast(found, Fast(), 60.0, size) is None


def of_the_gate(history: History) -> History:
    """The same history, but only one probe is in trouble."""
    return History(tuple(replace(part, probes=frozenset(["gate"])) for part in history.parts))


@given(histories((Comes.FAIL, Comes.HANG, Comes.LATE)).map(of_the_gate))
def test_one_probe_in_trouble_never_opens_by_the_fast_rule_however_often_it_is_asked_again(
    history: History,
) -> None:
    assert Reason.FAST not in {event.reason for event in whole(history).events}

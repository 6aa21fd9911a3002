from __future__ import annotations

import json

import pytest

from monitor.core.evidence import REASON_CHARS_MAX, SAMPLES_FIRST, SAMPLES_LAST, Totals
from monitor.core.incident import Evidence, Tally
from monitor.core.outcome import Outcome
from monitor.core.window import Entry
from tests.core.timeline import an_entry

DEPTHS = {"hello": "edge", "models": "key", "count": "key"}


def evidence_of(*found: Entry) -> Evidence:
    return Totals.over(found).evidence(60.0, DEPTHS)


def refused(probe: str, at: float) -> Entry:
    return an_entry(probe, at, bad=True, outcome=Outcome.AUTH_ERROR)


MIXED = (
    an_entry("hello", 0.0),
    refused("models", 1.0),
    refused("count", 2.0),
    an_entry("models", 3.0),
    an_entry("hello", 4.0, bad=True, outcome=Outcome.TIMEOUT),
)


def test_runs_are_counted_by_outcome_depth_and_probe() -> None:
    evidence = evidence_of(*MIXED)
    assert (evidence.runs, evidence.bad, evidence.error_ratio) == (5, 3, 0.6)
    assert evidence.window_seconds == 60.0
    assert evidence.by_outcome == (
        Tally(name="auth_error", runs=2, bad=2),
        Tally(name="ok", runs=2, bad=0),
        Tally(name="timeout", runs=1, bad=1),
    )
    assert evidence.by_depth == (
        Tally(name="edge", runs=2, bad=1),
        Tally(name="key", runs=3, bad=2),
    )
    assert evidence.by_probe == (
        Tally(name="count", runs=1, bad=1),
        Tally(name="hello", runs=2, bad=1),
        Tally(name="models", runs=2, bad=1),
    )
    assert [sample.probe for sample in evidence.samples] == ["models", "count", "hello"]


def test_a_correct_but_slow_run_is_no_bad_one() -> None:
    evidence = evidence_of(an_entry("hello", 0.0, outcome=Outcome.SLOW))
    assert evidence.by_outcome == (Tally(name="slow", runs=1, bad=0),)
    assert evidence.bad == 0


def test_nothing_is_no_share_of_anything() -> None:
    evidence = evidence_of()
    assert (evidence.runs, evidence.bad, evidence.error_ratio) == (0, 0, 0.0)


def test_what_is_taken_back_leaves_no_trace_in_counts_and_samples() -> None:
    totals = Totals.over(MIXED)
    for entry in MIXED[1:3]:
        totals.take_back(entry)
    evidence = totals.evidence(60.0, DEPTHS)
    assert (evidence.runs, evidence.bad) == (3, 1)
    assert [tally.name for tally in evidence.by_outcome] == ["ok", "timeout"]
    assert [sample.probe for sample in evidence.samples] == ["hello"]


def test_the_first_and_the_last_bad_runs_are_shown_with_a_short_reason() -> None:
    found = [an_entry("hello", float(at), bad=True) for at in range(20)]
    samples = evidence_of(*found).samples
    shown = [*range(SAMPLES_FIRST), *range(20 - SAMPLES_LAST, 20)]
    assert [sample.at for sample in samples] == [found[n].at for n in shown]

    totals = Totals.over(found)
    totals.take_back(found[19])
    assert found[19].at not in [sample.at for sample in totals.evidence(1.0, {}).samples]

    wordy = Entry(
        run_id="r",
        probe="hello",
        at=found[0].at,
        started=0.0,
        bad=True,
        answered=True,
        outcome=Outcome.SERVER_ERROR,
        reason="x" * 1000,
        request_id="req_1",
        cf_ray="ray",
    )
    (sample,) = evidence_of(wordy).samples
    assert len(sample.reason) == REASON_CHARS_MAX
    assert (sample.request_id, sample.cf_ray) == ("req_1", "ray")


@pytest.mark.parametrize(
    ("outcomes", "cause"),
    [
        ([], None),
        ([Outcome.OK, Outcome.OK, Outcome.SERVER_ERROR], Outcome.SERVER_ERROR),
        ([Outcome.SLOW, Outcome.SLOW, Outcome.DNS_ERROR], Outcome.DNS_ERROR),
        ([Outcome.DNS_ERROR, Outcome.OVERLOADED, Outcome.OVERLOADED], Outcome.OVERLOADED),
        ([Outcome.OVERLOADED, Outcome.DNS_ERROR], Outcome.DNS_ERROR),
    ],
    ids=["nothing bad", "good runs are none", "slow ones neither", "the commonest", "a tie"],
)
def test_the_cause_is_the_commonest_bad_outcome(
    outcomes: list[Outcome], cause: Outcome | None
) -> None:
    good = (Outcome.OK, Outcome.SLOW)
    totals = Totals.over(
        an_entry("hello", float(at), bad=outcome not in good, outcome=outcome)
        for at, outcome in enumerate(outcomes)
    )
    assert totals.cause() is cause
    assert totals.cause(("hello",)) is cause
    assert totals.cause(("models",)) is None


def test_a_cause_that_was_taken_back_is_none() -> None:
    late, real = refused("models", 0.0), an_entry("models", 1.0, bad=True)
    totals = Totals.over([late, late, real])
    totals.take_back(late)
    totals.take_back(late)
    assert totals.cause() is Outcome.SERVER_ERROR


def test_totals_survive_the_way_through_json() -> None:
    totals = Totals.over([*MIXED, *(refused("models", 10.0 + at) for at in range(9))])
    again = Totals.restored(json.loads(json.dumps(totals.snapshot())))
    assert again.evidence(1.0, DEPTHS) == totals.evidence(1.0, DEPTHS)
    assert again.cause() is totals.cause()


def test_a_probe_that_the_plan_no_longer_has_is_counted_at_the_edge() -> None:
    assert [tally.name for tally in evidence_of(an_entry("gone", 0.0)).by_depth] == ["edge"]

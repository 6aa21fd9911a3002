from __future__ import annotations

import pytest

from monitor.core.coverage import RUNS_MAX, Coverage, shared_sentence, shared_with
from monitor.core.effects import CoverageView
from monitor.core.incident import State
from monitor.core.outcome import Counts, Outcome, counts_as
from tests.core.timeline import Comes, Story, keyed, moment, plan_of
from tests.factories import a_judged, a_probe

PLAN = plan_of(
    a_probe("page", components=("claude_ai", "cowork")),
    a_probe("hello", components=("api", "claude_code", "cowork")),
    a_probe("login", components=("console", "claude_code")),
    a_probe("download", components=("claude_code",)),
    a_probe("release", components=("cowork",)),
    a_probe("off", components=("console", "api"), disabled="no key"),
)


SHARED_BY_CODE = (
    "judged from evidence shared with Claude API and Claude Console; 1 of 3 probes are its own"
)


@pytest.mark.parametrize(
    ("component", "others", "sentence"),
    [
        ("api", (), ""),
        ("claude_ai", (), ""),
        (
            "claude_code",
            ("api", "console"),
            SHARED_BY_CODE,
        ),
        (
            "cowork",
            ("claude_ai", "api"),
            "judged from evidence shared with claude.ai and Claude API; 1 of 3 probes are its own",
        ),
    ],
)
def test_a_component_says_whose_evidence_it_shares(
    component: str, others: tuple[str, ...], sentence: str
) -> None:
    assert shared_with(PLAN, component) == others
    assert shared_sentence(PLAN, component) == sentence


def test_one_other_and_three_others_are_listed() -> None:
    one = plan_of(a_probe("a", components=("api", "cowork")))
    assert "shared with Claude API;" in shared_sentence(one, "cowork")
    three = plan_of(
        *(a_probe(n, components=(n, "cowork")) for n in ("api", "console", "claude_ai"))
    )
    assert "Claude API, Claude Console and claude.ai;" in shared_sentence(three, "cowork")


def coverage(*outcomes: Outcome, at: float = 1000.0) -> Coverage:
    kept = Coverage(PLAN)
    for outcome in outcomes:
        kept.learn(a_judged("page", outcome, started=at))
    return kept


def test_the_share_of_usable_runs_and_what_most_were_lost_to() -> None:
    challenged = [Outcome.CHALLENGED] * 6
    view = coverage(Outcome.OK, Outcome.TIMEOUT, Outcome.BLOCKED, *challenged).view(["page"], 1000)
    assert (view.runs, view.usable, view.share) == (9, 2, 2 / 9)
    assert view.lost_to == ("6 of 9 runs were met by a browser challenge, so the origin is unknown")


@pytest.mark.parametrize("outcome", [o for o in Outcome if counts_as(o) is Counts.EXCLUDED])
def test_every_outcome_that_does_not_count_has_words(outcome: Outcome) -> None:
    assert coverage(outcome).view(["page"], 1000.0).lost_to.startswith("1 of 1 runs ")


def test_without_runs_there_is_no_share() -> None:
    assert coverage().view(["page", "nobody"], 0.0) == CoverageView(runs=0, usable=0)
    assert coverage().view(["page"], 0.0).share is None


def test_runs_of_more_than_a_quarter_of_an_hour_ago_are_forgotten_and_memory_is_bounded() -> None:
    kept = coverage(*[Outcome.OK] * (RUNS_MAX + 10))
    assert kept.view(["page"], 1900.0).runs == RUNS_MAX
    assert kept.view(["page"], 1900.1).runs == 0


def test_a_component_behind_a_challenge_is_unknown_and_says_how_much_was_seen() -> None:
    plan = plan_of(a_probe("page", components=("claude_ai",)), keyed("models"))
    story = Story(plan, world=lambda _probe, _at: Comes.LIMITED)
    story.play(120.0)
    (page, api) = story.engine.status(moment(120.0)).components
    assert (page.state, api.state) == (State.UNKNOWN, State.UNKNOWN)
    assert page.reason == (
        "no usable run of any of its probes lately: 4 of 4 runs were rate-limited"
    )
    assert page.coverage.share == 0.0

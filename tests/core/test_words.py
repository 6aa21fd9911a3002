from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.incident import (
    EventType,
    Impact,
    Incident,
    IncidentPhase,
    Reason,
    Sample,
    SeverityLevel,
    State,
    Tally,
)
from monitor.core.outcome import Depth, Outcome
from monitor.core.words import (
    SUMMARY_CHARS_MAX,
    KeyStanding,
    blind_sentence,
    budget_sentence,
    credential_sentence,
    guard_off_sentence,
    incident_sentence,
    misconfigured_sentence,
    sighted_sentence,
)
from tests.factories import TITLES, an_evidence, an_incident

START = datetime(2026, 4, 28, 17, 34, tzinfo=UTC)
END = START + timedelta(hours=1, minutes=18)


def an_outage(*components: str, state: State = State.MAJOR_OUTAGE, **changes: object) -> Incident:
    """28 April as the API saw it: 14 of 22 runs in a minute, all but one with auth_error."""
    names = components or ("api",)
    values: dict[str, object] = {
        "started_at": START,
        "opened_at": START + timedelta(minutes=1),
        "severity": SeverityLevel.CRITICAL,
        "deepest_good": Depth.EDGE,
        "components": tuple(Impact(component=name, state=state, since=START) for name in names),
        "evidence": an_evidence(
            runs=22,
            bad=14,
            window_seconds=60.0,
            by_outcome=(
                Tally(name="auth_error", runs=13, bad=13),
                Tally(name="timeout", runs=1, bad=1),
                Tally(name="ok", runs=8, bad=0),
            ),
        ),
    }
    return an_incident(*names, **{**values, **changes})  # type: ignore[arg-type]


def said(event: EventType, incident: Incident) -> str:
    return incident_sentence(event, incident, TITLES)


COUNTED = "14 of 22 runs failed in 60 s, most with auth_error; the edge still answers."


@pytest.mark.parametrize(
    ("event", "lead"),
    [
        (EventType.OPENED, "major outage since 17:34 UTC"),
        (EventType.UPDATED, "now major outage since 17:34 UTC"),
        (EventType.REOPENED, "major outage again, first since 17:34 UTC"),
        (EventType.REMINDER, "still major outage since 2026-04-28 17:34 UTC"),
    ],
)
def test_a_lasting_incident_says_what_since_when_how_sure_and_what_works(
    event: EventType, lead: str
) -> None:
    assert said(event, an_outage()) == f"Claude API: {lead}: {COUNTED}"


@pytest.mark.parametrize(
    ("names", "subject"),
    [
        (("api",), "Claude API"),
        (("api", "cowork"), "Claude API and Claude Cowork"),
        (("api", "cowork", "claude_ai"), "Claude API, Claude Cowork and claude.ai"),
        (
            ("api", "cowork", "claude_ai", "console", "government"),
            "Claude API, Claude Cowork, claude.ai and 2 more",
        ),
        (("unheard_of",), "unheard_of"),
    ],
)
def test_the_components_are_named_by_their_titles(names: tuple[str, ...], subject: str) -> None:
    assert said(EventType.OPENED, an_outage(*names)).startswith(f"{subject}: major outage since ")


@pytest.mark.parametrize(
    ("depth", "words"),
    [
        (Depth.EDGE, "; the edge still answers."),
        (Depth.GATEWAY, "; the API gateway still answers."),
        (Depth.KEY, "; keys are still accepted."),
        (Depth.INFERENCE, "; inference still works."),
        (None, "most with auth_error."),
    ],
)
def test_the_deepest_thing_that_still_works_is_named(depth: Depth | None, words: str) -> None:
    assert said(EventType.OPENED, an_outage(deepest_good=depth)).endswith(words)


def test_where_one_family_alone_was_asked_that_is_said_beside_what_works() -> None:
    incident = an_outage(deepest_good=Depth.KEY, asked="haiku")
    words = "; keys are still accepted; of the models only haiku was asked."
    assert said(EventType.OPENED, incident).endswith(words)


@pytest.mark.parametrize(
    ("by_outcome", "share"),
    [
        ((), "most"),
        ((Tally(name="auth_error", runs=14, bad=14),), "all"),
        ((Tally(name="auth_error", runs=8, bad=8),), "most"),
        ((Tally(name="auth_error", runs=7, bad=7),), "many"),
    ],
)
def test_how_common_the_cause_is_stands_in_a_word(
    by_outcome: tuple[Tally, ...], share: str
) -> None:
    incident = an_outage()
    incident = replace(incident, evidence=replace(incident.evidence, by_outcome=by_outcome))

    assert f", {share} with auth_error" in said(EventType.OPENED, incident)


@pytest.mark.parametrize(
    ("state", "severity", "words"),
    [
        (State.PARTIAL_OUTAGE, SeverityLevel.CRITICAL, "partial outage since"),
        (State.DEGRADED_PERFORMANCE, SeverityLevel.MAJOR, "degraded performance since"),
        (State.UNKNOWN, SeverityLevel.MAJOR, "partial outage since"),
        (State.OPERATIONAL, SeverityLevel.MINOR, "degraded performance since"),
    ],
)
def test_the_state_is_the_components_now_or_else_that_of_the_severity(
    state: State, severity: SeverityLevel, words: str
) -> None:
    assert words in said(EventType.OPENED, an_outage(state=state, severity=severity))


def test_the_worst_of_several_states_is_said() -> None:
    mild = Impact(component="cowork", state=State.DEGRADED_PERFORMANCE, since=START)
    incident = an_outage()
    incident = replace(incident, components=(mild, *incident.components))

    assert "major outage since" in said(EventType.OPENED, incident)


def test_the_day_is_said_when_it_began_on_another_one() -> None:
    late = datetime(2026, 4, 27, 23, 58, tzinfo=UTC)

    assert "since 2026-04-27 23:58 UTC" in said(EventType.OPENED, an_outage(started_at=late))


def test_recovering_says_since_when_and_how_long_it_lasted() -> None:
    incident = an_outage(phase=IncidentPhase.RECOVERING, recovered_at=END)

    assert said(EventType.RECOVERING, incident) == (
        "Claude API: recovering since 18:52 UTC after 1 h 18 min of major outage; "
        "not over until it holds."
    )
    assert "since 17:35 UTC after 60 s of" in said(EventType.RECOVERING, an_outage())


def test_a_close_says_from_when_to_when() -> None:
    incident = an_outage(
        phase=IncidentPhase.CLOSED,
        reason=Reason.CLEAN_WINDOW,
        recovered_at=END,
        closed_at=END + timedelta(minutes=5),
    )

    assert said(EventType.CLOSED, incident) == (
        "Claude API: major outage over (17:34 to 18:52 UTC, 1 h 18 min): "
        "14 of 22 runs failed, most with auth_error."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"closed_at": END}, "(17:34 to 18:52 UTC, 1 h 18 min)"),
        ({}, "(17:34 to 17:35 UTC, 60 s)"),
        (
            {"recovered_at": START + timedelta(days=1)},
            "(2026-04-28 17:34 to 2026-04-29 17:34 UTC, 1 d 0 h)",
        ),
    ],
)
def test_a_close_knows_its_end_as_well_as_it_can(changes: dict[str, object], words: str) -> None:
    incident = replace(an_outage(reason=Reason.CLEAN_WINDOW), **changes)  # type: ignore[arg-type]

    assert words in said(EventType.CLOSED, incident)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            Reason.OPERATOR,
            "Claude API: incident closed by an operator; it began at 17:34 UTC.",
        ),
        (
            Reason.EVIDENCE_GONE,
            "Claude API: incident of 17:34 UTC withdrawn: what spoke for it no longer counts.",
        ),
    ],
)
def test_a_close_that_is_no_recovery_says_so(reason: Reason, words: str) -> None:
    assert said(EventType.CLOSED, an_outage(reason=reason, closed_at=END)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5.0, "in 0 s,"),
        (45.4, "in 45 s,"),
        (119.0, "in 119 s,"),
        (120.0, "in 2 min,"),
        (3540.0, "in 59 min,"),
        (3599.0, "in 1 h 0 min,"),
        (4680.0, "in 1 h 18 min,"),
        (86_399.0, "in 24 h 0 min,"),
        (183_600.0, "in 2 d 3 h,"),
    ],
)
def test_a_length_of_time_is_said_in_two_units_at_most(seconds: float, words: str) -> None:
    incident = an_outage(evidence=an_evidence(window_seconds=seconds))

    assert words in said(EventType.OPENED, incident)


@pytest.mark.parametrize("event", [kind for kind in EventType if kind.startswith("incident.")])
@pytest.mark.parametrize("phase", IncidentPhase)
def test_every_sentence_about_an_incident_is_one_bounded_line(
    event: EventType, phase: IncidentPhase
) -> None:
    names = tuple(f"component_{number}" for number in range(6))
    titles = dict.fromkeys(names, "A title that is\nfar too long for a sentence " * 4)

    sentence = incident_sentence(event, an_outage(*names, phase=phase), titles)

    assert sentence.isprintable()
    assert len(sentence) <= SUMMARY_CHARS_MAX


def test_a_refused_key_is_told_with_both_readings_and_what_to_check() -> None:
    worked = credential_sentence("main", KeyStanding(worked=True))
    never = credential_sentence("main", KeyStanding(worked=False))

    assert (
        worked[0]
        == "Key main is refused although it worked before; what it watches is unknown now."
    )
    assert never[0] == "Key main has never been accepted here; what it watches is unknown."
    for _, detail in (worked, never):
        assert detail.startswith("Either the key ")
        assert ", or Claude " in detail
        assert "Check first in the Console" in detail


@pytest.mark.parametrize(
    ("outcome", "check"),
    [
        (Outcome.CLIENT_ERROR, "the model still exists"),
        (Outcome.UNPROVEN, "`claude-uptime probe`"),
        (Outcome.MONITOR_ERROR, "the daemon's log"),
    ],
)
def test_a_probe_that_does_not_count_is_told_with_what_to_check(
    outcome: Outcome, check: str
) -> None:
    summary, detail = misconfigured_sentence("api_haiku", outcome, "answered 404 not_found_error")

    assert summary == (
        f"Probe api_haiku does not count until this is looked at ({outcome}): "
        "answered 404 not_found_error"
    )
    assert check in detail


def test_blind_and_sighted_name_the_vantage() -> None:
    assert blind_sentence("local", "both control targets failing").startswith(
        "Blind at local: both control targets failing. Claude's state is unknown from here"
    )
    assert sighted_sentence("local").startswith("Sighted again at local: ")


def test_a_guard_that_is_off_is_told_with_its_targets_and_what_to_check() -> None:
    summary, detail = guard_off_sentence(("control_a", "control_b"))

    assert summary.startswith("No control target answers (control_a and control_b) though Claude")
    assert "control.targets" in detail


def test_every_other_summary_is_one_bounded_line() -> None:
    long = "far\ntoo long " * 40
    for summary in (
        credential_sentence(long, KeyStanding(worked=True))[0],
        misconfigured_sentence("p", Outcome.UNPROVEN, long)[0],
        blind_sentence("local", long),
        sighted_sentence(long),
        guard_off_sentence([long, long])[0],
    ):
        assert summary.isprintable()
        assert len(summary) <= SUMMARY_CHARS_MAX


def test_an_outage_of_keys_says_why_it_is_not_the_key() -> None:
    samples = (
        Sample(
            probe="api_models",
            at=START,
            outcome=Outcome.AUTH_ERROR,
            reason="answered 401; another key that worked is refused too",
        ),
    )
    outage = an_outage()
    outage = replace(outage, evidence=replace(outage.evidence, samples=samples))
    text = said(EventType.OPENED, outage)
    assert "keys that worked are refused together, so no key needs replacing" in text
    assert "no key" not in said(EventType.OPENED, replace(outage, cause=Outcome.TIMEOUT))


@pytest.mark.parametrize(
    ("kept", "words"), [(0.075, "$0.0750 of it is kept"), (0.0, "its reserve for the extra runs")]
)
def test_a_spent_budget_says_how_much_until_when_and_what_to_check(kept: float, words: str) -> None:
    summary, detail = budget_sentence(0.176, 0.25, kept)
    assert summary.startswith("Paid probes are paused until 00:00 UTC: $0.18 of the $0.25 a day")
    assert words in summary
    assert "Check first with `claude-uptime check`" in detail
    assert len(budget_sentence(9999.99, 10000.0, 3000.0)[0]) <= SUMMARY_CHARS_MAX

"""The log: one line for what happened, with the facts that an operator looks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from monitor.app.runlog import RunLog
from monitor.core.effects import (
    Announce,
    CheckControl,
    Effect,
    Judged,
    Rejudged,
    StateChanged,
)
from monitor.core.incident import EventType, State
from monitor.core.outcome import Outcome
from tests.factories import (
    NOON,
    a_judged,
    a_timed_out_observation,
    a_verdict,
    an_event,
    an_incident,
    an_observation,
)


def lines_of(*effects: Effect) -> list[EventDict]:
    """What the log says of these effects."""
    with capture_logs() as lines:
        RunLog().publish(effects)
    return list(lines)


def test_a_run_is_one_line_with_its_phases_and_the_vendors_ids() -> None:
    (line,) = lines_of(a_judged("api_hello", Outcome.SERVER_ERROR))
    assert line["event"] == "run.finished"
    assert (line["probe"], line["outcome"], line["counts"]) == ("api_hello", "server_error", "bad")
    assert line["status"] == 200
    assert line["request_id"] == "req_011CSHoEeqs5C35K2UUqR7Fy"
    assert line["cf_ray"] == "9e2f1a2b3c4d5e6f-FRA"
    assert list(line["phases"]) == ["dns", "connect", "tls", "request", "first_byte", "transfer"]
    assert {type(name) for name in line["phases"]} == {str}
    assert line["seconds"] == 0.25


@pytest.mark.parametrize(
    ("outcome", "level"),
    [(Outcome.OK, "debug"), (Outcome.SLOW, "info"), (Outcome.TIMEOUT, "info")],
)
def test_only_what_is_not_the_normal_case_is_told_at_info(outcome: Outcome, level: str) -> None:
    (line,) = lines_of(a_judged("api_hello", outcome))
    assert line["log_level"] == level


def test_a_run_without_an_answer_has_no_status() -> None:
    judged = Judged(observation=a_timed_out_observation(), verdict=a_verdict(Outcome.TIMEOUT))
    (line,) = lines_of(judged)
    assert (line["status"], line["request_id"], line["cf_ray"]) == (None, None, None)
    assert line["phases"] == {"dns": 0.01, "connect": 0.02}


def test_a_provisional_run_is_not_told() -> None:
    observation = replace(an_observation(), provisional=True)
    assert lines_of(Judged(observation=observation, verdict=a_verdict(Outcome.TIMEOUT))) == []


def test_a_change_of_state_is_one_line() -> None:
    changed = StateChanged(
        component="api", before=State.OPERATIONAL, after=State.MAJOR_OUTAGE, at=NOON
    )
    assert lines_of(changed) == [
        {
            "event": "component.state_changed",
            "component": "api",
            "before": "operational",
            "after": "major_outage",
            "log_level": "info",
        }
    ]


def test_an_event_is_a_warning_with_its_reason_and_how_it_was_reckoned() -> None:
    event = an_event(incident=an_incident())
    (line,) = lines_of(Announce(event=event))
    assert line["event"] == "incident.opened"
    assert line["log_level"] == "warning"
    assert (line["id"], line["reason"], line["summary"]) == (event.id, "fast", event.summary)
    assert line["explanation"].startswith("9 of 12 runs of the key pool failed")


def test_an_event_of_the_monitor_itself_says_what_to_check() -> None:
    event = replace(an_event(EventType.MISCONFIGURED), incident=None, detail="check the key")
    (line,) = lines_of(Announce(event=event))
    assert (line["event"], line["explanation"]) == ("monitor.misconfigured", "check the key")


def test_runs_judged_again_are_one_line() -> None:
    verdict = a_verdict(Outcome.NO_NETWORK)
    (line,) = lines_of(Rejudged(run_ids=("a/1", "a/2"), verdict=verdict))
    assert (line["event"], line["runs"]) == ("run.rejudged", ["a/1", "a/2"])
    assert line["outcome"] == "no_network"


def test_what_the_schedule_is_asked_for_is_no_news() -> None:
    assert lines_of(CheckControl()) == []

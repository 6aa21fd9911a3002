"""The documents themselves; whole ones are kept as files and compared over the wire."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.core.incident import Incident, IncidentPhase, State
from monitor.core.outcome import Outcome
from monitor.web.shapes import Shapes, newest_first, row_of
from tests.factories import (
    NOON,
    a_component_view,
    a_judged,
    a_plan,
    a_status_view,
    a_timed_out_observation,
    an_incident,
)


@pytest.mark.parametrize(
    ("incident", "seconds"),
    [
        pytest.param(an_incident(), 590.0, id="it lasts: until now"),
        pytest.param(
            an_incident(recovered_at=NOON - timedelta(minutes=4)), 350.0, id="until it recovered"
        ),
        pytest.param(
            an_incident(phase=IncidentPhase.CLOSED, closed_at=NOON - timedelta(minutes=1)),
            530.0,
            id="closed by an operator: until then",
        ),
        pytest.param(an_incident(opened_at=NOON + timedelta(hours=1)), 0.0, id="a stepped clock"),
    ],
)
def test_the_duration_of_an_incident(incident: Incident, seconds: float) -> None:
    assert Shapes("local").incident(incident, NOON)["duration_seconds"] == seconds


def test_links_are_quoted_and_begin_where_told() -> None:
    component = a_component_view("a/b?c")
    links = Shapes("local", "https://uptime.example/").component(component)["links"]
    assert links["self"] == "https://uptime.example/api/v1/components/a%2Fb%3Fc"
    assert Shapes("local").component(component)["links"]["self"].startswith("/api/v1/")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_makes_a_document(outcome: Outcome) -> None:
    document = Shapes("local").run(row_of(a_judged("api_hello", outcome)))
    assert document["outcome"] == outcome.value
    assert document["counts"] in {"good", "bad", "excluded"}
    assert document["fault"] in {"none", "provider", "us", "network"}


def test_a_run_without_an_answer_has_nulls() -> None:
    timed_out = a_timed_out_observation()
    document = Shapes("local").run(row_of(a_judged(error=timed_out.error, answer=None)))
    assert document["status"] is document["request_id"] is document["cf_ray"] is None


def test_stored_runs_are_shown_newest_first() -> None:
    runs = [row_of(a_judged(at=NOON + timedelta(seconds=seconds))) for seconds in (2, 3, 1)]
    assert [run.at.second for run in newest_first(runs)] == [3, 2, 1]


def test_a_component_lists_what_is_evidence_for_it() -> None:
    plan = a_plan(keyed=False)
    component = plan.components[2]
    view = a_status_view(plan)
    document = Shapes("local").component_detail(
        view, a_component_view(component.name, State.OPERATIONAL), component, plan
    )
    assert {"probe": "api_models", "depth": "key", "enabled": False} in document["probes"]
    assert "console_page" not in {row["probe"] for row in document["probes"]}

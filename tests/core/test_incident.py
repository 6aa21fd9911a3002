from __future__ import annotations

import pytest

from monitor.core.incident import IncidentPhase, event_id, incident_id
from tests.factories import NOON, an_incident


def test_an_incident_is_called_by_place_time_and_component() -> None:
    assert incident_id("local", NOON, "api") == "local-20260428-120000-api"


def test_each_event_of_an_incident_has_an_id_that_a_replay_gives_again() -> None:
    ids = [event_id(incident, number) for incident in ("x", "y") for number in (1, 2)]
    assert len(set(ids)) == 4
    assert event_id("x", 1) == ids[0]
    assert all(found.startswith("x") for found in ids[:2])


@pytest.mark.parametrize(
    ("phase", "lasts"),
    [
        (IncidentPhase.OPEN, True),
        (IncidentPhase.RECOVERING, True),
        (IncidentPhase.CLOSED, False),
    ],
)
def test_an_incident_lasts_until_it_is_closed(
    phase: IncidentPhase,
    lasts: bool,  # noqa: FBT001  # a table
) -> None:
    assert an_incident(phase=phase).is_open is lasts


def test_an_incident_names_its_components() -> None:
    assert an_incident("api", "console").names == ("api", "console")

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from monitor.core.codec import from_plain, to_plain
from monitor.core.effects import Judged
from monitor.core.incident import Incident, IncidentPhase
from monitor.core.outcome import Depth
from tests.factories import NOON, an_incident, an_observation


@dataclass(frozen=True)
class Small:
    name: str
    depth: Depth | None = None
    pair: tuple[str, int] = ("", 0)
    many: tuple[Depth, ...] = ()


@pytest.mark.parametrize(
    "incident",
    [
        an_incident(),
        an_incident("api", "console", phase=IncidentPhase.CLOSED, closed_at=NOON, reopens=2),
        an_incident(deepest_good=None, recovered_at=NOON),
    ],
    ids=lambda incident: f"{incident.phase} with {len(incident.components)}",
)
def test_an_incident_survives_the_way_through_json(incident: Incident) -> None:
    assert from_plain(Incident, json.loads(json.dumps(to_plain(incident)))) == incident


def test_a_run_survives_the_way_through_json() -> None:
    observation = an_observation(ratelimits=(("requests", 49.0),), certificate_expires=NOON)
    plain = json.loads(json.dumps(to_plain(observation)))
    assert from_plain(type(observation), plain) == observation


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        ("text", "text"),
        (Depth.KEY, "key"),
        (NOON, "2026-04-28T12:00:00+00:00"),
        ({Depth.KEY: (1, Depth.EDGE)}, {"key": [1, "edge"]}),
        ([NOON], ["2026-04-28T12:00:00+00:00"]),
        (
            Small(name="a", many=(Depth.EDGE,)),
            {"name": "a", "depth": None, "pair": ["", 0], "many": ["edge"]},
        ),
    ],
)
def test_values_become_what_json_knows(value: object, plain: object) -> None:
    assert to_plain(value) == plain
    assert type(to_plain(value)) is type(plain)


def test_what_has_no_plain_form_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="set has no plain form"):
        to_plain({1})


def test_an_unknown_key_is_passed_over_and_a_missing_one_takes_the_default() -> None:
    assert from_plain(Small, {"name": "a", "newer": 1}) == Small(name="a")


def test_tuples_of_a_fixed_and_of_an_open_length_are_built() -> None:
    built = from_plain(Small, {"name": "a", "pair": ["b", 2], "many": ["key", "edge"]})
    assert built == Small(name="a", pair=("b", 2), many=(Depth.KEY, Depth.EDGE))


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        (Small, {}, TypeError),
        (Small, {"name": "a", "depth": "abyss"}, ValueError),
        (Small, {"name": "a", "pair": ["b"]}, ValueError),
        (Incident, {"opened_at": "yesterday"}, ValueError),
        (Judged, {"observation": 7}, TypeError),
    ],
)
def test_what_is_no_such_thing_is_refused(
    kind: type[object], value: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        from_plain(kind, value)

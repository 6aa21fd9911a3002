from __future__ import annotations

import math

import pytest

from monitor.simulation.exchange import SimRequest, SimResponse, Transport


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, None),
        ({"X-Api-Key": "k"}, "k"),
        ({"authorization": "Bearer t"}, "t"),
        ({"Authorization": "bearer  t "}, "t"),
        ({"authorization": "Basic dTpw"}, None),
        ({"authorization": "Bearer t", "x-api-key": "k"}, "k"),
    ],
)
def test_a_key_comes_in_either_of_two_headers(headers: dict[str, str], key: str | None) -> None:
    request = SimRequest(method="GET", host="api.anthropic.com", path="/", headers=headers)

    assert request.key == key


@pytest.mark.parametrize(
    ("response", "seconds"),
    [
        (SimResponse(delay=0.5, body=b"1234"), 0.5),
        (SimResponse(delay=0.5, body=b"1234", bytes_per_second=2.0), 2.5),
        (SimResponse(delay=0.5, transport=Transport.RESET, bytes_per_second=2.0), 0.5),
        (SimResponse(transport=Transport.HANG), math.inf),
    ],
)
def test_an_answer_knows_how_long_it_takes(response: SimResponse, seconds: float) -> None:
    assert response.seconds == seconds


def test_the_path_has_no_query_when_it_is_looked_up() -> None:
    request = SimRequest(method="GET", host="api.anthropic.com", path="/v1/models?limit=1")

    assert request.bare_path == "/v1/models"
    assert SimResponse(headers=(("a", "1"), ("a", "2"))).header("a") == "1"

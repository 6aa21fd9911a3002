from __future__ import annotations

import math

import pytest

from monitor.simulation.exchange import DRIP_PARTS_MAX, SimRequest, SimResponse, Transport


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


def parts(response: SimResponse) -> list[tuple[float, bytes]]:
    return list(response.parts())


def test_a_body_comes_in_one_part_unless_it_is_told_otherwise() -> None:
    assert parts(SimResponse(body=b"abcdef")) == [(0.0, b"abcdef")]
    assert parts(SimResponse()) == []


def test_a_gap_is_a_wait_before_its_byte() -> None:
    gapped = SimResponse(body=b"abcdef", gaps=((0, 1.0), (2, 3.0), (6, 5.0)), delay=0.5)

    assert parts(gapped) == [(1.0, b"ab"), (3.0, b"cdef"), (5.0, b"")]
    assert gapped.seconds == 9.5


def test_a_drip_and_gaps_add_up_to_the_time_it_takes() -> None:
    slow = SimResponse(body=b"x" * 1000, gaps=((10, 3.0),), bytes_per_second=100.0)
    waits = [wait for wait, _ in parts(slow)]

    assert b"".join(part for _, part in parts(slow)) == slow.body
    assert len(waits) <= DRIP_PARTS_MAX + 2
    assert sum(waits) == pytest.approx(slow.seconds)
    assert slow.seconds == pytest.approx(13.0)


@pytest.mark.parametrize(
    ("transport", "seconds", "answers"),
    [
        (Transport.NONE, 2.0, True),
        (Transport.CUT, 2.0, True),
        (Transport.STALL, math.inf, True),
        (Transport.HANG, math.inf, False),
        (Transport.UNREACHABLE, math.inf, False),
        (Transport.RESET, 1.0, False),
        (Transport.DNS, 1.0, False),
        (Transport.REFUSED, 1.0, False),
    ],
)
def test_a_conversation_takes_as_long_as_it_goes_on(
    transport: Transport, seconds: float, *, answers: bool
) -> None:
    response = SimResponse(body=b"ab", gaps=((1, 1.0),), delay=1.0, transport=transport)

    assert (response.seconds, transport.answers) == (seconds, answers)


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/v1/models/claude-opus-5?x=1", b"", "claude-opus-5"),
        ("/v1/models", b"", None),
        ("/v1/messages", b'{"model": "claude-opus-5"}', "claude-opus-5"),
        ("/v1/messages", b'{"model": 7}', None),
        ("/v1/messages", b"[1]", None),
        ("/v1/messages", b"\xff", None),
        ("/v1/messages", b"[" * 99_999, None),
    ],
    ids=["path", "list", "body", "number", "array", "bytes", "deep"],
)
def test_a_request_names_its_model_in_path_or_body(
    path: str, body: bytes, model: str | None
) -> None:
    request = SimRequest(method="POST", host="api.anthropic.com", path=path, body=body)

    assert request.model == model

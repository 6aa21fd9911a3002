from __future__ import annotations

import json

from monitor.simulation._fault import api_error, api_error_body, cut, instead
from monitor.simulation.exchange import SimResponse

HEALTHY = SimResponse(
    headers=(("date", "now"), ("request-id", "req_1"), ("etag", "x")),
    body=b"abc",
    delay=0.5,
    gaps=((1, 2.0),),
)


def test_an_error_document_has_details_only_when_there_are_some() -> None:
    plain = json.loads(api_error_body("api_error", "No", None))
    detailed = json.loads(api_error_body("api_error", "No", "req_1", {"error_code": "x"}))

    assert plain == {
        "type": "error",
        "error": {"type": "api_error", "message": "No"},
        "request_id": None,
    }
    assert detailed["error"]["details"] == {"error_code": "x"}


def test_headers_are_cut_to_those_of_the_one_who_answers() -> None:
    assert cut(HEALTHY, ("date",), None) == (("date", "now"),)
    assert cut(HEALTHY, ("etag",), "text/plain") == (("etag", "x"), ("content-type", "text/plain"))


def test_another_answer_comes_after_the_same_delay_and_at_once() -> None:
    other = instead(HEALTHY, 500, (), b"no")

    assert (other.status, other.body, other.delay, other.gaps) == (500, b"no", 0.5, ())
    assert other.seconds == 0.5


def test_an_error_of_the_api_carries_the_id_of_the_answer_it_replaces() -> None:
    named = api_error(HEALTHY, 500, "api_error", "No")
    unnamed = api_error(HEALTHY, 500, "api_error", "No", named=False)

    assert json.loads(named.body)["request_id"] == named.header("request-id") == "req_1"
    assert json.loads(unnamed.body)["request_id"] is None

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from monitor.simulation._fault import Parameters
from monitor.simulation.exchange import SimRequest, SimResponse, Transport
from monitor.simulation.faults import FAULTS

RAY = "a33b33122e36ea89"
ID = "req_011CbrFTcXhtiMzr3s6EocF7"
DATE = ("date", "Mon, 31 Aug 2026 10:02:46 GMT")
HEALTHY = SimResponse(
    headers=(
        DATE,
        ("server", "cloudflare"),
        ("cf-ray", f"{RAY}-IAD"),
        ("via", "1.1 google"),
        ("x-envoy-upstream-service-time", "21"),
        ("request-id", ID),
        ("content-type", "application/json"),
        ("anthropic-ratelimit-requests-remaining", "3999"),
    ),
    body=b'{"fine": true}',
    delay=0.25,
)
REQUEST = SimRequest(
    method="POST",
    host="api.anthropic.com",
    path="/v1/messages",
    headers={"x-api-key": "sk-ant-sim-1"},
    body=b'{"model": "claude-3-haiku"}',
)


def strike(fault: str, request: SimRequest = REQUEST, **parameters: Any) -> SimResponse:
    """What comes instead of HEALTHY."""
    return FAULTS[fault].strike(request, HEALTHY, Parameters.model_validate(parameters))


def accepting(media: str) -> SimRequest:
    """REQUEST from a client that accepts `media`."""
    return SimRequest(method="GET", host=REQUEST.host, path="/v1/models", headers={"Accept": media})


def api(kind: str, message: str, request_id: str | None = ID) -> bytes:
    """The bytes of an error document, spelled out."""
    ident = "null" if request_id is None else f'"{request_id}"'
    return (
        f'{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":{ident}}}'
    ).encode()


@pytest.mark.parametrize(
    ("fault", "parameters", "status", "body"),
    [
        ("json_500", {}, 500, api("api_error", "Internal server error")),
        ("overloaded_500", {}, 500, api("api_error", "Overloaded", None)),
        ("overloaded_529", {}, 529, api("overloaded_error", "Overloaded")),
        ("auth_401", {}, 401, api("authentication_error", "Invalid bearer token")),
        (
            "auth_401",
            {"message": "invalid x-api-key"},
            401,
            api("authentication_error", "invalid x-api-key"),
        ),
        (
            "permission_403",
            {},
            403,
            api("permission_error", "OAuth token has been revoked. Please obtain a new token."),
        ),
        (
            "rate_limit_429",
            {},
            429,
            api("rate_limit_error", "Number of requests has exceeded your rate limit"),
        ),
        (
            "credit_balance_400",
            {},
            400,
            api(
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API. "
                "Please go to Plans & Billing to upgrade or purchase credits.",
            ),
        ),
        ("model_404", {}, 404, api("not_found_error", "model: claude-3-haiku")),
        ("timeout_504", {}, 504, api("timeout_error", "Request timed out")),
        ("invalid_400", {}, 400, api("invalid_request_error", "Invalid request")),
        ("billing_402", {}, 402, api("billing_error", "There is an issue with your billing")),
        (
            "too_large_413",
            {},
            413,
            api("request_too_large", "Request exceeds the maximum size"),
        ),
        ("envoy_503", {}, 503, b"no healthy upstream"),
        (
            "envoy_503",
            {"reason": "overflow"},
            503,
            b"upstream connect error or disconnect/reset before headers. reset reason: overflow",
        ),
        (
            "geo_block_403",
            {},
            403,
            b'{"error":{"type":"forbidden","message":"Request not allowed"}}',
        ),
        ("rate_exceeded_200", {}, 200, b"Rate exceeded"),
        ("waf_202", {}, 202, b""),
        ("waf_405", {}, 405, b""),
    ],
)
def test_a_fault_answers_with_the_bytes_that_users_saw(
    fault: str, parameters: dict[str, Any], status: int, body: bytes
) -> None:
    answer = strike(fault, **parameters)

    assert (answer.status, answer.body) == (status, body)
    assert (answer.delay, answer.transport) == (HEALTHY.delay, Transport.NONE)


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        (
            "json_500",
            "date server cf-ray via x-envoy-upstream-service-time request-id content-type",
        ),
        ("envoy_503", "date server cf-ray via content-type"),
        ("rate_exceeded_200", "date server cf-ray via content-type"),
        ("page_500", "date server cf-ray via content-type"),
        ("geo_block_403", "date server cf-ray content-type"),
        ("cf_520", "date server cf-ray content-type"),
        ("challenge_403", "date server cf-ray content-type cf-mitigated"),
        ("waf_202", "date server x-amzn-waf-action"),
    ],
)
def test_an_answer_carries_the_headers_of_whoever_writes_it(fault: str, names: str) -> None:
    assert [name for name, _ in strike(fault).headers] == names.split()


def test_a_rate_limit_says_how_long_to_wait() -> None:
    assert strike("rate_limit_429").header("retry-after") == "30"
    limited = strike("rate_limit_429", retry_after="2m")

    assert limited.header("retry-after") == "120"
    assert limited.header("anthropic-ratelimit-requests-remaining") == "0"


@pytest.mark.parametrize("body", [b"", b"[]", b"no json"])
def test_a_retired_model_needs_no_sense_in_the_request(body: bytes) -> None:
    request = SimRequest(method="POST", host="api.anthropic.com", path="/v1/messages", body=body)

    assert strike("model_404", request).body == api("not_found_error", "model: unknown")


@pytest.mark.parametrize(
    ("code", "heading"),
    [
        (504, "Gateway time-out"),
        (520, "Web server is returning an unknown error"),
        (521, "Web server is down"),
        (522, "Connection timed out"),
        (523, "Origin is unreachable"),
        (524, "A timeout occurred"),
        (525, "SSL handshake failed"),
        (526, "Invalid SSL certificate"),
    ],
)
def test_cloudflare_shows_its_page_to_who_does_not_accept_json(code: int, heading: str) -> None:
    answer = strike(f"cf_{code}")

    assert answer.status == code
    assert answer.header("content-type") == "text/html; charset=UTF-8"
    assert f"<title>api.anthropic.com | {code}: {heading}</title>".encode() in answer.body
    assert b"cf-error-details" in answer.body
    assert b"/cdn-cgi/styles/main.css" in answer.body


def test_cloudflare_gives_a_document_to_who_accepts_json() -> None:
    answer = strike("cf_522", accepting("application/json"))

    assert answer.header("content-type") == "application/json"
    assert answer.header("retry-after") == "120"
    assert answer.header("request-id") is None
    assert json.loads(answer.body) == {
        "type": "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/"
        "cloudflare-5xx-errors/error-522/",
        "title": "Error 522: Connection timed out",
        "status": 522,
        "instance": RAY,
        "error_code": 522,
        "error_name": "connection_timeout",
        "error_category": "origin",
        "ray_id": RAY,
        "timestamp": "2026-08-31T10:02:46Z",
        "zone": "api.anthropic.com",
        "cloudflare_error": True,
        "retryable": True,
        "owner_action_required": True,
        "retry_after": 120,
    }


def test_the_form_of_cloudflares_error_can_be_fixed_by_the_scenario() -> None:
    page = strike("cf_520", accepting("application/json"), document="html")
    document = strike("cf_524", document="json", retry_after="7s")

    assert page.body.startswith(b"<!DOCTYPE html>")
    assert json.loads(document.body)["error_name"] == "origin_response_timeout"
    assert json.loads(document.body)["retry_after"] == 7


def test_a_broken_certificate_at_the_origin_is_not_worth_a_retry() -> None:
    answer = strike("cf_526", document="json")

    assert json.loads(answer.body)["error_category"] == "ssl"
    assert json.loads(answer.body)["retryable"] is False
    assert "retry_after" not in json.loads(answer.body)
    assert answer.header("retry-after") is None


def test_a_document_needs_no_date_of_the_healthy_answer() -> None:
    bare = SimResponse()
    parameters = Parameters(document="json")

    answer = FAULTS["cf_522"].strike(REQUEST, bare, parameters)

    assert json.loads(answer.body)["timestamp"] is None


@pytest.mark.parametrize(
    ("parameters", "value"),
    [({}, "challenge"), ({"header": True}, "challenge"), ({"header": False}, None)],
)
def test_a_challenge_is_a_page_with_its_marks_and_mostly_a_header(
    parameters: dict[str, Any], value: str | None
) -> None:
    answer = strike("challenge_403", **parameters)

    assert answer.status == 403
    assert answer.header("cf-mitigated") == value
    for mark in (
        b"<title>Just a moment...</title>",
        b"Enable JavaScript and cookies to continue",
        b"window._cf_chl_opt",
        b'id="challenge-error-text"',
        b"/cdn-cgi/challenge-platform/",
    ):
        assert mark in answer.body


@pytest.mark.parametrize(("fault", "action"), [("waf_202", "challenge"), ("waf_405", "captcha")])
def test_the_firewall_has_a_body_only_for_who_accepts_html(fault: str, action: str) -> None:
    answer = strike(fault, accepting("text/html"))

    assert answer.header("x-amzn-waf-action") == action
    assert answer.header("cf-ray") is None
    assert answer.header("content-type") == "text/html; charset=UTF-8"
    assert answer.body != b""
    assert strike(fault).header("content-type") is None


@pytest.mark.parametrize(
    ("fault", "transport", "delay"),
    [
        ("refused", Transport.REFUSED, 0.0),
        ("reset", Transport.RESET, 0.25),
        ("hang", Transport.HANG, 0.0),
    ],
)
def test_a_broken_conversation_has_no_answer(
    fault: str, transport: Transport, delay: float
) -> None:
    assert strike(fault) == SimResponse(status=0, transport=transport, delay=delay)


def test_slow_and_drip_change_only_the_pace() -> None:
    slow = strike("slow", delay="12s")
    drip = strike("drip", rate=3)

    assert (slow.delay, slow.body, slow.headers) == (12.25, HEALTHY.body, HEALTHY.headers)
    assert (drip.bytes_per_second, drip.body, drip.delay) == (3.0, HEALTHY.body, 0.25)
    assert strike("slow").delay == 20.25
    assert strike("drip").bytes_per_second == 1.0


def test_only_what_changes_pace_certificate_or_posts_adds_to_other_faults() -> None:
    adding = {name for name, kind in FAULTS.items() if kind.adds}

    assert {name for name in adding if not name.startswith("tls_")} == {
        "slow",
        "slow_first_token",
        "long_thinking",
        "stream_gap",
        "drip",
        "status_late",
    }
    assert {name for name in FAULTS if name.startswith("tls_")} <= adding


def test_a_lying_status_page_shows_a_calm_day_and_leaves_other_hosts_alone() -> None:
    request = SimRequest(method="GET", host="status.claude.com", path="/api/v2/status.json")

    lie = strike("status_lying", request)

    assert json.loads(lie.body)["status"]["indicator"] == "none"
    assert lie.header("date") == DATE[1]
    assert [name for name, _ in lie.headers].count("content-type") == 1
    assert strike("status_lying") == HEALTHY


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_takes_only_parameters_that_exist(fault: str) -> None:
    assert FAULTS[fault].takes <= set(Parameters.model_fields)


def test_a_spend_limit_has_a_code_and_no_time_to_wait() -> None:
    limited = strike("spend_limit_429")
    error = json.loads(limited.body)["error"]

    assert limited.status == 429
    assert error["type"] == "rate_limit_error"
    assert error["details"]["error_code"] == "enforced_spend_limit_reached"
    assert limited.header("retry-after") is None


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"type": "model"}'])
def test_only_a_message_can_be_refused(body: bytes) -> None:
    other = replace(HEALTHY, body=body)

    assert FAULTS["refusal"].strike(REQUEST, other, Parameters()) is other


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_says_what_it_does(fault: str) -> None:
    assert 10 < len(FAULTS[fault].does) < 120

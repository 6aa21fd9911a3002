"""The documents are those that Claude Code 2.1.332 printed, shortened to what is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.core.claude_code import CliRun, read_run
from monitor.core.observation import Failure, Phase
from monitor.core.outcome import Outcome

USAGE = {
    "input_tokens": 12_345,
    "cache_creation_input_tokens": 6,
    "cache_read_input_tokens": 7,
    "output_tokens": 4,
}
MODELS = {
    "claude-haiku-5-5": {
        "inputTokens": 24_690,
        "outputTokens": 8,
        "cacheReadInputTokens": 0,
        "cacheCreationInputTokens": 10,
    }
}
TEMPORARY = (
    " This is a server-side issue, usually temporary — try again in a moment. If it persists, "
    "check your inference gateway (127.0.0.1:9662)."
)


def a_result(**changes: Any) -> str:
    """What it prints after a good run, or another."""
    document = {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "api_error_status": None,
        "result": "OK",
        "stop_reason": "end_turn",
        "usage": USAGE,
        **changes,
    }
    return json.dumps({name: value for name, value in document.items() if value != "absent"})


def a_failure(result: str, status: int | None = None, **more: Any) -> str:
    """What it prints after one that failed."""
    return a_result(is_error=True, result=result, api_error_status=status, **more)


def run(output: str, code: int = 0, *, proxied: bool = False) -> CliRun:
    """What the run came to."""
    return read_run(code, output, proxied=proxied)


def only_check(seen: CliRun) -> tuple[bool, str]:
    """Whether the one check was met, and what it says."""
    (check,) = seen.checks
    return check.ok, check.detail


# ---------------------------------------------------------------- an answer


@pytest.mark.parametrize("code", [0, 1, 143])
def test_an_answer_is_good_whatever_the_exit_code(code: int) -> None:
    seen = run(a_result(), code)
    assert only_check(seen) == (True, "")
    assert (seen.answer, seen.error, seen.claimed) == (None, None, None)


@pytest.mark.parametrize("empty", ["", "  \n", None])
def test_an_answer_without_words_is_none(empty: str | None) -> None:
    seen = run(a_result(result=empty))
    assert only_check(seen) == (False, "its answer is empty")
    assert seen.claimed is None


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"stop_reason": "refusal"}, "the model refused, which is an answer"),
        (
            {"subtype": "error_max_turns", "result": "absent"},
            "the model wanted to use a tool, which is an answer",
        ),
        ({"api_error": "max_output_tokens"}, "the answer was cut at its limit"),
    ],
)
def test_a_model_that_answers_without_words_answers(changes: dict[str, Any], detail: str) -> None:
    values: dict[str, Any] = {"is_error": True, "result": "API Error: flagged", **changes}
    assert only_check(run(a_result(**values), 1)) == (True, detail)


# ---------------------------------------------------------------- a status


@pytest.mark.parametrize(
    ("output", "status", "kind", "message"),
    [
        (
            a_failure(
                "Invalid API key · Fix external API key", 401, api_error_type="authentication_error"
            ),
            401,
            "authentication_error",
            "Invalid API key · Fix external API key",
        ),
        (
            a_failure(
                "Failed to authenticate. API Error: 403 Your IP address isn't in this "
                "organization's allowed range.",
                403,
                api_error_type="permission_error",
            ),
            403,
            "permission_error",
            "Your IP address isn't in this organization's allowed range.",
        ),
        (
            a_failure("API Error: Request rejected (429) · slow down", 429),
            429,
            "rate_limit_error",
            "slow down",
        ),
        (
            a_failure(f"API Error: 529 Overloaded.{TEMPORARY}", 529),
            529,
            "overloaded_error",
            "Overloaded",
        ),
        (
            a_failure(
                f"API Error: 500 Internal server error.{TEMPORARY}", 500, api_error_type="api_error"
            ),
            500,
            "api_error",
            "Internal server error",
        ),
        (
            a_failure("Credit balance is too low", 400),
            400,
            "invalid_request_error",
            "Credit balance is too low",
        ),
    ],
    ids=["401", "allowlist", "429", "529", "500", "balance"],
)
def test_a_status_is_an_answer_with_type_and_message(
    output: str, status: int, kind: str, message: str
) -> None:
    seen = run(output, 1)
    answer = seen.answer
    assert answer is not None
    assert (answer.status, answer.error_type, answer.error_message) == (status, kind, message)
    assert answer.anthropic_error
    assert not only_check(seen)[0]


def test_the_code_of_an_error_is_kept() -> None:
    seen = run(
        a_failure(
            "Your ANTHROPIC_API_KEY belongs to a disabled organization",
            400,
            api_error_type="invalid_request_error",
            api_error_code="organization_on_hold",
        )
    )
    assert seen.answer is not None
    assert seen.answer.error_code == "organization_on_hold"


def test_the_request_s_id_is_kept() -> None:
    seen = run(a_failure("API Error: 500 oops. Request ID: req_011CV", 500))
    assert seen.answer is not None
    assert seen.answer.request_id is None  # of no type: no error document can be put together
    typed = run(a_failure("API Error: 500 oops. Request ID: req_011CV", 500, api_error_type="x"))
    assert typed.answer is not None
    assert typed.answer.request_id == "req_011CV"


def test_what_the_edge_answers_is_known_by_its_words() -> None:
    before = "Failed to authenticate. API Error: 403 "
    challenge = run(a_failure(f"{before}Just a moment...", 403)).answer
    refusal = run(a_failure(f"{before}Attention Required! | Cloudflare", 403)).answer
    region = run(a_failure(f"{before}Request not allowed", 403)).answer
    assert challenge is not None
    assert challenge.challenge
    assert refusal is not None
    assert refusal.cloudflare_code == 1020
    assert region is not None
    assert region.forbidden_shape
    document = '{"status": 522, "cloudflare_error": true, "error_category": "origin"}'
    origin = run(a_failure(f"API Error: 522 {document}.{TEMPORARY}", 522)).answer
    assert origin is not None
    assert origin.cloudflare_category == "origin"
    envoy = run(
        a_failure(
            "API Error: 503 upstream connect error or disconnect/reset before headers. "
            f"reset reason: x.{TEMPORARY}",
            503,
        )
    ).answer
    assert envoy is not None
    assert envoy.proxy_text


def test_the_type_of_a_gateway_s_own_error_is_not_taken_for_the_vendor_s() -> None:
    seen = run(a_failure("API Error: 400 No connected db.", 400, api_error_type="no_db_connection"))
    assert seen.answer is not None
    assert seen.answer.error_type == "no_db_connection"
    assert not seen.answer.anthropic_error


# ---------------------------------------------------------------- no status


@pytest.mark.parametrize(
    ("sentence", "kind", "phase"),
    [
        ("API Error: Connection refused — a firewall (ECONNREFUSED)", Failure.CONNECT, "connect"),
        ("API Error: Can't reach the API server (ENOTFOUND)", Failure.DNS, "dns"),
        ("API Error: Connection dropped (ECONNRESET). Check", Failure.RESET, "first_byte"),
        ("API Error: Unable to connect to API (ETIMEDOUT)", Failure.TIMEOUT, "connect"),
        ("Request timed out. If the API is slow to answer", Failure.TIMEOUT, "first_byte"),
        ("API Error: Unable to connect to API (EPROTO)", Failure.TLS, "tls"),
        ("API Error: Self-signed (DEPTH_ZERO_SELF_SIGNED_CERT). The", Failure.TLS, "tls"),
        ("API Error: through your proxy (ERR_PROXY_TUNNEL) — the", Failure.PROXY, "connect"),
    ],
)
def test_a_failure_of_transport_is_known_by_the_code_in_its_sentence(
    sentence: str, kind: Failure, phase: str
) -> None:
    error = run(a_failure(sentence), 1).error
    assert error is not None
    assert (error.kind, error.phase) == (kind, Phase(phase))


@pytest.mark.parametrize("cause", ["ECONNREFUSED", "ENOTFOUND"])
def test_through_an_egress_proxy_no_connection_is_the_proxy_s(cause: str) -> None:
    error = run(a_failure(f"API Error: no ({cause})"), proxied=True).error
    assert error is not None
    assert error.kind is Failure.PROXY
    reset = run(a_failure("API Error: dropped (ECONNRESET)"), proxied=True).error
    assert reset is not None
    assert reset.kind is Failure.RESET


@pytest.mark.parametrize(
    "sentence",
    [
        "API Error: Stream ended without receiving any events",
        "API Error: Connection lost mid-response. The response above may be incomplete.",
        "API Error: Server error mid-response. The response above may be incomplete.",
        "API Error: Connection to the API was lost (StreamTruncated). This is usually temporary",
    ],
)
def test_a_broken_stream_is_one(sentence: str) -> None:
    seen = run(a_failure(sentence), 1)
    assert [check.name for check in seen.checks] == ["stream"]
    assert seen.answer is not None
    assert seen.answer.status == 200


@pytest.mark.parametrize(
    "sentence",
    [
        "API Error: API returned an empty or malformed response (HTTP 200) — check for a proxy",
        "API Error: something new (ENEWTHING)",
    ],
)
def test_another_error_of_the_api_is_an_answer_that_is_not_as_expected(sentence: str) -> None:
    seen = run(a_failure(sentence), 1)
    assert seen.answer is not None
    assert (seen.answer.status, seen.claimed) == (200, None)
    ok, detail = only_check(seen)
    assert not ok
    assert not detail.startswith("API Error")


# ---------------------------------------------------------------- our own set-up


@pytest.mark.parametrize(
    ("output", "code", "why"),
    [
        ("", 0, "it printed no result (exit 0)"),
        ("", 1, "it printed no result (exit 1)"),
        ("error: unknown option '--x'\n", 1, "no result (exit 1): error: unknown option '--x'"),
        ("", 143, "it was ended from outside by signal 15"),
        ("", -9, "it was ended from outside by signal 9"),
        ("not found", 127, "it cannot be run (exit 127): not found"),
        ("{" * 50, 0, "it printed no result"),
        ('{"is_err', 0, "it printed no result"),
        ('[1, 2]\n{"level": "warn"}', 0, "it printed no result"),
        (f"{a_result()}\n{a_result()}", 0, "it printed 2 results, and one is expected"),
        (a_result(is_error="false"), 0, "is_error is not what it should be"),
        (a_result(is_error=None), 0, "is_error is not what it should be"),
        (a_result(is_error=True, api_error_status="429"), 1, "api_error_status is not"),
        (a_result(is_error=True, api_error_status=True), 1, "api_error_status is not"),
        (a_failure("x", 99), 1, "api_error_status is not"),
        (a_result(result=["OK"]), 0, "result is not what it should be"),
        (a_result(api_error_type=7), 0, "api_error_type is not"),
        (a_failure("Not logged in · Please run /login"), 1, "Not logged in"),
        (
            a_failure("", subtype="error_during_execution"),
            1,
            "it failed without a word (error_during_execution)",
        ),
    ],
    ids=[
        "nothing",
        "nothing and a failure",
        "an option it does not know",
        "SIGTERM",
        "SIGKILL",
        "not found",
        "no JSON",
        "half a document",
        "other JSON",
        "two documents",
        "is_error a text",
        "is_error null",
        "a status that is a text",
        "a status that is true",
        "a status that is none",
        "a result that is a list",
        "a type that is a number",
        "not logged in",
        "no words",
    ],
)
def test_what_the_cli_gets_wrong_is_never_held_against_claude(
    output: str, code: int, why: str
) -> None:
    seen = run(output, code)
    ok, detail = only_check(seen)
    assert (ok, seen.claimed, seen.answer, seen.error) == (False, Outcome.CLIENT_ERROR, None, None)
    assert why in detail


@pytest.mark.parametrize(
    "output",
    [
        f"(node:7) Warning: this is old\n{a_result()}\n",
        f"\x1b[33mwarn\x1b[0m\n\x1b[32m{a_result()}\x1b[0m\n",
        f"{a_result()}\nbye\n",
        json.dumps(json.loads(a_result()), indent=2),
        f"a line\n{json.dumps(json.loads(a_result()), indent=2)}\n",
    ],
    ids=["a warning", "colours", "words behind", "over several lines", "and a warning"],
)
def test_what_stands_around_the_document_is_passed_over(output: str) -> None:
    assert only_check(run(output)) == (True, "")


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ({}, (12_358, 4)),
        ({"modelUsage": MODELS}, (24_700, 8)),
        ({"modelUsage": {}}, (12_358, 4)),
        ({"modelUsage": {"claude-haiku-5-5": 7}}, (None, None)),
        ({"modelUsage": [1]}, (12_358, 4)),
        ({"usage": "absent"}, (None, None)),
        ({"usage": {"input_tokens": -1, "output_tokens": True}}, (None, None)),
        ({"usage": {"input_tokens": 10**10, "output_tokens": 5}}, (None, 5)),
    ],
    ids=["usage", "by model", "no model", "odd", "a list", "absent", "no counts", "too many"],
)
def test_tokens_are_counted_over_every_request(
    changes: dict[str, Any], tokens: tuple[int | None, int | None]
) -> None:
    seen = run(a_result(**changes))
    assert (seen.input_tokens, seen.output_tokens) == tokens

"""One row for each rule, in the order of the module's table; bodies as in incidents were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.answer import read
from monitor.core.classify import SENTENCE_CHARS_MAX, STREAM_CHECK, Context, classify
from monitor.core.observation import (
    Answer,
    Check,
    Failure,
    Observation,
    Phase,
    Timings,
    TransportError,
)
from monitor.core.outcome import Counts, Depth, Outcome, Verdict
from tests.factories import a_probe, an_answer, an_observation

EDGE = (("server", "cloudflare"), ("cf-ray", "9e2f1a2b3c4d5e6f-FRA"))
MET = (Check(name="status", ok=True), Check(name="json", ok=True))
UNMET = (Check(name="status", ok=False, detail="expected 200"), Check(name="json", ok=False))
EVIDENCE = "the same key was accepted in between"
KEYED = a_probe("api_models", kind="claude_json", depth=Depth.KEY, credential="fingerprint")


def a_context(**changes: object) -> Context:
    """A proven probe without a key, whose host has a network."""
    return Context(**{"probe": a_probe(), "proven": True, **changes})  # type: ignore[arg-type]


def a_keyed_context(**changes: object) -> Context:
    """A proven probe whose key worked and is now, by the evidence, refused unjustly."""
    known = {"probe": KEYED, "key_worked": True, "key_evidence": EVIDENCE}
    return a_context(**{**known, **changes})


def an_answered(
    status: int,
    body: bytes = b"",
    *headers: tuple[str, str],
    checks: tuple[Check, ...] = UNMET,
    error: TransportError | None = None,
) -> Observation:
    """A run that got these bytes from the edge, and nothing that was expected."""
    answer = read(status, [*headers, *EDGE], body)
    return an_observation(answer=answer, checks=checks, error=error)


def a_failed(kind: Failure, phase: Phase = Phase.CONNECT, **changes: object) -> Observation:
    """A run without an answer."""
    error = TransportError(kind=kind, phase=phase, message="as the socket said")
    return an_observation(**{"answer": None, "error": error, **changes})  # type: ignore[arg-type]


def an_error_document(kind: str, message: str = "as it said") -> bytes:
    """The vendor's error document."""
    error = f'{{"type":"{kind}","message":"{message}"}}'
    return f'{{"type":"error","error":{error},"request_id":"req_1"}}'.encode()


def outcome_of(observation: Observation, context: Context | None = None) -> Outcome:
    return classify(observation, context or a_context()).outcome


# ------------------------------------------------------------------ ours


def test_a_time_out_under_a_late_loop_is_our_own() -> None:
    late = a_failed(Failure.TIMEOUT, Phase.FIRST_BYTE, loop_late=2.5)

    verdict = classify(late, a_context())

    assert verdict == Verdict(
        outcome=Outcome.MONITOR_ERROR,
        reason="the event loop was late by 2.5 s: the time-out is our own",
    )


@pytest.mark.parametrize(
    ("kind", "late", "outcome"),
    [
        (Failure.TIMEOUT, 2.0, Outcome.TIMEOUT),
        (Failure.CONNECT, 9.0, Outcome.CONNECT_ERROR),
    ],
)
def test_a_loop_in_time_or_another_failure_excuses_nothing(
    kind: Failure, late: float, outcome: Outcome
) -> None:
    assert outcome_of(a_failed(kind, loop_late=late)) is outcome


def test_a_bug_of_ours_is_no_outage_even_when_the_network_is_down() -> None:
    context = a_context(no_network="both control targets fail")

    assert outcome_of(a_failed(Failure.INTERNAL), context) is Outcome.MONITOR_ERROR


def test_a_run_without_answer_and_error_is_a_bug_of_ours() -> None:
    verdict = classify(an_observation(answer=None), a_context())

    assert verdict.outcome is Outcome.MONITOR_ERROR
    assert verdict.reason == "the run brought neither an answer nor an error"


# ------------------------------------------------------------------ the network


@pytest.mark.parametrize(
    "observation",
    [
        pytest.param(a_failed(Failure.DNS, Phase.DNS), id="no name"),
        pytest.param(a_failed(Failure.TIMEOUT), id="no answer"),
        pytest.param(a_failed(Failure.PROXY), id="no proxy"),
        pytest.param(
            an_observation(answer=an_answer(200, vendor=False), checks=UNMET),
            id="a captive portal",
        ),
    ],
)
def test_no_network_is_said_when_the_controls_fail_and_the_vendor_did_not_answer(
    observation: Observation,
) -> None:
    verdict = classify(observation, a_context(no_network="both control targets fail too"))

    assert verdict.outcome is Outcome.NO_NETWORK
    assert verdict.reason == "both control targets fail too"
    assert not verdict.answered


@pytest.mark.parametrize(
    ("observation", "outcome"),
    [
        pytest.param(
            an_observation(answer=an_answer(200, vendor=False), checks=MET),
            Outcome.OK,
            id="a good run",
        ),
        pytest.param(an_answered(503), Outcome.SERVER_ERROR, id="an answer of the vendor"),
    ],
)
def test_an_answer_of_claude_disproves_no_network(
    observation: Observation, outcome: Outcome
) -> None:
    assert outcome_of(observation, a_context(no_network="controls fail")) is outcome


# ------------------------------------------------------------------ transport


@pytest.mark.parametrize(
    ("observation", "outcome"),
    [
        (a_failed(Failure.DNS, Phase.DNS), Outcome.DNS_ERROR),
        (a_failed(Failure.CONNECT), Outcome.CONNECT_ERROR),
        (a_failed(Failure.TLS, Phase.TLS), Outcome.TLS_ERROR),
        (a_failed(Failure.TIMEOUT, Phase.FIRST_BYTE), Outcome.TIMEOUT),
        (a_failed(Failure.TIMEOUT, Phase.FIRST_BYTE, provisional=True), Outcome.TIMEOUT),
        (a_failed(Failure.RESET, Phase.FIRST_BYTE), Outcome.CONNECT_ERROR),
        (a_failed(Failure.PROTOCOL, Phase.FIRST_BYTE), Outcome.CONNECT_ERROR),
        (a_failed(Failure.PROXY), Outcome.BLOCKED),
    ],
)
@pytest.mark.parametrize("proven", [True, False])
def test_a_failed_conversation_is_judged_by_its_failure_even_when_unproven(
    observation: Observation, outcome: Outcome, *, proven: bool
) -> None:
    assert outcome_of(observation, a_context(proven=proven)) is outcome


def test_a_failure_of_the_proxy_blocks_even_with_its_answer_in_hand() -> None:
    error = TransportError(kind=Failure.PROXY, phase=Phase.CONNECT, message="502 from the proxy")
    observation = an_observation(answer=an_answer(502, vendor=False), error=error)

    assert outcome_of(observation) is Outcome.BLOCKED


@pytest.mark.parametrize("kind", [Failure.TOO_LARGE, Failure.REDIRECTS])
def test_an_endless_answer_or_redirect_is_bad_only_where_it_was_good_before(kind: Failure) -> None:
    assert outcome_of(a_failed(kind)) is Outcome.BAD_CONTENT
    assert outcome_of(a_failed(kind), a_context(proven=False)) is Outcome.UNPROVEN


# ------------------------------------------------------------------ layers in front of Claude


CHALLENGE = (
    b'<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title>'
    b'<meta http-equiv="Content-Type" content="text/html; charset=UTF-8">'
)
CLOUDFLARE_522 = (
    b'{"title":"Error 522: Connection timed out","status":522,"error_code":522,'
    b'"error_name":"connection_timeout","error_category":"origin","ray_id":"a09ddee54e2fbedb",'
    b'"zone":"api.anthropic.com","cloudflare_error":true,"retryable":true,"retry_after":120}'
)
HTML = ("content-type", "text/html; charset=UTF-8")
JSON = ("content-type", "application/json")
TEXT = ("content-type", "text/plain")


def a_document(**fields: object) -> bytes:
    words = ",".join(f'"{name}":{value}' for name, value in fields.items())
    return f'{{"cloudflare_error":true,{words}}}'.encode()


@pytest.mark.parametrize(
    ("observation", "outcome"),
    [
        pytest.param(
            an_answered(403, CHALLENGE, HTML, ("cf-mitigated", "challenge")),
            Outcome.CHALLENGED,
            id="challenge",
        ),
        pytest.param(
            an_answered(200, b"", ("cf-mitigated", "challenge"), checks=MET),
            Outcome.CHALLENGED,
            id="challenge though the status was the one expected",
        ),
        pytest.param(
            an_answered(202, b"", ("x-amzn-waf-action", "challenge")),
            Outcome.CHALLENGED,
            id="challenge of the other firewall",
        ),
        pytest.param(
            an_answered(
                403,
                CHALLENGE,
                HTML,
                error=TransportError(kind=Failure.RESET, phase=Phase.TRANSFER, message=""),
            ),
            Outcome.CHALLENGED,
            id="challenge that broke off",
        ),
        pytest.param(an_answered(407), Outcome.BLOCKED, id="proxy authentication"),
        pytest.param(
            an_observation(answer=read(502, [("x-squid-error", "ERR_X 0")], b""), checks=UNMET),
            Outcome.BLOCKED,
            id="a proxy that says so",
        ),
        pytest.param(
            an_observation(answer=read(502, [], b""), checks=UNMET),
            Outcome.SERVER_ERROR,
            id="a 502 without a name is held against the vendor",
        ),
        pytest.param(
            an_answered(522, CLOUDFLARE_522, JSON), Outcome.SERVER_ERROR, id="522 document"
        ),
        pytest.param(
            an_answered(
                520, b"<title>api.anthropic.com | 520: Web server is returning an unknown error"
            ),
            Outcome.SERVER_ERROR,
            id="520 page",
        ),
        pytest.param(an_answered(521), Outcome.SERVER_ERROR, id="521 bare"),
        pytest.param(
            an_answered(530, b"error code: 1033", TEXT), Outcome.SERVER_ERROR, id="530 and 1033"
        ),
        pytest.param(
            an_answered(409, b"error code: 1001", TEXT), Outcome.SERVER_ERROR, id="1001, their DNS"
        ),
        pytest.param(
            an_answered(403, a_document(error_category='"origin"'), JSON),
            Outcome.SERVER_ERROR,
            id="category origin in another status",
        ),
        pytest.param(
            an_answered(403, a_document(error_code=522), JSON),
            Outcome.SERVER_ERROR,
            id="code 522 in another status",
        ),
        pytest.param(
            an_answered(403, a_document(error_code=1010), JSON), Outcome.BLOCKED, id="1010"
        ),
        pytest.param(
            an_answered(429, a_document(error_code=1015), JSON), Outcome.BLOCKED, id="1015"
        ),
        pytest.param(
            an_answered(403, b"<title>Attention Required! | Cloudflare</title>", HTML),
            Outcome.BLOCKED,
            id="firewall page",
        ),
        pytest.param(
            an_answered(403, a_document(error_category='"access_denied"'), JSON),
            Outcome.BLOCKED,
            id="a category without a code",
        ),
        pytest.param(
            an_answered(
                403, b'{"error":{"type":"forbidden","message":"Request not allowed"}}', JSON
            ),
            Outcome.BLOCKED,
            id="geographic block",
        ),
        pytest.param(
            an_answered(
                307, b"", ("location", "https://claude.ai/app-unavailable-in-region"), checks=MET
            ),
            Outcome.BLOCKED,
            id="unserved region",
        ),
        pytest.param(an_answered(451), Outcome.BLOCKED, id="legal reasons"),
        pytest.param(
            an_answered(500, b'{"error":{"type":"forbidden"}}', JSON),
            Outcome.SERVER_ERROR,
            id="the forbidden shape in a 5xx",
        ),
    ],
)
@pytest.mark.parametrize("proven", [True, False])
def test_layers_in_front_of_claude_are_judged_first(
    observation: Observation, outcome: Outcome, *, proven: bool
) -> None:
    assert outcome_of(observation, a_context(proven=proven)) is outcome


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1004, 1014, 1016, 1018, 1023, 1033, 1042, 1101, 1102, 1200]
)
def test_the_edges_errors_about_the_sites_own_set_up_are_the_vendors(code: int) -> None:
    assert outcome_of(an_answered(409, a_document(error_code=code), JSON)) is Outcome.SERVER_ERROR


@pytest.mark.parametrize(
    ("status", "outcome"), [(499, Outcome.BLOCKED), (500, Outcome.SERVER_ERROR)]
)
def test_any_error_of_the_edge_in_a_5xx_is_the_vendors(status: int, outcome: Outcome) -> None:
    assert outcome_of(an_answered(status, a_document(error_code=1099), JSON)) is outcome


# ------------------------------------------------------------------ good runs


def test_a_run_as_expected_is_ok() -> None:
    verdict = classify(an_observation(seconds=0.123, checks=MET), a_context())

    assert verdict == Verdict(
        outcome=Outcome.OK, reason="answered 200 as expected in 0.123 s", answered=True
    )


def test_a_refusal_that_was_expected_is_ok() -> None:
    gate = an_answered(401, an_error_document("authentication_error"), JSON, checks=MET)

    assert outcome_of(gate) is Outcome.OK


def test_a_correct_run_past_its_objective_is_slow() -> None:
    context = a_context(probe=a_probe(latency_objective=2.0))

    verdict = classify(an_observation(seconds=2.5, checks=MET), context)

    assert verdict.outcome is Outcome.SLOW
    assert verdict.reason == "correct, but took 2.5 s (objective 2 s)"
    assert outcome_of(an_observation(seconds=2.0, checks=MET), context) is Outcome.OK


def test_how_much_was_thinking_is_told_of_a_good_run_in_time_and_late() -> None:
    context = a_context(probe=a_probe(latency_objective=2.0))
    reasons = [
        classify(
            an_observation(seconds=took, checks=MET, thinking_tokens=9, output_tokens=13), context
        ).reason
        for took in (1.0, 2.5)
    ]
    assert all(reason.endswith("; 9 of 13 tokens were thinking") for reason in reasons)


def test_latency_is_the_machines_own_even_where_the_clock_runs_faster() -> None:
    observation = an_observation(seconds=60.0, timings=Timings(total=1.0), checks=MET)

    assert outcome_of(observation) is Outcome.OK


def test_a_correct_run_that_our_late_loop_slowed_is_not_held_against_the_vendor() -> None:
    late, in_time = (
        an_observation(seconds=60.0, loop_late=seconds, checks=MET) for seconds in (2.1, 2.0)
    )

    assert outcome_of(late) is Outcome.OK
    assert outcome_of(in_time) is Outcome.SLOW


def test_a_run_that_checked_nothing_is_not_ok() -> None:
    assert outcome_of(an_observation(checks=())) is Outcome.BAD_CONTENT


def test_a_bare_rate_exceeded_is_bad_even_if_the_status_was_all_that_was_expected() -> None:
    observation = an_answered(200, b"Rate exceeded", checks=MET)

    assert classify(observation, a_context()) == Verdict(
        outcome=Outcome.BAD_CONTENT,
        reason="answered 200 with nothing but 'Rate exceeded'",
        answered=True,
    )
    assert outcome_of(observation, a_context(proven=False)) is Outcome.UNPROVEN
    assert outcome_of(an_answered(429, b"Rate exceeded")) is Outcome.BAD_CONTENT
    assert outcome_of(an_answered(500, b"Rate exceeded")) is Outcome.SERVER_ERROR


# ------------------------------------------------------------------ errors of Claude


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        pytest.param(
            529, an_error_document("overloaded_error", "Overloaded"), Outcome.OVERLOADED, id="529"
        ),
        pytest.param(529, b"", Outcome.OVERLOADED, id="529 bare"),
        pytest.param(
            500,
            b'{"type":"error","error":{"type":"api_error","message":"Overloaded"},'
            b'"request_id":null}',
            Outcome.OVERLOADED,
            id="overloaded in a 500",
        ),
        pytest.param(
            200, an_error_document("overloaded_error"), Outcome.OVERLOADED, id="overloaded in a 200"
        ),
        pytest.param(503, b'{"error":"Overloaded"}', Outcome.OVERLOADED, id="overloaded, no type"),
        pytest.param(
            400,
            an_error_document("invalid_request_error", "overloaded_tool is no tool"),
            Outcome.CLIENT_ERROR,
            id="a request that names the word",
        ),
        pytest.param(
            429, an_error_document("rate_limit_error"), Outcome.RATE_LIMITED, id="rate limit"
        ),
        pytest.param(429, b"slow down", Outcome.RATE_LIMITED, id="429 bare"),
        pytest.param(
            200, an_error_document("rate_limit_error"), Outcome.RATE_LIMITED, id="in a 200"
        ),
        pytest.param(
            500, an_error_document("rate_limit_error"), Outcome.SERVER_ERROR, id="in a 500"
        ),
        pytest.param(
            429,
            b'{"type":"error","error":{"type":"rate_limit_error","message":"cap",'
            b'"details":{"error_code":"enforced_spend_limit_reached"}}}',
            Outcome.CLIENT_ERROR,
            id="spend limit",
        ),
        pytest.param(
            400,
            an_error_document("invalid_request_error", "Your credit balance is too low to access"),
            Outcome.CLIENT_ERROR,
            id="balance",
        ),
        pytest.param(
            403, b'{"error":"credit balance is too low"}', Outcome.BAD_CONTENT, id="not a message"
        ),
        pytest.param(
            403,
            b'{"error":{"message":"Your credit balance is too low"}}',
            Outcome.CLIENT_ERROR,
            id="balance without a type",
        ),
        pytest.param(
            500,
            an_error_document("api_error", "Internal server error"),
            Outcome.SERVER_ERROR,
            id="api error",
        ),
        pytest.param(
            400, an_error_document("api_error"), Outcome.SERVER_ERROR, id="api error in a 400"
        ),
        pytest.param(
            200, an_error_document("timeout_error"), Outcome.SERVER_ERROR, id="time-out in a 200"
        ),
        pytest.param(504, an_error_document("timeout_error"), Outcome.SERVER_ERROR, id="time-out"),
        pytest.param(503, b"no healthy upstream", Outcome.SERVER_ERROR, id="envoy"),
        pytest.param(500, b"", Outcome.SERVER_ERROR, id="500 bare"),
        pytest.param(501, b"?", Outcome.SERVER_ERROR, id="501"),
        pytest.param(
            400, an_error_document("invalid_request_error"), Outcome.CLIENT_ERROR, id="400"
        ),
        pytest.param(402, an_error_document("billing_error"), Outcome.CLIENT_ERROR, id="402"),
        pytest.param(402, b"", Outcome.CLIENT_ERROR, id="402 bare"),
        pytest.param(404, an_error_document("not_found_error"), Outcome.CLIENT_ERROR, id="404"),
        pytest.param(409, an_error_document("conflict_error"), Outcome.CLIENT_ERROR, id="409"),
        pytest.param(413, an_error_document("request_too_large"), Outcome.CLIENT_ERROR, id="413"),
        pytest.param(413, b"<h1>413</h1>", Outcome.CLIENT_ERROR, id="413 of the edge"),
        pytest.param(422, an_error_document("new_error"), Outcome.CLIENT_ERROR, id="422"),
        pytest.param(403, an_error_document("billing_error"), Outcome.CLIENT_ERROR, id="403 bill"),
    ],
)
@pytest.mark.parametrize("context", [a_context(), a_keyed_context()], ids=["keyless", "keyed"])
def test_errors_of_claude_are_judged_by_type_and_status(
    status: int, body: bytes, outcome: Outcome, context: Context
) -> None:
    assert outcome_of(an_answered(status, body), context) is outcome


@pytest.mark.parametrize("status", [500, 503, 520, 529])
def test_a_failing_server_counts_even_from_an_unproven_probe(status: int) -> None:
    verdict = classify(an_answered(status), a_context(proven=False))

    assert verdict.counts is Counts.BAD


# ------------------------------------------------------------------ refused keys

BAD_TOKEN = an_error_document("authentication_error", "Invalid bearer token")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(401, BAD_TOKEN, id="401"),
        pytest.param(401, an_error_document("brand_new_error"), id="401 of a new type"),
        pytest.param(403, an_error_document("permission_error"), id="403"),
        pytest.param(403, an_error_document("brand_new_error"), id="403 of a new type"),
        pytest.param(400, an_error_document("authentication_error"), id="the type in a 400"),
    ],
)
@pytest.mark.parametrize(
    ("worked", "evidence", "outcome"),
    [
        (True, EVIDENCE, Outcome.AUTH_ERROR),
        (True, None, Outcome.CREDENTIAL_REJECTED),
        (False, EVIDENCE, Outcome.CREDENTIAL_REJECTED),
        (False, None, Outcome.CREDENTIAL_REJECTED),
    ],
)
def test_a_refused_key_is_the_vendors_fault_if_it_worked_and_something_speaks_for_it(
    status: int, body: bytes, evidence: str | None, outcome: Outcome, *, worked: bool
) -> None:
    context = a_keyed_context(key_worked=worked, key_evidence=evidence)

    assert outcome_of(an_answered(status, body, JSON), context) is outcome


def test_a_key_known_only_by_its_name_is_a_key() -> None:
    context = a_keyed_context(probe=a_probe(credential_name="main"), key_worked=False)

    assert outcome_of(an_answered(401, BAD_TOKEN, JSON), context) is Outcome.CREDENTIAL_REJECTED


def test_a_permission_that_the_probe_never_had_says_nothing_against_the_vendor() -> None:
    forbidden = an_answered(403, an_error_document("permission_error"), JSON)
    refused = an_answered(401, BAD_TOKEN, JSON)
    context = a_keyed_context(proven=False)

    assert outcome_of(forbidden, context) is Outcome.CREDENTIAL_REJECTED
    assert outcome_of(refused, context) is Outcome.AUTH_ERROR


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("proven", "outcome"), [(True, Outcome.BAD_CONTENT), (False, Outcome.UNPROVEN)]
)
def test_a_refusal_is_not_the_keys_where_there_is_none(
    status: int, outcome: Outcome, *, proven: bool
) -> None:
    refused = an_answered(status, an_error_document("authentication_error"), JSON)

    assert outcome_of(refused, a_context(proven=proven)) is outcome


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_without_an_error_document_says_nothing_of_the_key(status: int) -> None:
    observation = an_answered(status, b"<h1>Forbidden</h1>", HTML)

    assert outcome_of(observation, a_keyed_context()) is Outcome.BAD_CONTENT


# ------------------------------------------------------------------ the rest


def test_a_stream_that_did_not_end_properly_is_broken() -> None:
    checks = (Check(name=STREAM_CHECK, ok=False, detail="ended without message_stop"),)

    verdict = classify(an_answered(200, checks=(*MET, *checks)), a_context())

    assert verdict.outcome is Outcome.STREAM_BROKEN
    assert verdict.reason == "answered 200, but stream: ended without message_stop"


def test_a_check_that_does_not_count_is_told_and_changes_nothing() -> None:
    told = Check(name="answer", ok=False, detail="another", counts=False)

    good = classify(an_answered(200, checks=(*MET, told)), a_context())
    bad = classify(an_answered(200, checks=(told, *UNMET)), a_context())
    unset = classify(an_answered(200, checks=(told, Check(name="model", ok=False))), a_context())

    assert good.outcome is Outcome.OK
    assert good.reason.endswith("; answer: another")
    assert bad.outcome is Outcome.BAD_CONTENT
    assert "another" not in bad.reason
    assert unset.outcome is Outcome.CLIENT_ERROR


@pytest.mark.parametrize(
    ("kind", "message", "outcome"),
    [
        ("overloaded_error", "no", Outcome.OVERLOADED),
        ("api_error", "Overloaded", Outcome.OVERLOADED),
        ("rate_limit_error", "no", Outcome.RATE_LIMITED),
        ("api_error", "no", Outcome.STREAM_BROKEN),
        ("timeout_error", "no", Outcome.STREAM_BROKEN),
        ("authentication_error", "no", Outcome.STREAM_BROKEN),
        ("of_a_later_day", "no", Outcome.STREAM_BROKEN),
    ],
)
def test_an_error_event_in_a_stream_goes_by_its_type(
    kind: str, message: str, outcome: Outcome
) -> None:
    event = Answer(status=200, error_type=kind, error_message=message, anthropic_error=True)
    checks = (Check(name=STREAM_CHECK, ok=False, detail=f"an error event: {kind}"),)

    assert outcome_of(an_observation(answer=event, checks=checks)) is outcome


def test_a_stream_that_ended_properly_is_not_broken_by_another_check() -> None:
    checks = (Check(name=STREAM_CHECK, ok=True), *UNMET)

    assert outcome_of(an_answered(200, checks=checks)) is Outcome.BAD_CONTENT


@pytest.mark.parametrize(
    ("kind", "proven", "outcome"),
    [
        (Failure.TIMEOUT, True, Outcome.TIMEOUT),
        (Failure.RESET, False, Outcome.BAD_CONTENT),
        (Failure.TOO_LARGE, True, Outcome.BAD_CONTENT),
        (Failure.TOO_LARGE, False, Outcome.UNPROVEN),
    ],
)
def test_an_answer_that_broke_off_is_bad_though_its_beginning_was_right(
    kind: Failure, outcome: Outcome, *, proven: bool
) -> None:
    error = TransportError(kind=kind, phase=Phase.TRANSFER, message="")

    verdict = classify(an_answered(200, checks=MET, error=error), a_context(proven=proven))

    assert verdict.outcome is outcome
    assert verdict.answered


def test_an_error_that_broke_off_is_still_that_error() -> None:
    error = TransportError(kind=Failure.TIMEOUT, phase=Phase.TRANSFER, message="")

    assert outcome_of(an_answered(529, error=error)) is Outcome.OVERLOADED


@pytest.mark.parametrize("status", [200, 202, 302, 400, 404, 405, 410])
def test_anything_else_is_bad_from_a_proven_probe_and_unproven_from_another(status: int) -> None:
    observation = an_answered(status, b"<h1>?</h1>", HTML)

    assert outcome_of(observation) is Outcome.BAD_CONTENT
    assert outcome_of(observation, a_context(proven=False)) is Outcome.UNPROVEN


# ------------------------------------------------------------------ whether the vendor answered


@pytest.mark.parametrize(
    ("answer", "means_vendor", "answered"),
    [
        (an_answer(503), False, True),
        (an_answer(503, vendor=False), False, False),
        (an_answer(503, vendor=False), True, True),
        (an_answer(407, egress_proxy=True), True, False),
        (None, True, False),
    ],
)
def test_only_an_answer_of_the_vendor_proves_the_way(
    answer: Answer | None, *, means_vendor: bool, answered: bool
) -> None:
    error = TransportError(kind=Failure.RESET, phase=Phase.TRANSFER, message="")
    context = a_context(probe=a_probe(answered_means_vendor=means_vendor))

    verdict = classify(an_observation(answer=answer, error=error), context)

    assert verdict.answered is answered


# ------------------------------------------------------------------ sentences


@pytest.mark.parametrize(
    ("observation", "context", "sentence"),
    [
        pytest.param(
            an_answered(529, an_error_document("overloaded_error", "Overloaded")),
            a_context(),
            "answered 529 overloaded_error: Overloaded",
            id="error document",
        ),
        pytest.param(an_answered(500), a_context(), "answered 500", id="bare status"),
        pytest.param(
            an_answered(503, b"no healthy upstream", TEXT),
            a_context(),
            "answered 503, a load balancer's: no healthy upstream",
            id="load balancer",
        ),
        pytest.param(
            an_answered(522, CLOUDFLARE_522, JSON),
            a_context(),
            "Cloudflare error 522 (origin): the edge answers, the origin behind it does not",
            id="cloudflare",
        ),
        pytest.param(
            an_answered(401, BAD_TOKEN, JSON),
            a_keyed_context(),
            f"answered 401 authentication_error: Invalid bearer token; {EVIDENCE}",
            id="evidence",
        ),
        pytest.param(
            an_answered(404, b"", HTML),
            a_context(),
            "answered 404; status: expected 200",
            id="failed check with its detail",
        ),
        pytest.param(
            an_answered(200, b"", HTML, checks=(Check(name="json", ok=False),)),
            a_context(),
            "answered 200; json is not as expected",
            id="failed check without one",
        ),
        pytest.param(
            an_answered(404, b"", HTML),
            a_context(proven=False),
            "answered 404; status: expected 200; this probe was never ok here: "
            "the vendor changed, or our config is wrong",
            id="unproven",
        ),
        pytest.param(
            a_failed(Failure.TIMEOUT, Phase.FIRST_BYTE, seconds=10.0),
            a_context(),
            "no answer within 10 s (waiting for the first byte)",
            id="time-out",
        ),
    ],
)
def test_the_reason_is_a_sentence_for_people(
    observation: Observation, context: Context, sentence: str
) -> None:
    assert classify(observation, context).reason == sentence


def test_the_doubt_is_said_even_after_a_long_sentence() -> None:
    checks = (Check(name="json", ok=False, detail="x" * 500),)

    reason = classify(an_answered(200, checks=checks), a_context(proven=False)).reason

    assert reason.endswith("the vendor changed, or our config is wrong")
    assert len(reason) <= SENTENCE_CHARS_MAX


def test_the_evidence_is_said_even_after_a_long_message() -> None:
    refused = an_answered(401, an_error_document("authentication_error", "x" * 500), JSON)

    assert classify(refused, a_keyed_context()).reason.endswith(EVIDENCE)


def test_no_reason_carries_a_secret_or_a_second_line() -> None:
    key = "sk-ant-api03-PLANTED"
    error = TransportError(
        kind=Failure.CONNECT, phase=Phase.CONNECT, message=f"http://u:{key}@proxy\n\x1b[2Jrefused"
    )
    checks = (Check(name="json", ok=False, detail=f"saw {key}\nthere"),)

    for observation in (
        an_observation(answer=None, error=error),
        an_answered(200, checks=checks),
        an_answered(500, an_error_document("api_error", f"key {key}")),
    ):
        reason = classify(observation, a_context()).reason
        assert "PLANTED" not in reason
        assert reason.isprintable()


ERRORS = st.builds(
    TransportError,
    kind=st.sampled_from(Failure),
    phase=st.sampled_from(Phase),
    message=st.text(max_size=300),
)
ANSWERS = st.builds(
    Answer,
    status=st.integers(100, 599),
    error_type=st.none() | st.text(max_size=100),
    error_message=st.none() | st.text(max_size=400),
    anthropic_error=st.booleans(),
    forbidden_shape=st.booleans(),
    egress_proxy=st.booleans(),
    challenge=st.booleans(),
    cloudflare_code=st.none() | st.integers(),
    cloudflare_category=st.none() | st.text(max_size=100),
    proxy_text=st.booleans(),
    rate_exceeded=st.booleans(),
    vendor=st.booleans(),
    excerpt=st.text(max_size=300),
)


@given(
    answer=st.none() | ANSWERS,
    error=st.none() | ERRORS,
    met=st.booleans(),
    proven=st.booleans(),
    no_network=st.none() | st.text(max_size=300),
)
def test_every_run_has_a_verdict_with_one_bounded_line(
    answer: Answer | None,
    error: TransportError | None,
    *,
    met: bool,
    proven: bool,
    no_network: str | None,
) -> None:
    observation = an_observation(answer=answer, error=error, checks=MET if met else UNMET)

    verdict = classify(observation, a_context(proven=proven, no_network=no_network))

    assert len(verdict.reason) <= SENTENCE_CHARS_MAX
    assert verdict.reason.isprintable()
    assert verdict.outcome is not Outcome.OK or (met and error is None)


def test_a_retired_model_is_our_set_up_and_no_outage() -> None:
    """The list of models came, whole and sound, without the one that the config names."""
    checks = (
        Check(name="status", ok=True),
        Check(name="models", ok=True),
        Check(name="model", ok=False, detail="claude-old is not in the list of models"),
    )
    seen = an_observation(answer=Answer(status=200, is_json=True, vendor=True), checks=checks)
    verdict = classify(seen, Context(probe=KEYED, proven=True, key_worked=True))
    assert verdict.outcome is Outcome.CLIENT_ERROR
    assert "claude-old is not in the list of models" in verdict.reason


def test_a_missing_model_in_a_broken_list_is_bad_content() -> None:
    checks = (
        Check(name="models", ok=False, detail="data is empty"),
        Check(name="model", ok=False, detail="claude-old is not in the list of models"),
    )
    seen = an_observation(answer=Answer(status=200, is_json=True, vendor=True), checks=checks)
    verdict = classify(seen, Context(probe=KEYED, proven=True, key_worked=True))
    assert verdict.outcome is Outcome.BAD_CONTENT


def test_a_list_of_models_that_broke_off_says_nothing_about_our_set_up() -> None:
    checks = (Check(name="model", ok=False),)
    answer = Answer(status=200, is_json=True, vendor=True, truncated=True)
    verdict = classify(
        an_observation(answer=answer, checks=checks),
        Context(probe=KEYED, proven=True, key_worked=True),
    )
    assert verdict.outcome is Outcome.BAD_CONTENT

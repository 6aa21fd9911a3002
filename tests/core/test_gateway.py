"""What a proxy before Claude says itself is no evidence about Claude, nor about its keys."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from monitor.core.answer import quoted_error, read
from monitor.core.classify import Context, classify
from monitor.core.credential import CredentialBook
from monitor.core.effects import Announce
from monitor.core.incident import EventType
from monitor.core.observation import Check, WrappedError
from monitor.core.outcome import Depth, Outcome
from monitor.core.plan import ProbePlan
from tests.core.timeline import Story, a_run, keyed, plan_of
from tests.factories import a_probe, an_observation

UNMET = (Check(name="status", ok=False, detail="another"),)
STREAM: ProbePlan = keyed("stream", Depth.INFERENCE, gateway=True)
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def litellm(message: str, kind: str | None = None, code: str | None = None) -> bytes:
    """An error of LiteLLM's own."""
    return json.dumps({"error": {"message": message, "type": kind, "code": code}}).encode()


def error_document(kind: str) -> bytes:
    """An error of Claude's."""
    return json.dumps({"type": "error", "error": {"type": kind, "message": "no"}}).encode()


def outcome_of(status: int, body: bytes, *headers: tuple[str, str], proven: bool = True) -> Outcome:
    answer = read(status, [("content-type", "application/json"), *headers], body)
    context = Context(probe=STREAM, proven=proven, key_worked=True, key_evidence="siblings")
    return classify(an_observation("stream", answer=answer, checks=UNMET), context).outcome


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (401, litellm("no key", "auth_error", "401"), Outcome.CREDENTIAL_REJECTED),
        (403, litellm("not yours"), Outcome.CREDENTIAL_REJECTED),
        (400, litellm("no db", "no_db_connection", "400"), Outcome.CREDENTIAL_REJECTED),
        (401, litellm("gone", "token_not_found_in_db", "401"), Outcome.CREDENTIAL_REJECTED),
        (200, litellm("in a 200", None, "401"), Outcome.CREDENTIAL_REJECTED),
        (429, litellm("No deployments available"), Outcome.RATE_LIMITED),
        (404, litellm("no such route"), Outcome.CLIENT_ERROR),
        (302, b"", Outcome.CLIENT_ERROR),
        (500, litellm("it broke", "api_error", "500"), Outcome.SERVER_ERROR),
        (502, b"<html>Bad Gateway</html>", Outcome.SERVER_ERROR),
        (529, litellm("Overloaded"), Outcome.OVERLOADED),
        (500, litellm(f"upstream: {json.dumps(OVERLOADED)} (3 tries)"), Outcome.OVERLOADED),
        (200, litellm("in a 200", None, "abc"), Outcome.BAD_CONTENT),
        (200, b"<html>Log in</html>", Outcome.BAD_CONTENT),
    ],
)
def test_a_gateways_own_answer_is_told_from_claudes(
    status: int, body: bytes, outcome: Outcome
) -> None:
    assert outcome_of(status, body) is outcome


def test_a_page_with_200_is_told_as_the_gateways() -> None:
    answer = read(200, [("content-type", "text/html")], b"<html>Log in</html>")
    context = Context(probe=STREAM, proven=False)
    verdict = classify(an_observation("stream", answer=answer, checks=UNMET), context)
    assert verdict.outcome is Outcome.UNPROVEN
    assert "the gateway sent text/html" in verdict.reason


def test_claudes_own_refusal_of_the_gateways_key_is_no_outage() -> None:
    document = {"type": "error", "error": {"type": "authentication_error", "message": "invalid"}}
    answer = read(401, [("content-type", "application/json")], json.dumps(document).encode())
    context = Context(probe=STREAM, proven=True, key_worked=True)
    verdict = classify(an_observation("stream", answer=answer, checks=UNMET), context)
    assert verdict.outcome is Outcome.CREDENTIAL_REJECTED


# ------------------------------------------------------------------ what is quoted


def test_one_whole_document_of_the_vendors_is_read_out_of_a_message() -> None:
    text = json.dumps(OVERLOADED)
    expected = WrappedError(type="overloaded_error", message="Overloaded")
    assert quoted_error(f"litellm: {text}") == expected
    assert quoted_error(f"{{not json}} {{}} {text} and once more {text}") == expected


@pytest.mark.parametrize(
    "message",
    [
        None,
        "no document",
        "{" * 40,
        '{"type": "error"}',
        '{"type": "error", "error": {"type": "brand_new_error"}}',
        '{"type": "other", "error": {"type": "api_error"}}',
        json.dumps(OVERLOADED) + ' {"type": "error", "error": {"type": "api_error"}}',
    ],
)
def test_what_is_no_document_or_several_that_disagree_says_nothing(message: str | None) -> None:
    assert quoted_error(message) is None


# ------------------------------------------------------------------ the whole engine


def test_a_revoked_gateway_key_opens_nothing_and_is_told_once_as_the_gateways() -> None:
    probes = [
        a_probe("hello"),
        keyed("models", Depth.GATEWAY, gateway=True),
        keyed("message", Depth.INFERENCE, gateway=True),
        keyed("stream", Depth.INFERENCE, gateway=True),
    ]
    story = Story(plan_of(*probes))
    refusal = read(401, [("content-type", "application/json")], litellm("gone", "auth_error"))
    for second in range(900):
        for place, probe in enumerate(probes):
            if second % 30 == place:
                run = a_run(probe.name, float(second))
                if second >= 300 and probe.gateway:
                    run = replace(run, answer=refusal, checks=UNMET)
                story.told(run)
        story.tick(second + 0.9)
    events = [each.event for each in story.all(Announce)]
    assert [event.type for event in events] == [EventType.MISCONFIGURED]
    assert "refused by the gateway although it worked before" in events[0].summary
    assert "the key that the gateway uses" in events[0].detail


# ------------------------------------------------------------------ keys, beside gateways


def test_refusals_saved_by_an_older_version_are_taken_for_those_of_a_401() -> None:
    book = CredentialBook({})
    book.accepted("a", 1.0)
    book.refused("a", "r1", 2.0, forbidden=False)
    saved = json.loads(json.dumps(book.snapshot()))
    saved["keys"][0]["refusals"] = [[2.0, "r1"]]
    del saved["keys"][0]["denied"]
    again = CredentialBook({})
    again.restore(saved, 0.0)
    assert again.take_pending("a", forbidden=True) == ()
    assert again.take_pending("a", forbidden=False) == ("r1",)


def test_what_a_key_was_never_allowed_stays_ours_when_another_organization_is_refused_too() -> None:
    probes = [
        keyed("models_a", credential="a", credential_name="main", organization="acme"),
        keyed("count_a", credential="a", credential_name="main", organization="acme"),
        keyed("models_b", credential="b", credential_name="second", organization="other"),
    ]
    story = Story(plan_of(*probes))
    forbidden = read(
        403,
        [("content-type", "application/json"), ("request-id", "req_1")],
        json.dumps(
            {"type": "error", "error": {"type": "permission_error", "message": "no"}}
        ).encode(),
    )
    for second in range(300):
        for place, probe in enumerate(probes):
            if second % 30 == place:
                run = a_run(probe.name, float(second))
                never = probe.name == "count_a"
                if never or (second >= 200 and probe.name == "models_b"):
                    run = replace(run, answer=forbidden, checks=UNMET)
                story.told(run)
        story.tick(second + 0.9)
    assert not [e for e in story.all(Announce) if e.event.type is EventType.OPENED]


def test_a_model_that_is_missing_is_one_matter_for_all_who_ask_it() -> None:
    probes = [
        keyed("message", Depth.INFERENCE, model="claude-x"),
        keyed("stream", Depth.INFERENCE, model="claude-x", credential="b", credential_name="two"),
    ]
    story = Story(plan_of(*probes))
    missing = read(
        404,
        [("content-type", "application/json"), ("request-id", "req_1")],
        json.dumps(
            {"type": "error", "error": {"type": "not_found_error", "message": "x"}}
        ).encode(),
    )
    for probe in probes:
        story.told(replace(a_run(probe.name, 1.0), answer=missing, checks=UNMET))
    (event,) = [each.event for each in story.all(Announce)]
    assert event.subject == "missing/claude-x"

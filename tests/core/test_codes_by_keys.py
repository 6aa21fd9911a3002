"""Whose fault a refusal is, by what it says and whom it hits: the whole engine is asked.

Each row plays ten quiet minutes and then ten of one answer to every keyed probe, as a body or as an
error event in a stream, with one key, two of one organization, or one each of two organizations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from monitor.core.claude_api import ERROR_CODES
from monitor.core.effects import Announce
from monitor.core.incident import EventType, Reason
from monitor.core.observation import Answer, Check, Observation
from monitor.core.outcome import Counts, Depth, counts_as
from monitor.core.plan import ProbePlan
from tests.core.timeline import Story, a_run, keyed, plan_of
from tests.factories import a_probe, an_answer

INTERVAL = 30.0
QUIET = 600.0
TROUBLE = 600.0

CALLS = {
    "models": Depth.KEY,
    "count": Depth.KEY,
    "message": Depth.INFERENCE,
    "stream": Depth.INFERENCE,
}

KEYS = {
    "one key": (("main", "a", None),),
    "two keys of one organization": (("main", "a", "acme"), ("second", "b", "acme")),
    "two keys, none named": (("main", "a", None), ("second", "b", None)),
    "two organizations": (("main", "a", "acme"), ("second", "b", "other")),
}


ALIKE = [keys for keys in KEYS if keys != "two organizations"]
"""Keys that share their organization's fate."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What every keyed probe is answered."""

    status: int
    type: str
    code: str | None = None
    message: str | None = None


def probes_of(keys: tuple[tuple[str, str, str | None], ...]) -> list[ProbePlan]:
    found: list[ProbePlan] = []
    for name, fingerprint, organization in keys:
        for call, depth in CALLS.items():
            found.append(
                keyed(
                    f"{call}_{name}",
                    depth,
                    credential=fingerprint,
                    credential_name=name,
                    organization=organization,
                )
            )
    return found


def answered(refusal: Refusal, *, stream: bool) -> tuple[Answer, tuple[Check, ...]]:
    """The answer and its checks, as a probe reads them."""
    answer = an_answer(
        200 if stream else refusal.status,
        error_type=refusal.type,
        error_code=refusal.code,
        error_message=refusal.message,
        anthropic_error=True,
        enveloped=True,
    )
    if stream:
        return answer, (Check(name="status", ok=True), Check(name="stream", ok=False, detail="x"))
    return answer, (Check(name="status", ok=False, detail=f"HTTP {refusal.status}"),)


def played(
    refusal: Refusal, keys: str, *, stream: bool = False, odd_only: bool = False
) -> tuple[Story, list[Announce]]:
    """The story of a refusal, and what was announced. `odd_only`: every second run passes."""
    probes = [a_probe("hello"), a_probe("gate", depth=Depth.GATEWAY), *probes_of(KEYS[keys])]
    story = Story(plan_of(*probes))
    answer, checks = answered(refusal, stream=stream)
    turn = 0
    for second in range(int(QUIET + TROUBLE)):
        for place, probe in enumerate(probes):
            if second % INTERVAL != place:
                continue
            turn += 1
            run = a_run(probe.name, float(second))
            struck = probe.credential is not None and second >= QUIET
            if struck and (not odd_only or turn % 2):
                run = refused(run, answer, checks)
            story.told(run)
        story.tick(second + 0.9)
    return story, story.all(Announce)


def refused(run: Observation, answer: Answer, checks: tuple[Check, ...]) -> Observation:
    return replace(run, answer=answer, checks=checks)


def opened(announced: list[Announce]) -> int:
    return sum(each.event.type is EventType.OPENED for each in announced)


def misconfigured(announced: list[Announce]) -> list[Announce]:
    return [each for each in announced if each.event.type is EventType.MISCONFIGURED]


TYPES = {
    400: "invalid_request_error",
    402: "billing_error",
    403: "permission_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "api_error",
    529: "overloaded_error",
}


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("way", ["body", "stream event"])
@pytest.mark.parametrize("name", sorted(ERROR_CODES))
def test_a_code_opens_an_incident_only_where_it_is_the_vendors_fault(
    name: str,
    way: str,
    keys: str,
) -> None:
    code = ERROR_CODES[name]
    _, announced = played(
        Refusal(code.status, TYPES[code.status], name), keys, stream=way != "body"
    )
    assert bool(opened(announced)) is (counts_as(code.outcome) is Counts.BAD)


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize(
    "name", ["organization_on_hold", "contract_spend_limit_reached", "sandbox_egress_restricted"]
)
def test_an_affair_of_the_organization_is_told_once_for_each_organization(
    name: str, keys: str
) -> None:
    code = ERROR_CODES[name]
    _, announced = played(Refusal(code.status, TYPES[code.status], name), keys)
    told = [each.event.summary for each in misconfigured(announced)]
    assert len(told) == (2 if keys == "two organizations" else 1), told


OURS = {
    "allowlist": Refusal(
        403,
        "permission_error",
        message="Your IP address isn't in this organization's allowed range.",
    ),
    "own limit": Refusal(
        400,
        "invalid_request_error",
        message="You have reached your specified API usage limits.",
    ),
    "disabled": Refusal(
        400, "invalid_request_error", message="This organization has been disabled."
    ),
    "no credit": Refusal(
        400, "invalid_request_error", message="Your credit balance is too low to access it."
    ),
    "billing": Refusal(402, "billing_error"),
    "model gone": Refusal(404, "not_found_error", message="model: claude-x"),
    "quota": Refusal(429, "rate_limit_error"),
    "tier cap without its code": Refusal(429, "rate_limit_error", message="Rate limited"),
    "too large": Refusal(413, "request_too_large"),
    "an unknown code": Refusal(400, "invalid_request_error", "brand_new_code"),
}


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("name", sorted(OURS))
def test_what_is_ours_by_type_or_sentence_opens_nothing(name: str, keys: str) -> None:
    _, announced = played(OURS[name], keys)
    assert not opened(announced)


@pytest.mark.parametrize("keys", ALIKE)
def test_a_403_to_keys_of_one_organization_is_ours(keys: str) -> None:
    _, announced = played(Refusal(403, "permission_error", message="Not permitted."), keys)
    assert not opened(announced)
    assert {each.event.reason for each in misconfigured(announced)} == {Reason.CREDENTIAL_REJECTED}


def test_a_403_to_keys_of_two_organizations_is_an_outage() -> None:
    _, announced = played(Refusal(403, "permission_error", message="No."), "two organizations")
    assert opened(announced) == 1


@pytest.mark.parametrize("keys", ALIKE)
def test_a_403_that_alternates_with_successes_is_ours_and_told_once_for_each_key(keys: str) -> None:
    refusal = Refusal(403, "permission_error", message="Not permitted.")
    _, announced = played(refusal, keys, odd_only=True)
    assert not opened(announced)
    assert len(misconfigured(announced)) == len(KEYS[keys])


@pytest.mark.parametrize("keys", [keys for keys in KEYS if keys != "one key"])
def test_a_401_to_two_keys_that_worked_is_an_outage(keys: str) -> None:
    _, announced = played(Refusal(401, "authentication_error"), keys)
    assert opened(announced) == 1


def test_a_401_to_the_only_key_names_both_readings_and_opens_nothing() -> None:
    _, announced = played(Refusal(401, "authentication_error"), "one key")
    assert not opened(announced)
    (told,) = misconfigured(announced)
    assert "28 April" in told.event.detail
    assert "second key" in told.event.detail


@pytest.mark.parametrize("keys", KEYS)
def test_a_401_that_alternates_with_successes_is_an_outage(keys: str) -> None:
    _, announced = played(Refusal(401, "authentication_error"), keys, odd_only=True)
    assert opened(announced) == 1


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("way", ["body", "stream event"])
@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(500, "api_error", message="Internal server error"),
        Refusal(529, "overloaded_error", message="Overloaded"),
        Refusal(503, "api_error", "brand_new_code"),
    ],
    ids=["500", "529", "503 with an unknown code"],
)
def test_the_vendors_own_failures_are_outages_with_any_keys(
    refusal: Refusal,
    way: str,
    keys: str,
) -> None:
    _, announced = played(refusal, keys, stream=way != "body")
    assert opened(announced) == 1


def test_a_key_refused_beside_one_that_passes_is_named_with_it() -> None:
    probes = [a_probe("hello"), *probes_of(KEYS["two keys of one organization"])]
    story = Story(plan_of(*probes))
    answer, checks = answered(Refusal(401, "authentication_error"), stream=False)
    for second in range(900):
        for place, probe in enumerate(probes):
            if second % INTERVAL == place:
                run = a_run(probe.name, float(second))
                struck = probe.credential == "a" and second >= QUIET
                story.told(refused(run, answer, checks) if struck else run)
        story.tick(second + 0.9)
    assert not opened(story.all(Announce))
    (told,) = misconfigured(story.all(Announce))
    assert "Key second is accepted at present" in told.event.detail
    assert "second key under" not in told.event.detail

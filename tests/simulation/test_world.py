from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest

from monitor.simulation.exchange import Certificate, SimRequest, Transport
from tests.simulation.worlds import KEYED, a_scenario, a_world, get, noon, post, struck

HELLO = get("https://api.anthropic.com/api/hello")
MODELS = get("https://api.anthropic.com/v1/models?limit=1", **KEYED)
GATE = get("https://api.anthropic.com/v1/models")
PAGE = get("https://claude.ai/")
CONTROL = get("https://www.gstatic.com/generate_204")
STATUS = get("https://status.claude.com/api/v2/status.json")
DOWNLOAD = get("https://downloads.claude.ai/claude-code-releases/latest")
EVERY = (HELLO, MODELS, GATE, PAGE, CONTROL, STATUS, DOWNLOAD)


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (HELLO, "date server cf-ray via x-envoy-upstream-service-time request-id content-type"),
        (PAGE, "date server cf-ray via x-envoy-upstream-service-time content-type"),
        (DOWNLOAD, "date server cf-ray cf-cache-status content-type"),
        (STATUS, "date server x-request-id content-type etag cache-control"),
        (CONTROL, "date server"),
    ],
    ids=["hello", "page", "download", "status", "control"],
)
def test_an_answer_has_the_headers_of_all_who_handled_it(request_: SimRequest, names: str) -> None:
    world = a_world()
    answer = world.answer(request_, noon(world))

    assert [name for name, _ in answer.headers] == names.split()
    assert answer.header("date") == "Fri, 01 May 2026 12:00:00 GMT"


def test_ids_have_the_vendors_form_and_never_repeat() -> None:
    world = a_world()
    answers = [world.answer(HELLO, noon(world)) for _ in range(500)]

    assert len({answer.header("request-id") for answer in answers}) == 500
    assert len({answer.header("cf-ray") for answer in answers}) == 500
    assert (answers[0].header("request-id") or "").startswith("req_011C")


def test_a_message_names_the_organisation() -> None:
    world = a_world()
    body = {"model": "claude-opus-5", "max_tokens": 1, "messages": [{"role": "user"}]}
    answer = world.answer(post("https://api.anthropic.com/v1/messages", body), noon(world))

    assert answer.header("anthropic-organization-id")
    assert 0.6 <= answer.delay <= 1.1


@pytest.mark.parametrize("request_", EVERY)
def test_a_healthy_answer_comes_soon(request_: SimRequest) -> None:
    world = a_world()
    delays = [world.answer(request_, noon(world)).delay for _ in range(200)]

    assert 0.02 <= min(delays) < max(delays) <= 0.3


def test_keys_are_those_that_the_world_is_told() -> None:
    told = a_world(keys=["sk-ant-api03-mine"])
    mine = get("https://api.anthropic.com/v1/models", **KEYED | {"x-api-key": "sk-ant-api03-mine"})

    assert told.answer(mine, noon(told)).status == 200
    assert told.answer(MODELS, noon(told)).status == 401
    assert a_world().answer(MODELS, noon(told)).status == 200
    assert a_world().answer(mine, noon(told)).status == 401


def test_the_same_seed_gives_the_same_answers_and_another_seed_others() -> None:
    scenario = a_scenario("fault: json_500, hosts: '*', probability: 50%")

    def played(seed: int) -> list[object]:
        world = a_world(scenario, seed=seed)
        return [world.answer(EVERY[n % len(EVERY)], noon(world)) for n in range(100)]

    assert played(7) == played(7)
    assert played(7) != played(8)


def test_a_fault_of_60_percent_strikes_that_share() -> None:
    world = struck("fault: auth_401, services: models, keyed: true, probability: 60%")
    answers = [world.answer(MODELS, noon(world)) for _ in range(2000)]

    refused = sum(answer.status == 401 for answer in answers)

    assert 0.56 < refused / 2000 < 0.64
    assert {answer.status for answer in answers} == {200, 401}


def test_strikes_are_independent_of_each_other() -> None:
    world = struck("fault: json_500, components: api, probability: 50%")
    bad = [world.answer(HELLO, noon(world)).status == 500 for _ in range(2000)]

    repeats = sum(one == other for one, other in itertools.pairwise(bad))

    assert 0.45 < repeats / 1999 < 0.55


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ("components: api", {"hello", "models", "gate"}),
        ("components: [claude_ai, claude_code]", {"page", "download"}),
        ("services: models", {"models", "gate"}),
        ("services: models, keyed: true", {"models"}),
        ("services: models, keyed: false", {"gate"}),
        ("services: [control, status]", {"control", "status"}),
        ("hosts: '*.claude.ai'", {"download"}),
        ("hosts: api.anthropic.com, paths: /v1/*", {"models", "gate"}),
        ("hosts: www.gstatic.com", {"control"}),
        ("components: api, services: page", set()),
        ("hosts: '*'", {"hello", "models", "gate", "page", "control", "status", "download"}),
        ("hosts: '*', probability: 0", set()),
    ],
)
def test_a_fault_strikes_only_what_it_selects(selectors: str, expected: set[str]) -> None:
    named = dict(
        zip(
            ("hello", "models", "gate", "page", "control", "status", "download"), EVERY, strict=True
        )
    )
    world = struck(f"fault: json_500, {selectors}")

    got = {name for name, ask in named.items() if world.answer(ask, noon(world)).status == 500}

    assert got == expected


def test_faults_hold_only_in_their_phase() -> None:
    world = struck("fault: json_500, hosts: '*'")
    until = noon(world) + timedelta(hours=1)

    moments = [
        noon(world) - timedelta(seconds=1),
        noon(world),
        until - timedelta(seconds=1),
        until,
    ]

    assert [world.answer(HELLO, at).status for at in moments] == [200, 500, 500, 200]


def test_the_first_fault_that_strikes_decides_and_slowness_adds_up() -> None:
    world = struck(
        "fault: slow, components: api, delay: 5s",
        "fault: overloaded_529, components: api",
        "fault: json_500, components: api",
        "fault: slow, services: hello, delay: 7s",
    )

    answer = world.answer(HELLO, noon(world))

    assert answer.status == 529
    assert 12.02 <= answer.delay <= 12.08


def test_a_broken_conversation_is_not_mended_by_a_later_fault() -> None:
    world = struck("fault: hang, components: api", "fault: json_500, components: api")

    assert world.answer(HELLO, noon(world)).transport is Transport.HANG


def test_a_head_has_no_body_even_from_a_fault() -> None:
    world = struck("fault: cf_520, components: api")
    answer = world.answer(get("https://api.anthropic.com/api/hello", "HEAD"), noon(world))

    assert (answer.status, answer.body) == (520, b"")


def test_the_status_page_follows_the_posts_and_can_lie() -> None:
    timeline = (
        "timeline:\n  - {at: 12:30, status: investigating, body: Down., "
        "components: {api: major_outage}}\n"
    )
    honest = a_world(a_scenario(timeline=timeline))
    lying = a_world(a_scenario("fault: status_lying, services: status", timeline=timeline))
    at = noon(honest) + timedelta(minutes=30)

    def indicator(body: bytes) -> object:
        return json.loads(body)["status"]["indicator"]

    assert indicator(honest.answer(STATUS, at - timedelta(seconds=1)).body) == "none"
    assert indicator(honest.answer(STATUS, at).body) == "major"
    assert indicator(lying.answer(STATUS, at).body) == "none"


def test_a_late_status_page_shows_each_post_so_much_later() -> None:
    timeline = (
        "timeline:\n  - {at: 12:10, status: investigating, body: Down., "
        "components: {api: major_outage}}\n"
    )
    late = a_world(
        a_scenario("fault: status_late, services: status, delay: 20m", timeline=timeline)
    )

    def indicator(minutes: float) -> object:
        body = late.answer(STATUS, noon(late) + timedelta(minutes=minutes)).body
        return json.loads(body)["status"]["indicator"]

    assert [indicator(minutes) for minutes in (10, 29.9, 30)] == ["none", "none", "major"]


def test_a_handshake_shows_what_the_scenario_says_for_the_host() -> None:
    world = struck("fault: tls_expired, components: api")

    assert world.certificate("api.anthropic.com", noon(world)) is Certificate.EXPIRED
    assert world.certificate("claude.ai", noon(world)) is Certificate.GOOD
    assert world.certificate("", noon(world)) is Certificate.GOOD

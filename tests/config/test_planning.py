from __future__ import annotations

from datetime import UTC, datetime

from monitor.config.load import from_text
from monitor.config.planning import FINGERPRINT_CHARS, NOT_REHEARSED
from monitor.config.schema import Config
from monitor.core.outcome import Depth
from monitor.core.plan import ComponentPlan, ControlPlan, Window

TEXT = """
vantage: here
components:
  api: {title: Claude API, statuspage_id: k8w3r06qmzrp}
credentials:
  main: {api_key: "${KEY:-}"}
  spare: {api_key: "${KEY:-}", organization: acme}
  bare: {}
control:
  targets: [{name: one, url: "https://one.example/"}]
  interval: 45s
prices:
  claude-haiku-5-5: {input: 0.1, output: 0.5}
maintenance:
  - {starts: 2026-12-01T02:00:00Z, ends: 2026-12-01T04:00:00Z, components: [api], reason: move}
probes:
  - name: hello
    kind: http
    url: https://api.anthropic.com/api/hello
    components: [api]
    timeout: 5s
  - name: message
    kind: claude_json
    call: message
    model: claude-haiku-5-5
    credential: main
    components: [api]
    interval: 1m
    latency_objective: 4s
    burst: false
  - {name: spare, kind: claude_json, call: models, credential: spare, components: [api]}
  - {name: bare, kind: claude_json, call: models, credential: bare, components: [api]}
  - name: proxied
    kind: claude_json
    call: count_tokens
    model: claude-haiku-5-5
    credential: spare
    base_url: https://litellm.example
    gateway: true
    components: [api]
  - {name: off, kind: http, url: "http://h.example/", components: [api], enabled: false}
"""


def a_config(**environment: str) -> Config:
    return from_text(TEXT, "claude.yaml", environment, str)


def test_a_rehearsal_leaves_out_what_does_not_ask_over_http() -> None:
    own = """
  - {name: door, kind: tcp_tls, host: claude.ai, components: [api]}
  - {name: program, kind: command, argv: [claude, -p, hi], components: [api]}
"""
    config = from_text(TEXT + own, "claude.yaml", {"KEY": "planted"}, str)
    assert all(config.plan().probe(name).enabled for name in ("door", "program", "hello"))
    for rehearsed in (config.rehearsed(), config.rehearsed().rebased("http://127.0.0.1:1")):
        plan = rehearsed.plan()
        assert plan.probe("hello").enabled
        assert plan.probe("door").disabled == plan.probe("program").disabled == NOT_REHEARSED
    assert config.plan().probe("door").enabled


def test_the_plan_holds_what_the_core_needs() -> None:
    plan = a_config(KEY="planted").plan()
    assert plan.vantage == "here"
    assert plan.components == (
        ComponentPlan(name="api", title="Claude API", statuspage_id="k8w3r06qmzrp"),
    )
    assert plan.controls == (ControlPlan(name="one", url="https://one.example/"),)
    assert plan.control_interval == 45.0
    assert plan.maintenance == (
        Window(
            starts=datetime(2026, 12, 1, 2, tzinfo=UTC),
            ends=datetime(2026, 12, 1, 4, tzinfo=UTC),
            components=("api",),
            reason="move",
        ),
    )


def test_a_probe_is_planned_with_its_kinds_own_facts() -> None:
    plan = a_config(KEY="planted").plan()
    message = plan.probe("message")
    assert (message.depth, message.model, message.paid) == (
        Depth.INFERENCE,
        "claude-haiku-5-5",
        True,
    )
    assert (message.interval, message.timeout, message.soft_deadline) == (60.0, 30.0, 10.0)
    assert (message.latency_objective, message.burst, message.enabled) == (4.0, False, True)
    assert message.answered_means_vendor
    hello = plan.probe("hello")
    assert (hello.depth, hello.model, hello.paid) == (Depth.EDGE, None, False)
    assert not plan.probe("off").answered_means_vendor


def test_a_probe_through_a_gateway_proves_no_way_to_the_vendor() -> None:
    plan = a_config(KEY="planted").plan()
    proxied, spare = plan.probe("proxied"), plan.probe("spare")
    assert (proxied.gateway, proxied.depth) == (True, Depth.GATEWAY)
    assert not proxied.answered_means_vendor
    assert (spare.gateway, spare.organization) == (False, "acme")
    assert spare.answered_means_vendor
    assert plan.probe("bare").organization is None


def test_a_soft_deadline_never_lies_behind_the_timeout() -> None:
    hello = a_config().plan().probe("hello")
    assert (hello.timeout, hello.soft_deadline) == (5.0, 5.0)


def test_without_a_key_its_probes_say_what_to_set() -> None:
    plan = a_config().plan()
    assert plan.probe("message").disabled == "credential main has no api_key: set KEY"
    assert plan.probe("bare").disabled == (
        "credential bare has no api_key: give credentials.bare.api_key"
    )
    assert plan.probe("off").disabled == "switched off in the config (enabled: false)"
    assert [probe.name for probe in plan.enabled()] == ["hello"]


def test_a_key_is_known_by_a_salted_hash() -> None:
    config = a_config(KEY="planted")
    one, again, other = config.plan(b"salt"), config.plan(b"salt"), config.plan(b"pepper")
    fingerprint = one.probe("message").credential
    assert fingerprint is not None
    assert len(fingerprint) == FINGERPRINT_CHARS
    assert "planted" not in fingerprint
    assert fingerprint == again.probe("message").credential
    assert fingerprint != other.probe("message").credential
    assert fingerprint == one.probe("spare").credential
    assert fingerprint != a_config(KEY="rotated").plan(b"salt").probe("message").credential


def test_a_probe_without_a_key_has_no_hash() -> None:
    plan = a_config().plan()
    assert plan.probe("hello").credential is None
    assert (plan.probe("message").credential, plan.probe("message").credential_name) == (
        None,
        "main",
    )

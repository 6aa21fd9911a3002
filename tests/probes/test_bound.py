"""A configured probe: its plan, its run from clock to observation, and the agent it names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from monitor.clock import Clock, ScaledClock, SystemClock
from monitor.core.observation import Failure, Origin, Phase
from monitor.core.outcome import Depth
from monitor.pipeline import Probe, Progress
from monitor.probes import BoundProbe, plan_of, user_agent
from monitor.probes._base import AnyKind, HttpReply, ProbeSpec, Reading
from monitor.probes.claude_json import KIND as CLAUDE
from monitor.probes.http import KIND as HTTP
from monitor.spec import Secret
from tests.probes.wire import asking, hello, saying, serving, silent

KEY = Secret("an-odd-planted-key")


def a_spec(kind: AnyKind = HTTP, **changes: Any) -> ProbeSpec:
    """A spec of that kind."""
    values = {"name": "api_hello", "kind": kind.name, "components": ["api", "claude_code"]}
    spec: ProbeSpec = kind.spec.model_validate({**values, **changes})
    return spec


def a_message(base_url: str, **changes: Any) -> ProbeSpec:
    """A spec of a message."""
    return a_spec(
        CLAUDE, base_url=base_url, call="message", model="claude-haiku-5-5", credential="main",
        **changes,
    )  # fmt: skip


def plan_and_probe(kind: AnyKind, spec: ProbeSpec, key: Secret | None, context: Any) -> Probe:
    """The probe, bound."""
    fingerprint = "f" * 16 if key else None
    plan = plan_of(kind, spec, credential_fingerprint=fingerprint, disabled=None)
    return BoundProbe(kind, spec, plan, key, context)


# ---------------------------------------------------------------- the plan


def test_a_plan_says_what_the_spec_says() -> None:
    spec = a_spec(url="https://x.test/", interval="60s", timeout="20s", soft_deadline="8s")
    plan = plan_of(HTTP, spec, credential_fingerprint=None, disabled=None)
    assert (plan.name, plan.kind, plan.depth) == ("api_hello", "http", Depth.EDGE)
    assert plan.components == ("api", "claude_code")
    assert (plan.interval, plan.timeout, plan.soft_deadline) == (60.0, 20.0, 8.0)
    assert plan.latency_objective == 8.0
    assert (plan.paid, plan.model, plan.burst, plan.enabled) == (False, None, True, True)
    assert plan.answered_means_vendor


def test_a_plan_of_a_message_has_model_key_and_price() -> None:
    spec = a_message("http://127.0.0.1:1", latency_objective="3s", burst=False)
    plan = plan_of(CLAUDE, spec, credential_fingerprint="abc", disabled=None)
    assert (plan.depth, plan.paid, plan.model) == (Depth.INFERENCE, True, "claude-haiku-5-5")
    assert (plan.credential, plan.credential_name) == ("abc", "main")
    assert (plan.latency_objective, plan.burst) == (3.0, False)
    assert not plan.answered_means_vendor


def test_a_plan_says_why_a_probe_does_not_run() -> None:
    spec = a_spec(url="https://x.test/", enabled=False)
    off = plan_of(HTTP, spec, credential_fingerprint=None, disabled=None)
    assert off.disabled == "It is switched off in the config."
    keyless = plan_of(HTTP, spec, credential_fingerprint=None, disabled="Its key is empty.")
    assert keyless.disabled == "Its key is empty."


# ---------------------------------------------------------------- a run


@pytest.mark.parametrize("speed", [1, 60])
async def test_a_run_is_timed_by_its_clock_and_its_phases_by_the_machine(speed: int) -> None:
    start = datetime(2026, 4, 28, 17, tzinfo=UTC)
    clock: Clock = ScaledClock(start=start, speed=speed)

    async def slow(reader: Any, writer: Any) -> None:
        await SystemClock().sleep(0.05)
        await saying(hello(headers=["Request-Id: req_1"]))(reader, writer)

    async with serving(slow) as port:
        with asking(clock) as context:
            url = f"http://127.0.0.1:{port}/"
            spec = a_spec(url=url, expect={"json": {"message": "hello"}}, timeout="5m")
            probe = plan_and_probe(HTTP, spec, None, context)
            before = clock.monotonic()
            seen = await probe.run("run-1", Origin.SWEEP, Progress())
    assert (seen.run_id, seen.probe, seen.origin) == ("run-1", "api_hello", Origin.SWEEP)
    assert seen.error is None
    assert seen.answer is not None
    assert (seen.answer.status, seen.answer.request_id) == (200, "req_1")
    assert [(check.name, check.ok) for check in seen.checks] == [("status", True), ("json", True)]
    assert before <= seen.started < seen.ended <= clock.monotonic()
    assert (seen.at - start).total_seconds() == pytest.approx(seen.started, abs=0.2 * speed)
    assert 0.05 <= seen.timings.total < 5
    assert seen.seconds >= seen.timings.total * speed * 0.99


async def test_a_run_that_meets_nobody_is_still_an_observation() -> None:
    async with serving(silent) as port:
        with asking() as context:
            spec = a_spec(url=f"http://127.0.0.1:{port}/", timeout="200ms")
            probe = plan_and_probe(HTTP, spec, None, context)
            progress = Progress()
            seen = await probe.run("run-1", Origin.SCHEDULED, progress)
    assert seen.error is not None
    assert (seen.error.kind, seen.error.phase) == (Failure.TIMEOUT, Phase.FIRST_BYTE)
    assert (seen.answer, seen.checks) == (None, ())
    assert progress.phase is Phase.FIRST_BYTE


async def test_half_an_answer_is_read_but_not_checked() -> None:
    half = b"HTTP/1.1 529 X\r\nCF-Ray: 1-FRA\r\nContent-Length: 90\r\n\r\n{"
    async with serving(saying(half)) as port:
        with asking() as context:
            spec = a_spec(url=f"http://127.0.0.1:{port}/")
            probe = plan_and_probe(HTTP, spec, None, context)
            seen = await probe.run("run-1", Origin.SCHEDULED, Progress())
    assert seen.error is not None
    assert seen.error.kind is Failure.RESET
    assert seen.answer is not None
    assert (seen.answer.status, seen.answer.cf_ray, seen.answer.truncated) == (529, "1-FRA", True)
    assert seen.checks == ()


async def test_a_message_brings_usage_and_limits_and_never_shows_its_key() -> None:
    body = (
        b'{"type":"message","id":"msg_1","role":"assistant","stop_reason":"end_turn","content":'
        b'[{"type":"text","text":"your key is an-odd-planted-key"}],'
        b'"usage":{"input_tokens":12,"output_tokens":4}}'
    )
    answer = hello(body, headers=["Anthropic-Ratelimit-Requests-Remaining: 49"])
    async with serving(saying(answer)) as port:
        with asking() as context:
            spec = a_message(f"http://127.0.0.1:{port}")
            probe = plan_and_probe(CLAUDE, spec, KEY, context)
            with capture_logs() as logs:
                seen = await probe.run("run-1", Origin.SCHEDULED, Progress())
    assert all(check.ok for check in seen.checks)
    assert (seen.input_tokens, seen.output_tokens) == (12, 4)
    assert seen.ratelimits == (("requests", 49.0),)
    assert KEY.reveal() not in repr(seen) + repr(probe) + repr(logs) + repr(probe.plan)


async def test_a_reader_that_fails_is_our_own_error() -> None:
    def broken(_spec: ProbeSpec, reply: HttpReply) -> Reading:
        msg = f"cannot read {reply.body!r}"
        raise KeyError(msg)

    async with serving(saying(hello(b"an-odd-planted-key"))) as port:
        with asking() as context:
            kind = replace(CLAUDE, read=broken)
            probe = plan_and_probe(kind, a_message(f"http://127.0.0.1:{port}"), KEY, context)
            with capture_logs() as logs:
                seen = await probe.run("run-1", Origin.SCHEDULED, Progress())
    assert seen.error is not None
    assert (seen.error.kind, seen.answer) == (Failure.INTERNAL, None)
    assert logs[0]["error"] == "KeyError"
    assert KEY.reveal() not in repr(seen) + repr(logs)


def test_a_probe_that_runs_has_its_key() -> None:
    spec = a_message("http://127.0.0.1:1")
    plan = plan_of(CLAUDE, spec, credential_fingerprint=None, disabled=None)
    off = plan_of(CLAUDE, spec, credential_fingerprint=None, disabled="Its key is empty.")
    with asking() as context:
        with pytest.raises(ValueError, match="probe api_hello has no key"):
            BoundProbe(CLAUDE, spec, plan, Secret(""), context)
        assert BoundProbe(CLAUDE, spec, off, None, context).plan is off


# ---------------------------------------------------------------- the agent


def test_the_agent_is_honest_and_says_whom_to_write_to() -> None:
    assert user_agent("0.1.0", "ops@example.com") == (
        "claude-uptime-monitor/0.1.0 (+ops@example.com; synthetic uptime probe)"
    )
    assert user_agent("0.1.0", "") == "claude-uptime-monitor/0.1.0 (synthetic uptime probe)"


@pytest.mark.parametrize("contact", ["a\r\nx: y", "a) b", "\u00e9", "a\\b", "x" * 201])
def test_a_contact_that_no_header_may_hold_is_refused(contact: str) -> None:
    with pytest.raises(ValueError, match="contact goes into a header"):
        user_agent("0.1.0", contact)

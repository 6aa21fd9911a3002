"""One description, two players: a run over sockets sees what a run in virtual time sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor import probes
from monitor.backtest.replay import Question, observe, questions
from monitor.backtest.wire import HANDSHAKE_SECONDS, REFUSED_SECONDS
from monitor.clock import ScaledClock
from monitor.config.load import load
from monitor.config.schema import Config
from monitor.core.models import ModelInfo
from monitor.core.moment import Moment
from monitor.core.observation import Failure, Observation, Origin, Phase
from monitor.pipeline import Progress
from monitor.probes import BoundProbe, LookupThreads
from monitor.simulation.exchange import Certificate, SimRequest, SimResponse, Transport
from monitor.simulation.faults import FAULTS
from monitor.simulation.models import listed_info
from monitor.simulation.server import SimulatedClaude
from monitor.simulation.tls import EXPIRING_DAYS
from tests.simulation.worlds import TOLD, a_scenario, a_world

CONFIG = Path(__file__).parents[2] / "config" / "claude.yaml"
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-sim-main"}
BEGAN = Moment(mono=100.0, wall=datetime(2026, 5, 1, 12, tzinfo=UTC))
TIMEOUT = 30.0
SPEED = 100.0


def the_config() -> Config:
    """The shipped configuration with one key."""
    return load(CONFIG, KEYS)


def asked_of(config: Config, name: str) -> Question:
    """One probe of `config`."""
    return next(one for one in questions(config, config.plan(b"salt")) if one.plan.name == name)


@dataclass(frozen=True)
class Row:
    """What the wire must look like to a probe."""

    response: SimResponse
    kind: Failure
    phase: Phase
    seconds: float
    answered: bool = False


HEAD = (("content-type", "application/json"), ("server", "cloudflare"))
ROWS = {
    "no name": Row(SimResponse(transport=Transport.DNS), Failure.DNS, Phase.DNS, REFUSED_SECONDS),
    "no name, whatever the certificate": Row(
        SimResponse(transport=Transport.DNS, certificate=Certificate.EXPIRED),
        Failure.DNS,
        Phase.DNS,
        REFUSED_SECONDS,
    ),
    "nobody there": Row(
        SimResponse(transport=Transport.UNREACHABLE, certificate=Certificate.EXPIRED),
        Failure.TIMEOUT,
        Phase.CONNECT,
        TIMEOUT,
    ),
    "expired": Row(
        SimResponse(certificate=Certificate.EXPIRED), Failure.TLS, Phase.TLS, HANDSHAKE_SECONDS
    ),
    "another host's, before it hangs": Row(
        SimResponse(certificate=Certificate.WRONG_HOST, transport=Transport.HANG),
        Failure.TLS,
        Phase.TLS,
        HANDSHAKE_SECONDS,
    ),
    "cut": Row(
        SimResponse(headers=HEAD, body=b"{", delay=0.5, transport=Transport.CUT),
        Failure.RESET,
        Phase.TRANSFER,
        0.5,
        answered=True,
    ),
    "stalls": Row(
        SimResponse(headers=HEAD, delay=0.5, transport=Transport.STALL),
        Failure.TIMEOUT,
        Phase.TRANSFER,
        TIMEOUT,
        answered=True,
    ),
    "cut later than anybody waits": Row(
        SimResponse(headers=HEAD, body=b"{}", gaps=((1, 60.0),), transport=Transport.CUT),
        Failure.TIMEOUT,
        Phase.TRANSFER,
        TIMEOUT,
        answered=True,
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_what_breaks_is_seen_in_its_phase(row: Row) -> None:
    seen = observe(asked_of(the_config(), "api_hello"), row.response, BEGAN, Origin.SCHEDULED)

    assert seen.error is not None
    assert (seen.error.kind, seen.error.phase) == (row.kind, row.phase)
    assert seen.seconds == pytest.approx(row.seconds)
    assert (seen.answer is not None) is row.answered
    assert seen.checks == ()


def test_only_as_much_of_a_body_is_read_as_came_in_time() -> None:
    late = SimResponse(headers=HEAD, body=b"abcdef", gaps=((2, 10.0), (4, 60.0)), delay=0.5)

    seen = observe(asked_of(the_config(), "api_hello"), late, BEGAN, Origin.SCHEDULED)

    assert seen.answer is not None
    assert (seen.answer.excerpt, seen.answer.body_bytes, seen.answer.truncated) == ("abcd", 4, True)


def test_a_certificate_that_expires_soon_is_noted_beside_a_good_run() -> None:
    expiring = SimResponse(
        headers=HEAD, body=b'{"message": "hello"}', certificate=Certificate.EXPIRING
    )

    seen = observe(asked_of(the_config(), "api_hello"), expiring, BEGAN, Origin.SCHEDULED)

    assert seen.error is None
    assert seen.certificate_expires == BEGAN.wall + timedelta(days=EXPIRING_DAYS)


# ---------------------------------------------------------------- the same over sockets

NOT_ON_SOCKETS = {
    "dns_failure": (Failure.RESET, Phase.FIRST_BYTE),
    "refused": (Failure.RESET, Phase.FIRST_BYTE),
    "unreachable": (Failure.TIMEOUT, Phase.FIRST_BYTE),
    "tls_expired": (Failure.RESET, Phase.FIRST_BYTE),
    "tls_wrong_host": (Failure.RESET, Phase.FIRST_BYTE),
    "tls_untrusted": (Failure.RESET, Phase.FIRST_BYTE),
}
"""What the plain listener plays as the nearest thing that it can."""


@pytest.fixture
def threads() -> Iterator[LookupThreads]:
    pool = LookupThreads(2)
    yield pool
    pool.shutdown()


def takes(model: str | None) -> ModelInfo | None:
    """What the list says of the model that is asked."""
    return listed_info(model or "")


def facts(seen: Observation) -> tuple[object, ...]:
    """What of an observation decides its outcome, ids and durations aside."""
    answer = seen.answer
    return (
        None if seen.error is None else (seen.error.kind, seen.error.phase),
        [check.name for check in seen.checks if not check.ok],
        answer and (answer.status, answer.error_type, answer.error_message, answer.truncated),
        answer and (answer.challenge, answer.cloudflare_code, answer.proxy_text, answer.vendor),
        answer and (answer.egress_proxy, answer.region_blocked, answer.forbidden_shape),
    )


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("probe", ["api_message_haiku", "api_stream_haiku", "claude_ai_home"])
async def test_a_fault_is_the_same_over_sockets_and_in_virtual_time(
    fault: str, probe: str, threads: LookupThreads
) -> None:
    config = the_config()
    question = asked_of(config, probe)
    told = [TOLD[name] for name in sorted(FAULTS[fault].needs)]
    told += ["delay: 40s"] if "delay" in FAULTS[fault].takes else []
    scenario = a_scenario(", ".join([f"fault: {fault}", "hosts: '*'", *told]))
    # Ten megabytes take the machine its own time.
    speed = 10.0 if fault == "stream_huge" else SPEED
    clock = ScaledClock(start=scenario.start, speed=speed)
    server = SimulatedClaude(a_world(scenario), clock)
    await server.start()
    moved = asked_of(config.rebased(server.base_url), probe)
    bound = BoundProbe(
        moved.kind,
        moved.spec,
        moved.plan,
        moved.key,
        replace(probes.context(clock, "test", threads), takes=lambda plan: takes(plan.model)),
    )

    real = await bound.run("run", Origin.SCHEDULED, Progress())

    await server.stop()
    request = question.kind.request(question.spec, question.key, takes(question.plan.model))
    host, _, path = request.url.removeprefix("https://").partition("/")
    response = a_world(scenario).answer(
        SimRequest(
            method=request.method,
            host=host,
            path=f"/{path}",
            headers=request.headers,
            body=request.body or b"",
        ),
        scenario.start,
    )
    virtual = observe(question, response, BEGAN, Origin.SCHEDULED)
    if fault in NOT_ON_SOCKETS:
        assert real.error is not None
        assert virtual.error is not None
        assert (real.error.kind, real.error.phase) == NOT_ON_SOCKETS[fault]
        assert (virtual.error.kind, virtual.error.phase) != NOT_ON_SOCKETS[fault]
    elif fault == "geo_redirect_302" and probe == "claude_ai_home":
        # Over sockets the probe follows the redirect; the page behind it tells the same.
        assert real.answer is not None
        assert virtual.answer is not None
        assert (real.answer.status, virtual.answer.status) == (200, 302)
        assert real.answer.region_blocked
        assert virtual.answer.region_blocked
    else:
        assert facts(real) == facts(virtual)

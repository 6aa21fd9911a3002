"""What every kind shares: URLs, the trail of phases, and the table from exceptions to our words."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import http_exceptions
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.observation import Failure, Phase
from monitor.pipeline import Progress
from monitor.probes._base import HttpReply, OnlyOnceError, RefusedError, Trail, transport_error

# ---------------------------------------------------------------- the trail


class Machine:
    """The machine's seconds, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_time_belongs_to_the_phase_under_way() -> None:
    machine, progress = Machine(), Progress()
    trail = Trail(progress, machine)
    machine.seconds += 1  # before the first phase: nobody's
    for phase, took in ((Phase.DNS, 2.0), (Phase.CONNECT, 3.0), (Phase.TLS, 4.0)):
        trail.enter(phase)
        assert progress.phase is trail.phase is phase
        machine.seconds += took
    trail.enter(Phase.CONNECT)  # the next address
    machine.seconds += 5
    timings = trail.timings()
    assert dict(timings.phases()) == {Phase.DNS: 2.0, Phase.CONNECT: 8.0, Phase.TLS: 4.0}
    assert timings.total == 15.0
    assert trail.phase is Phase.CONNECT


@given(st.lists(st.tuples(st.sampled_from(list(Phase)), st.floats(0, 1000)), max_size=20))
def test_the_phases_never_sum_to_more_than_the_total(steps: list[tuple[Phase, float]]) -> None:
    machine = Machine()
    trail = Trail(Progress(), machine)
    for phase, took in steps:
        trail.enter(phase)
        machine.seconds += took
    timings = trail.timings()
    assert sum(took for _, took in timings.phases()) <= timings.total * (1 + 1e-12)
    assert {phase for phase, _ in timings.phases()} == {phase for phase, _ in steps}


def test_the_certificate_that_ends_first_is_kept() -> None:
    trail = Trail(Progress())
    for ends in (
        "Jan  2 00:00:00 2027 GMT",
        "Jan  1 00:00:00 2027 GMT",
        "Jan  3 00:00:00 2027 GMT",
    ):
        trail.certificate({"notAfter": ends})
    trail.certificate(None)
    trail.certificate({})
    assert trail.certificate_expires == datetime(2027, 1, 1, tzinfo=UTC)


# ---------------------------------------------------------------- the table


def with_cause(problem: Exception, cause: Exception) -> Exception:
    """`problem`, raised from `cause`."""
    problem.__cause__ = cause
    return problem


@pytest.mark.parametrize(
    ("problem", "phase", "kind", "words"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), Phase.CONNECT, Failure.CONNECT,
         "Connection reset by peer"),
        (ConnectionResetError(104, "Connection reset by peer"), Phase.TLS, Failure.TLS, "reset"),
        (aiohttp.ClientOSError(104, "Connection reset by peer"), Phase.FIRST_BYTE, Failure.RESET,
         "reset"),
        (socket.gaierror(-3, "Temporary failure in name resolution"), Phase.DNS, Failure.DNS,
         "Temporary failure"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION] wrong"), Phase.TLS, Failure.TLS, "tls failure"),
        (ssl.SSLCertVerificationError("odd"), Phase.TLS, Failure.TLS, "verify failed"),
        (aiohttp.ServerDisconnectedError(), Phase.FIRST_BYTE, Failure.RESET, "without an answer"),
        (OnlyOnceError(aiohttp.ServerDisconnectedError()), Phase.FIRST_BYTE, Failure.RESET,
         "without an answer"),
        (with_cause(aiohttp.ClientPayloadError("x"), http_exceptions.ContentLengthError("y")),
         Phase.TRANSFER, Failure.RESET, "before it was whole"),
        (aiohttp.ClientPayloadError("anything"), Phase.TRANSFER, Failure.RESET, "broke off"),
        (http_exceptions.BadStatusLine("nonsense"), Phase.FIRST_BYTE, Failure.PROTOCOL,
         "not HTTP"),
        (RefusedError(Failure.REDIRECTS, "more than 3 redirects"), Phase.TRANSFER,
         Failure.REDIRECTS, "more than 3 redirects"),
        (aiohttp.ClientConnectionError("Connector is closed"), Phase.DNS, Failure.DNS,
         "ClientConnectionError"),
        (ZeroDivisionError("no"), Phase.TRANSFER, Failure.INTERNAL, "ZeroDivisionError"),
        (ValueError("sk-ant-planted-key-0000000"), Phase.REQUEST, Failure.INTERNAL, "ValueError"),
    ],
)  # fmt: skip
def test_an_exception_is_sorted_by_the_table(
    problem: Exception, phase: Phase, kind: Failure, words: str
) -> None:
    error = transport_error(problem, phase, proxied=False)
    assert (error.kind, error.phase) == (kind, phase)
    assert words in error.message
    assert "planted" not in error.message


@pytest.mark.parametrize(
    ("phase", "kind"),
    [
        (Phase.DNS, Failure.PROXY),
        (Phase.CONNECT, Failure.PROXY),
        (Phase.TLS, Failure.TLS),
        (Phase.FIRST_BYTE, Failure.RESET),
    ],
)
def test_until_the_tunnel_stands_the_proxy_is_to_blame(phase: Phase, kind: Failure) -> None:
    problem = ConnectionResetError(104, "Connection reset by peer")
    assert transport_error(problem, phase, proxied=True).kind is kind


def test_our_own_bugs_are_not_the_proxys_fault() -> None:
    assert transport_error(KeyError("x"), Phase.DNS, proxied=True).kind is Failure.INTERNAL


def test_a_message_is_bounded_and_free_of_keys() -> None:
    words = "sk-ant-planted-key-0000000 " + "x" * 5000
    error = transport_error(http_exceptions.BadStatusLine(words), Phase.DNS, proxied=False)
    assert len(error.message) <= 200
    assert "planted" not in error.message


def test_a_reply_gives_the_first_value_of_a_header() -> None:
    reply = HttpReply(status=200, headers=(("a", "1"), ("a", "2")), body=b"")
    assert (reply.header("a"), reply.header("b")) == ("1", None)

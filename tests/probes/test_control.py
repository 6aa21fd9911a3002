"""Control targets: any answer will do, within three seconds, the way the probes go."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from monitor.clock import ScaledClock
from monitor.core.plan import ControlPlan
from monitor.pipeline import ControlProbe
from monitor.probes import HttpControl
from monitor.probes._http import ProbeContext
from tests.probes.wire import Certificates, Recorder, asking, hello, saying, serving, silent


def target(port: int, scheme: str = "http", host: str = "127.0.0.1") -> ControlPlan:
    """A target on loopback."""
    return ControlPlan(name="one", url=f"{scheme}://{host}:{port}/")


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "301 Moved", "404 No", "503 Busy"])
async def test_any_answer_shows_that_there_is_a_network(context: ProbeContext, status: str) -> None:
    recorder = Recorder(hello(b"", status=status))
    control: ControlProbe = HttpControl(context)
    async with serving(recorder) as port:
        result = await control.check(target(port))
    assert (result.target, result.ok) == ("one", True)
    assert result.started <= result.ended
    assert result.at.tzinfo is UTC
    assert len(recorder.heads) == 1
    assert recorder.heads[0].startswith("HEAD / HTTP/1.1\r\n")


async def test_a_target_that_refuses_is_not_ok(context: ProbeContext) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        result = await HttpControl(context).check(target(closed.getsockname()[1]))
    assert not result.ok


async def test_a_target_has_three_seconds_of_its_clock() -> None:
    clock = ScaledClock(start=datetime(2026, 4, 28, 17, tzinfo=UTC), speed=30)
    async with serving(silent) as port:
        with asking(clock) as context:
            result = await HttpControl(context).check(target(port))
    assert not result.ok
    assert 3.0 <= result.ended - result.started < 150


async def test_a_target_with_a_certificate_of_nobody_is_not_ok(
    certificates: Certificates, context: ProbeContext
) -> None:
    async with serving(saying(hello()), certificates.server()) as port:
        result = await HttpControl(context).check(target(port, "https", "localhost"))
    assert not result.ok


@pytest.mark.parametrize(
    ("status", "ok"),
    [("200 OK", True), ("404 No", True), ("407 Proxy", False), ("502 Bad", False)],
)
async def test_what_the_proxy_says_itself_is_no_answer_of_the_target(
    status: str, *, ok: bool
) -> None:
    async with serving(saying(hello(b"", status=status))) as port:
        with asking(proxy=f"http://127.0.0.1:{port}") as context:
            result = await HttpControl(context).check(target(80, host="control.test"))
    assert result.ok is ok

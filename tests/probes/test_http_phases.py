"""Phases: each measures its own part, they never overlap, and a time-out names the one it met."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
import uvloop

from monitor.clock import ScaledClock, SystemClock
from monitor.core.observation import Failure, Phase, Timings
from monitor.pipeline import Progress
from monitor.probes._base import HttpRequest
from monitor.probes._http import ask
from tests.probes.wire import (
    SECONDS,
    SHORT,
    Certificates,
    Handler,
    asking,
    error_of,
    get,
    hello,
    pausing,
    reply_of,
    saying,
    serving,
    silent,
    to_loopback,
)

DELAY = 0.05
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def run_on(loop: str, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` on that kind of event loop."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(work)


async def wait() -> None:
    """Take as long as a planted delay."""
    await SystemClock().sleep(DELAY)


def slow_lookup(host: str, port: int, **options: Any) -> list[tuple[Any, ...]]:
    """A look-up that takes its time."""
    threading.Event().wait(DELAY)
    return to_loopback(host, port, **options)


def slow_tunnel(certificates: Certificates) -> Handler:
    """A proxy that takes its time for the tunnel, and a TLS server in it that does so too."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"CONNECT localhost:443 ")
        await wait()
        # What comes next is for TLS: it must not be read before TLS is there to read it.
        pausing(writer).pause_reading()
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await wait()
        await writer.start_tls(certificates.server())
        await reader.readuntil(b"\r\n\r\n")
        await wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await wait()
        writer.write(b"k")

    return handle


@pytest.mark.parametrize("loop", LOOPS)
def test_each_phase_measures_the_delay_planted_in_it(certificates: Certificates, loop: str) -> None:
    async def work() -> None:
        async with serving(slow_tunnel(certificates)) as port:
            with asking(
                ca_file=certificates.ca_file,
                proxy=f"http://proxy.test:{port}",
                lookup=slow_lookup,
            ) as context:
                asked = await get("https://localhost/", context)
        assert reply_of(asked).body == b"ok"
        assert asked.certificate_expires == certificates.expires
        phases = dict(asked.timings.phases())
        assert list(phases) == list(Phase)
        assert [phase for phase in Phase if phases[phase] < DELAY * 0.9] == [Phase.REQUEST]
        assert sum(phases.values()) <= asked.timings.total

    run_on(loop, work())


@pytest.mark.parametrize("loop", LOOPS)
def test_sending_a_large_body_is_measured_as_the_request(loop: str) -> None:
    body = b"x" * 32_000_000  # more than the sockets' buffers take

    async def slow_reader(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await wait()
        await reader.readexactly(len(body))
        writer.write(hello())

    async def work() -> None:
        async with serving(slow_reader) as port:
            with asking() as context:
                url = f"http://127.0.0.1:{port}/"
                asked = await get(url, context, method="POST", body=body)
        reply_of(asked)
        assert (asked.timings.request or 0.0) >= DELAY * 0.9

    run_on(loop, work())


async def test_an_answer_that_overtakes_the_body_stays_in_transfer() -> None:
    body = b"x" * 32_000_000
    progress = Progress()

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nn")
        await wait()
        await reader.readexactly(len(body))
        await wait()
        writer.write(b"o")

    async with serving(hasty) as port:
        with asking() as context:
            url = f"http://127.0.0.1:{port}/"
            request = HttpRequest(method="POST", url=url, body=body)
            asked = await ask(request, context, progress, SECONDS)
    assert (reply_of(asked).status, reply_of(asked).body) == (413, b"no")
    assert progress.phase is Phase.TRANSFER
    assert (asked.timings.transfer or 0.0) >= 2 * DELAY * 0.9


@pytest.mark.parametrize("loop", LOOPS)
def test_a_healthy_tls_run_has_every_phase_once(certificates: Certificates, loop: str) -> None:
    async def work() -> None:
        async with serving(saying(hello()), certificates.server()) as port:
            with asking(ca_file=certificates.ca_file) as context:
                asked = await get(f"https://localhost:{port}/", context)
        assert reply_of(asked).status == 200
        phases = dict(asked.timings.phases())
        assert list(phases) == list(Phase)
        assert asked.certificate_expires == certificates.expires
        assert 0 < sum(phases.values()) <= asked.timings.total

    run_on(loop, work())


async def test_a_plain_run_to_an_address_has_neither_dns_nor_tls() -> None:
    with asking() as context:
        async with serving(saying(hello())) as port:
            asked = await get(f"http://127.0.0.1:{port}/", context)
    phases = [phase for phase, _ in asked.timings.phases()]
    assert phases == [Phase.CONNECT, Phase.REQUEST, Phase.FIRST_BYTE, Phase.TRANSFER]


def is_bounded(timings: Timings) -> bool:
    """Whether a run ended soon after its limit."""
    return SHORT * 0.9 <= timings.total < SECONDS


# ---------------------------------------------------------------- a time-out names its phase


async def test_a_look_up_that_hangs_times_out_in_dns() -> None:
    release = threading.Event()

    def hang(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        release.wait(SECONDS)
        return []

    with asking(lookup=hang) as context:
        asked = await get("https://hangs.test/", context, SHORT)
        release.set()
    error_of(asked, Failure.TIMEOUT, Phase.DNS)
    assert is_bounded(asked.timings)
    assert asked.timings.dns is not None
    assert asked.timings.connect is None


async def test_a_tunnel_that_never_stands_times_out_in_connect() -> None:
    async with serving(silent) as port:
        with asking(proxy=f"http://127.0.0.1:{port}") as context:
            asked = await get("https://localhost/", context, SHORT)
    error_of(asked, Failure.TIMEOUT, Phase.CONNECT)
    assert asked.timings.tls is None


@pytest.mark.parametrize("loop", LOOPS)
def test_a_handshake_that_hangs_times_out_in_tls(loop: str) -> None:
    async def work() -> None:
        async with serving(silent) as port:
            with asking() as context:
                asked = await get(f"https://localhost:{port}/", context, SHORT)
        error_of(asked, Failure.TIMEOUT, Phase.TLS)
        assert is_bounded(asked.timings)
        assert asked.timings.request is None

    run_on(loop, work())


@pytest.mark.parametrize("loop", LOOPS)
def test_an_upload_that_nobody_reads_times_out_in_request(loop: str) -> None:
    async def work() -> None:
        async with serving(silent) as port:
            with asking() as context:
                url, body = f"http://127.0.0.1:{port}/", b"x" * 32_000_000
                asked = await get(url, context, SHORT, method="POST", body=body)
        error_of(asked, Failure.TIMEOUT, Phase.REQUEST)
        assert asked.timings.first_byte is None

    run_on(loop, work())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_never_answers_times_out_in_first_byte(
    certificates: Certificates, loop: str
) -> None:
    async def work() -> None:
        async with serving(silent, certificates.server()) as port:
            with asking(ca_file=certificates.ca_file) as context:
                asked = await get(f"https://localhost:{port}/", context, SHORT)
        error_of(asked, Failure.TIMEOUT, Phase.FIRST_BYTE)
        assert is_bounded(asked.timings)
        assert asked.certificate_expires == certificates.expires

    run_on(loop, work())


async def test_a_body_that_trickles_times_out_in_transfer_with_what_came() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Unavailable\r\nCF-Ray: 1-FRA\r\nContent-Length: 99\r\n\r\n")
        while True:
            writer.write(b"x")
            await wait()

    async with serving(handle) as port:
        with asking() as context:
            asked = await get(f"http://127.0.0.1:{port}/", context, SHORT)
    error_of(asked, Failure.TIMEOUT, Phase.TRANSFER)
    assert asked.reply is not None
    assert (asked.reply.status, asked.reply.truncated) == (503, True)
    assert asked.reply.body.startswith(b"x")


async def test_a_limit_is_kept_on_the_scenarios_clock() -> None:
    clock = ScaledClock(start=datetime(2026, 4, 28, 17, tzinfo=UTC), speed=60)
    async with serving(silent) as port:
        with asking(clock) as context:
            asked = await get(f"http://127.0.0.1:{port}/", context, 10.0)
    error = error_of(asked, Failure.TIMEOUT, Phase.FIRST_BYTE)
    assert "within 10 s" in error.message
    assert 0.15 <= asked.timings.total < SECONDS

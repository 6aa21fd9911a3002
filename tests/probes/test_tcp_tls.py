from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from pydantic import ValidationError

from monitor.core.observation import Failure, Observation, Origin, Phase
from monitor.core.outcome import Depth
from monitor.pipeline import Progress
from monitor.probes import BoundProbe, plan_of
from monitor.probes._http import ProbeContext
from monitor.probes.tcp_tls import KIND, TcpTlsSpec
from tests.probes.wire import Certificates, asking, serving, silent


def a_spec(**changes: object) -> TcpTlsSpec:
    return TcpTlsSpec.model_validate(
        {
            "name": "api_tls",
            "kind": "tcp_tls",
            "host": "localhost",
            "components": ("api",),
            "timeout": "5s",
            **changes,
        }
    )


async def run(context: ProbeContext, **changes: object) -> Observation:
    spec = a_spec(**changes)
    plan = plan_of(KIND, spec, credential_fingerprint=None, disabled=None)
    probe = BoundProbe(KIND, spec, plan, None, context)
    return await probe.run("api_tls/1", Origin.SCHEDULED, Progress())


class Listening:
    """A handler that says nothing and tells that somebody came."""

    def __init__(self) -> None:
        self.came = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        self.came.set()
        await reader.read()


def failure(seen: Observation) -> tuple[Failure, Phase]:
    assert seen.error is not None, seen
    assert seen.checks == ()
    return seen.error.kind, seen.error.phase


async def test_a_trusted_certificate_is_a_good_run_with_its_end_and_three_phases(
    trusting: ProbeContext, certificates: Certificates
) -> None:
    async with serving(silent, certificates.server()) as port:
        seen = await run(trusting, port=port)
    assert seen.error is None
    assert [check.ok for check in seen.checks] == [True, True]
    assert seen.certificate_expires == certificates.expires
    assert [phase for phase, _ in seen.timings.phases()] == [Phase.DNS, Phase.CONNECT, Phase.TLS]


@pytest.mark.parametrize(("wanted", "said"), [(14, ""), (60, "its certificate ends in 29 days")])
async def test_a_certificate_that_ends_soon_is_told_and_still_good(
    wanted: int, said: str, trusting: ProbeContext, certificates: Certificates
) -> None:
    async with serving(silent, certificates.server()) as port:
        seen = await run(trusting, port=port, min_days_left=wanted)
    check = seen.checks[-1]
    assert (check.name, check.ok) == ("certificate", True)
    assert check.detail.startswith(said)
    assert bool(check.detail) == bool(said)


@pytest.mark.parametrize(
    ("host", "expired", "why"),
    [
        ("localhost", True, "certificate has expired"),
        ("elsewhere.example", False, "Hostname mismatch"),
    ],
)
async def test_a_certificate_that_users_would_refuse_is_a_tls_failure(
    host: str,
    expired: bool,  # noqa: FBT001  # a column of the table
    why: str,
    trusting: ProbeContext,
    certificates: Certificates,
) -> None:
    async with serving(silent, certificates.server(host, expired=expired)) as port:
        seen = await run(trusting, port=port)
    assert failure(seen) == (Failure.TLS, Phase.TLS)
    assert seen.error is not None
    assert why in seen.error.message


async def test_an_authority_that_nobody_knows_is_a_tls_failure(
    context: ProbeContext, certificates: Certificates
) -> None:
    async with serving(silent, certificates.server()) as port:
        assert failure(await run(context, port=port)) == (Failure.TLS, Phase.TLS)


async def test_a_server_that_does_not_speak_tls_is_a_tls_failure(context: ProbeContext) -> None:
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await writer.drain()

    async with serving(plain) as port:
        assert failure(await run(context, port=port)) == (Failure.TLS, Phase.TLS)


async def test_a_handshake_that_hangs_ends_at_the_timeout(context: ProbeContext) -> None:
    async with serving(silent) as port:
        seen = await run(context, port=port, timeout="200ms", soft_deadline="200ms")
    assert failure(seen) == (Failure.TIMEOUT, Phase.TLS)


async def test_without_tls_a_connection_is_enough(context: ProbeContext) -> None:
    listening = Listening()
    async with serving(listening) as port:
        seen = await run(context, port=port, tls=False)
        await listening.came.wait()
    assert seen.error is None
    assert [check.name for check in seen.checks] == ["connected"]
    assert [phase for phase, _ in seen.timings.phases()] == [Phase.DNS, Phase.CONNECT]
    assert seen.certificate_expires is None


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    def two(_host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(2, 1, 6, "", ("127.0.0.2", port)), (2, 1, 6, "", ("127.0.0.1", port))]

    listening = Listening()
    async with serving(listening) as port:
        with asking(lookup=two) as made:
            seen = await run(made, port=port, tls=False)
        await listening.came.wait()
    assert seen.error is None


async def test_nobody_listening_is_a_failure_to_connect(context: ProbeContext) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        seen = await run(context, port=taken.getsockname()[1])
    assert failure(seen) == (Failure.CONNECT, Phase.CONNECT)


@pytest.mark.parametrize("finds_nothing", [True, False], ids=["no address", "no name"])
async def test_a_name_that_is_not_found_is_a_failure_to_look_it_up(
    finds_nothing: bool,  # noqa: FBT001  # a column of the table
) -> None:
    def lookup(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        if finds_nothing:
            return []
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with asking(lookup=lookup) as context:
        assert failure(await run(context)) == (Failure.DNS, Phase.DNS)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_it_is_the_same_on_either_event_loop(
    loop: Callable[[], asyncio.AbstractEventLoop], certificates: Certificates
) -> None:
    async def both() -> None:
        with asking(ca_file=certificates.ca_file) as trusting:
            async with serving(silent, certificates.server()) as port:
                good = await run(trusting, port=port)
            async with serving(silent, certificates.server(expired=True)) as port:
                bad = await run(trusting, port=port)
        assert (good.error, good.certificate_expires) == (None, certificates.expires)
        assert failure(bad) == (Failure.TLS, Phase.TLS)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(both())


# ---------------------------------------------------------------- through an egress proxy


class Tunnel:
    """An egress proxy that answers CONNECT with `head` and passes on what follows to `port`."""

    def __init__(self, port: int, head: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> None:
        self.asked = ""
        self._port = port
        self._head = head

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.write(self._head)
        await writer.drain()
        if not self._port:
            return
        there, out = await asyncio.open_connection("127.0.0.1", self._port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while part := await source.read(4096):
                sink.write(part)
                await sink.drain()

        try:
            await asyncio.gather(pump(reader, out), pump(there, writer))
        finally:
            out.close()


async def test_a_proxy_is_asked_for_a_tunnel_and_the_certificate_is_the_target_s(
    certificates: Certificates,
) -> None:
    async with serving(silent, certificates.server()) as port:
        tunnel = Tunnel(port)
        async with serving(tunnel) as proxy:
            url = f"http://user:word@127.0.0.1:{proxy}"
            with asking(ca_file=certificates.ca_file, proxy=url) as context:
                seen = await run(context, port=port)
    assert seen.error is None
    assert seen.certificate_expires == certificates.expires
    assert tunnel.asked.startswith(f"CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}")
    assert "Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n" in tunnel.asked


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "answered 407 to CONNECT"),
        (b"", "gave no answer to CONNECT"),
        (b"x" * 9000, "gave no answer to CONNECT"),
        (b"\r\n\r\n", "answered nothing to CONNECT"),
    ],
    ids=["refused", "silent", "endless", "no status"],
)
async def test_a_proxy_that_opens_no_tunnel_is_to_blame_itself(head: bytes, says: str) -> None:
    async with serving(Tunnel(0, head)) as proxy:
        with asking(proxy=f"http://127.0.0.1:{proxy}") as context:
            seen = await run(context, host="::1")
    assert seen.error is not None
    assert seen.error.kind is Failure.PROXY
    assert says in seen.error.message


async def test_a_cancelled_run_leaves_no_socket(context: ProbeContext) -> None:
    listening = Listening()
    async with serving(listening) as port:
        task = asyncio.ensure_future(run(context, port=port))  # noqa: TID251  # to be cancelled
        await listening.came.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# ---------------------------------------------------------------- the spec


@pytest.mark.parametrize("host", ["", "a b", "https://claude.ai", "claude.ai/", "-x", "a" * 300])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValidationError):
        a_spec(host=host)


@pytest.mark.parametrize("host", ["claude.ai", "127.0.0.1", "::1", "localhost"])
def test_names_and_addresses_are_hosts(host: str) -> None:
    assert a_spec(host=host).host == host


def test_the_kind_is_free_and_asks_by_its_own_means() -> None:
    plan = plan_of(KIND, a_spec(), credential_fingerprint=None, disabled=None)
    assert (plan.paid, plan.model, plan.depth) == (False, None, Depth.EDGE)
    with pytest.raises(TypeError, match="by its own means"):
        KIND.request(a_spec(), None, None)

"""Certificates that go wrong, over real handshakes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.clock import SystemClock, VirtualClock
from monitor.simulation.exchange import Certificate
from monitor.simulation.server import SimulatedClaude
from monitor.simulation.tls import EXPIRING_DAYS, Certificates, TlsError
from tests.needs import needs_openssl
from tests.simulation.worlds import a_scenario, a_world

API = "api.anthropic.com"


@pytest.fixture(autouse=True, scope="module")
def _openssl() -> None:
    needs_openssl()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"), SystemClock().now())


@asynccontextmanager
async def served(certificates: Certificates, *faults: str) -> AsyncIterator[SimulatedClaude]:
    """A server that speaks TLS under `faults`."""
    scenario = a_scenario(*faults)
    server = SimulatedClaude(a_world(scenario), VirtualClock(scenario.start))
    await server.start_tls(certificates.contexts)
    try:
        async with asyncio.timeout(10):
            yield server
    finally:
        await server.stop()


async def shaken(
    server: SimulatedClaude, certificates: Certificates, host: str
) -> dict[str, object]:
    """The certificate that `host` shows to a client that checks it."""
    context = ssl.create_default_context(cafile=str(certificates.ca_file))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.tls_port, ssl=context, server_hostname=host
    )
    shown: dict[str, object] = writer.get_extra_info("peercert")
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    return shown


@pytest.mark.parametrize("host", [API, "claude.ai", "status.claude.com"])
async def test_a_good_certificate_is_accepted_for_every_host(
    certificates: Certificates, host: str
) -> None:
    async with served(certificates) as server:
        assert await shaken(server, certificates, host)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("tls_expired", "certificate has expired"),
        ("tls_wrong_host", "(?i)hostname mismatch"),
        ("tls_untrusted", "unable to get local issuer|self.signed"),
    ],
)
async def test_a_bad_certificate_is_refused_for_its_own_reason_and_for_its_host_only(
    certificates: Certificates, fault: str, words: str
) -> None:
    async with served(certificates, f"fault: {fault}, components: api") as server:
        with pytest.raises(ssl.SSLCertVerificationError, match=words):
            await shaken(server, certificates, API)
        assert await shaken(server, certificates, "claude.ai")


async def test_a_certificate_that_expires_soon_is_still_good(certificates: Certificates) -> None:
    async with served(certificates, "fault: tls_expiring, hosts: claude.ai") as server:
        shown = await shaken(server, certificates, "claude.ai")

    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
    left = ends - SystemClock().now()
    assert timedelta(days=EXPIRING_DAYS - 1) < left < timedelta(days=EXPIRING_DAYS)


async def test_who_does_not_check_gets_the_answer_of_the_day(certificates: Certificates) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    scenario = a_scenario("fault: tls_expired, components: api")
    server = SimulatedClaude(a_world(scenario), SystemClock())
    await server.start_tls(certificates.contexts)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.tls_port, ssl=context, server_hostname=API
    )
    writer.write(f"GET /api/hello HTTP/1.1\r\nHost: {API}\r\nConnection: close\r\n\r\n".encode())

    async with asyncio.timeout(10):
        answer = await reader.read()

    writer.close()
    await writer.wait_closed()
    await server.stop()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert server.tls_port == 0


def test_there_is_a_context_for_every_case(certificates: Certificates) -> None:
    assert set(certificates.contexts) == set(Certificate)


def test_without_openssl_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(TlsError, match="no openssl program"):
        Certificates(tmp_path, SystemClock().now())


def test_what_openssl_says_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(TlsError, match="openssl genpkey failed: "):
        Certificates(tmp_path / "nowhere", SystemClock().now())

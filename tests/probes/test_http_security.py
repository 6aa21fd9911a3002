"""Certificates, proxies and keys: whom a run trusts, and what it never tells."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from structlog.testing import capture_logs

from monitor.core.observation import Failure, Phase
from monitor.pipeline import Progress
from monitor.probes._base import HttpRequest
from monitor.probes._http import ProbeContext, ask
from tests.probes.wire import (
    AGENT,
    SECONDS,
    Certificates,
    Handler,
    Recorder,
    asking,
    error_of,
    get,
    hello,
    pausing,
    reply_of,
    saying,
    serving,
)

KEY = "sk-ant-api03-planted-0123456789abcdef"
ODD_KEY = "an-odd-planted-key-of-no-known-shape"

# ---------------------------------------------------------------- certificates


async def test_a_private_ca_is_trusted_when_it_is_configured(
    certificates: Certificates, trusting: ProbeContext
) -> None:
    async with serving(saying(hello()), certificates.server()) as port:
        asked = await get(f"https://localhost:{port}/", trusting)
    reply_of(asked)
    assert asked.certificate_expires == certificates.expires


async def test_a_private_ca_is_not_trusted_by_itself(
    certificates: Certificates, context: ProbeContext
) -> None:
    async with serving(saying(hello()), certificates.server()) as port:
        asked = await get(f"https://localhost:{port}/", context)
    error = error_of(asked, Failure.TLS, Phase.TLS)
    assert "unable to get local issuer certificate" in error.message
    assert asked.timings.request is None


async def test_an_expired_certificate_is_a_tls_error(
    certificates: Certificates, trusting: ProbeContext
) -> None:
    async with serving(saying(hello()), certificates.server(expired=True)) as port:
        asked = await get(f"https://localhost:{port}/", trusting)
    error = error_of(asked, Failure.TLS, Phase.TLS)
    assert error.message == "the certificate is refused: certificate has expired"


async def test_a_certificate_of_another_host_is_a_tls_error(
    certificates: Certificates, trusting: ProbeContext
) -> None:
    async with serving(saying(hello()), certificates.server("elsewhere.test")) as port:
        asked = await get(f"https://localhost:{port}/", trusting)
    error = error_of(asked, Failure.TLS, Phase.TLS)
    assert "Hostname mismatch" in error.message


async def test_plain_text_where_tls_should_be_is_a_tls_error(trusting: ProbeContext) -> None:
    async def chatter(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")

    async with serving(chatter) as port:
        asked = await get(f"https://localhost:{port}/", trusting)
    error_of(asked, Failure.TLS, Phase.TLS)


async def test_a_connection_closed_in_the_handshake_is_a_tls_error(trusting: ProbeContext) -> None:
    async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async with serving(hang_up) as port:
        asked = await get(f"https://localhost:{port}/", trusting)
    error_of(asked, Failure.TLS, Phase.TLS)


async def test_after_a_failed_handshake_the_next_address_is_tried_and_spoken_of(
    certificates: Certificates,
) -> None:
    def both(_host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]

    async with serving(saying(hello()), certificates.server(expired=True)) as port:
        with asking(ca_file=certificates.ca_file, lookup=both) as context:
            asked = await get(f"https://localhost:{port}/", context)
    error_of(asked, Failure.CONNECT, Phase.CONNECT)
    assert asked.timings.tls is not None


async def test_a_redirect_from_https_to_http_is_not_followed(
    certificates: Certificates, trusting: ProbeContext
) -> None:
    answer = hello(b"", status="302 F", headers=["Location: http://127.0.0.1:1/"])
    async with serving(saying(answer), certificates.server()) as port:
        asked = await get(f"https://localhost:{port}/", trusting, redirects_max=2)
    error_of(asked, Failure.REDIRECTS, Phase.TRANSFER)


# ---------------------------------------------------------------- egress proxy


def tunnel(certificates: Certificates, heads: list[str]) -> Handler:
    """A proxy whose tunnels all end at a TLS server that says hello."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        pausing(writer).pause_reading()
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.start_tls(certificates.server("api.test"))
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(hello())

    return handle


async def test_https_goes_through_the_proxy_in_a_tunnel(certificates: Certificates) -> None:
    heads: list[str] = []
    async with serving(tunnel(certificates, heads)) as port:
        proxy = f"http://us:pa%20ss@127.0.0.1:{port}"
        with asking(ca_file=certificates.ca_file, proxy=proxy) as context:
            asked = await get("https://api.test/v1/models", context, headers={"x-api-key": KEY})
    reply_of(asked)
    connect, inner = heads
    assert connect.startswith("CONNECT api.test:443 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic dXM6cGEgc3M=" in connect
    assert f"User-Agent: {AGENT}" in connect
    assert KEY not in connect
    assert inner.startswith("GET /v1/models HTTP/1.1\r\n")
    assert "proxy-authorization" not in inner.lower()


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway"])
async def test_a_proxy_that_refuses_the_tunnel_is_to_blame(status: str) -> None:
    async with serving(saying(hello(b"no", status=status))) as port:
        with asking(proxy=f"http://us:hidden-word@127.0.0.1:{port}") as context:
            asked = await get("https://api.test/", context)
    error = error_of(asked, Failure.PROXY, Phase.CONNECT)
    assert error.message == f"the egress proxy answered {status[:3]} to CONNECT"


async def test_a_proxy_that_cannot_be_reached_is_to_blame() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        proxy = f"http://us:hidden-word@127.0.0.1:{closed.getsockname()[1]}"
        with asking(proxy=proxy) as context:
            asked = await get("https://api.test/", context)
    error = error_of(asked, Failure.PROXY, Phase.CONNECT)
    assert "hidden-word" not in error.message


async def test_a_proxy_without_a_name_is_to_blame() -> None:
    with asking(proxy="http://nowhere.invalid:3128", lookup=socket.getaddrinfo) as context:
        asked = await get("https://api.test/", context)
    error_of(asked, Failure.PROXY, Phase.DNS)


async def test_a_proxy_that_hangs_up_is_to_blame() -> None:
    async with serving(saying()) as port:
        with asking(proxy=f"http://127.0.0.1:{port}") as context:
            asked = await get("https://api.test/", context)
    error_of(asked, Failure.PROXY, Phase.CONNECT)


async def test_a_failed_handshake_behind_a_proxy_is_not_the_proxys_fault(
    certificates: Certificates,
) -> None:
    async with serving(tunnel(certificates, [])) as port:
        with asking(proxy=f"http://127.0.0.1:{port}") as context:
            asked = await get("https://api.test/", context)
    error_of(asked, Failure.TLS, Phase.TLS)


async def test_plain_http_is_asked_of_the_proxy_itself() -> None:
    recorder = Recorder()
    async with serving(recorder) as port:
        with asking(proxy=f"http://127.0.0.1:{port}") as context:
            reply_of(await get("http://plain.test/x", context))
    assert recorder.heads[0].startswith("GET http://plain.test/x HTTP/1.1\r\n")


# ---------------------------------------------------------------- what is never told


def keyed(url: str, key: str) -> HttpRequest:
    """A request with a key."""
    return HttpRequest(method="GET", url=url, headers={"x-api-key": key}, secrets=(key,))


@pytest.mark.parametrize("key", [KEY, ODD_KEY])
async def test_a_key_that_comes_back_is_blanked_out(context: ProbeContext, key: str) -> None:
    answer = hello(f"bad key {key}!".encode(), headers=[f"X-Echo: {key}"])
    async with serving(saying(answer)) as port:
        asked = await ask(keyed(f"http://127.0.0.1:{port}/", key), context, Progress(), SECONDS)
    assert key not in repr(asked)
    assert reply_of(asked).body == b"bad key [hidden]!"


@pytest.mark.parametrize("key", [KEY, ODD_KEY])
async def test_a_key_that_comes_back_as_nonsense_stays_out_of_the_error(
    context: ProbeContext, key: str
) -> None:
    async with serving(saying(f"HTTP/1.1 {key}\r\n{key}\r\n\r\n".encode())) as port:
        asked = await ask(keyed(f"http://127.0.0.1:{port}/", key), context, Progress(), SECONDS)
    error_of(asked, Failure.PROTOCOL, Phase.FIRST_BYTE)
    assert key not in repr(asked)


async def test_a_bug_of_ours_is_logged_without_the_key_and_is_no_outage() -> None:
    def broken(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        msg = f"look-up of {ODD_KEY} with {KEY}"
        raise LookupError(msg)

    with asking(lookup=broken) as context, capture_logs() as logs:
        asked = await ask(keyed("http://x.test/", ODD_KEY), context, Progress(), SECONDS)
    error = error_of(asked, Failure.INTERNAL, Phase.DNS)
    assert "LookupError in the monitor itself" in error.message
    (entry,) = logs
    assert (entry["event"], entry["error"]) == ("run.failed_inside", "LookupError")
    assert "in resolve" in entry["traceback"]
    assert KEY not in str(logs) + repr(asked)
    assert ODD_KEY not in str(logs) + repr(asked)


async def test_a_key_that_no_header_may_hold_is_our_own_error(context: ProbeContext) -> None:
    key = "planted\r\nx-injected: 1"
    async with serving(Recorder()) as port:
        with capture_logs() as logs:
            asked = await ask(keyed(f"http://127.0.0.1:{port}/", key), context, Progress(), SECONDS)
    error_of(asked, Failure.INTERNAL, Phase.FIRST_BYTE)
    assert "planted" not in str(logs) + repr(asked)


def test_a_request_and_a_context_do_not_show_their_secrets() -> None:
    request = HttpRequest(
        method="POST",
        url="https://x.test/",
        headers={"x-api-key": KEY},
        body=KEY.encode(),
        secrets=(KEY,),
    )
    with asking(proxy="http://us:hidden-word@127.0.0.1:3128") as context:
        assert "hidden-word" not in repr(context)
    assert KEY not in repr(request)

"""Asking over real sockets: what is sent, what comes back, and every bad thing a server may do."""

from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from monitor.clock import SystemClock
from monitor.core.observation import Failure, Phase
from monitor.pipeline import Progress
from monitor.probes._base import BODY_BYTES_MAX, HttpRequest
from monitor.probes._http import ProbeContext, ask
from tests.probes.wire import (
    AGENT,
    SECONDS,
    SHORT,
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
    silent,
)

# ---------------------------------------------------------------- what is sent and what comes back


async def test_an_answer_comes_with_status_headers_and_body(context: ProbeContext) -> None:
    handler = saying(hello(headers=["Request-Id: req_1", "X-Two: a", "X-Two: b"]))
    async with serving(handler) as port:
        asked = await get(f"http://127.0.0.1:{port}/api/hello", context)
    reply = reply_of(asked)
    assert (reply.status, reply.body, reply.truncated) == (200, b'{"message": "hello"}', False)
    assert reply.header("request-id") == "req_1"
    assert [value for name, value in reply.headers if name == "x-two"] == ["a", "b"]
    assert reply.url == f"http://127.0.0.1:{port}/api/hello"
    assert asked.certificate_expires is None


async def test_a_request_says_who_asks_and_nothing_that_it_should_not(
    context: ProbeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    recorder = Recorder(hello(headers=["Set-Cookie: a=b; Path=/"]))
    async with serving(recorder) as port:
        for _ in range(2):
            url = f"http://127.0.0.1:{port}/v1/models?limit=1"
            reply_of(await get(url, context, headers={"accept": "application/json"}))
    first, second = recorder.heads
    assert first == second
    assert first.startswith("GET /v1/models?limit=1 HTTP/1.1\r\n")
    lines = dict(line.lower().split(": ", 1) for line in first.splitlines()[1:] if line)
    assert lines == {
        "host": f"127.0.0.1:{port}",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "user-agent": AGENT.lower(),
        "connection": "close",
    }


async def test_each_run_opens_a_connection_of_its_own(context: ProbeContext) -> None:
    ports: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        ports.append(writer.get_extra_info("peername")[1])
        writer.write(hello(headers=["Connection: keep-alive"]))
        await reader.read()

    async with serving(handle) as port:
        for _ in range(2):
            reply_of(await get(f"http://127.0.0.1:{port}/", context))
    assert len(set(ports)) == 2


async def test_a_body_is_sent_with_its_length(context: ProbeContext) -> None:
    got: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        got.append(await reader.readexactly(9))
        writer.write(hello())

    async with serving(handle) as port:
        url, headers = f"http://127.0.0.1:{port}/", {"content-type": "application/json"}
        asked = await get(url, context, method="POST", headers=headers, body=b'{"a": 12}')
    reply_of(asked)
    assert b"content-length: 9\r\n" in got[0].lower()
    assert b"transfer-encoding" not in got[0].lower()
    assert got[0].lower().count(b"content-type") == 1
    assert got[1] == b'{"a": 12}'


async def test_a_head_has_no_body_to_wait_for(context: ProbeContext) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"
    async with serving(saying(answer, close=False)) as port:
        reply = reply_of(await get(f"http://127.0.0.1:{port}/", context, method="HEAD"))
    assert (reply.status, reply.body) == (200, b"")


async def test_a_compressed_body_is_inflated(context: ProbeContext) -> None:
    body = gzip.compress(b'{"message":"hello"}')
    async with serving(saying(hello(body, headers=["Content-Encoding: gzip"]))) as port:
        reply = reply_of(await get(f"http://127.0.0.1:{port}/", context))
    assert reply.body == b'{"message":"hello"}'


async def test_bytes_that_are_no_utf8_are_carried_as_they_are(context: ProbeContext) -> None:
    answer = hello(b"\xff\xfe\x00\x80", headers=["X-Odd: \xe9"])
    answer = answer.replace("\xe9".encode(), b"\xe9")
    async with serving(saying(answer)) as port:
        reply = reply_of(await get(f"http://127.0.0.1:{port}/", context))
    assert reply.body == b"\xff\xfe\x00\x80"
    assert (reply.header("x-odd") or "").encode() == "\N{REPLACEMENT CHARACTER}".encode()


# ---------------------------------------------------------------- redirects


@pytest.mark.parametrize("location", ["https://platform.claude.com/", "ftp://x.test/", "http://["])
async def test_without_redirects_a_redirect_is_the_answer(
    context: ProbeContext, location: str
) -> None:
    answer = hello(b"", status="302 Found", headers=[f"Location: {location}"])
    async with serving(saying(answer)) as port:
        reply = reply_of(await get(f"http://127.0.0.1:{port}/", context))
    assert (reply.status, reply.header("location")) == (302, location)


async def test_redirects_are_followed_and_their_phases_add_up(context: ProbeContext) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await SystemClock().sleep(0.03)
        first = head.startswith(b"GET /a ")
        writer.write(hello(b"x", status="307 T", headers=["Location: /b"]) if first else hello())

    async with serving(handle) as port:
        url = f"http://127.0.0.1:{port}"
        asked = await get(f"{url}/a", context, redirects_max=2)
    assert reply_of(asked).url == f"{url}/b"
    assert reply_of(asked).status == 200
    assert (asked.timings.first_byte or 0.0) >= 0.06


async def test_no_cookie_is_taken_along_a_redirect(context: ProbeContext) -> None:
    first = hello(b"", status="302 F", headers=["Location: /b", "Set-Cookie: a=b; Path=/"])
    recorder = Recorder(first, hello())
    async with serving(recorder) as port:
        reply_of(await get(f"http://localhost:{port}/a", context, redirects_max=1))
    assert len(recorder.heads) == 2
    assert "cookie" not in recorder.heads[1].lower()


async def test_a_redirect_loop_is_an_error(context: ProbeContext) -> None:
    recorder = Recorder(hello(b"", status="301 M", headers=["Location: /again"]))
    async with serving(recorder) as port:
        asked = await get(f"http://127.0.0.1:{port}/", context, redirects_max=3)
    error = error_of(asked, Failure.REDIRECTS, Phase.TRANSFER)
    assert error.message == "more than 3 redirects"
    assert len(recorder.heads) == 4


@pytest.mark.parametrize(
    "location", ["ftp://127.0.0.1/", "http://[", "http://u:p@127.0.0.1/", "x:"]
)
async def test_a_redirect_to_nowhere_is_an_error(context: ProbeContext, location: str) -> None:
    answer = hello(b"", status="302 Found", headers=[f"Location: {location}"])
    async with serving(saying(answer)) as port:
        asked = await get(f"http://127.0.0.1:{port}/", context, redirects_max=3)
    error_of(asked, Failure.REDIRECTS, Phase.TRANSFER)


async def test_a_redirect_to_another_host_takes_no_headers_along(context: ProbeContext) -> None:
    other = Recorder()
    async with serving(other) as port:
        answer = hello(b"", status="302 F", headers=[f"Location: http://127.0.0.1:{port}/"])
        async with serving(saying(answer)) as first:
            headers = {"x-mine": "1", "accept": "application/json"}
            url = f"http://127.0.0.1:{first}/"
            reply_of(await get(url, context, redirects_max=1, headers=headers))
    assert "x-mine" not in other.heads[0].lower()
    assert "accept: application/json" in other.heads[0].lower()


# ---------------------------------------------------------------- no conversation


async def test_a_refused_port_is_a_connect_error(context: ProbeContext) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        asked = await get(url, context)
    error = error_of(asked, Failure.CONNECT, Phase.CONNECT)
    assert error.message.startswith("Connect call failed") or "refused" in error.message.lower()
    assert asked.timings.connect is not None
    assert asked.timings.tls is None


async def test_a_name_that_does_not_resolve_is_a_dns_error() -> None:
    with asking(lookup=socket.getaddrinfo) as context:
        asked = await get("https://nowhere.invalid/", context)
    error = error_of(asked, Failure.DNS, Phase.DNS)
    assert "does not resolve" in error.message
    assert asked.timings.connect is None


async def test_a_name_without_an_address_is_a_dns_error() -> None:
    with asking(lookup=lambda *_, **__: []) as context:
        error_of(await get("http://empty.test/", context), Failure.DNS, Phase.DNS)


async def test_the_second_address_is_tried_when_the_first_refuses() -> None:
    async with serving(saying(hello())) as port:

        def both(_host: str, _port: int, **_: Any) -> list[tuple[Any, ...]]:
            return [(10, 1, 6, "", ("::1", port, 0, 0)), (2, 1, 6, "", ("127.0.0.1", port))]

        with asking(lookup=both) as context:
            reply_of(await get(f"http://two.test:{port}/", context))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_broken_connection_is_never_tried_again(context: ProbeContext, method: str) -> None:
    talks = 0

    async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal talks
        talks += 1
        await reader.readuntil(b"\r\n\r\n")

    async with serving(hang_up) as port:
        asked = await get(f"http://127.0.0.1:{port}/", context, method=method)
    error_of(asked, Failure.RESET, Phase.FIRST_BYTE)
    assert talks == 1


# ---------------------------------------------------------------- half a conversation


def breaking_off(*parts: bytes) -> Handler:
    """A handler that answers with `parts` and resets the connection."""
    say = saying(*parts)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(reader, writer)
        await SystemClock().sleep(0.02)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    return handle


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 529 Overloaded\r\nCF-Ray: 8f-FRA\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 529 X\r\nCF-Ray: 8f-FRA\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
    ids=["by length", "chunked"],
)
@pytest.mark.parametrize("how", [saying, breaking_off], ids=["closed", "reset"])
async def test_an_answer_that_breaks_off_is_an_error_with_what_came(
    context: ProbeContext, answer: bytes, how: Any
) -> None:
    async with serving(how(answer)) as port:
        asked = await get(f"http://127.0.0.1:{port}/", context)
    error_of(asked, Failure.RESET, Phase.TRANSFER)
    assert asked.reply is not None
    assert (asked.reply.status, asked.reply.header("cf-ray")) == (529, "8f-FRA")
    assert (asked.reply.body, asked.reply.truncated) == (b"half", True)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 two-hundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_a_protocol_error(context: ProbeContext, answer: bytes) -> None:
    async with serving(saying(answer)) as port:
        asked = await get(f"http://127.0.0.1:{port}/", context)
    error_of(asked, Failure.PROTOCOL, Phase.FIRST_BYTE)
    assert asked.reply is None


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_body_that_does_not_inflate_is_a_protocol_error(
    context: ProbeContext, coding: str
) -> None:
    answer = hello(b"not packed", headers=[f"Content-Encoding: {coding}"])
    async with serving(saying(answer)) as port:
        asked = await get(f"http://127.0.0.1:{port}/", context)
    error = error_of(asked, Failure.PROTOCOL, Phase.TRANSFER)
    assert "decompress" in error.message


@pytest.mark.parametrize("coding", ["br", "zstd", "unheard-of"])
async def test_a_coding_that_nobody_asked_for_is_an_outcome_too(
    context: ProbeContext, coding: str
) -> None:
    answer = hello(b"packed by magic", headers=[f"Content-Encoding: {coding}"])
    async with serving(saying(answer)) as port:
        asked = await get(f"http://127.0.0.1:{port}/", context)
    if asked.error is None:
        assert reply_of(asked).body == b"packed by magic"
    else:
        assert asked.error.kind is Failure.PROTOCOL


# ---------------------------------------------------------------- too much


async def test_a_body_without_end_is_cut_at_its_limit(context: ProbeContext) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with serving(handle) as port:
        reply = reply_of(await get(f"http://127.0.0.1:{port}/", context))
    assert (len(reply.body), reply.truncated) == (BODY_BYTES_MAX, True)


async def test_a_body_of_just_the_limit_is_whole(context: ProbeContext) -> None:
    async with serving(saying(hello(b"x" * 1000))) as port:
        url = f"http://127.0.0.1:{port}/"
        exact = reply_of(await get(url, context, body_bytes_max=1000))
        over = reply_of(await get(url, context, body_bytes_max=999))
    assert (len(exact.body), exact.truncated) == (1000, False)
    assert (len(over.body), over.truncated) == (999, True)


def bomb(megabytes: int) -> bytes:
    """Gzip of that many megabytes of nothing."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b"\0" * 2**20) for _ in range(megabytes)]
    return b"".join([*parts, packer.flush()])


async def test_a_gzip_bomb_is_cut_at_its_limit_in_bounded_memory(context: ProbeContext) -> None:
    body = bomb(256)
    async with serving(saying(hello(body, headers=["Content-Encoding: gzip"]))) as port:
        tracemalloc.start()
        try:
            reply = reply_of(await get(f"http://127.0.0.1:{port}/", context))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (len(reply.body), reply.truncated) == (BODY_BYTES_MAX, True)
    assert peak < 8 * 2**20


@pytest.mark.parametrize(
    "flood",
    [
        b"X-Long: " + b"a" * 70_000 + b"\r\n\r\n",
        b"X-Never-Ends: " + b"a" * 4_000_000,
        b"".join(b"X-%d: a\r\n" % number for number in range(5000)) + b"\r\n",
        b"".join(b"X-%d: %s\r\n" % (n, b"a" * 600) for n in range(90)) + b"\r\n",
    ],
    ids=["one long", "one endless", "many", "long in sum"],
)
async def test_a_flood_of_headers_is_an_error(context: ProbeContext, flood: bytes) -> None:
    async with serving(saying(b"HTTP/1.1 200 OK\r\n", flood, close=False)) as port:
        asked = await get(f"http://127.0.0.1:{port}/", context)
    assert asked.error is not None
    assert asked.error.kind in (Failure.TOO_LARGE, Failure.PROTOCOL)
    assert "a" * 20 not in asked.error.message
    assert asked.reply is None


async def test_a_flood_of_interim_answers_ends_with_the_time(context: ProbeContext) -> None:
    async def handle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
            await writer.drain()

    async with serving(handle) as port:
        asked = await get(f"http://127.0.0.1:{port}/", context, SHORT)
    error_of(asked, Failure.TIMEOUT, Phase.FIRST_BYTE)


# ---------------------------------------------------------------- cancellation and our own bugs


async def test_a_cancellation_passes_through_and_closes_the_connection(
    context: ProbeContext,
) -> None:
    talking, hung_up = asyncio.Event(), asyncio.Event()

    async def handle(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        talking.set()
        assert await reader.read() == b""
        hung_up.set()

    async with serving(handle) as port:
        request = HttpRequest(method="GET", url=f"http://127.0.0.1:{port}/")
        async with asyncio.TaskGroup() as group:
            run = group.create_task(ask(request, context, Progress(), SECONDS))
            await talking.wait()
            run.cancel()
        assert run.cancelled()
        async with asyncio.timeout(SECONDS):
            await hung_up.wait()


def sockets() -> int:
    """How many sockets this process has open."""
    return sum(link.is_socket() for link in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_run_that_timed_out_leaves_no_socket_behind_even_if_the_peer_is_dead(
    certificates: Certificates, factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def dead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        pausing(writer).pause_reading()
        await asyncio.Event().wait()

    async def work() -> None:
        async with serving(dead, certificates.server()) as port:
            with asking(ca_file=certificates.ca_file) as context:
                before = sockets()
                asked = await get(f"https://localhost:{port}/", context, SHORT)
                await SystemClock().sleep(0.05)
                assert sockets() <= before + 1  # the server's end may still be there
        error_of(asked, Failure.TIMEOUT, Phase.FIRST_BYTE)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work())


async def test_progress_shows_the_phase_under_way(context: ProbeContext) -> None:
    progress = Progress()
    seen: list[Phase] = [progress.phase]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        seen.append(progress.phase)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await SystemClock().sleep(0.03)
        seen.append(progress.phase)
        writer.write(b"k")

    async with serving(handle) as port:
        request = HttpRequest(method="GET", url=f"http://127.0.0.1:{port}/")
        reply_of(await ask(request, context, progress, SECONDS))
    assert seen == [Phase.DNS, Phase.FIRST_BYTE, Phase.TRANSFER]


async def test_a_server_that_never_answers_costs_no_more_than_the_limit(
    context: ProbeContext,
) -> None:
    async with serving(silent) as port:
        asked = await get(f"http://127.0.0.1:{port}/", context, SHORT)
    error = error_of(asked, Failure.TIMEOUT, Phase.FIRST_BYTE)
    assert error.message == "no whole answer within 0.25 s; it was waiting for the first byte"
    assert SHORT * 0.9 <= asked.timings.total < SECONDS

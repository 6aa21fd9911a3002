"""What a run may hold at once, whatever the other side sends: under 4 MiB by Python's own count."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
import zlib

import pytest

from monitor.clock import SystemClock
from monitor.core.classify import Context, classify
from monitor.core.observation import Observation, Origin
from monitor.core.outcome import Outcome
from monitor.pipeline import Progress
from monitor.probes import BoundProbe, plan_of
from monitor.probes.claude_stream import KIND, ClaudeStreamSpec
from monitor.simulation import messages
from monitor.spec import Secret
from tests.probes.wire import Handler, asking, serving

RUN_BYTES_MAX = 4 * 1024 * 1024
PIECE = 16 * 1024
UNHURRIED = {"first_byte": "40s", "first_event": "50s", "first_content": "50s", "gap": "50s"}
OPEN = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
EVENTS = messages.split(
    messages.stream(
        messages.message(messages.Asked(ident="msg_1", model="claude-haiku-5-5", input_tokens=9))
    )[0]
)
BEGUN = b"".join(EVENTS[:3])
DELTAS = EVENTS[3] * (PIECE // len(EVENTS[3]))


def pouring(head: bytes, piece: bytes, size: int, wait: float = 0.0) -> Handler:
    """A server that sends `head` and then `size` bytes in pieces, no faster than they are read."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}]")
        writer.write(head)
        for _ in range(size // len(piece)):
            writer.write(piece)
            await writer.drain()
            if wait:
                await SystemClock().sleep(wait)

    return handle


def bomb() -> bytes:
    """Ten megabytes of nothing, compressed to ten kilobytes."""
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(bytes(1024 * 1024)) for _ in range(10)]
    return b"".join([*parts, packer.flush()])


CASES: dict[str, tuple[Handler, Outcome, str]] = {
    "a stream of 10 MB": (
        pouring(OPEN + b"\r\n" + BEGUN, DELTAS, 10_000_000),
        Outcome.BAD_CONTENT,
        "the stream is longer than 1048576 bytes",
    ),
    "a line of 5 MB": (
        pouring(OPEN + b"\r\n" + BEGUN + b"data: ", b"x" * PIECE, 5_000_000),
        Outcome.BAD_CONTENT,
        "a line is longer than 65536 bytes",
    ),
    "an event of 5 MB": (
        pouring(OPEN + b"\r\n" + BEGUN, b"data: x\n" * 2048, 5_000_000),
        Outcome.BAD_CONTENT,
        "an event is longer than 131072 bytes",
    ),
    "5 MB of comments": (
        pouring(OPEN + b"\r\n" + BEGUN, b": x\n" * 4096, 5_000_000),
        Outcome.BAD_CONTENT,
        "the stream is longer",
    ),
    "a drip": (
        pouring(OPEN + b"\r\n" + BEGUN, b"d", 10_000, wait=0.05),
        Outcome.TIMEOUT,
        "waiting for the first text, limit 0.5 s",
    ),
    "a head that drips": (
        pouring(OPEN + b"X-Slow: ", b"x", 10_000, wait=0.05),
        Outcome.TIMEOUT,
        "waiting for the first byte, limit 0.4 s",
    ),
    "a head of 5 MB": (
        pouring(OPEN + b"X-Long: ", b"x" * PIECE, 5_000_000),
        Outcome.BAD_CONTENT,
        "a header is too long",
    ),
    "a gzip bomb": (
        pouring(OPEN + b"Content-Encoding: gzip\r\n\r\n", bomb(), len(bomb())),
        Outcome.BAD_CONTENT,
        "a line is longer",
    ),
    "an error document of 10 MB": (
        pouring(b"HTTP/1.1 529 Overloaded\r\n\r\n", b"x" * PIECE, 10_000_000),
        Outcome.OVERLOADED,
        "answered 529",
    ),
}


async def measured(handler: Handler, *, drips: bool) -> tuple[Observation, Outcome, str, int]:
    """One run against `handler`: what it came to, and the most that was held during it."""
    # What pours ends by its size, however slow the machine that counts every byte of it.
    limits = {"first_byte": "400ms", "first_token": "500ms"} if drips else UNHURRIED
    async with serving(handler) as port:
        spec = ClaudeStreamSpec.model_validate(
            {
                "name": "api_stream",
                "kind": "claude_stream",
                "model": "claude-haiku-5-5",
                "components": ["api"],
                "credential": "main",
                "base_url": f"http://127.0.0.1:{port}",
                "limits": limits,
                "timeout": "55s",
            }
        )
        plan = plan_of(KIND, spec, credential_fingerprint="f", disabled=None)
        with asking() as context:
            probe = BoundProbe(KIND, spec, plan, Secret("a-key"), context)
            gc.collect()
            tracemalloc.start()
            try:
                seen = await probe.run("run", Origin.MANUAL, Progress())
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    verdict = classify(seen, Context(probe=plan, proven=True, key_worked=True))
    return seen, verdict.outcome, verdict.reason, peak


@pytest.mark.no_cover
@pytest.mark.parametrize("case", CASES)
async def test_a_run_holds_little_and_ends_at_the_right_limit(case: str) -> None:
    handler, outcome, words = CASES[case]
    seen, came_to, reason, peak = await measured(handler, drips="drip" in case)
    assert (came_to, words in reason) == (outcome, True), reason
    assert peak < RUN_BYTES_MAX
    assert seen.answer is None or len(seen.answer.excerpt) <= 300

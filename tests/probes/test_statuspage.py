"""The reader of the vendor's page over real sockets: polite, bounded, and never taken in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from monitor.core.incident import State
from monitor.core.moment import Moment
from monitor.core.provider import ProviderReport
from monitor.pipeline import Progress
from monitor.probes._http import ProbeContext, ask
from monitor.probes._statuspage import (
    DOCUMENT_BYTES_MAX,
    FAILED_SECONDS,
    JITTER,
    REFUSED_SECONDS,
    REFUSED_SECONDS_MAX,
    RETRY_AFTER_MAX,
    StatusPage,
    wait_before,
)
from tests.core.vendorpage import COMPONENTS, component, entry, feed, incident, post, summary
from tests.factories import NOON
from tests.probes.wire import SHORT, Certificates, Recorder, hello, saying, serving, silent

OVER = post("Apr 28, 12:30 UTC", "Resolved", "Over.")
OPEN = post("Apr 28, 12:30 UTC", "Identified", "A fix is on its way.")
CALM = hello(feed(entry(OVER)), headers=['ETag: W/"one"', "Last-Modified: Tue, 28 Apr 2026"])
TROUBLE = hello(feed(entry(OPEN)), headers=['ETag: W/"two"'])
SUMMARY = hello(
    json.dumps(summary(incident(), components=[component("api", "partial_outage")])).encode()
)
UNCHANGED = b"HTTP/1.1 304 Not Modified\r\n\r\n"
CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY a "aaaaaaaaaa">'
    b'<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    b'<feed xmlns="http://www.w3.org/2005/Atom"><title>&c;</title></feed>'
)


@dataclass
class Reader:
    """A page, its servers' ports, and a clock that a test turns."""

    context: ProbeContext
    urls: Sequence[str]
    seconds: float = 5.0
    asked: list[str] = field(default_factory=list)
    mono: float = 100.0

    def __post_init__(self) -> None:
        self.page = StatusPage(self.urls, COMPONENTS)

    async def read(self, later: float = 0.0) -> ProviderReport:
        """One reading, `later` seconds after the last one."""
        self.mono += later
        now = Moment(mono=self.mono, wall=NOON + timedelta(seconds=self.mono - 100.0))
        reading = self.page.read(now)
        try:
            request = next(reading)
            while True:
                self.asked.append(request.url)
                asked = await ask(request, self.context, Progress(), self.seconds)
                request = reading.send(asked)
        except StopIteration as done:
            report: ProviderReport = done.value
            return report


def atom(port: int) -> str:
    return f"http://127.0.0.1:{port}/history.atom"


def api(port: int) -> str:
    return f"http://127.0.0.1:{port}/api/v2/summary.json"


# ---------------------------------------------------------------- what answers


async def test_a_calm_feed_is_all_that_is_asked(context: ProbeContext) -> None:
    async with serving(saying(CALM)) as first, serving(saying(SUMMARY)) as second:
        reader = Reader(context, (atom(first), api(second)))
        report = await reader.read()
    assert reader.asked == [atom(first)]
    assert (report.error, report.read_at, report.url) == (None, NOON, atom(first))
    assert report.state_of("api", NOON) is State.OPERATIONAL


async def test_while_something_is_open_json_is_asked_for_the_states(context: ProbeContext) -> None:
    async with serving(saying(TROUBLE)) as first, serving(saying(SUMMARY)) as second:
        reader = Reader(context, (atom(first), atom(second), api(second)))
        report = await reader.read()
    assert reader.asked == [atom(first), api(second)]
    assert report.state_of("api", NOON) is State.PARTIAL_OUTAGE
    (found,) = report.incidents
    assert found.components == ("claude_ai", "api")


async def test_the_feed_stands_alone_when_json_does_not_answer(context: ProbeContext) -> None:
    refusal = saying(hello(b"", status="403 Forbidden"))
    async with serving(saying(TROUBLE)) as first, serving(refusal) as second:
        report = await Reader(context, (atom(first), api(second))).read()
    assert report.error is None
    assert report.state_of("api", NOON) is State.UNKNOWN
    assert [each.status for each in report.incidents] == ["identified"]


async def test_json_first_is_enough(context: ProbeContext) -> None:
    async with serving(saying(SUMMARY)) as first, serving(saying(CALM)) as second:
        reader = Reader(context, (api(first), atom(second)))
        report = await reader.read()
    assert reader.asked == [api(first)]
    assert report.indicator == "none"


async def test_formats_are_told_apart_by_content_not_by_name(context: ProbeContext) -> None:
    async with serving(saying(SUMMARY)) as first, serving(saying(CALM)) as second:
        assert (await Reader(context, (atom(first),)).read()).state_of("api", NOON) is (
            State.PARTIAL_OUTAGE
        )
        assert (await Reader(context, (api(second),)).read()).indicator == "none"


async def test_the_next_url_answers_when_the_first_does_not(context: ProbeContext) -> None:
    async with (
        serving(saying(hello(b"", status="500 Broken"))) as first,
        serving(saying(CALM)) as second,
    ):
        reader = Reader(context, (atom(first), atom(second)))
        report = await reader.read()
    assert reader.asked == [atom(first), atom(second)]
    assert (report.error, report.url) == (None, atom(second))


async def test_a_redirect_is_followed(context: ProbeContext) -> None:
    async with serving(saying(CALM)) as second:
        moved = hello(b"", status="302 Found", headers=[f"Location: {atom(second)}"])
        async with serving(saying(moved)) as first:
            report = await Reader(context, (atom(first),)).read()
    assert report.error is None


# ---------------------------------------------------------------- politeness


async def test_the_second_request_is_conditional_and_a_304_renews_the_report(
    context: ProbeContext,
) -> None:
    server = Recorder(CALM, UNCHANGED, UNCHANGED)
    async with serving(server) as port:
        reader = Reader(context, (atom(port),))
        first = await reader.read()
        again = await reader.read(120.0)
        await reader.read(120.0)
    assert "if-none-match" not in server.heads[0].lower()
    assert 'if-none-match: W/"one"' in server.heads[1]
    assert "if-modified-since: Tue, 28 Apr 2026" in server.heads[2]
    assert again.incidents == first.incidents
    assert again.read_at == NOON + timedelta(minutes=2)


async def test_a_304_to_who_has_nothing_is_no_answer(context: ProbeContext) -> None:
    async with serving(saying(UNCHANGED)) as port:
        report = await Reader(context, (atom(port),)).read()
    assert report.error == "127.0.0.1/history.atom: HTTP 304"


async def test_it_says_who_asks(context: ProbeContext) -> None:
    server = Recorder(CALM)
    async with serving(server) as port:
        await Reader(context, (atom(port),)).read()
    assert "ops@example.com" in server.heads[0]
    assert "text/html" not in server.heads[0]


REFUSALS = {
    "WAF captcha": hello(b"", status="405 No", headers=["x-amzn-waf-action: captcha"]),
    "WAF challenge": hello(b"", status="202 Accepted", headers=["x-amzn-waf-action: challenge"]),
    "empty 202": hello(b"", status="202 Accepted"),
    "202 with a feed": hello(feed(), status="202 Accepted"),
    "405": hello(b"", status="405 Method Not Allowed"),
    "403": hello(b"no", status="403 Forbidden"),
    "429": hello(b"", status="429 Too Many Requests"),
    "cf-mitigated": hello(CHALLENGE, headers=["cf-mitigated: challenge"]),
    "challenge page": hello(CHALLENGE, status="403 Forbidden", headers=["content-type: text/html"]),
}


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
async def test_who_refuses_us_is_left_alone_longer_each_time(
    answer: bytes, context: ProbeContext
) -> None:
    async with serving(saying(answer)) as port:
        reader = Reader(context, (atom(port),))
        report = await reader.read()
        assert report.error is not None
        assert (report.read_at, report.components) == (None, ())
        waited = 0.0
        for expected in (1, 2, 4, 8, 12, 12):
            rest = min(expected * REFUSED_SECONDS, REFUSED_SECONDS_MAX)
            before = len(reader.asked)
            early = await reader.read(rest - 1.0)
            assert "is left alone" in (early.error or "")
            assert len(reader.asked) == before
            await reader.read(1.0)
            assert len(reader.asked) == before + 1
            waited += rest
    assert waited > 2 * 3600


async def test_retry_after_is_honoured_as_a_number_and_as_a_date(context: ProbeContext) -> None:
    numbered = hello(b"", status="429 Slow", headers=["Retry-After: 1000"])
    dated = hello(b"", status="503 Later", headers=["Retry-After: Tue, 28 Apr 2026 12:20:00 GMT"])
    silly = hello(b"", status="429 Slow", headers=["Retry-After: 99999999"])
    odd = hello(b"", status="503 Later", headers=["Retry-After: soon"])
    for answer, rest in (
        (numbered, 1000.0),
        (dated, 1200.0),
        (silly, RETRY_AFTER_MAX),
        (odd, FAILED_SECONDS),
    ):
        async with serving(saying(answer)) as port:
            reader = Reader(context, (atom(port),))
            await reader.read()
            await reader.read(rest - 1.0)
            assert len(reader.asked) == 1
            await reader.read(1.0)
            assert len(reader.asked) == 2


async def test_a_url_that_answers_again_starts_afresh(context: ProbeContext) -> None:
    server = Recorder(hello(b"", status="500 Broken"), CALM, hello(b"", status="500 Broken"), CALM)
    async with serving(server) as port:
        reader = Reader(context, (atom(port),))
        await reader.read()
        assert (await reader.read(FAILED_SECONDS)).error is None
        await reader.read(120.0)
        assert (await reader.read(FAILED_SECONDS)).error is None


# ---------------------------------------------------------------- not taken in

NO_DOCUMENTS = {
    "nothing": hello(b""),
    "blank": hello(b" \n"),
    "HTML": hello(b"<!DOCTYPE html><title>Claude Status</title><p>All is well"),
    "other JSON": hello(b'{"message": "hello"}'),
    "a JSON list": hello(b"[]"),
    "JSON nested too deep": hello(b'{"page":' + b"[" * 100_000),
    "other XML": hello(b"<rss><channel/></rss>"),
    "XML cut short": hello(feed(entry(OVER))[:-20]),
    "an XML bomb": hello(BOMB),
    "XML with a DTD": hello(feed().replace(b"<feed", b'<!DOCTYPE feed SYSTEM "x"><feed')),
    "an unknown encoding": hello(b'<?xml version="1.0" encoding="x-unheard-of"?><feed/>'),
    "text": hello(b"Rate exceeded"),
    "too much": hello(feed(entry(OVER)) + b" " * DOCUMENT_BYTES_MAX),
    "half of it": hello(feed(entry(OVER))).replace(b"Content-Length: ", b"Content-Length: 9"),
    "no HTTP": b"220 smtp.example.com\r\n\r\n",
}


@pytest.mark.parametrize("answer", NO_DOCUMENTS.values(), ids=NO_DOCUMENTS)
async def test_what_is_no_document_is_an_error_and_says_nothing(
    answer: bytes, context: ProbeContext
) -> None:
    async with serving(saying(answer)) as port:
        report = await Reader(context, (atom(port),)).read()
    assert report.error is not None
    assert report.error.startswith("127.0.0.1/history.atom: ")
    assert report == ProviderReport(error=report.error)


async def test_an_invalid_certificate_only_means_that_the_page_cannot_be_read(
    certificates: Certificates, trusting: ProbeContext
) -> None:
    other = certificates.server("anthropic.statuspage.io")
    async with serving(saying(CALM), other) as first, serving(saying(CALM)) as second:
        url = f"https://localhost:{first}/history.atom"
        alone = await Reader(trusting, (url,)).read()
        both = await Reader(trusting, (url, atom(second))).read()
    assert "certificate" in (alone.error or "")
    assert both.error is None


async def test_a_page_that_never_answers_is_given_up(context: ProbeContext) -> None:
    async with serving(silent) as port:
        report = await Reader(context, (atom(port),), seconds=SHORT).read()
    assert "no whole answer" in (report.error or "")


async def test_a_page_that_drips_is_given_up(context: ProbeContext) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CALM[:-10])
        await writer.drain()
        await asyncio.Event().wait()

    async with serving(drip) as port:
        report = await Reader(context, (atom(port),), seconds=SHORT).read()
    assert report.error is not None


async def test_without_a_url_there_is_nothing_to_read(context: ProbeContext) -> None:
    assert (await Reader(context, ()).read()).error == "no URL is configured"


# ---------------------------------------------------------------- when


def test_readings_keep_their_interval_with_a_jitter_that_is_always_the_same() -> None:
    waits = [wait_before(number, 120.0, "local") for number in range(1, 200)]
    assert waits == [wait_before(number, 120.0, "local") for number in range(1, 200)]
    assert min(waits) >= 120.0
    assert max(waits) <= 120.0 * (1 + JITTER)
    assert len(set(waits)) == len(waits)
    assert waits != [wait_before(number, 120.0, "other") for number in range(1, 200)]
    assert 0.0 <= wait_before(0, 120.0, "local") < 10.0

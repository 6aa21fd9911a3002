"""Reads the vendor's status page, politely. It is no probe: it has no outcome and judges nothing.

`StatusPage.read` does no I/O. It says what to ask next and is given what came of it, so the daemon
drives it over sockets and a backtest on a simulated page, and both read the same.

The URLs are asked in their order until one answers, each conditionally: a page that has not changed
costs a 304. A feed knows no component states; while it tells of something open, the first URL
further down that is no feed is asked for them too. A URL that refuses us (403, 405, 429, a 202 in
place of a challenge) is left alone for five minutes at least, then longer, or for as long as it
says. Whatever fails here says that the page cannot be read, and nothing about Claude.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from monitor.core.answer import parse_json
from monitor.core.answer import read as read_answer
from monitor.core.moment import Moment
from monitor.core.plan import ComponentPlan
from monitor.core.provider import ProviderReport
from monitor.core.statuspage import Names, completed, from_feed, from_summary
from monitor.probes._base import HttpReply, HttpRequest
from monitor.probes._http import Asked

READ_SECONDS = 20.0
"""How long one URL may take to answer."""

DOCUMENT_BYTES_MAX = 1024 * 1024
REDIRECTS_MAX = 2

REFUSED_SECONDS = 300.0
REFUSED_SECONDS_MAX = 3600.0
FAILED_SECONDS = 60.0
FAILED_SECONDS_MAX = 600.0
"""How long a URL is left alone after a refusal or a failure; doubled each time, up to the most."""

RETRY_AFTER_MAX = 6 * 3600.0
"""A page may ask for more patience than ours, up to this."""

FIRST_WITHIN = 10.0
"""Seconds after the start within which the page is read first."""

JITTER = 0.1
"""Share of the interval that is added at most, so that daemons do not meet at the page."""

_HEAD_BYTES = 2048
_OK = 200
_NOT_MODIFIED = 304
_REFUSALS = (202, 403, 405, 429)
_VALIDATORS = (("etag", "if-none-match"), ("last-modified", "if-modified-since"))
_VALIDATOR_CHARS_MAX = 200


def wait_before(number: int, interval: float, name: str) -> float:
    """Seconds before reading number `number` (from 0): the same for the same daemon `name`."""
    digest = hashlib.sha256(f"{name}/{number}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return share * FIRST_WITHIN if number == 0 else interval * (1 + JITTER * share)


@dataclass(slots=True)
class _Source:
    """One URL and what is remembered of it.

    Attributes:
        url: what is asked.
        headers: what makes the next request conditional.
        report: what it said last, to be taken again on a 304.
        feed: whether that was a feed; None before it has answered.
        calm: whether nothing was open in it.
        failures: how often in a row it has not answered with a document.
        resting_until: monotonic seconds before which it is not asked.
    """

    url: str
    headers: dict[str, str]
    report: ProviderReport | None = None
    feed: bool | None = None
    calm: bool = True
    failures: int = 0
    resting_until: float = float("-inf")

    @property
    def host(self) -> str:
        """For people: which of the URLs."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}{parts.path}"

    @property
    def is_feed(self) -> bool:
        """Whether it is a feed, as far as is known."""
        return urlsplit(self.url).path.endswith(".atom") if self.feed is None else self.feed


class _UnreadableError(Exception):
    """A URL gave no document; the text says why. `rest` is how long it asks to be left alone."""

    def __init__(self, why: str, *, refused: bool = False, rest: float = 0.0) -> None:
        super().__init__(why)
        self.refused = refused
        self.rest = rest


class StatusPage:
    """The vendor's page at several URLs, with what is remembered of each."""

    def __init__(self, urls: Sequence[str], components: Sequence[ComponentPlan]) -> None:
        """Nothing has been read. `components` are ours, to be found on the page."""
        self._sources = tuple(_Source(url, {}) for url in urls)
        self._names = Names(components)

    def read(self, now: Moment) -> Generator[HttpRequest, Asked, ProviderReport]:
        """One reading: yields what to ask, is sent what came, returns the report.

        Where nothing could be read the report holds an `error` and nothing else.
        """
        feed: ProviderReport | None = None
        problems: list[str] = []
        for source in self._sources:
            if feed is not None and source.is_feed:
                continue
            if now.mono < source.resting_until:
                minutes = (source.resting_until - now.mono) / 60
                problems.append(f"{source.host} is left alone for {minutes:.0f} min more")
                continue
            asked = yield _request(source)
            try:
                report = self._take(source, asked, now)
            except _UnreadableError as problem:
                _rest(source, problem, now.mono)
                problems.append(f"{source.host}: {problem}")
                continue
            if feed is not None:
                return completed(feed, report)
            if not source.feed or source.calm:
                return report
            feed = report
        return feed or ProviderReport(error="; ".join(problems) or "no URL is configured")

    def _take(self, source: _Source, asked: Asked, now: Moment) -> ProviderReport:
        """What came of asking `source`; raises `_UnreadableError`."""
        reply = asked.reply
        if asked.error is not None or reply is None:
            why = asked.error.message if asked.error else "no answer"
            raise _UnreadableError(why)
        if reply.status == _NOT_MODIFIED and source.report is not None:
            report = source.report
        else:
            _must_be_a_document(reply, now.wall)
            report = self._parsed(source, reply, now.wall)
            source.headers = {
                ours: value
                for theirs, ours in _VALIDATORS
                if (value := reply.header(theirs)) and len(value) <= _VALIDATOR_CHARS_MAX
            }
        source.failures = 0
        source.report = replace(report, read_at=now.wall, url=source.url)
        return source.report

    def _parsed(self, source: _Source, reply: HttpReply, at: datetime) -> ProviderReport:
        """JSON or Atom, told apart by what is in it."""
        document = parse_json(reply.body)
        if isinstance(document, dict):
            report = from_summary(document, self._names, at)
            if report is not None:
                source.feed, source.calm = False, True
                return report
        elif reply.body.lstrip()[:1] == b"<":
            feed = None
            try:
                root = ElementTree.fromstring(reply.body, forbid_dtd=True)
                feed = from_feed(root, self._names, at)
            except (ParseError, DefusedXmlException, ValueError, LookupError):
                pass  # HTML, cut short, a DTD, an encoding that nobody knows
            if feed is not None:
                source.feed, source.calm = True, feed.calm
                return feed.report
        msg = "the answer is neither a summary nor a feed of a status page"
        raise _UnreadableError(msg)


def _request(source: _Source) -> HttpRequest:
    accept = "application/atom+xml, application/xml;q=0.9, application/json;q=0.9"
    return HttpRequest(
        method="GET",
        url=source.url,
        headers={"accept": accept, **source.headers},
        redirects_max=REDIRECTS_MAX,
        body_bytes_max=DOCUMENT_BYTES_MAX,
    )


def _must_be_a_document(reply: HttpReply, now: datetime) -> None:
    """Refuse what is no document: another status, a challenge, nothing, too much."""
    answer = read_answer(reply.status, reply.headers, reply.body[:_HEAD_BYTES])
    rest = _retry_after(reply.header("retry-after"), now)
    if answer.challenge:
        why = f"it asks for a browser (HTTP {reply.status})"
        raise _UnreadableError(why, refused=True, rest=rest)
    if reply.status != _OK:
        msg = f"HTTP {reply.status}"
        raise _UnreadableError(msg, refused=reply.status in _REFUSALS, rest=rest)
    if reply.truncated:
        msg = f"the document is longer than {DOCUMENT_BYTES_MAX} bytes"
        raise _UnreadableError(msg)
    if not reply.body.strip():
        msg = "an empty answer"
        raise _UnreadableError(msg)


def _rest(source: _Source, problem: _UnreadableError, now: float) -> None:
    """Leave `source` alone for a while, longer each time."""
    first, most = (
        (REFUSED_SECONDS, REFUSED_SECONDS_MAX)
        if problem.refused
        else (FAILED_SECONDS, FAILED_SECONDS_MAX)
    )
    doubled = first * 2 ** min(source.failures, 10)
    source.failures += 1
    source.resting_until = now + max(min(doubled, most), problem.rest)


def _retry_after(value: str | None, now: datetime) -> float:
    """Seconds that `retry-after` asks for, as a number or a date; 0 without one."""
    seconds = 0.0
    try:
        seconds = float(value or "")
    except ValueError:
        try:
            at = parsedate_to_datetime(value or "")
            seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
        except (ValueError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), RETRY_AFTER_MAX)

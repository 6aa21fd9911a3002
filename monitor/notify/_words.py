"""An event as a message for people: what, since when, how sure, what still works, and a link.

Pure. Chats, pagers and annotations of alerts take their words from here; the sentence that every
event carries anyway (`Event.summary`) is made by the core.

A text from outside (an error message of the vendor, a title of the config) must not ring anybody or
become a link, whichever service shows it: `plain` puts look-alikes for the characters that services
give a meaning to. The only link of a message is our own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from monitor.core.answer import clean
from monitor.core.incident import Event, EventType, Incident, Interval, Reason, State
from monitor.core.outcome import Outcome
from monitor.core.words import (
    SEVERITY_WORDS,
    STILL_WORKS,
    clock_time,
    how_long,
    listed,
    state_words,
)
from monitor.notify._base import Wording

TITLE_CHARS_MAX = 150
LINE_CHARS_MAX = 400
LINK_CHARS_MAX = 1000
ELSEWHERE_MAX = 8
"""How many components or alternatives one line names."""

_LOOK_ALIKES: Final = str.maketrans(
    {
        "@": "\uff20",
        "<": "\u2039",
        ">": "\u203a",
        "*": "\u2217",
        "~": "\u223c",
        "|": "\u00a6",
        "`": "'",
        "#": "\uff03",
    }
)
"""What makes mentions, links, HTML and formatting in one chat or another."""

_BREAKS: Final = (
    (re.compile(r":(?=//)"), "[:]"),
    (re.compile(r"\]\("), "] ("),
    (re.compile(r"(?i)\bwww\."), "www[.]"),
    (re.compile(r"(?i)\b(mailto|tel):"), r"\1[:]"),
    (re.compile(r"(?<![A-Za-z0-9])_+|_+(?![A-Za-z0-9])"), "-"),
)
"""What needs more than one character to have a meaning."""

_WHAT: Final = {
    Outcome.SLOW: "answers are right, but slow",
    Outcome.TIMEOUT: "answers do not come in time",
    Outcome.DNS_ERROR: "its name cannot be looked up",
    Outcome.CONNECT_ERROR: "it cannot be connected to",
    Outcome.TLS_ERROR: "TLS connections fail",
    Outcome.AUTH_ERROR: "valid keys are refused",
    Outcome.OVERLOADED: "it says that it is overloaded",
    Outcome.SERVER_ERROR: "it answers with server errors",
    Outcome.BAD_CONTENT: "it answers, with the wrong content",
    Outcome.STREAM_BROKEN: "streams break off",
}
"""What users meet, by the commonest outcome."""

_TITLES: Final = {
    EventType.OPENED: "{state}: {subject}",
    EventType.UPDATED: "Now {state}: {subject}",
    EventType.REMINDER: "Still {state}: {subject}",
    EventType.REOPENED: "Again {state}: {subject}",
    EventType.RECOVERING: "Recovering: {subject}",
    EventType.CLOSED: "Over: {subject}",
    EventType.BLIND: "Monitor blind: {vantage} sees nothing of Claude",
    EventType.SIGHTED: "Monitor sees again: {vantage}",
    EventType.MISCONFIGURED: "Monitor needs you: {about}",
}

_DECIDED: Final = {
    Reason.FAST: "; several probes fail at once",
    Reason.SOLO: "; one probe fails run after run",
    Reason.SLOW: "; it fails again and again, more often than by chance",
    Reason.LATENCY: "; slower than usual for it",
    Reason.CONFIRMED: "; extra runs confirmed it",
    Reason.GOOD_STREAK: "; its runs are good again",
    Reason.RELAPSE: "; it came back",
    Reason.CLEAN_WINDOW: "; no more than the usual failures since",
    Reason.SEVERITY_CHANGED: "; the share of failed runs changed",
    Reason.COMPONENT_JOINED: "; another component fails too",
    Reason.COMPONENT_LEFT: "; a component is well again",
    Reason.WIDENED: "; more of it fails than before",
    Reason.FLAPPING: "; it keeps coming back",
    Reason.EVIDENCE_GONE: "; the runs that spoke for it no longer count",
    Reason.OPERATOR: "; an operator decided",
}
"""Why it was decided, for who does not know our rules; the page names the rule and its counters."""

_CLOSED_OTHERWISE: Final = {
    Reason.OPERATOR: "Closed by an operator: {subject}",
    Reason.EVIDENCE_GONE: "Withdrawn: {subject}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A message.

    Attributes:
        title: one short line.
        lines: what is to be said, one thing a line.
        link: our page about it; None when it would be too long to be one.
    """

    title: str
    lines: tuple[str, ...]
    link: str | None

    @property
    def text(self) -> str:
        """The lines and the link, without the title."""
        return "\n".join((*self.lines, *([self.link] if self.link else [])))


def plain(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """`text` on one line of at most `chars_max` characters that no service gives a meaning to."""
    line = clean(text, chars_max).translate(_LOOK_ALIKES)
    for pattern, broken in _BREAKS:
        line = pattern.sub(broken, line)
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"


def words(event: Event, wording: Wording) -> Words:
    """The message that tells of `event`."""
    incident = event.incident
    return Words(
        title=_title(event, wording),
        lines=tuple(_monitor(event) if incident is None else _lines(event, incident, wording)),
        link=link(event, wording),
    )


def link(event: Event, wording: Wording) -> str | None:
    """The page of ours that has more."""
    path = ""
    kind, _, name = (event.subject or "").partition("/")
    if event.incident is not None:
        path = f"incidents/{quote(event.incident.id, safe='')}"
    elif kind == "probe" and name:
        path = f"probes/{quote(name, safe='')}"
    address = f"{wording.external_url.rstrip('/')}/{path}"
    return address if len(address) <= LINK_CHARS_MAX else None


def title_of(component: str, wording: Wording) -> str:
    """The title of a component, for people."""
    return plain(wording.titles.get(component, component), 60)


def _title(event: Event, wording: Wording) -> str:
    incident = event.incident
    form, state, subject = _TITLES[event.type], "", ""
    if incident is not None:
        state = state_words(incident)
        subject = listed([title_of(name, wording) for name in incident.names])
        if event.type is EventType.CLOSED:
            form = _CLOSED_OTHERWISE.get(incident.reason, form)
    about = plain(event.subject or event.vantage, 80)
    text = form.format(state=state, subject=subject, vantage=plain(event.vantage, 80), about=about)
    text = text[:1].upper() + text[1:]
    return text if len(text) <= TITLE_CHARS_MAX else text[: TITLE_CHARS_MAX - 1] + "…"


def _monitor(event: Event) -> list[str]:
    """What the monitor says about itself: the sentence, and what to check."""
    return [plain(text, 2 * LINE_CHARS_MAX) for text in (event.summary, event.detail) if text]


def _lines(event: Event, incident: Incident, wording: Wording) -> list[str]:
    what = _WHAT.get(incident.cause, "it fails")
    lasts = event.type not in (EventType.CLOSED, EventType.RECOVERING)
    lines = [
        f"What: {what} ({incident.cause})" if lasts else f"What it was: {what} ({incident.cause})",
        _when(event, incident),
        _sure(incident),
    ]
    if lasts:
        lines += _healthy(incident, wording)
    lines += _said_by_vendor(incident)
    return [plain(line) for line in lines]


def _when(event: Event, incident: Incident) -> str:
    end = incident.recovered_at or incident.closed_at
    over = event.type in (EventType.CLOSED, EventType.RECOVERING) and end is not None
    until = end if over and end is not None else event.at
    dated = incident.started_at.date() != until.date() or event.type is EventType.REMINDER
    began = clock_time(incident.started_at, dated=dated)
    lasted = how_long(until - incident.started_at)
    if not over:
        return f"Since: {began} UTC{_between(incident.started_between)}, {lasted} ago"
    worst = SEVERITY_WORDS[incident.severity]
    begin = f"From {began} to {clock_time(until, dated=dated)} UTC, {lasted}"
    return f"{begin}; {worst} at its worst{_reopened(incident)}"


def _between(interval: Interval | None) -> str:
    """How sure a moment is; nothing where that was not estimated or makes no difference."""
    if interval is None:
        return ""
    earliest, latest = clock_time(interval.earliest), clock_time(interval.latest)
    return "" if earliest == latest else f" (between {earliest} and {latest})"


def _reopened(incident: Incident) -> str:
    if not incident.reopens:
        return ""
    return f"; it came back {incident.reopens} time{'s' if incident.reopens > 1 else ''}"


def _sure(incident: Incident) -> str:
    evidence = incident.evidence
    ratio = f" ({evidence.error_ratio:.0%})" if 0 <= evidence.error_ratio <= 1 else ""
    failing = sum(1 for tally in evidence.by_probe if tally.bad)
    probes = f", by {failing} of {len(evidence.by_probe)} probes" if failing else ""
    within = how_long(timedelta(seconds=evidence.window_seconds))
    return (
        f"How sure: {evidence.bad} of {evidence.runs} runs bad in {within}{ratio}{probes}; "
        f"seen from {incident.vantage}{_DECIDED.get(incident.reason, '')}"
    )


def _healthy(incident: Incident, wording: Wording) -> list[str]:
    """What still works, what is not part of this, and where else a model is to be had."""
    works = "nothing of it answers as it should"
    if incident.deepest_good is not None:
        works = STILL_WORKS[incident.deepest_good]
    others = [title_of(name, wording) for name in wording.titles if name not in incident.names]
    aside = f". Not in this incident: {', '.join(others[:ELSEWHERE_MAX])}" if others else ""
    lines = [f"Still healthy: {works}{aside}"]
    good = [each.name for each in incident.alternatives if each.state is State.OPERATIONAL]
    if incident.alternatives:
        routes = ", ".join(plain(name, 60) for name in good[:ELSEWHERE_MAX])
        lines.append(f"Other routes to a model: {routes or 'none of those watched is operational'}")
    return lines


def _said_by_vendor(incident: Incident) -> list[str]:
    note = incident.provider
    if note is None:
        return []
    if note.posted_at is not None:
        dated = note.posted_at.date() != incident.started_at.date()
        return [f"Vendor's page: posted at {clock_time(note.posted_at, dated=dated)} UTC"]
    overall = f"; overall it says {note.indicator}" if note.indicator not in (None, "none") else ""
    return [f"Vendor's page: nothing on this so far{overall}"]

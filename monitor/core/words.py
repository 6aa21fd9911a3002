"""The sentences of announcements: what, since when, how sure, what still works, what to check.

Pure functions. Every summary is one line of at most `SUMMARY_CHARS_MAX` characters, every detail
tells a tired operator where to look first. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.core.answer import clean
from monitor.core.incident import EventType, Evidence, Incident, Reason, SeverityLevel, State
from monitor.core.lifecycle import RETIRED, ModelStanding
from monitor.core.outcome import Depth, Outcome
from monitor.core.refusals import refusal_reading

SUMMARY_CHARS_MAX = 240
"""How long a summary may be, in characters."""

PROBES_NAMED = 4
"""So many probes are named in a sentence; the rest are counted."""

_TITLE_CHARS_MAX = 40
_TITLES_MAX = 3
_CENTS = 0.1
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

_STATE_WORDS: Final = {
    State.MAJOR_OUTAGE: "major outage",
    State.PARTIAL_OUTAGE: "partial outage",
    State.DEGRADED_PERFORMANCE: "degraded performance",
}
"""Worst first."""

SEVERITY_WORDS: Final = {
    SeverityLevel.CRITICAL: _STATE_WORDS[State.MAJOR_OUTAGE],
    SeverityLevel.MAJOR: _STATE_WORDS[State.PARTIAL_OUTAGE],
    SeverityLevel.MINOR: _STATE_WORDS[State.DEGRADED_PERFORMANCE],
}
STILL_WORKS: Final = {
    Depth.EDGE: "the edge still answers",
    Depth.GATEWAY: "the API gateway still answers",
    Depth.KEY: "keys are still accepted",
    Depth.INFERENCE: "inference still works",
}
_CHECK_FIRST: Final = {
    Outcome.CLIENT_ERROR: (
        "Claude refuses the request itself, which says nothing about its health. Check first that "
        "the model still exists, then the balance and the spend limits in the Console."
    ),
    Outcome.UNPROVEN: (
        "Either the vendor changed this answer or the probe is configured wrongly. Check first its "
        "URL and its expectations; `claude-uptime probe` runs it once and shows what comes back."
    ),
}
_CHECK_MONITOR = (
    "The cause is on this side. Check first the daemon's log around this time, then its disk, "
    "memory and CPU."
)


def incident_sentence(event: EventType, incident: Incident, titles: Mapping[str, str]) -> str:
    """What is announced about `incident`; `titles` gives each component's title by name."""
    touched = [i.component for i in incident.components if i.state is not State.OPERATIONAL]
    names = touched or incident.names
    subject = listed([clean(titles.get(n, n), _TITLE_CHARS_MAX) for n in names])
    if event is EventType.CLOSED:
        said = _closed(incident)
    elif event is EventType.RECOVERING:
        said = _recovering(incident)
    else:
        said = _lasting(event, incident)
    return clean(f"{subject}: {said}.", SUMMARY_CHARS_MAX)


def _lasting(event: EventType, incident: Incident) -> str:
    dated = event is EventType.REMINDER or incident.started_at.date() != incident.opened_at.date()
    since = f"since {clock_time(incident.started_at, dated=dated)} UTC"
    state = state_words(incident)
    if event is EventType.UPDATED:
        state = f"now {state}"
    elif event is EventType.REMINDER:
        state = f"still {state}"
    elif event is EventType.REOPENED:
        state, since = f"{state} again,", f"first {since}"
    works = "" if incident.deepest_good is None else f"; {STILL_WORKS[incident.deepest_good]}"
    if incident.model is not None:
        works = f"; of the models only {clean(incident.model, _TITLE_CHARS_MAX)} fails"
    elif incident.asked is not None:
        works = f"{works}; of the models only {clean(incident.asked, _TITLE_CHARS_MAX)} was asked"
    flaps = ", keeps coming back" if incident.flapping else ""
    counted = f"{_counted(incident, lasting=True)}{_reading(incident)}"
    return f"{state} {since}{flaps}: {counted}{works}"


def _reading(incident: Incident) -> str:
    """Why refused keys are Claude's fault: what an operator doubts first."""
    if incident.cause is not Outcome.AUTH_ERROR:
        return ""
    reading = refusal_reading(incident.evidence.samples)
    return f"; {reading}" if reading else ""


def _recovering(incident: Incident) -> str:
    end = incident.recovered_at or incident.opened_at
    state = SEVERITY_WORDS[incident.severity]
    lasted = how_long(end - incident.started_at)
    since = f"recovering since {clock_time(end)} UTC after {lasted} of {state}"
    return f"{since}; not over until it holds"


def _closed(incident: Incident) -> str:
    end = incident.recovered_at or incident.closed_at or incident.opened_at
    dated = incident.started_at.date() != end.date()
    began = clock_time(incident.started_at, dated=dated)
    if incident.reason is Reason.OPERATOR:
        return f"incident closed by an operator; it began at {began} UTC"
    if incident.reason is Reason.EVIDENCE_GONE:
        return f"incident of {began} UTC withdrawn: what spoke for it no longer counts"
    state = SEVERITY_WORDS[incident.severity]
    if incident.flapping:
        state = f"{state} that came and went"
    span = f"{began} to {clock_time(end, dated=dated)} UTC, {how_long(end - incident.started_at)}"
    return f"{state} over ({span}): {_counted(incident, lasting=False)}"


def state_words(incident: Incident) -> str:
    """The worst state it gives a component now; that of its severity when it gives none."""
    states = {impact.state for impact in incident.components}
    fallback = SEVERITY_WORDS[incident.severity]
    return next((words for state, words in _STATE_WORDS.items() if state in states), fallback)


def _counted(incident: Incident, *, lasting: bool) -> str:
    evidence = incident.evidence
    if incident.cause is Outcome.SLOW:
        return _slow(incident) if lasting else "right answers, but late ones"
    within = f" in {how_long(timedelta(seconds=evidence.window_seconds))}" if lasting else ""
    share = _share(evidence, incident.cause)
    return f"{evidence.bad} of {evidence.runs} runs failed{within}, {share} with {incident.cause}"


def _slow(incident: Incident) -> str:
    """Slower than what: the numbers where they are the newest word."""
    if incident.reason is not Reason.LATENCY:
        return "answers take much longer than usual"
    return incident.explanation.removeprefix("latency: ")


def _share(evidence: Evidence, cause: Outcome) -> str:
    """How much of the bad runs the commonest outcome is, in a word."""
    caused = next((tally.bad for tally in evidence.by_outcome if tally.name == cause), None)
    if caused is not None and caused >= evidence.bad:
        return "all"
    return "most" if caused is None or 2 * caused > evidence.bad else "many"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStanding:
    """What is known of a refused key and of the others.

    Attributes:
        worked: it was accepted before.
        passing: names of other keys that are accepted at present.
        others: names of all other keys that a probe carries.
        gateway: it was a proxy before Claude that was asked.
    """

    worked: bool
    passing: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    gateway: bool = False


def credential_sentence(name: str, known: KeyStanding) -> tuple[str, str]:
    """Summary and detail on the refused key called `name`: both readings, and what decides."""
    who = " by the gateway" if known.gateway else ""
    if known.worked:
        summary = (
            f"Key {name} is refused{who} although it worked before; what it watches is unknown now"
        )
        either = "the key was revoked, has expired or lost a permission"
        other = "Claude refuses valid keys, as on 28 April 2026"
    else:
        summary = f"Key {name} has never been accepted{who} here; what it watches is unknown"
        either = "the key is wrong (cut short, a stray space, another organisation's)"
        other = "Claude has refused valid keys since before this daemon first asked"
    if known.gateway:
        other = "the key with which the gateway asks Claude is refused"
    readings = f"Either {either}, or {other}."
    return clean(f"{summary}.", SUMMARY_CHARS_MAX), f"{readings} {_key_check(known)}"


def _key_check(known: KeyStanding) -> str:
    """What to look at first, by what other keys say."""
    if known.gateway:
        return "Check first that the gateway knows the key, then the key that the gateway uses."
    first = "Check first in the Console that the key is active and try it by hand"
    if known.passing:
        return (
            f"{_keys(known.passing)} accepted at present, so it is most likely this key. {first}."
        )
    if known.others:
        return (
            f"{first}; if it is, this is an outage. The other keys do not tell the two apart yet."
        )
    return (
        f"{first}; if it is, this is an outage. A second key under `credentials` would tell the "
        "two apart at once."
    )


def _keys(names: Sequence[str]) -> str:
    """`Key a is` or `Keys a and b are`."""
    return f"Key {names[0]} is" if len(names) == 1 else f"Keys {listed(names)} are"


def cause_sentence(meaning: str, hint: str, keys: Sequence[str], reason: str) -> tuple[str, str]:
    """Summary and detail on an affair of our own that hits `keys`; `reason` is the verdict's."""
    of = f"key {keys[0]}" if len(keys) == 1 else f"the keys {listed(keys)}"
    summary = f"{meaning[:1].upper()}{meaning[1:]}: what {of} should watch does not count"
    detail = f"{hint} The answer: {reason}" if hint else f"The answer: {reason}"
    return clean(f"{summary}.", SUMMARY_CHARS_MAX), detail


def misconfigured_sentence(probe: str, outcome: Outcome, reason: str) -> tuple[str, str]:
    """Summary and detail on a probe whose runs do not count, `reason` being the verdict's."""
    summary = f"Probe {probe} does not count until this is looked at ({outcome}): {reason}"
    return clean(summary, SUMMARY_CHARS_MAX), _CHECK_FIRST.get(outcome, _CHECK_MONITOR)


def model_gone_sentence(standing: ModelStanding) -> tuple[str, str]:
    """Summary and detail on a model that answers no more, or never did."""
    what = (
        f"Model {standing.model} is retired"
        if standing.lifecycle == RETIRED
        else f"Model {standing.model} is not in the list of models"
    )
    summary = f"{what}: {_instead(standing)} {_who_asks(standing)}."
    detail = (
        "Its probes say nothing about Claude until they ask another model. "
        "`claude-uptime check --online` shows the models that answer."
    )
    return clean(summary, SUMMARY_CHARS_MAX), detail


def model_retires_sentence(
    standing: ModelStanding, when: datetime, now: datetime
) -> tuple[str, str]:
    """Summary and detail on a model that is to be retired at `when`."""
    what = (
        f"Model {standing.model} was to be retired on {when:%Y-%m-%d} and still answers"
        if when <= now
        else f"Model {standing.model} is to be retired on {when:%Y-%m-%d} "
        f"(in {(when - now).days} days)"
    )
    summary = f"{what}: {_instead(standing)} {_who_asks(standing)}."
    detail = (
        "From its retirement on its probes say nothing about Claude. "
        "`claude-uptime check --online` shows the models that answer."
    )
    return clean(summary, SUMMARY_CHARS_MAX), detail


def _instead(standing: ModelStanding) -> str:
    if standing.successor is None:
        return "put another model in its place in"
    return f"put {standing.successor} in its place in"


def _who_asks(standing: ModelStanding) -> str:
    names = standing.probes[:PROBES_NAMED]
    more = len(standing.probes) - len(names)
    told = ", ".join(names)
    return f"{told} and {more} more" if more else told


def budget_sentence(spent: float, per_day: float, kept: float) -> tuple[str, str]:
    """Summary and detail on a day's money: US dollars spent, of how many, and kept for bursts."""
    reserve = (
        f"{dollars(kept)} of it is kept for the extra runs after a bad one"
        if kept > 0
        else "its reserve for the extra runs after a bad one is spent too"
    )
    summary = (
        f"Paid probes are paused until 00:00 UTC: {dollars(spent)} of the {dollars(per_day)} a day "
        f"are spent, and {reserve}."
    )
    detail = (
        "Until then models are watched only by what costs nothing. Check first with "
        "`claude-uptime check` what the schedule costs, then whether an incident or a model with "
        "longer answers took more; raise `budget.usd_per_day` or lengthen the probes' intervals."
    )
    return clean(summary, SUMMARY_CHARS_MAX), detail


def dollars(usd: float) -> str:
    """US dollars, to the cent; small change to a hundredth of one."""
    return f"${usd:.4f}" if 0 < usd < _CENTS else f"${usd:.2f}"


def blind_sentence(vantage: str, why: str) -> str:
    """`vantage` sees nothing of Claude, because of `why`."""
    return clean(
        f"Blind at {vantage}: {why}. Claude's state is unknown from here; no incident opens or "
        "closes until this host has its network back.",
        SUMMARY_CHARS_MAX,
    )


def sighted_sentence(vantage: str) -> str:
    """`vantage` sees again."""
    return clean(
        f"Sighted again at {vantage}: the network answers and Claude is watched as before.",
        SUMMARY_CHARS_MAX,
    )


def guard_off_sentence(targets: Sequence[str]) -> tuple[str, str]:
    """Summary and detail on a guard without a proven target among `targets` (their names)."""
    summary = (
        f"No control target answers ({listed(list(targets))}) though Claude does: a failure of "
        "this host's own network could be taken for an outage."
    )
    detail = (
        "Usually the way out of this host allows Claude alone. Check first that it allows the "
        "control targets, or name others under `control.targets` that it can reach."
    )
    return clean(summary, SUMMARY_CHARS_MAX), detail


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 3 more`."""
    shown = list(names[:_TITLES_MAX])
    if len(names) > _TITLES_MAX:
        shown.append(f"{len(names) - _TITLES_MAX} more")
    if len(shown) <= 1:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def clock_time(at: datetime, *, dated: bool = False) -> str:
    """`17:34`, or with the date before it, in UTC."""
    return f"{at:%Y-%m-%d %H:%M}" if dated else f"{at:%H:%M}"


def how_long(length: timedelta) -> str:
    """`45 s`, `12 min`, `1 h 18 min`, `2 d 3 h`."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 2 * _MINUTE:
        return f"{seconds} s"
    minutes = round(seconds / _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min"
    if seconds < _DAY:
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min"
    days, rest = divmod(seconds, _DAY)
    return f"{days} d {rest // _HOUR} h"

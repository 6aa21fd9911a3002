"""Where a component's machine stands: stages, the table of transitions, and what is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from monitor.core.codec import from_plain, to_plain
from monitor.core.incident import SeverityLevel, State
from monitor.core.outcome import Depth
from monitor.core.policy import Severity
from monitor.core.window import Entry

STATE_RUNS_MIN = 5
"""Fewer runs than this in the window of the severity leave the state as it is."""

MAJOR_LEAVE = 0.10
"""How far the share must fall below the major one before the state is partial again."""


class Stage(StrEnum):
    """Where a component stands."""

    CALM = "calm"
    OPEN = "open"
    RECOVERING = "recovering"


class Signal(StrEnum):
    """What moves a component."""

    BREACH = "breach"
    GOOD_STREAK = "good_streak"
    RELAPSE = "relapse"
    WIDENED = "widened"
    CHANGED = "changed"
    CLEAN = "clean"
    DROPPED = "dropped"
    GONE = "gone"


TRANSITIONS: Mapping[tuple[Stage, Signal], Stage] = {
    (Stage.CALM, Signal.BREACH): Stage.OPEN,
    (Stage.OPEN, Signal.GOOD_STREAK): Stage.RECOVERING,
    (Stage.RECOVERING, Signal.RELAPSE): Stage.OPEN,
    (Stage.OPEN, Signal.WIDENED): Stage.OPEN,
    (Stage.RECOVERING, Signal.WIDENED): Stage.OPEN,
    (Stage.OPEN, Signal.CHANGED): Stage.OPEN,
    (Stage.RECOVERING, Signal.CLEAN): Stage.CALM,
    (Stage.OPEN, Signal.DROPPED): Stage.CALM,
    (Stage.RECOVERING, Signal.DROPPED): Stage.CALM,
    (Stage.OPEN, Signal.GONE): Stage.CALM,
    (Stage.RECOVERING, Signal.GONE): Stage.CALM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that a component's machine remembers. Times are monotonic seconds.

    Attributes:
        stage: calm, open or recovering.
        depth: depth of the deciding pool.
        family: the one family of models that is dead; None where more is.
        state: what people see while an incident is open.
        culprits: the probes that gave the bad runs.
        share: share of their runs that was bad before they recovered.
        onset: start of the impact.
        opened: when that was decided.
        recovered: start of the first good run after the last bad one.
        closed: when it was well the last time.
        floor: runs that started before this are no evidence any more.
        relapsed: the open stretch has been recovering before.
        reopened: when it came back after a close, within the last hour.
        good: seconds for which it was good before it came back.
    """

    stage: Stage = Stage.CALM
    depth: Depth = Depth.EDGE
    family: str | None = None
    state: State = State.OPERATIONAL
    culprits: tuple[str, ...] = ()
    share: float = 0.0
    onset: float = 0.0
    opened: float = 0.0
    recovered: float | None = None
    closed: float | None = None
    floor: float = float("-inf")
    relapsed: bool = False
    reopened: tuple[float, ...] = ()
    good: float = 0.0


def standing_to_plain(standing: Standing) -> dict[str, Any]:
    """As plain values; a floor at minus infinity becomes null, which JSON knows."""
    plain: dict[str, Any] = to_plain(standing)
    plain["floor"] = None if standing.floor == float("-inf") else standing.floor
    return plain


def standing_from_plain(saved: Mapping[str, Any], shift: float) -> Standing:
    """What `standing_to_plain` wrote, `shift` seconds added to its monotonic times."""
    plain = dict(saved)
    for key in ("onset", "opened", "recovered", "closed", "floor"):
        plain[key] = None if plain[key] is None else plain[key] + shift
    if plain["floor"] is None:
        plain["floor"] = float("-inf")
    plain["reopened"] = [when + shift for when in plain["reopened"]]
    return from_plain(Standing, plain)


def outage_state(entries: Sequence[Entry], before: State, severity: Severity) -> State:
    """Partial or major, by the share of bad runs among `entries`; `before` is the state so far."""
    if len(entries) < STATE_RUNS_MIN:
        return before
    share = [entry.bad for entry in entries].count(True) / len(entries)
    major = severity.major - (MAJOR_LEAVE if before is State.MAJOR_OUTAGE else 0.0)
    return State.MAJOR_OUTAGE if share >= major else State.PARTIAL_OUTAGE


def severity_of(state: State) -> SeverityLevel:
    """Minor for degraded, major for a partial outage, critical for a major one."""
    if state is State.MAJOR_OUTAGE:
        return SeverityLevel.CRITICAL
    return SeverityLevel.MAJOR if state is State.PARTIAL_OUTAGE else SeverityLevel.MINOR


def worse(one: SeverityLevel, other: SeverityLevel) -> SeverityLevel:
    """The worse of two severities."""
    return max(one, other, key=list(SeverityLevel).index)

"""What the recorded changes of a component's state add up to over a range of time.

A change says what the state was from then on. What lies before the first known change is unknown,
and so is the time in which nobody watched, whatever the state was said to be: this host was blind,
asleep, or without its daemon. That is recorded as changes of a component without a name (`HOST`).
Time in `unknown` is in no share of up or down; it lowers the coverage instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from monitor.core.effects import StateChanged
from monitor.core.incident import State

HOST = ""
"""The component whose state is this host's sight: `unknown` while it sees nothing."""

NOT_RUNNING = "the monitor was not running"
ASLEEP = "this host was asleep, or its clock was set forward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of one state, from `since` until before `until`."""

    state: State
    since: datetime
    until: datetime

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return (self.until - self.since).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds spent in each state; states without any are left out."""

    seconds: tuple[tuple[State, float], ...]

    def of(self, *states: State) -> float:
        """Seconds in any of these states."""
        return sum(seconds for state, seconds in self.seconds if state in states)

    @property
    def total(self) -> float:
        """Seconds of the whole range."""
        return sum(seconds for _, seconds in self.seconds)

    @property
    def known(self) -> float:
        """Seconds in which the state was known."""
        return self.total - self.of(State.UNKNOWN)

    @property
    def coverage(self) -> float:
        """Share of the range in which the state was known; 0 for an empty range."""
        return self.known / self.total if self.total else 0.0


def spans(
    changes: Iterable[StateChanged],
    since: datetime,
    until: datetime,
    *,
    heard_until: datetime | None = None,
) -> tuple[Span, ...]:
    """The stretches of state of one component from `since` until `until`, without a hole.

    Args:
        changes: of one component and of `HOST`, in any order; the last of each before `since` tells
            how it began, without one a component is unknown and the host sees. Of several at one
            moment the last given counts.
        since: begin of the range.
        until: its end; nothing is told when it is not after `since`.
        heard_until: the last sign of life of the monitor: what comes after it is unknown. None
            where it is alive.
    """
    watched = until if heard_until is None else min(heard_until, until)
    found: list[Span] = []
    state, sees, start = State.UNKNOWN, True, since
    for change in sorted(changes, key=lambda change: change.at):
        if change.at >= watched:
            break
        if change.at > start:
            _add(found, state if sees else State.UNKNOWN, start, change.at)
            start = change.at
        if change.component == HOST:
            sees = change.after is not State.UNKNOWN
        else:
            state = change.after
    _add(found, state if sees else State.UNKNOWN, start, watched)
    _add(found, State.UNKNOWN, max(start, watched), until)
    return tuple(found)


def _add(found: list[Span], state: State, since: datetime, until: datetime) -> None:
    """Add a stretch, or make the last one longer."""
    if until <= since:
        return
    if found and found[-1].state is state:
        since = found.pop().since
    found.append(Span(state=state, since=since, until=until))


def times(found: Iterable[Span]) -> Times:
    """Seconds in each state, in the order of the list of states."""
    sums = dict.fromkeys(State, 0.0)
    for span in found:
        sums[span.state] += span.seconds
    return Times(seconds=tuple((state, spent) for state, spent in sums.items() if spent))


def of_host(*, sees: bool, at: datetime, reason: str) -> StateChanged:
    """The change of `HOST` when it begins to see again, or sees nothing any more."""
    states = (State.UNKNOWN, State.OPERATIONAL)
    before, after = states if sees else states[::-1]
    return StateChanged(component=HOST, before=before, after=after, at=at, reason=reason)

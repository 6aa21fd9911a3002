"""How things are said: pure functions from values to words for a tired reader, and to safe text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.core.effects import ComponentView, StatusView
from monitor.core.incident import Interval, State

TEXT_CHARS_MAX = 500
"""How much of any one text a page shows."""

REPLACEMENT = "\ufffd"

WORSE_FIRST = (
    State.MAJOR_OUTAGE,
    State.PARTIAL_OUTAGE,
    State.DEGRADED_PERFORMANCE,
    State.UNKNOWN,
    State.UNDER_MAINTENANCE,
    State.OPERATIONAL,
)
"""States in the order in which they matter."""

STATE_WORDS = {
    State.OPERATIONAL: "Operational",
    State.DEGRADED_PERFORMANCE: "Degraded performance",
    State.PARTIAL_OUTAGE: "Partial outage",
    State.MAJOR_OUTAGE: "Major outage",
    State.UNDER_MAINTENANCE: "Under maintenance",
    State.UNKNOWN: "Unknown",
}

_TROUBLES = WORSE_FIRST[:3]
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The one sentence over everything.

    Attributes:
        state: what colours it.
        text: the sentence.
        detail: what else to know, in a second one; may be empty.
    """

    state: State
    text: str
    detail: str = ""


def headline(view: StatusView) -> Headline:
    """How Claude is, in one sentence."""
    if not view.network.up:
        return Headline(
            state=State.UNKNOWN,
            text="This host has no network, so nothing can be said about Claude.",
            detail="Every control target fails too. No incident is opened while this lasts.",
        )
    state = worst(view)
    if state in _TROUBLES:
        text = "; ".join(
            f"{STATE_WORDS[trouble].lower()} of {listed(titles)}"
            for trouble in _TROUBLES
            if (titles := _titles(view, trouble))
        )
        return Headline(state=state, text=f"{text[:1].upper()}{text[1:]}.", detail=_tally(view))
    if state is State.UNKNOWN:
        return _unsure(view)
    if state is State.UNDER_MAINTENANCE:
        text = f"Maintenance of {listed(_titles(view, state))}."
        return Headline(state=state, text=text, detail=_tally(view))
    return Headline(state=state, text="All components are operational.")


def worst(view: StatusView) -> State:
    """The state that matters most among all components."""
    return worst_of(component.state for component in view.components)


def worst_of(states: Iterable[State]) -> State:
    """The state that matters most among `states`; unknown without any."""
    found = set(states)
    return next((state for state in WORSE_FIRST if state in found), State.UNKNOWN)


def worse_first(components: Sequence[ComponentView]) -> Sequence[ComponentView]:
    """Components in trouble before the others; the plan's order within each."""
    order = {state: place for place, state in enumerate(WORSE_FIRST)}
    return sorted(components, key=lambda component: order[component.state])


def _unsure(view: StatusView) -> Headline:
    unknown = _titles(view, State.UNKNOWN)
    if len(unknown) == len(view.components):
        return Headline(
            state=State.UNKNOWN,
            text="Nothing can be said yet: there are too few usable runs.",
            detail="Silence is not health: a component counts as operational once runs show it.",
        )
    return Headline(
        state=State.UNKNOWN,
        text=f"No outage seen, but {listed(unknown)} cannot be judged.",
        detail=_tally(view),
    )


def _titles(view: StatusView, state: State) -> list[str]:
    return [component.title for component in view.components if component.state is state]


def _tally(view: StatusView) -> str:
    counts = {state: len(_titles(view, state)) for state in State}
    text = f"{counts[State.OPERATIONAL]} of {len(view.components)} components are operational"
    if counts[State.UNKNOWN]:
        text += f", {counts[State.UNKNOWN]} unknown"
    return f"{text}."


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def span(value: timedelta | float) -> str:
    """A length of time in its two largest units: `3 h 12 min`. Never below zero."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole, _MINUTE, "min", 1, "s")
    if whole < _DAY:
        return _two(whole, _HOUR, "h", _MINUTE, "min")
    return _two(whole, _DAY, "d", _HOUR, "h")


def _two(whole: int, size: int, unit: str, small: int, small_unit: str) -> str:
    count, rest = divmod(whole, size)
    return f"{count} {unit} {rest // small} {small_unit}" if rest // small else f"{count} {unit}"


def took(seconds: float) -> str:
    """How long a run took: `84 ms`, `2.31 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def percent(share: float | None) -> str:
    """A share between 0 and 1; a dash when there is none."""
    if share is None:
        return "\u2013"
    return "under 1 %" if 0 < share < 0.01 else f"{share * 100:.0f} %"  # noqa: PLR2004  # one in a hundred


def share(value: float) -> str:
    """An availability between 0 and 1, never rounded up to a whole: `99.98 %`, `100 %`."""
    hundredths = int(value * 10_000 + 1e-9)
    return "100 %" if hundredths >= 10_000 else f"{hundredths / 100:.2f} %"  # noqa: PLR2004  # all of it


def lead(seconds: float) -> str:
    """How far ahead of the vendor we were, or behind."""
    return f"{span(abs(seconds))} {'after' if seconds >= 0 else 'before'} our decision"


def between(sure: Interval | None) -> str:
    """How sure an estimated moment is: ` (17:33:50 to 17:34:12)`; empty where it is not known."""
    if sure is None:
        return ""
    earliest, latest = sure.earliest.astimezone(UTC), sure.latest.astimezone(UTC)
    return f" ({earliest:%H:%M:%S} to {latest:%H:%M:%S})"


def moment(at: datetime) -> str:
    """`28 Apr 2026, 17:34:10 UTC`."""
    return f"{at.astimezone(UTC):%d %b %Y, %H:%M:%S} UTC"


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond, with `Z`: as in the events."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def clean(text: str) -> str:
    """`text` fit to be looked at.

    Terminal escapes, other controls, marks that turn the direction of a line, and half characters
    become a visible mark; line breaks become spaces; what is too long is cut.
    """
    cut = text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"
    if cut.isprintable():  # nearly every text: none of those categories is printable
        return cut
    return "".join(_shown(character) for character in cut)


def _shown(character: str) -> str:
    if character in "\n\r\t":
        return " "
    category = unicodedata.category(character)
    if category in ("Zl", "Zp"):
        return " "
    return REPLACEMENT if category in ("Cc", "Cf", "Cs", "Co", "Cn") else character

"""Runs as a table for a terminal: outcome, where the time went, the sentence, the request's id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console, Group
from rich.text import Text

from monitor.cli import _look
from monitor.core.effects import Judged
from monitor.core.observation import Observation, Phase
from monitor.core.outcome import Counts

OUTCOME_WIDTH = 19
TOOK_WIDTH = 9
BAR_MAX = 26
BAR_MIN = 6
NAME_MIN = 8

_PHASES: Final = {
    Phase.DNS: ("d", "blue", "dns"),
    Phase.CONNECT: ("c", "cyan", "connect"),
    Phase.TLS: ("t", "magenta", "tls"),
    Phase.REQUEST: ("r", "white", "request"),
    Phase.FIRST_BYTE: ("w", "yellow", "wait for the first byte"),
    Phase.TRANSFER: ("b", "green", "body"),
}
_STYLES: Final = {
    Counts.GOOD: _look.GOOD,
    Counts.BAD: _look.BAD,
    Counts.EXCLUDED: _look.EXCLUDED,
}


def table(judged: Sequence[Judged], on: Console, *, brief: bool = False) -> Group:
    """One block a run; `brief` leaves out the sentences of those that went well."""
    name = max((len(one.observation.probe) for one in judged), default=NAME_MIN)
    room = on.width - name - OUTCOME_WIDTH - TOOK_WIDTH - 3
    bar = min(BAR_MAX, room) if room >= BAR_MIN else 0
    lines: list[Text] = []
    for one in judged:
        lines.append(_line(one, on, name=name, bar=bar))
        if not brief or one.verdict.counts is not Counts.GOOD:
            lines += _sentence(one, on)
    if not judged:
        return Group(Text("no probe is enabled"))
    return Group(*lines, Text(), *_legend(judged, on))


def line(one: Judged) -> str:
    """One run on one line, for a pipe that is watched."""
    seen = one.observation
    head = f"{seen.at:%H:%M:%S} {seen.probe} {one.verdict.outcome} {took(seen.seconds)}"
    return " ".join([head, one.verdict.reason, *_ids(seen)])


def took(seconds: float) -> str:
    """How long a run took: `84 ms`, `2.31 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def tally(judged: Sequence[Judged]) -> Text:
    """How many went well, in one line."""
    counts = {kind: sum(one.verdict.counts is kind for one in judged) for kind in Counts}
    text = Text()
    for kind, count in counts.items():
        if count:
            text.append(", " if text else "")
            text.append(f"{count} {kind}", _STYLES[kind])
    return text


def _line(one: Judged, on: Console, *, name: int, bar: int) -> Text:
    seen, style = one.observation, _STYLES[one.verdict.counts]
    text = Text(no_wrap=True)
    text.append(f"{seen.probe:{name}} ", "bold")
    text.append(f"{one.verdict.outcome:{OUTCOME_WIDTH}} ", style)
    text.append(phases(seen, bar, on) if bar else Text())
    text.append(f"{took(seen.seconds):>{TOOK_WIDTH}}")
    return text


def phases(seen: Observation, width: int, on: Console) -> Text:
    """Where the time of a run went, `width` columns in all; a phase that took place is seen."""
    found = seen.timings.phases()
    total = sum(seconds for _, seconds in found)
    text = Text()
    cells = _cells([seconds for _, seconds in found], width) if total > 0 else []
    blocks = _look.is_blocky(on) and not _look.is_plain(on)
    for (phase, _), count in zip(found, cells, strict=False):
        letter, colour, _words = _PHASES[phase]
        text.append(("█" if blocks else letter) * count, colour)
    text.append(" " * (width - len(text)))
    return text


def _cells(parts: Sequence[float], width: int) -> list[int]:
    """`width` columns shared out by `parts`, one at least for each; the longest takes the rest."""
    total = sum(parts)
    cells = [max(1, int(width * part / total)) for part in parts]
    longest = parts.index(max(parts))
    cells[longest] = max(1, cells[longest] + width - sum(cells))
    return cells


def _sentence(one: Judged, on: Console) -> list[Text]:
    """The verdict's sentence and the ids to ask the vendor with, below the run."""
    text = Text(one.verdict.reason)
    for part in _ids(one.observation):
        text.append(f"  {part}", _look.DIM)
    wrapped = text.wrap(on, on.width - 2)
    for each in wrapped:
        each.rstrip()
    return [Text("  ").append(each) for each in wrapped]


def _ids(seen: Observation) -> list[str]:
    answer = seen.answer
    if answer is None:
        return []
    if answer.request_id:
        return [answer.request_id]
    return [f"cf-ray:{answer.cf_ray}"] if answer.cf_ray else []


def _legend(judged: Sequence[Judged], on: Console) -> list[Text]:
    """What the bars mean, and how many runs went well."""
    text = Text()
    seen = {phase for one in judged for phase, _ in one.observation.timings.phases()}
    blocks = _look.is_blocky(on) and not _look.is_plain(on)
    for phase, (letter, colour, words) in _PHASES.items():
        if phase in seen:
            text.append("  " if text else "")
            text.append("█" if blocks else letter, colour)
            text.append(f" {words}", _look.DIM)
    return [*([text] if text else []), tally(judged)]


def as_json(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """The same as plain values."""
    return [
        {
            "probe": one.observation.probe,
            "at": one.observation.at.isoformat().replace("+00:00", "Z"),
            "outcome": str(one.verdict.outcome),
            "fault": str(one.verdict.fault),
            "counts": str(one.verdict.counts),
            "reason": one.verdict.reason,
            "seconds": round(one.observation.seconds, 6),
            "phases": {
                str(phase): round(seconds, 6) for phase, seconds in one.observation.timings.phases()
            },
            "status": one.observation.answer.status if one.observation.answer else None,
            "request_id": one.observation.answer.request_id if one.observation.answer else None,
            "cf_ray": one.observation.answer.cf_ray if one.observation.answer else None,
        }
        for one in judged
    ]

"""Recorded runs as JSON lines: read one at a time, so that a file may be of any size.

    {"at": "2026-04-28T17:34:10Z", "probe": "api_hello", "outcome": "timeout", "seconds": 10.0}

`at` is the start of the run, and lines are ordered by it. Nothing is passed over in silence: a line
that cannot be used ends the reading with its number and the reason.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import IO, Any, NoReturn

from monitor.core.outcome import Outcome
from monitor.refusal import Refusal

LINE_BYTES_MAX = 64 * 1024
SECONDS_MAX = 86_400.0
KEYS = frozenset({"at", "probe", "outcome", "seconds"})
OPTIONAL = frozenset({"answered", "reason", "origin", "request_id", "cf_ray", "vantage"})
"""What `export-runs` adds."""

_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_DECODER = json.JSONDecoder()
_BOM = b"\xef\xbb\xbf"


class RunFileError(Refusal, ValueError):
    """A file of runs that cannot be used: `FILE:LINE: reason`."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One line."""

    at: datetime
    probe: str
    outcome: Outcome
    seconds: float
    answered: bool | None = None
    reason: str = ""


def read_runs(stream: IO[bytes], file: str, probes: Collection[str]) -> Iterator[RecordedRun]:
    """The runs of `stream`, in order.

    Args:
        stream: bytes, a line a run.
        file: its name, for errors.
        probes: the names that a line may use.

    Raises:
        RunFileError: a line cannot be used.
    """
    order = _Order()
    number = 0
    while line := stream.readline(LINE_BYTES_MAX + 1):
        number += 1
        try:
            run = _run(line, number, probes)
            order.check(run)
        except _Unusable as why:
            msg = f"{file}:{number}: {why}"
            raise RunFileError(msg) from None
        yield run


class _Order:
    """Lines are ordered by start, and a probe starts once at a moment."""

    def __init__(self) -> None:
        self._before: datetime | None = None
        self._probes: set[str] = set()

    def check(self, run: RecordedRun) -> None:
        if run.at != self._before:
            if self._before is not None and run.at < self._before:
                _refuse(f"starts at {run.at.isoformat()}, before the line above it")
            self._before = run.at
            self._probes.clear()
        if run.probe in self._probes:
            _refuse(f"{run.probe} starts twice at the same moment")
        self._probes.add(run.probe)


class _Unusable(Exception):  # noqa: N818  # never leaves this module
    """Why a line cannot be used."""


def _refuse(why: str) -> NoReturn:
    raise _Unusable(why)


def _run(line: bytes, number: int, probes: Collection[str]) -> RecordedRun:
    if len(line) > LINE_BYTES_MAX:
        _refuse(f"longer than {LINE_BYTES_MAX // 1024} KiB")
    if number == 1 and line.startswith(_BOM):
        line = line.removeprefix(_BOM)
    try:
        row = _DECODER.decode(line.decode())
    except (ValueError, RecursionError) as error:
        _refuse(_not_json(line, error))
    if not isinstance(row, dict):
        _refuse("is no JSON object")
    if not row.keys() >= KEYS or row.keys() - KEYS - OPTIONAL:
        _refuse(_keys(row))
    outcome = _OUTCOMES.get(row["outcome"]) if isinstance(row["outcome"], str) else None
    if outcome is None:
        _refuse(_unknown("outcome", row["outcome"], _OUTCOMES))
    if not isinstance(row["probe"], str) or row["probe"] not in probes:
        _refuse(_unknown("probe", row["probe"], probes))
    return RecordedRun(
        _moment(row["at"]), row["probe"], outcome, _seconds(row["seconds"]),
        row.get("answered"), str(row.get("reason", "")),
    )  # fmt: skip


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        _refuse(f"at: {value!r} is no time; write it like 2026-04-28T17:34:10Z")
    if moment.tzinfo is None:
        _refuse(f"at: {value!r} has no time zone; write it like 2026-04-28T17:34:10Z")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"seconds: {value!r} is no number")
    if not 0 <= value <= SECONDS_MAX:
        _refuse(f"seconds: {value!r} lies outside 0 to {SECONDS_MAX:.0f}")
    return float(value)


def _not_json(line: bytes, error: Exception) -> str:
    if not line.strip():
        return "is empty"
    if not line.endswith(b"\n"):
        return "is no JSON; the last line has no end: was the file cut short?"
    return f"is no JSON: {error}"


def _keys(row: dict[str, Any]) -> str:
    missing = sorted(KEYS - row.keys())
    if missing:
        return f"has no {missing[0]!r}"
    return _unknown("key", min(row.keys() - KEYS - OPTIONAL), KEYS | OPTIONAL)


def _unknown(what: str, value: Any, known: Collection[str]) -> str:
    text = str(value)[:80]
    near = get_close_matches(text, list(known), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"unknown {what} {text!r}{hint}"

"""Recorded runs as JSON lines: read one at a time, so that a file may be of any size.

    {"at": "2026-04-28T17:34:10Z", "probe": "api_hello", "outcome": "timeout", "seconds": 10.0}

`at` is the start of the run, and lines are ordered by it. Nothing is passed over in silence: a line
that cannot be used ends the reading with its number and the reason.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import IO, Any, NamedTuple, NoReturn

from monitor.core.observation import Origin
from monitor.core.outcome import Outcome
from monitor.refusal import Refusal

LINE_BYTES_MAX = 64 * 1024
SECONDS_MAX = 86_400.0
YEARS = range(1971, 2200)
"""Years that a run may have started in; outside them arithmetic on moments may overflow."""

KEYS = frozenset({"at", "probe", "outcome", "seconds"})
OPTIONAL = frozenset({"answered", "reason", "origin", "request_id", "cf_ray", "vantage"})
"""What `export-runs` adds."""

REASON_CHARS_MAX = 500
"""How much of a reason is kept: it is for people, and thousands of them stay in memory."""

CROWD = 60_000
CROWD_SECONDS = 60.0
"""So many lines must span so long: what is under way at once has to fit into memory."""

_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_ORIGINS = {str(origin): origin for origin in Origin}
_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
_QUOTE_CHARS_MAX = 80


class RunFileError(Refusal, ValueError):
    """A file of runs that cannot be used: `FILE:LINE: reason`."""


class RecordedRun(NamedTuple):
    """One line. There are millions of them, and this is the frozen value that costs least."""

    at: datetime
    probe: str
    outcome: Outcome
    seconds: float
    answered: bool | None = None
    """Whether an answer of the vendor came; None where the line does not say."""
    reason: str = ""


def read_runs(stream: IO[bytes], file: str, probes: Collection[str]) -> Iterator[RecordedRun]:
    """The runs of `stream`, in order.

    Args:
        stream: bytes, a line a run.
        file: its name, for errors.
        probes: the names that a line may use.

    Raises:
        RunFileError: a line cannot be used, or the file cannot be read on.
    """
    known = {name: name for name in probes}
    order = _Order()
    number = 0
    try:
        while line := stream.readline(LINE_BYTES_MAX + 1):
            number += 1
            run = _run(line, number, known)
            order.check(run, number)
            yield run
    except _Unusable as why:
        msg = f"{file}:{number}: {why}"
        raise RunFileError(msg) from None
    except OSError as error:
        msg = f"{file}:{number + 1}: cannot be read: {error.strerror or error}"
        raise RunFileError(msg) from None


class _Order:
    """Lines are ordered by start, a probe starts once at a moment, and there is no crowd."""

    def __init__(self) -> None:
        self._before: datetime | None = None
        self._probes: set[str] = set()
        self._milestone: datetime | None = None

    def check(self, run: RecordedRun, number: int) -> None:
        if run.at != self._before:
            if self._before is not None and run.at < self._before:
                _refuse(
                    f"starts at {_stamp(run.at)}, before the line above it at "
                    f"{_stamp(self._before)}: lines are ordered by their start"
                )
            self._before = run.at
            self._probes.clear()
        if run.probe in self._probes:
            _refuse(f"{run.probe} starts twice at {_stamp(run.at)}: is a line given twice?")
        self._probes.add(run.probe)
        if number % CROWD == 1:
            self._check_crowd(run.at)

    def _check_crowd(self, at: datetime) -> None:
        before, self._milestone = self._milestone, at
        if before is not None and (at - before).total_seconds() < CROWD_SECONDS:
            _refuse(f"the {CROWD} lines above it start within {CROWD_SECONDS:g} s: too many")


class _Unusable(Exception):  # noqa: N818  # never leaves this module
    """Why a line cannot be used."""


def _refuse(why: str) -> NoReturn:
    raise _Unusable(why)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no key is given twice."""
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse(f"has {_quoted(twice)} twice")
    return row


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _run(line: bytes, number: int, probes: Mapping[str, str]) -> RecordedRun:
    row = _row(line, number)
    if len(row) != len(KEYS) or row.keys() != KEYS:
        _check_keys(row)
    outcome, probe, seconds = row["outcome"], row["probe"], row["seconds"]
    known = _OUTCOMES.get(outcome) if type(outcome) is str else None
    if known is None:
        _refuse(_unknown("outcome", outcome, _OUTCOMES))
    name = probes.get(probe) if type(probe) is str else None
    if name is None:
        _refuse(_unknown("probe", probe, probes))
    if type(seconds) is not float or not 0 <= seconds <= SECONDS_MAX:
        seconds = _seconds(seconds)
    if len(row) == len(KEYS):
        return RecordedRun(_moment(row["at"]), name, known, seconds)
    reason = (row.get("reason") or "")[:REASON_CHARS_MAX]
    return RecordedRun(_moment(row["at"]), name, known, seconds, row.get("answered"), reason)


def _row(line: bytes, number: int) -> dict[str, Any]:
    if len(line) > LINE_BYTES_MAX:
        _refuse(f"is longer than {LINE_BYTES_MAX // 1024} KiB")
    if number == 1:
        if line.startswith(_WIDE_BOMS):
            _refuse("is UTF-16, by its byte order mark: write the file as UTF-8")
        line = line.removeprefix(_BOM)
    try:
        row = _DECODER.decode(line.decode())
    except (ValueError, RecursionError) as error:
        _refuse(_not_json(line, error))
    if not isinstance(row, dict):
        _refuse("is no JSON object")
    return row


def _check_keys(row: dict[str, Any]) -> None:
    """All that must be there is there, and what else there is is known and of its type."""
    missing = sorted(KEYS - row.keys())
    if missing:
        _refuse(f"has no '{missing[0]}'")
    unknown = row.keys() - KEYS - OPTIONAL
    if unknown:
        _refuse(_unknown("key", min(unknown), KEYS | OPTIONAL))
    for key in sorted(row.keys() & OPTIONAL):
        value = row[key]
        if value is None:
            continue
        if key == "answered" and not isinstance(value, bool):
            _refuse(f"answered: {_quoted(value)} is neither true nor false")
        if key != "answered" and not isinstance(value, str):
            _refuse(f"{key}: {_quoted(value)} is no text")
        if key == "origin" and value not in _ORIGINS:
            _refuse(_unknown("origin", value, _ORIGINS))


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not UTC and moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        _refuse(f"at: {_quoted(value)} is no time; write it like 2026-04-28T17:34:10Z")
    if moment.tzinfo is None:
        _refuse(f"at: {_quoted(value)} has no time zone; write it like 2026-04-28T17:34:10Z")
    if moment.year not in YEARS:
        _refuse(f"at: {_quoted(value)} lies outside the years {YEARS.start} to {YEARS.stop - 1}")
    return moment


def _seconds(value: Any) -> float:
    """What is no float within bounds, at a closer look."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"seconds: {_quoted(value)} is no number")
    if not 0 <= value <= SECONDS_MAX:
        _refuse(f"seconds: {_quoted(value)} lies outside 0 to {SECONDS_MAX:.0f}")
    return float(value)


def _not_json(line: bytes, error: Exception) -> str:
    why = "is no JSON: a number is too long"
    if not line.strip():
        why = "is empty"
    elif line.startswith(_BOM):
        why = "begins with a byte order mark, as only the first line may"
    elif isinstance(error, RecursionError):
        why = "is nested too deeply"
    elif isinstance(error, UnicodeDecodeError):
        why = f"is not UTF-8, from byte {error.start + 1} on"
    elif not line.endswith(b"\n"):
        why = "is no JSON, and the last line has no end: was the file cut short?"
    elif isinstance(error, json.JSONDecodeError):
        why = f"is no JSON: {error.msg} at column {error.colno}"
    return why


def _unknown(what: str, value: Any, known: Collection[str]) -> str:
    near = get_close_matches(value[:_QUOTE_CHARS_MAX], known, n=1) if type(value) is str else []
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown {what} {_quoted(value)}{hint}"


def _quoted(value: Any) -> str:
    """A value as it is shown in an error: one short line."""
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value)
    text = "".join(char if char.isprintable() else "?" for char in text[: _QUOTE_CHARS_MAX + 1])
    return text if len(text) <= _QUOTE_CHARS_MAX else f"{text[:_QUOTE_CHARS_MAX]}..."


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")

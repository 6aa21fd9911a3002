from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from typing_extensions import override

from monitor.backtest.runs import (
    CROWD,
    LINE_BYTES_MAX,
    REASON_CHARS_MAX,
    RecordedRun,
    RunFileError,
    read_runs,
)
from monitor.core.outcome import Outcome
from tests.factories import NOON

PROBES = ("api_hello", "api_models", "console_page")
GOOD = {"at": "2026-04-28T12:00:00Z", "probe": "api_hello", "outcome": "ok", "seconds": 0.25}


def line(**changes: Any) -> bytes:
    """A usable line, with changes; None takes a key away."""
    row = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return json.dumps(row).encode() + b"\n"


def read(content: bytes) -> list[RecordedRun]:
    return list(read_runs(io.BytesIO(content), "runs.jsonl", PROBES))


def refused(content: bytes) -> str:
    with pytest.raises(RunFileError) as error:
        read(content)
    return str(error.value)


# ---------------------------------------------------------------- what is read


def test_a_line_is_a_run() -> None:
    assert read(line()) == [RecordedRun(NOON, "api_hello", Outcome.OK, 0.25)]


def test_what_an_export_adds_is_read_too() -> None:
    (run,) = read(
        line(
            outcome="timeout", answered=False, reason="no answer", origin="burst",
            request_id="req_1", cf_ray="9e2f-FRA", vantage="local",
        )
    )  # fmt: skip
    assert (run.answered, run.reason) == (False, "no answer")


def test_a_long_reason_is_cut() -> None:
    (run,) = read(line(reason="x" * 2 * REASON_CHARS_MAX))
    assert len(run.reason) == REASON_CHARS_MAX


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(line().rstrip(), id="no newline at the end"),
        pytest.param(line().replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(b"\xef\xbb\xbf" + line(), id="byte order mark"),
        pytest.param(line(at="2026-04-28T14:00:00+02:00"), id="another time zone"),
        pytest.param(line(at="2026-04-28T12:00:00.000000+00:00"), id="microseconds"),
        pytest.param(b"  " + line().replace(b": ", b" :\t"), id="spaces"),
        pytest.param(line(answered=None, reason=None), id="absent"),
        pytest.param(line().replace(b"}", b', "cf_ray": null}'), id="null"),
    ],
)
def test_forms_that_mean_the_same(content: bytes) -> None:
    assert read(content) == read(line())


def test_an_empty_file_has_no_runs() -> None:
    assert read(b"") == []


def test_gaps_are_no_error() -> None:
    assert len(read(line() + line(at="2026-06-01T00:00:00Z"))) == 2


def test_different_probes_may_start_at_the_same_moment() -> None:
    assert len(read(line() + line(probe="api_models"))) == 2


def test_whole_seconds_are_seconds() -> None:
    assert [run.seconds for run in read(line(seconds=10))] == [10.0]


# ---------------------------------------------------------------- what cannot be used


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"\n", "is empty"),
        (b"   \r\n", "is empty"),
        (b"ok\n", "is no JSON: Expecting value at column 1"),
        (b"{} {}\n", "is no JSON: Extra data at column 4"),
        (b"[1]\n", "is no JSON object"),
        (b"\xff\xfe{\x00}\x00\n", "is not UTF-8, from byte 1 on"),
        (b'{"probe": "\xc3"}\n', "is not UTF-8, from byte 12 on"),
        (b"\xef\xbb\xbf" + line(), "begins with a byte order mark, as only the first line may"),
        (b"[" * 50_000 + b"\n", "is nested too deeply"),
        (b'{"a":' * 12_000 + b"\n", "is nested too deeply"),
        (line(reason="x" * LINE_BYTES_MAX), "is longer than 64 KiB"),
        (line(at=None), "has no 'at'"),
        (line(probe=None, seconds=None), "has no 'probe'"),
        (line(sekonds=1), "unknown key 'sekonds'; did you mean 'seconds'?"),
        (line().replace(b"}", b', "probe": "api_models"}'), "has 'probe' twice"),
        (line(probe="api_helo"), "unknown probe 'api_helo'; did you mean 'api_hello'?"),
        (line(probe="zzz"), "unknown probe 'zzz'"),
        (line(probe=["api_hello"]), 'unknown probe ["api_hello"]'),
        (line(outcome="overload"), "unknown outcome 'overload'; did you mean 'overloaded'?"),
        (line(outcome={}), "unknown outcome {}"),
        (line(at=1777377600), "at: 1777377600 is no time; write it like 2026-04-28T17:34:10Z"),
        (line(at="yesterday"), "at: 'yesterday' is no time"),
        (line(at="2026-04-28T12:00:00"), "at: '2026-04-28T12:00:00' has no time zone"),
        (line(at="2026-04-28"), "at: '2026-04-28' has no time zone"),
        (line(at="0001-01-01T00:00:00+23:59"), "at: '0001-01-01T00:00:00+23:59' is no time"),
        (
            line(at="9999-12-31T23:59:59Z"),
            "at: '9999-12-31T23:59:59Z' lies outside the years 1971 to",
        ),
        (line(seconds="1"), "seconds: '1' is no number"),
        (line(seconds=True), "seconds: true is no number"),
        (line(seconds=-0.1), "seconds: -0.1 lies outside 0 to 86400"),
        (line(seconds=86401), "seconds: 86401 lies outside 0 to 86400"),
        (line(seconds=float("nan")), "seconds: NaN lies outside"),
        (line(seconds=float("inf")), "seconds: Infinity lies outside"),
        (line(seconds=10**400), "seconds: 1000"),
        (line().replace(b"0.25", b"1" * 5000), "is no JSON: a number is too long"),
        (line(answered="yes"), "answered: 'yes' is neither true nor false"),
        (line(reason=5), "reason: 5 is no text"),
        (line(origin="bursts"), "unknown origin 'bursts'; did you mean 'burst'?"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_the_reason(bad: bytes, reason: str) -> None:
    said = refused(line(at="2026-04-28T11:00:00Z") + bad + line(at="2026-04-28T13:00:00Z"))
    assert said.startswith(f"runs.jsonl:2: {reason}")
    assert len(said) < 250
    assert said.isprintable()


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf_16_is_told_by_its_mark(mark: bytes) -> None:
    assert refused(mark + b"{\x00") == (
        "runs.jsonl:1: is UTF-16, by its byte order mark: write the file as UTF-8"
    )


@pytest.mark.parametrize("cut", [1, 20, len(line()) - 2])
def test_half_a_last_line_is_told_as_such(cut: int) -> None:
    said = refused(line() + line(at="2026-04-28T13:00:00Z")[:cut])
    assert said == "runs.jsonl:2: is no JSON, and the last line has no end: was the file cut short?"


def test_lines_out_of_order_are_told() -> None:
    assert refused(line() + line(at="2026-04-28T11:59:59Z")) == (
        "runs.jsonl:2: starts at 2026-04-28T11:59:59Z, before the line above it at "
        "2026-04-28T12:00:00Z: lines are ordered by their start"
    )


def test_a_duplicate_is_told_wherever_it_stands_in_its_moment() -> None:
    assert refused(line() + line(probe="api_models") + line(outcome="timeout")) == (
        "runs.jsonl:3: api_hello starts twice at 2026-04-28T12:00:00Z: is a line given twice?"
    )


def test_runs_before_a_bad_line_are_given_first() -> None:
    runs = read_runs(io.BytesIO(line() + b"x\n"), "runs.jsonl", PROBES)
    assert next(runs).probe == "api_hello"
    with pytest.raises(RunFileError):
        next(runs)


class Failing(io.BytesIO):
    """A disk that breaks after the first line."""

    @override
    def readline(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().readline(size)


def test_a_disk_that_breaks_is_told() -> None:
    with pytest.raises(RunFileError, match=r"^f:2: cannot be read: Input/output error$"):
        list(read_runs(Failing(line() + line()), "f", PROBES))


# ---------------------------------------------------------------- size


class Endless(io.RawIOBase):
    """A stream of any size that holds nothing: what it says is made as it is read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any, /) -> int:
        if not self._rest:
            self._rest = next(self._parts, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def peak(parts: Iterator[bytes], runs: int) -> int:
    """Most bytes that reading took."""
    tracemalloc.start()
    try:
        with io.BufferedReader(Endless(parts)) as stream:
            assert sum(1 for _ in read_runs(stream, "f", PROBES)) == runs
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def many(count: int) -> Iterator[bytes]:
    for number in range(count):
        at = f"2026-{1 + number // 86_400:02}-01T{number // 3600 % 24:02}:{number // 60 % 60:02}"
        yield line(at=f"{at}:{number % 60:02}Z", reason="x" * 400)


def test_memory_does_not_grow_with_the_file() -> None:
    assert peak(many(20_000), 20_000) < peak(many(200), 200) + 300_000


def test_a_line_without_an_end_is_refused_in_bounded_memory() -> None:
    parts = (b"x" * 65_536 for _ in range(2_000))
    with pytest.raises(RunFileError, match="longer than 64 KiB"):
        peak(parts, 0)
    assert next(parts, b"") != b""


def test_a_crowd_of_runs_is_refused_before_it_fills_the_memory() -> None:
    lines = (
        line(at=f"2026-04-28T12:00:{number // 10_000:02}.{number % 10_000:04}Z")
        for number in range(CROWD + 1)
    )
    with pytest.raises(RunFileError, match=f"^f:{CROWD + 1}: the {CROWD} lines above it start"):
        list(read_runs(io.BytesIO(b"".join(lines)), "f", PROBES))

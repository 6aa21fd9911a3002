"""Server-sent events to the letter: line ends, chunk borders, fields, and limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.probes._sse import ServerEvent, SseParser, TooLongError


def parsed(*chunks: bytes) -> list[ServerEvent]:
    """The events of a stream that comes in these chunks."""
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def told(*chunks: bytes) -> list[tuple[str, str]]:
    """Names and data only."""
    return [(event.name, event.data) for event in parsed(*chunks)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [("message", "a")]),
        (b"data: a\r\n\r\n", [("message", "a")]),
        (b"data: a\r\r", [("message", "a")]),
        (b"data: a\r\n\n", [("message", "a")]),
        (b"data: a\n\r\n", [("message", "a")]),
        (b"data: a\r\ndata: b\rdata: c\n\n", [("message", "a\nb\nc")]),
        (b"event: ping\ndata: {}\n\n", [("ping", "{}")]),
        (b"data: {}\nevent: ping\n\n", [("ping", "{}")]),
        (b"event: a\nevent: b\ndata: x\n\n", [("b", "x")]),
        (b"event: ping\n\ndata: x\n\n", [("message", "x")]),
        (b"event:\ndata: x\n\n", [("message", "x")]),
        (b"data:x\n\n", [("message", "x")]),
        (b"data:  x \n\n", [("message", " x ")]),
        (b"data: a: b\n\n", [("message", "a: b")]),
        (b"data\n\n", [("message", "")]),
        (b"data\ndata\n\n", [("message", "\n")]),
        (b"data:\n\n", [("message", "")]),
        (b": a comment\ndata: x\n:\n\n", [("message", "x")]),
        (b":\n\n", []),
        (b"\n\n\n", []),
        (b"other: 1\nDATA: 2\ndata : 3\ndata: x\n\n", [("message", "x")]),
        (b"\xef\xbb\xbfdata: x\n\n", [("message", "x")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n", []),
        (b"data: x\n\n\xef\xbb\xbfdata: y\n\n", [("message", "x")]),
        (b"data: \xc3\xa9\xff\n\n", [("message", "é�")]),
        ("data: a\u2028b\u0085c\x0bd\n\n".encode(), [("message", "a\u2028b\u0085c\x0bd")]),
        (b"data: x\n", []),
        (b"data: x", []),
    ],
)
def test_a_stream_gives_its_events(stream: bytes, events: list[tuple[str, str]]) -> None:
    assert told(stream) == events
    assert told(*(stream[place : place + 1] for place in range(len(stream)))) == events


def test_a_cr_ends_its_line_without_waiting_for_what_follows() -> None:
    parser = SseParser()
    assert parser.feed(b"data: x\r") == []
    assert parser.feed(b"\r") == [ServerEvent("message", "x")]
    assert parser.feed(b"\ndata: y\n\n") == [ServerEvent("message", "y")]


def test_an_empty_chunk_between_cr_and_lf_changes_nothing() -> None:
    assert told(b"data: x\r", b"", b"\n", b"data: y\r\n", b"\r\n") == [("message", "x\ny")]


@pytest.mark.parametrize(
    ("stream", "ids"),
    [
        (b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", ["1", "1", ""]),
        (b"id: 1\ndata: a\n\nid: 2\x00\ndata: b\n\n", ["1", "1"]),
        (b"id: 1\n\ndata: a\n\n", ["1"]),
    ],
)
def test_an_id_holds_until_another_comes(stream: bytes, ids: list[str]) -> None:
    assert [event.last_id for event in parsed(stream)] == ids


@pytest.mark.parametrize(
    ("field", "retry"),
    [
        (b"retry: 3000", 3000),
        (b"retry:0", 0),
        (b"retry: -1", None),
        (b"retry: 1.5", None),
        (b"retry", None),
        ("retry: ٣".encode(), None),
        (b"retry: " + b"9" * 5000, None),
    ],
)
def test_a_retry_is_digits(field: bytes, retry: int | None) -> None:
    parser = SseParser()
    parser.feed(field + b"\n\n")
    assert parser.retry == retry


LINES = st.sampled_from(
    [b"data: a", b"data", b"event: ping", b": x", b"id: 7", b"", b"", b"data:\xc3\xa9", b"junk"]
)
ENDS = st.sampled_from([b"\r", b"\n", b"\r\n"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=20), st.lists(st.integers(0, 150), max_size=12))
def test_where_chunks_end_makes_no_difference(
    lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(line + end for line, end in lines)
    places = sorted({min(cut, len(stream)) for cut in cuts})
    borders = zip([0, *places], [*places, len(stream)], strict=True)
    assert parsed(*(stream[begin:end] for begin, end in borders)) == parsed(stream)


@given(st.binary(max_size=300))
def test_whatever_comes_it_gives_events_or_none(stream: bytes) -> None:
    assert all(isinstance(event, ServerEvent) for event in parsed(stream))


@pytest.mark.parametrize("before", [b"", b"data: " + b"x" * 94, b"x" * 100])
def test_a_line_without_end_is_refused(before: bytes) -> None:
    parser = SseParser(line_bytes_max=100)
    parser.feed(before)
    with pytest.raises(TooLongError, match="a line is longer than 100 bytes"):
        parser.feed(b"x" * (101 - len(before)))


def test_a_line_may_be_as_long_as_its_limit() -> None:
    (event,) = SseParser(line_bytes_max=100).feed(b"data: " + b"x" * 94 + b"\n\n")
    assert event.data == "x" * 94


def test_an_event_of_many_lines_is_refused_too() -> None:
    parser = SseParser(event_bytes_max=100)
    with pytest.raises(TooLongError, match="an event is longer than 100 bytes"):
        parser.feed(b"data: 123456789\n" * 11)
    again = SseParser(event_bytes_max=100)
    assert len(again.feed((b"data: 123456789\n" * 10 + b"\n") * 3)) == 3

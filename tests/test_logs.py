from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from monitor import logs
from monitor.spec import Secret

KEY = "planted-key-4711"


@pytest.fixture(autouse=True)
def set_up_is_undone() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self) -> bool:  # type: ignore[explicit-override]  # io's stub names no base for it
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_facts() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", (), stream)
    structlog.get_logger().info("run.finished", probe="api_hello", outcome="ok", seconds=0.25)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "run.finished",
        "level": "info",
        "probe": "api_hello",
        "outcome": "ok",
        "seconds": 0.25,
    }


def test_what_lies_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    logs.configure("warning", "json", (), stream)
    structlog.get_logger().info("run.finished")
    structlog.get_logger().warning("delivery.stuck")
    assert [line["event"] for line in lines(stream)] == ["delivery.stuck"]


def test_a_terminal_gets_words_instead_of_json() -> None:
    stream = Terminal()
    logs.configure("info", "json", (), stream)
    structlog.get_logger().info("run.finished", probe="api_hello")
    assert "run.finished" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_console_is_plain_where_the_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    logs.configure("info", "console", (), stream)
    structlog.get_logger().info("run.finished")
    assert "run.finished" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_lines_of_libraries_pass_the_same_way() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", (Secret(KEY),), stream)
    logging.getLogger("some.library").warning("sent %s", KEY)
    (line,) = lines(stream)
    assert line["event"] == "sent ***"
    assert line["level"] == "warning"


def test_a_planted_secret_is_starred_wherever_it_stands() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", (Secret(KEY),), stream)
    log = structlog.get_logger()
    log.info(f"sent.{KEY}", nested={"headers": [("x", KEY)], KEY: 1}, obj=Secret("x"), raw=b"k")  # noqa: G004  # a secret in the event itself

    def breaks() -> None:
        raise RuntimeError(KEY)

    try:
        breaks()
    except RuntimeError:
        log.exception("run.broke", cause=KEY)
    assert KEY not in stream.getvalue()
    assert stream.getvalue().count("***") >= 5
    assert "RuntimeError" in stream.getvalue()


def test_a_second_set_up_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.configure("info", "json", (), first)
    logs.configure("info", "json", (), second)
    structlog.get_logger().info("run.finished")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key sk-ant-api03-abc_DEF-9 refused", "key *** refused"),
        ("secret whsec_MfKQ9r8GKYqrTwjU+/PD8ILPZIo2LaLaSw==", "secret ***"),
        ("Authorization: Bearer abcdefghijk", "Authorization: Bearer ***"),
        ("{'x-api-key': 'abc'}", "{'x-api-key': '***'}"),
        ("via http://bob:hunter2@proxy:3128/", "via http://bob:***@proxy:3128/"),
        ("GET https://claude.ai/login", "GET https://claude.ai/login"),
    ],
)
def test_what_is_shaped_like_a_key_is_starred_even_when_unknown(text: str, expected: str) -> None:
    assert logs.Redactor()(text) == expected


def test_a_secret_is_found_in_its_url_form_too() -> None:
    assert (
        logs.Redactor([Secret("pass word/1")])("http://h/?t=pass%20word%2F1") == "http://h/?t=***"
    )


def test_the_longer_of_two_secrets_is_covered_first() -> None:
    assert logs.Redactor([Secret("abcdef"), Secret("abcdefgh")])("abcdefgh") == "***"


def test_very_short_and_empty_secrets_are_not_looked_for() -> None:
    assert logs.Redactor([Secret(""), Secret("ab")])("about") == "about"


def test_nesting_has_an_end() -> None:
    value: list[Any] = []
    value.append(value)
    assert "..." in json.dumps(logs.Redactor().deep(value))

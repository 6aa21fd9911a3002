"""What is said, and that it is fit to be looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.effects import NetworkView, StatusView
from monitor.core.incident import State
from monitor.web import words
from tests.factories import TITLES, a_component_view, a_status_view


def seen(**states: State) -> StatusView:
    """Every component operational but those given."""
    return a_status_view(
        components=tuple(
            a_component_view(name, states.get(name, State.OPERATIONAL)) for name in TITLES
        )
    )


@pytest.mark.parametrize(
    ("view", "state", "text", "detail"),
    [
        pytest.param(
            seen(), State.OPERATIONAL, "All components are operational.", "", id="all is well"
        ),
        pytest.param(
            seen(api=State.MAJOR_OUTAGE),
            State.MAJOR_OUTAGE,
            "Major outage of Claude API.",
            "5 of 6 components are operational.",
            id="one is down",
        ),
        pytest.param(
            seen(
                api=State.PARTIAL_OUTAGE,
                claude_code=State.PARTIAL_OUTAGE,
                claude_ai=State.MAJOR_OUTAGE,
                cowork=State.DEGRADED_PERFORMANCE,
                government=State.UNKNOWN,
            ),
            State.MAJOR_OUTAGE,
            "Major outage of claude.ai; partial outage of Claude API and Claude Code; "
            "degraded performance of Claude Cowork.",
            "1 of 6 components are operational, 1 unknown.",
            id="the worst comes first",
        ),
        pytest.param(
            seen(claude_ai=State.UNKNOWN, cowork=State.UNKNOWN, government=State.UNKNOWN),
            State.UNKNOWN,
            "No outage seen, but claude.ai, Claude Cowork and Claude for Government "
            "cannot be judged.",
            "3 of 6 components are operational, 3 unknown.",
            id="unknown is not up",
        ),
        pytest.param(
            seen(**dict.fromkeys(TITLES, State.UNKNOWN)),
            State.UNKNOWN,
            "Nothing can be said yet: there are too few usable runs.",
            "Silence is not health: a component counts as operational once runs show it.",
            id="the first seconds",
        ),
        pytest.param(
            seen(console=State.UNDER_MAINTENANCE),
            State.UNDER_MAINTENANCE,
            "Maintenance of Claude Console.",
            "5 of 6 components are operational.",
            id="maintenance",
        ),
        pytest.param(
            a_status_view(network=NetworkView(up=False, guard_active=True, targets=())),
            State.UNKNOWN,
            "This host has no network, so nothing can be said about Claude.",
            "Every control target fails too. No incident is opened while this lasts.",
            id="blind",
        ),
    ],
)
def test_the_headline(view: StatusView, state: State, text: str, detail: str) -> None:
    assert words.headline(view) == words.Headline(state=state, text=text, detail=detail)


def test_a_daemon_without_components_does_not_claim_health() -> None:
    assert words.headline(a_status_view(components=())).state is State.UNKNOWN


def test_components_in_trouble_come_first_in_the_order_of_the_plan() -> None:
    view = seen(cowork=State.MAJOR_OUTAGE, api=State.PARTIAL_OUTAGE, government=State.UNKNOWN)
    names = [component.name for component in words.worse_first(view.components)]
    assert names == ["cowork", "api", "government", "claude_ai", "console", "claude_code"]


def test_every_state_has_its_word_and_its_place() -> None:
    assert set(words.STATE_WORDS) == set(words.WORSE_FIRST) == set(State)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (3 * 3600 + 12 * 60 + 59, "3 h 12 min"),
        (86400, "1 d"),
        (90 * 86400 + 5 * 3600, "90 d 5 h"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert words.span(seconds) == words.span(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "\u2013"), (0.0, "0 %"), (0.004, "under 1 %"), (0.75, "75 %"), (1, "100 %")],
)
def test_a_share_in_percent(share: float | None, text: str) -> None:
    assert words.percent(share) == text


def test_moments_are_utc() -> None:
    at = datetime(2026, 4, 28, 19, 34, 10, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert words.moment(at) == "28 Apr 2026, 17:34:10 UTC"
    assert words.timestamp(at) == "2026-04-28T17:34:10.123Z"
    assert words.timestamp(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"


def test_durations_of_runs() -> None:
    assert [words.took(0.0841), words.took(2.309)] == ["84 ms", "2.31 s"]


def test_lists_read_as_people_speak() -> None:
    said = [words.listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])]
    assert said == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a plain sentence.", "a plain sentence.", id="plain"),
        pytest.param("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m", id="terminal escape"),
        pytest.param("\x9b2J", "\ufffd2J", id="eight-bit escape"),
        pytest.param("photo\u202egnp.exe", "photo\ufffdgnp.exe", id="right-to-left override"),
        pytest.param("\u2066x\u2069", "\ufffdx\ufffd", id="isolates"),
        pytest.param("a\u200bb", "a\ufffdb", id="zero width"),
        pytest.param("two\r\nlines\u2028more", "two  lines more", id="line breaks"),
        pytest.param("\ud800", "\ufffd", id="half a character"),
        pytest.param("Zürich, 東京 ✓", "Zürich, 東京 ✓", id="other scripts stay"),
    ],
)
def test_what_would_steer_a_reader_is_replaced(text: str, shown: str) -> None:
    assert words.clean(text) == shown


@given(st.text(st.characters(), max_size=2000))
def test_clean_text_is_short_and_printable_and_stays_so(text: str) -> None:
    once = words.clean(text)
    assert len(once) <= words.TEXT_CHARS_MAX
    assert words.clean(once) == once
    assert once.encode().decode() == once
    assert "\x1b" not in once

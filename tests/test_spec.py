from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from monitor.spec import (
    Duration,
    Secret,
    Share,
    Spec,
    format_duration,
    parse_duration,
    parse_share,
)


class Sample(Spec):
    wait: Duration = 1.0
    share: Share = 0.5
    key: Secret = Secret("")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1d", 86_400.0),
        ("2w", 1_209_600.0),
        ("1y", 31_536_000.0),
        (" 30s ", 30.0),
        ("0", 0.0),
        (0, 0.0),
        (0.0, 0.0),
    ],
)
def test_durations_are_written_as_in_prometheus(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "30",
        "-30s",
        "30 s",
        "1.5h",
        "30S",
        "5m1h",
        "PT30S",
        "9" * 5000 + "s",
        "9" * 38 + "s",
        "11y",
        30,
        -1,
        1.5,
        True,
        None,
        [],
        {},
    ],
)
def test_other_things_are_no_durations(value: Any) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(value)


@given(st.integers(min_value=0, max_value=10 * 365 * 86_400_000))
def test_a_formatted_duration_reads_back_as_the_same(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0s"), (90.0, "1m30s"), (0.25, "250ms"), (86_400.0, "1d")]
)
def test_durations_are_shown_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "share"),
    [("40%", 0.4), ("0.4", 0.4), (0.4, 0.4), (" 33.5 % ".replace(" %", "%"), 0.335), (1, 1.0)],
)
def test_shares_are_percentages_or_fractions(value: Any, share: float) -> None:
    assert parse_share(value) == pytest.approx(share)


@pytest.mark.parametrize(
    "value", ["", "%", "a%", "101%", "-1%", 1.01, -0.1, "nan", "inf", True, None, [], {}]
)
def test_other_things_are_no_shares(value: Any) -> None:
    with pytest.raises(ValueError, match="share"):
        parse_share(value)


def test_a_spec_knows_its_keys_and_does_not_change() -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate({"wiat": "1s"})
    sample = Sample.model_validate({"wait": "1m", "share": "20%"})
    assert (sample.wait, sample.share) == (60.0, 0.2)
    with pytest.raises(ValidationError):
        sample.wait = 2.0  # type: ignore[misc]  # that it is frozen is the point


def test_a_secret_shows_itself_only_when_asked() -> None:
    sample = Sample.model_validate({"key": " planted \n"})
    assert sample.key.reveal() == "planted"
    shown = (repr(sample), str(sample.key), f"{sample.key}", sample.model_dump_json())
    assert not [text for text in shown if "planted" in text]
    assert sample.model_dump(mode="json")["key"] == "***"
    assert Sample().model_dump(mode="json")["key"] == ""
    assert repr(Secret("")) == "Secret('')"


def test_secrets_compare_by_what_they_hold() -> None:
    assert Secret("a") == Secret("a ")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a")
    assert not Secret("  ")


def test_a_secret_of_the_wrong_type_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({"key": ["planted"]})
    assert "planted" not in str(caught.value)
    assert len(caught.value.errors()) == 1


def test_a_secret_stays_the_same_secret() -> None:
    secret = Secret("planted")
    assert TypeAdapter(Secret).validate_python(secret) is secret


def test_the_schema_says_how_things_are_written() -> None:
    properties = Sample.model_json_schema()["properties"]
    assert properties["wait"]["format"] == "prometheus-duration"
    assert properties["share"]["type"] == ["string", "number"]
    assert properties["key"]["writeOnly"] is True

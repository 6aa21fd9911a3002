from __future__ import annotations

import pytest

from monitor.simulation._yaml import NODES_MAX, YamlError, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17:34:00", "17:34:00"),
        ("off", "off"),
        ("2026-04-28T17:34:00Z", "2026-04-28T17:34:00Z"),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ("'7'", "7"),
        ("60%", "60%"),
        ("9" * 40, "9" * 40),
        ("!!python/object/apply:os.system [echo]", ["echo"]),
        ("{a: [1, x]}", {"a": [1, "x"]}),
    ],
)
def test_plain_scalars_follow_yaml_1_2_and_tags_do_nothing(text: str, value: object) -> None:
    assert read_yaml(text).value == value


def test_a_place_without_a_line_has_the_line_of_what_contains_it() -> None:
    document = read_yaml("a:\n  b:\n    - c\n    - d: 1\n")

    assert document.line(("a", "b", 1, "d")) == 4
    assert document.line(("a", "b", 7, "x")) == 2
    assert document.line(("nothing",)) == 1


def test_a_long_list_ends_with_an_error_and_not_with_the_memory() -> None:
    with pytest.raises(YamlError, match="too long"):
        read_yaml(f"[{'1,' * NODES_MAX}]")

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.config.document import Document, parse


def read(text: str, environment: dict[str, str] | None = None) -> Document:
    def no_file(name: str) -> str:
        raise FileNotFoundError(2, "No such file", name)

    return parse(text, "c.yaml", environment or {}, no_file)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-7", -7),
        ("010", 10),
        ("0.5", 0.5),
        ("1.5e+3", 1500.0),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("On", "On"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        (".inf", ".inf"),
        ("2026-04-28", "2026-04-28"),
        ("2026-04-28T17:34:00Z", "2026-04-28T17:34:00Z"),
        ("=", "="),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 5", "5"),
        ("5m", "5m"),
        ("9" * 30, "9" * 30),
        ("1." + "9" * 30, "1." + "9" * 30),
        ("[a, {b: c}]", ["a", {"b": "c"}]),
        ("{}", {}),
    ],
)
def test_scalars_are_those_of_yaml_12(text: str, value: Any) -> None:
    document = read(f"key: {text}")
    assert document.problems == []
    assert document.data == {"key": value}
    assert type(document.data["key"]) is type(value)


def test_every_key_and_item_has_its_line() -> None:
    document = read("a:\n  - b: 1\n\n  - {c: 2,\n     d: 3}\n")
    assert document.lines == {
        (): 1,
        ("a",): 1,
        ("a", 0): 2,
        ("a", 0, "b"): 2,
        ("a", 1): 4,
        ("a", 1, "c"): 4,
        ("a", 1, "d"): 5,
    }
    assert document.line_of(("a", 1, "missing", "deep")) == 4


def test_an_alias_is_followed() -> None:
    assert read("a: &x [1, 2]\nb: *x\n").data == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "environment", "value"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("${A}", {"A": ""}, ""),
        ("<${A}-${B}>", {"A": "1", "B": "2"}, "<1-2>"),
        ("${A:-default}", {}, "default"),
        ("${A:-default}", {"A": ""}, "default"),
        ("${A:-default}", {"A": "x"}, "x"),
        ("${A:-}", {}, ""),
        ("${A:-http://h:1/?a=b}", {}, "http://h:1/?a=b"),
        ("$${A}", {"A": "x"}, "${A}"),
        ("$A and $ and 5$", {"A": "x"}, "$A and $ and 5$"),
        ("${A}", {"A": "${B}", "B": "x"}, "${B}"),
        ("${A}", {"A": "a: [b"}, "a: [b"),
    ],
)
def test_variables_are_put_in_once_and_never_as_syntax(
    text: str, environment: dict[str, str], value: str
) -> None:
    document = read(f"key: '{text}'", environment)
    assert document.problems == []
    assert document.data == {"key": value}


def test_the_variables_of_a_value_are_known_and_what_they_gave_is_hidden() -> None:
    document = read("key: ${A:-}${B:-z}\n", {"A": "planted"})
    assert document.variables == {("key",): ("A", "B")}
    assert document.hidden == {"planted"}


@pytest.mark.parametrize("text", ["${}", "${1}", "${A", "${A-b}", "${A:-{}}"])
def test_other_forms_of_a_variable_are_told(text: str) -> None:
    document = read(f"key: '{text}'", {"A": "x"})
    assert "write ${NAME} or ${NAME:-default}" in str(document.problems[0])


def test_a_secret_file_is_read_where_the_value_begins_so() -> None:
    document = parse("a: file:/run/key\nb: x file:/run/key\n", "c.yaml", {}, lambda _: "planted")
    assert document.data == {"a": "planted", "b": "x file:/run/key"}
    assert document.hidden == {"planted"}


def test_broken_yaml_leaves_no_data() -> None:
    document = read("a: 1\nb: [2,\nc: 3\n")
    assert document.data is None
    assert [problem.line for problem in document.problems] == [4]
    assert "began in line 2" in str(document.problems[0])


def test_the_words_of_a_broken_file_are_not_repeated() -> None:
    document = read("a: &planted 1\nb: &planted 2\nc: *other-planted\n")
    assert "planted" not in str(document.problems[0])


def test_a_long_document_is_refused_before_it_is_whole() -> None:
    document = read("a: [" + "x," * 51_000 + "]")
    assert [str(problem) for problem in document.problems] == ["c.yaml:1: the file is too long"]


def test_no_document_is_no_problem_of_its_own() -> None:
    document = read("# only a comment\n")
    assert (document.data, document.problems) == (None, [])


@given(st.text(alphabet=st.sampled_from("ab:-[]{},&*!|>'\"#%@`?~ \n\t$"), max_size=60))
@example("a: ? b")
@example("? : ?")
@example("%YAML 9.9\n---\na")
@example("%TAG ! x\n---\n!x y")
@example("!<> a")
@example("- - - a\n - b")
def test_whatever_is_written_gives_a_document(text: str) -> None:
    assert isinstance(read(text), Document)


@given(st.text(max_size=30))
def test_whatever_characters_there_are_it_gives_a_document(text: str) -> None:
    assert isinstance(read(text), Document)

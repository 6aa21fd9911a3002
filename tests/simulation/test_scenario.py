from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.simulation._yaml import DEPTH_MAX, read_yaml
from monitor.simulation.endpoints import COMPONENTS
from monitor.simulation.faults import FAULTS
from monitor.simulation.scenario import (
    SCENARIO_BYTES_MAX,
    Expectations,
    ScenarioError,
    json_schema,
    load_scenario,
    parse_scenario,
)

VALID = """\
name: rehearsal
title: A rehearsal
source: Invented
visibility: assumed
start: 2026-05-01T23:50:00Z
end: +1h
impact: {start: 23:55, end: 00:10:00}
timeline:
  - at: 23:58:30
    status: investigating
    body: Something is wrong.
    components: {api: major_outage}
phases:
  - from: 23:55
    until: 00:10:00
    faults:
      - {fault: json_500, components: api, probability: 60%}
expectations:
  incidents:
    - {components: api, opened_within: 3m}
  quiet: government
"""


def broken(old: str, new: str) -> ScenarioError:
    """The error that VALID gives once `old` is `new`."""
    assert VALID.count(old) == 1
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(VALID.replace(old, new), "some.yaml")
    return caught.value


def test_a_scenario_reads_times_of_day_offsets_and_single_words() -> None:
    scenario = parse_scenario(VALID, "some.yaml")

    assert scenario.start == datetime(2026, 5, 1, 23, 50, tzinfo=UTC)
    assert scenario.end == datetime(2026, 5, 2, 0, 50, tzinfo=UTC)
    assert scenario.impact is not None
    assert scenario.impact.end == datetime(2026, 5, 2, 0, 10, tzinfo=UTC)
    fault = scenario.phases[0].faults[0]
    assert (fault.components, fault.probability) == (("api",), 0.6)
    assert scenario.expectations.quiet == ("government",)
    assert scenario.expectations.incidents[0].opened_within == 180.0


def test_a_time_in_another_zone_becomes_utc() -> None:
    text = VALID.replace("2026-05-01T23:50:00Z", "2026-05-02T01:50:00+02:00")

    assert parse_scenario(text, "some.yaml").start == datetime(2026, 5, 1, 23, 50, tzinfo=UTC)


def test_a_phase_holds_from_its_first_moment_to_before_its_last() -> None:
    scenario = parse_scenario(VALID, "some.yaml")
    phase = scenario.phases[0]
    begins, until = phase.begins, phase.until
    tick = timedelta(microseconds=1)

    moments = [begins - tick, begins, until - tick, until]

    assert [phase.elapsed(at) is not None for at in moments] == [False, True, True, False]


def test_a_post_counts_from_its_own_moment_on() -> None:
    scenario = parse_scenario(VALID, "some.yaml")
    at = scenario.timeline[0].at

    assert scenario.posted(at - timedelta(seconds=1)) == ()
    assert scenario.posted(at) == scenario.timeline


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "words"),
    [
        ("json_500", "jsn_500", 17, "phases[0].faults[0].fault", "did you mean 'json_500'?"),
        ("components: api, prob", "component: api, prob", 17, "phases[0].faults[0].component",
         "did you mean 'components'?"),
        ("probability: 60%", "probability: 160%", 17, "phases[0].faults[0].probability",
         "between 0% and 100%"),
        ("components: api, prob", "components: apo, prob", 17, "phases[0].faults[0].components[0]",
         "did you mean 'api'?"),
        ("components: api, prob", "services: messagez, prob", 17, "phases[0].faults[0].services[0]",
         "did you mean 'messages'?"),
        ("components: api, prob", "hosts: api.antropic.com, prob", 17,
         "phases[0].faults[0].hosts[0]", "did you mean 'api.anthropic.com'?"),
        ("components: api, prob", "hosts: '*.example', prob", 17,
         "phases[0].faults[0].hosts[0]", "unknown host"),
        ("components: api, prob", "prob", 17, "phases[0].faults[0]", "whom it strikes"),
        ("probability: 60%", "retry_after: 3s", 17, "phases[0].faults[0].retry_after",
         "'json_500' takes no 'retry_after'; it takes: message"),
        ("visibility: assumed", "visibility: sean", 4, "visibility", "did you mean 'seen'?"),
        ("visibility: assumed", "visibility: 7", 4, "visibility", "unknown visibility"),
        ("timeline:", "timelines:", 8, "timelines", "did you mean 'timeline'?"),
        ("status: investigating", "status: investigated", 10, "timeline[0].status",
         "did you mean 'investigating'?"),
        ("api: major_outage", "api: outage", 12, "timeline[0].components.api",
         "did you mean 'major_outage'?"),
        ("{api: major_outage}", "{apj: major_outage}", 12, "timeline[0].components.apj",
         "did you mean 'api'?"),
        ("title: A rehearsal", "title: [a, b]", 2, "title", "string"),
        ("title: A rehearsal\n", "", 1, "title", "is missing"),
        ("quiet: government", "quiet: api", 18, "expectations", "quiet and to have an incident"),
        ("2026-05-01T23:50:00Z", "2026-05-01T23:50:00", 5, "start", "no time zone"),
        ("2026-05-01T23:50:00Z", "yesterday", 5, "start", "is no moment"),
        ("2026-05-01T23:50:00Z", "12", 5, "start", "is no moment"),
        ("start: 2026-05-01T23:50:00Z\n", "", 1, "start", "is missing"),
        ("quiet: government", "quiet: government\nvendor: 7", 22, "vendor", "dictionary"),
        ("end: +1h", "end: +1 hour", 6, "end", "is no duration"),
        ("end: +1h", "end: 2026-05-01T23:00:00Z", 6, "end", "end must come after start"),
        ("end: 00:10:00}", "end: 26:10:00}", 7, "impact.end", "no time of day"),
        ("end: 00:10:00}", "end: 23:55}", 7, "impact", "end must come after start"),
        ("end: 00:10:00}", "end: +2h}", 7, "impact", "between start and end"),
        ("until: 00:10:00", "until: 23:51", 14, "phases[0]", "until must come after from"),
        ("until: 00:10:00", "until: +2h", 13, "phases", "between start and end"),
        ("impact: {start: 23:55, end: 00:10:00}\n", "", 17, "expectations", "need an impact"),
        ("name: rehearsal", "name: Rehearsal!", 1, "name", "pattern"),
        ("source: Invented", "source: Invented\nsource: Twice", 4, "source",
         "duplicate key 'source'; first on line 3"),
        ("source: Invented", "? [a, b]\n: c", 3, "", "a key must be a word"),
        ("source: Invented", "source: [Invented", 4, "", "expected"),
        ("source: Invented", 'source: "Inven\\qted"', 3, "", "escape"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line_and_key(
    old: str, new: str, line: int, key: str, words: str
) -> None:
    error = broken(old, new)

    assert (error.file, error.line, error.key) == ("some.yaml", line, key)
    assert words in str(error)
    assert str(error).startswith(f"some.yaml:{line}: ")
    assert "\n" not in str(error.problems[0])


def test_posts_out_of_order_are_an_error() -> None:
    later = "timeline:\n  - {at: 23:59, status: identified, body: Found.}\n"

    assert "order of time" in str(broken("timeline:\n", later))


def test_every_problem_of_a_file_has_its_own_line_in_order() -> None:
    text = VALID.replace("json_500", "nothing").replace("visibility: assumed", "visibility: none")

    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "some.yaml")

    assert [problem.line for problem in caught.value.problems] == [4, 17]
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("- a\n- b\n", "a mapping of keys to values"),
        ("a: \x07\n", "special characters"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1), "nested too deeply"),
        ("a: &a [*a]", "nested too deeply"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "".join(
                f"{to}: &{to} [{','.join([f'*{of}'] * 9)}]\n"
                for of, to in zip("abcde", "bcdef", strict=True)
            ),
            "too long",
        ),
    ],
    ids=["empty", "list", "control", "deep", "nested", "self", "aliases"],
)
def test_a_text_that_is_no_scenario_is_refused_in_bounds(text: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "some.yaml")

    assert words in str(caught.value)
    assert len(caught.value.problems) == 1


def test_quoted_scalars_stay_text_and_plain_ones_are_read_as_yaml_1_2() -> None:
    text = VALID.replace("title: A rehearsal", 'title: "true"').replace(
        "{fault: json_500, components: api, probability: 60%}",
        "{fault: drip, components: api, rate: 7, keyed: true, probability: 0.5}",
    )

    scenario = parse_scenario(text, "some.yaml")

    fault = scenario.phases[0].faults[0]
    assert scenario.title == "true"
    assert (fault.rate, fault.keyed, fault.probability) == (7, True, 0.5)


def test_a_scenario_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    path = tmp_path / "rehearsal.yaml"
    path.write_text("\ufeff" + VALID, encoding="utf-8")

    assert load_scenario("rehearsal", tmp_path).name == "rehearsal"
    assert load_scenario(path, Path("nowhere")).name == "rehearsal"


def test_a_misspelt_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "rehearsal.yaml").write_text(VALID, encoding="utf-8")

    with pytest.raises(ScenarioError, match="did you mean 'rehearsal'"):
        load_scenario("rehearsall", tmp_path)
    with pytest.raises(ScenarioError, match="there is no such file"):
        load_scenario("rehearsal", tmp_path / "nowhere")


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"name: x\ntitle: \xff\xfe\n")
    endless = tmp_path / "endless.yaml"
    endless.write_bytes(b"#" * (SCENARIO_BYTES_MAX + 1))

    with pytest.raises(ScenarioError, match="not UTF-8") as caught:
        load_scenario(binary, tmp_path)
    assert caught.value.line == 2
    with pytest.raises(ScenarioError, match="is longer than"):
        load_scenario(endless, tmp_path)
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_scenario("a" * 300 + ".yaml", tmp_path)


def expecting(text: str) -> Expectations:
    """The expectations of VALID with other ones."""
    head = VALID.partition("expectations:")[0]
    return parse_scenario(f"{head}expectations:\n{text}", "some.yaml").expectations


def test_nothing_else_means_that_every_other_component_stays_quiet() -> None:
    incidents = "  incidents:\n    - {components: api, opened_within: 3m}\n"

    assert expecting(incidents).quiet == ()
    found = expecting(f"{incidents}  nothing_else: true\n")
    assert found.quiet == ("claude_ai", "console", "claude_code", "cowork", "government")
    assert set(expecting("  nothing_else: true\n").quiet) == set(COMPONENTS)
    mixed = expecting(f"{incidents}  quiet: cowork\n  nothing_else: true\n")
    assert (mixed.quiet[0], len(mixed.quiet)) == ("cowork", 5)


@pytest.mark.parametrize(
    ("cause", "read"),
    [("auth_error", ("auth_error",)), ("[timeout, slow]", ("timeout", "slow"))],
)
def test_a_cause_is_one_outcome_or_one_of_several(cause: str, read: tuple[str, ...]) -> None:
    found = expecting(f"  incidents:\n    - {{components: api, opened_within: 3m, cause: {cause}}}")

    assert found.incidents[0].cause == read


@pytest.mark.parametrize("cause", ["ok", "challenged", "credential_rejected", "auth_eror"])
def test_a_cause_that_no_incident_can_have_is_an_error(cause: str) -> None:
    text = f"  incidents:\n    - {{components: api, opened_within: 3m, cause: {cause}}}"

    with pytest.raises(ScenarioError, match=f"unknown cause '{cause}'"):
        expecting(text)


def validator() -> Any:
    """A checker of documents against the schema."""
    library = importlib.import_module("jsonschema")
    library.Draft202012Validator.check_schema(json_schema())
    return library.Draft202012Validator(json_schema())


SHIPPED = sorted((Path(__file__).parents[2] / "config" / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_schema_takes_every_shipped_scenario(path: Path) -> None:
    document = read_yaml(path.read_text(encoding="utf-8")).value

    assert [error.message for error in validator().iter_errors(document)] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("json_500", "jsn_500"),
        ("components: api, prob", "components: apo, prob"),
        ("components: api, prob", "services: [messagez], prob"),
        ("timeline:", "timelines:"),
        ("status: investigating", "status: investigated"),
        ("api: major_outage", "api: outage"),
        ("visibility: assumed", "visibility: sean"),
        ("title: A rehearsal\n", ""),
        ("probability: 60%", "probability: {from: 3%}"),
        ("probability: 60%", "flapping: {on: 3s}"),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(old: str, new: str) -> None:
    broken(old, new)

    assert list(validator().iter_errors(read_yaml(VALID.replace(old, new)).value))


def test_the_schema_explains_its_keys() -> None:
    fault = json_schema()["$defs"]["FaultSpec"]["properties"]

    assert {"models", "credentials", "flapping", "probability"} <= set(fault)
    assert all("description" in spec for spec in fault.values())
    assert set(fault["fault"]["enum"]) == set(FAULTS)

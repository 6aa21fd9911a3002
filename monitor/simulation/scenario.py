"""A rehearsal as data: what breaks from when until when, what the vendor posts, what we expect.

A scenario says of itself where it comes from, what in it is assumed, and whether a public probe
could have seen it. The same object is played over sockets and in virtual time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from typing_extensions import override

from monitor.core.outcome import Counts, Outcome, counts_as
from monitor.refusal import Refusal
from monitor.simulation._fields import (
    Closed,
    Moment,
    OneOrMore,
    Word,
    nearest,
    parse_moment,
)
from monitor.simulation._yaml import Document, YamlError, read_yaml
from monitor.simulation.endpoints import COMPONENTS
from monitor.simulation.phases import Phase
from monitor.simulation.statusfeed import Component, Post, VendorIncident
from monitor.spec import Duration

SCENARIO_BYTES_MAX = 256 * 1024
"""How long a scenario file may be."""

VISIBILITIES = ("seen", "assumed", "invisible")

CAUSES = tuple(
    outcome.value
    for outcome in Outcome
    if outcome is Outcome.SLOW or counts_as(outcome) is Counts.BAD
)
"""Outcomes that an incident may have as its cause."""


class Span(Closed):
    """A stretch of time."""

    start: Moment
    """Its first moment."""
    end: Moment
    """The moment after its last."""

    @model_validator(mode="after")
    def _runs_forward(self) -> Span:
        if self.end <= self.start:
            msg = "end must come after start"
            raise ValueError(msg)
        return self


class ExpectedIncident(Closed):
    """An incident that the monitor must open: one that touches all these components."""

    components: Annotated[tuple[Component, ...], OneOrMore()] = Field(min_length=1)
    """What it touches, at least."""
    opened_within: Duration = Field(gt=0)
    """Time from the start of the impact to its opening, at most."""
    closed_within: Annotated[Duration, Field(gt=0)] | None = None
    """Time from the end of the impact to its close, at most; it must not close before that end."""
    cause: Annotated[tuple[Annotated[str, Word("cause", CAUSES)], ...], OneOrMore()] = ()
    """Outcomes, one of which must be its cause; none: any will do."""


class Expectations(Closed):
    """What the monitor must make of it."""

    incidents: tuple[ExpectedIncident, ...] = ()
    """What it must open."""
    quiet: Annotated[tuple[Component, ...], OneOrMore()] = ()
    """Components that no incident may touch."""
    nothing_else: bool = False
    """No other component may be touched: `quiet` is all that no expected incident names."""

    @model_validator(mode="after")
    def _fill_quiet(self) -> Self:
        if self.nothing_else:
            named = {name for item in self.incidents for name in item.components}
            rest = tuple(name for name in COMPONENTS if name not in named)
            # Frozen for everyone else; and a copy may not stand in for what is being validated.
            object.__setattr__(self, "quiet", tuple(dict.fromkeys((*self.quiet, *rest))))
        return self


class Scenario(Closed):
    """A rehearsal, whole. All moments are UTC."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """Short name: the file's, without its ending."""
    title: str = Field(min_length=1, max_length=200)
    """One line for people."""
    source: str = Field(min_length=1)
    """Where it is known from."""
    assumed: tuple[str, ...] = ()
    """What no source states and the scenario assumes, a sentence each."""
    visibility: Annotated[str, Word("visibility", VISIBILITIES)]
    """`seen`: sources show what a public probe would have got; else `assumed` or `invisible`."""
    start: Moment
    """When playing begins: some healthy minutes before the first fault."""
    end: Moment
    """When playing ends: long enough after the last fault for incidents to close."""
    impact: Span | None = None
    """The true impact; None when Claude is well all the time."""
    vendor: VendorIncident | None = None
    """The incident on the vendor's page."""
    timeline: tuple[Post, ...] = Field(default=(), max_length=500)
    """What the vendor posted, in order."""
    phases: tuple[Phase, ...] = Field(default=(), max_length=500)
    """What breaks."""
    probes: dict[str, dict[str, Any]] = Field(default_factory=dict, max_length=100)
    """Settings that probes have in this rehearsal, by the probe's name: they replace those of the
    configuration. A probe that the configuration lacks is left out."""
    expectations: Expectations = Expectations()
    """What the monitor must make of it."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Scenario:
        for key, problem in self._contradictions():
            kind, text = "contradiction", "{problem}"
            raise PydanticCustomError(kind, text, {"key": key, "problem": problem})
        return self

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        """What its parts say against each other: the key, and the sentence."""
        if self.end <= self.start:
            yield "end", "end must come after start"
        if self.impact and not self.start <= self.impact.start < self.impact.end <= self.end:
            yield "impact", "the impact must lie between start and end"
        for phase in self.phases:
            if not self.start <= phase.begins < phase.last <= self.end:
                when = f"{phase.begins:%H:%M:%S}"
                waves = " with all its waves" if phase.waves else ""
                yield "phases", f"the phase from {when}{waves} must lie between start and end"
        moments = [post.at for post in self.timeline]
        if moments != sorted(moments):
            yield "timeline", "the posts must be in order of time"
        if self.expectations.incidents and self.impact is None:
            yield "expectations", "expected incidents need an impact to be measured from"
        touched = {name for item in self.expectations.incidents for name in item.components}
        for name in sorted(touched & set(self.expectations.quiet)):
            yield "expectations", f"'{name}' is expected to be quiet and to have an incident"

    def posted(self, at: datetime) -> tuple[Post, ...]:
        """What the vendor has posted by `at`."""
        return tuple(post for post in self.timeline if post.at <= at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a scenario file; `line` 0 and `key` "" where there is none."""

    file: str
    line: int
    key: str
    text: str

    @override
    def __str__(self) -> str:
        """One line: file, line, key and what is wrong."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class ScenarioError(Refusal, ValueError):
    """A scenario cannot be read; its text has one line for each problem."""

    def __init__(self, *problems: Problem) -> None:
        """At least one problem, in the order of the file."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    @property
    def file(self) -> str:
        """The file, as it was named."""
        return self.problems[0].file

    @property
    def line(self) -> int:
        """The line of the first problem; 0 where there is none."""
        return self.problems[0].line

    @property
    def key(self) -> str:
        """The key of the first problem, as `phases[0].faults[1].fault`."""
        return self.problems[0].key


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file, for editors. It is looser than `parse_scenario`.

    It knows every key and every closed list of words, but neither that moments are in order nor
    which parameter belongs to which fault.
    """
    schema = Scenario.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def load_scenario(path_or_name: str | Path, folder: Path) -> Scenario:
    """Read a scenario: a file, or the name of one in `folder`.

    Raises:
        ScenarioError: there is none, or it is not readable, or says what is not known.
    """
    path = Path(path_or_name)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        path = folder / f"{path_or_name}.yaml"
    try:
        if not path.is_file():
            raise _problem(path, _not_there(str(path_or_name), folder))
        with path.open("rb") as file:
            raw = file.read(SCENARIO_BYTES_MAX + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise _problem(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _problem(path, "this is not UTF-8", line=line) from None
    if len(raw) > SCENARIO_BYTES_MAX:
        raise _problem(path, f"is longer than {SCENARIO_BYTES_MAX} bytes")
    return parse_scenario(text, str(path))


def parse_scenario(text: str, file: str) -> Scenario:
    """The scenario that `text` describes; `file` names it in errors.

    Raises:
        ScenarioError: it is no YAML, or says what is not known.
    """
    try:
        document = read_yaml(text)
    except YamlError as error:
        raise _problem(file, error.text, line=error.line, key=error.key) from None
    if not isinstance(document.value, dict):
        raise _problem(file, "a scenario is a mapping of keys to values", line=1)
    start = None
    if "start" in document.value:
        try:
            start = parse_moment(document.value["start"], None)
        except ValueError as error:
            line = document.line(("start",))
            raise _problem(file, str(error), line=line, key="start") from None
    try:
        return Scenario.model_validate(document.value, context={"start": start})
    except ValidationError as error:
        items = _independent(error.errors(include_url=False, include_input=False))
        found = [_translate(item, document, file) for item in items]
        raise ScenarioError(*sorted(found, key=lambda problem: problem.line)) from None


def _independent(items: list[ErrorDetails]) -> list[ErrorDetails]:
    """`items` without those that only follow from another: a list short of its wrong members."""
    inner = {item["loc"][:end] for item in items for end in range(len(item["loc"]))}
    return [item for item in items if item["type"] != "too_short" or item["loc"] not in inner]


def _problem(file: str | Path, text: str, *, line: int = 0, key: str = "") -> ScenarioError:
    return ScenarioError(Problem(file=str(file), line=line, key=key, text=text))


def _not_there(name: str, folder: Path) -> str:
    """That there is no such scenario, and what there is."""
    known = [path.stem for path in folder.glob("*.yaml")] if folder.is_dir() else []
    if not known:
        return "there is no such file"
    return f"there is no scenario '{name}'; {nearest(name, known)}"


def _translate(item: ErrorDetails, document: Document, file: str) -> Problem:
    """One of pydantic's errors in the words of the file."""
    place = tuple(part for part in item["loc"] if part != "[key]")
    named = item.get("ctx", {}).get("key")
    if named is not None:
        place = (*place, str(named))
    text = item["msg"].removeprefix("Value error, ")
    if item["type"] == "missing":
        text = "is missing"
    key = ""
    for part in place:
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
    return Problem(file=file, line=document.line(place), key=key.removeprefix("."), text=text)

"""The house rules that no linter knows: kinds, sizes, tests beside modules, docs in step."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shlex
from collections.abc import Collection, Iterator
from enum import StrEnum
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from monitor.core.incident import EventType, Reason, State
from monitor.core.outcome import Outcome
from monitor.metrics.instruments import NAMESPACE, Instruments
from tests.factories import a_plan

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 50
README_LINES_MAX = 150
TARGETS_MAX = 15

MODULES = sorted((ROOT / "monitor").rglob("*.py"))
KINDS = sorted(
    path
    for package in ("probes", "notify")
    for path in (ROOT / "monitor" / package).glob("*.py")
    if not path.stem.startswith("_")
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("tests/*.md")])

TESTED_ELSEWHERE = {
    "monitor/__main__.py": "three lines; every end-to-end test starts the daemon through them",
    "monitor/core/policy.py": "numbers with one method; the detector's tests turn every one",
}
"""Modules without a test file of their own name, and why."""


BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
"""A code block of a page."""


def must_be_none(found: Collection[object], rule: str) -> None:
    """Fail with the whole list of what breaks a rule."""
    if found:
        listed = "\n  ".join(map(str, found))
        pytest.fail(f"{rule}:\n  {listed}", pytrace=False)


def name(path: Path) -> str:
    """A path as it is written in docs."""
    return path.relative_to(ROOT).as_posix()


# ---------------------------------------------------------------- kinds


@pytest.mark.parametrize("path", KINDS, ids=name)
def test_a_kind_is_named_like_its_file(path: Path) -> None:
    module = importlib.import_module(f"monitor.{path.parent.name}.{path.stem}")
    assert module.KIND.name == path.stem


@pytest.mark.parametrize("path", KINDS, ids=name)
def test_a_kind_has_a_test_file_of_its_name(path: Path) -> None:
    assert (ROOT / "tests" / path.parent.name / f"test_{path.stem}.py").is_file()


@pytest.mark.parametrize("package", ["probes", "notify"])
def test_the_folder_is_the_list_of_kinds(package: str) -> None:
    found = importlib.import_module(f"monitor.{package}").kinds()
    assert [kind.name for kind in found] == [
        path.stem for path in KINDS if path.parent.name == package
    ]


# ---------------------------------------------------------------- sizes


def test_a_module_is_short_enough_to_be_read_in_one_go() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in MODULES}
    must_be_none(
        [f"{path}: {lines} lines" for path, lines in lengths.items() if lines > MODULE_LINES_MAX],
        f"a module has at most {MODULE_LINES_MAX} lines",
    )


def test_every_function_fits_on_a_page() -> None:
    long = [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    ]
    must_be_none(long, f"a function has at most {FUNCTION_LINES_MAX} lines")


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES_MAX


# ---------------------------------------------------------------- modules and their tests


def paired(path: Path) -> bool:
    """Whether a module has a test file of its name (with or without a tail) at its own place.

    A small package may have one file for all of its modules: `tests/test_metrics.py`.
    """
    place = path.relative_to(ROOT / "monitor").parent
    stem = path.stem.strip("_")
    return (
        any(
            test.stem == f"test_{stem}" or test.stem.startswith(f"test_{stem}_")
            for test in (ROOT / "tests" / place).glob("test_*.py")
        )
        or (ROOT / "tests" / f"test_{place}.py").is_file()
    )


def behaves(path: Path) -> bool:
    """Whether a module has a function that does something: more than a Protocol's three dots."""
    return any(
        not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in node.body
    )


def test_a_module_has_a_test_file() -> None:
    """Types alone need none, migrations run in storage's, packages have a rule of their own."""
    untested = [
        name(path)
        for path in MODULES
        if path.stem != "__init__"
        and "migrations" not in path.parts
        and behaves(path)
        and not paired(path)
    ]
    must_be_none(
        [path for path in untested if path not in TESTED_ELSEWHERE],
        "a module has a test file of its name, or an excuse in TESTED_ELSEWHERE",
    )


@pytest.mark.parametrize("excused", TESTED_ELSEWHERE)
def test_an_excuse_for_having_no_test_file_is_still_needed(excused: str) -> None:
    assert (ROOT / excused).is_file()
    assert not paired(ROOT / excused)


def test_a_package_with_behaviour_has_tests_of_its_name() -> None:
    packages = [
        path.parent for path in MODULES if path.stem == "__init__" and path.parent.name != "monitor"
    ]
    lonely = [
        name(package)
        for package in packages
        if "migrations" not in package.parts
        and behaves(package / "__init__.py")
        and not list((ROOT / "tests" / package.relative_to(ROOT / "monitor")).glob("test_*.py"))
    ]
    must_be_none(lonely, "a package with behaviour has tests")


def test_what_is_left_to_do_says_where_it_is_written_down() -> None:
    """A mark at the start of a comment, a docstring or a line carries the number of an issue."""
    mark = re.compile(r"(?:^|#|\"\"\")\s*(?:TODO|FIXME|XXX)\b(?!\(#\d+\))")
    found = [
        f"{name(path)}:{number}"
        for path in [*MODULES, *(ROOT / "tests").rglob("*.py"), *PAGES, ROOT / "Makefile"]
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if mark.search(line)
    ]
    must_be_none(found, "what is left to do carries the number of an issue")


# ---------------------------------------------------------------- make and the command line


def targets() -> dict[str, str]:
    """Targets of the Makefile and what each says about itself."""
    lines = (ROOT / "Makefile").read_text().splitlines()
    rules = (re.match(r"([a-z-]+):[^=#]*(?:## (.*))?$", line) for line in lines)
    return {rule[1]: rule[2] or "" for rule in rules if rule}


def test_there_are_few_targets_and_each_says_what_it_does() -> None:
    assert 0 < len(targets()) <= TARGETS_MAX
    must_be_none([target for target, comment in targets().items() if not comment], "no comment")


def code(page: Path) -> Iterator[str]:
    """Lines in code blocks and code spans of a page."""
    text = page.read_text()
    for block in BLOCK.findall(text):
        yield from (line.strip().removeprefix("$ ") for line in block.splitlines())
    prose = BLOCK.sub("", text)
    yield from re.findall(r"`([^`\n]+)`", prose)
    yield from (line.strip() for line in prose.splitlines() if line.startswith("    "))


def commands(program: str) -> list[tuple[str, list[str]]]:
    """Every call of `program` in the pages: where, and its arguments."""
    calls = [
        (name(page), part.strip())
        for page in PAGES
        for line in code(page)
        for part in re.split(r"[;|&]+", line.split(" #")[0])
    ]
    return [
        (page, shlex.split(call)[1:])
        for page, call in calls
        if call == program or call.startswith(f"{program} ")
    ]


def test_every_make_target_in_the_pages_exists() -> None:
    named = [
        (page, word)
        for page, words in commands("make")
        for word in words
        if re.fullmatch(r"[a-z-]+", word)
    ]
    assert named
    must_be_none(
        [f"{page}: make {word}" for page, word in named if word not in targets()],
        "a target that a page names exists",
    )


def subcommands() -> dict[str, argparse.ArgumentParser]:
    """The command line's own parsers by name."""
    parser: argparse.ArgumentParser = importlib.import_module("monitor.cli").build_parser()
    (action,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return dict(action.choices)


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Every option a parser or one of its sub-commands knows."""
    known: set[str] = set()
    for action in parser._actions:
        known.update(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            known.update(*(options(child) for child in action.choices.values()))
    return known


def test_every_command_in_the_pages_exists_with_its_options() -> None:
    known = subcommands()
    calls = [
        (page, words)
        for page, words in commands("claude-uptime")
        if words and not words[0].isupper()  # COMMAND stands for any
    ]
    assert calls
    unknown = [
        f"{page}: claude-uptime {shlex.join(words)}"
        for page, words in calls
        if words[0] not in known
        or {word.split("=")[0] for word in words if word.startswith("--")}
        - options(known[words[0]])
    ]
    must_be_none(unknown, "a command that a page names exists, with its options")


def test_every_command_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "commands.md").read_text()
    must_be_none(
        [each for each in subcommands() if f"`{each}" not in page],
        "docs/reference/commands.md has every command",
    )


@pytest.mark.parametrize(
    ("page", "words"),
    [("outcomes", Outcome), ("events", EventType), ("events", Reason), ("metrics", State)],
)
def test_a_closed_list_is_in_the_reference_whole(page: str, words: type[StrEnum]) -> None:
    text = (ROOT / "docs" / "reference" / f"{page}.md").read_text()
    must_be_none(
        [word.value for word in words if f"`{word.value}`" not in text],
        f"docs/reference/{page}.md has every {words.__name__}",
    )


def test_the_reference_has_every_metric_and_no_other() -> None:
    registry = CollectorRegistry()
    instruments = Instruments(a_plan(), ["oncall"], registry)
    instruments.know_reload()
    instruments.know_provider()
    instruments.know_budget()
    declared = {
        metric.name.removeprefix(f"{NAMESPACE}_") + ("_total" if metric.type == "counter" else "")
        for metric in registry.collect()
    }
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    assert declared == set(
        re.findall(r"^\| `(\w+)` \| (?:counter|gauge|histogram)", page, re.MULTILINE)
    )


def test_every_file_that_a_page_names_exists() -> None:
    path = re.compile(r"(?:monitor|tests|config|docs|\.ci)/[\w./-]*")
    named = {
        (name(page), word)
        for page in PAGES
        for line in code(page)
        for word in [line.rstrip("/")]
        if path.fullmatch(word)
    }
    assert named
    must_be_none(
        sorted(f"{page}: {word}" for page, word in named if not (ROOT / word).exists()),
        "a file that a page names exists",
    )


# ---------------------------------------------------------------- links


def slug(heading: str) -> str:
    """The anchor that a heading gets on the usual forges."""
    plain = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Local links of a page: file and anchor, either of which may be empty."""
    text = BLOCK.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield path, anchor


def broken(page: Path) -> Iterator[str]:
    """Links of a page that lead nowhere."""
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield path
        elif anchor and anchor not in {
            slug(line.lstrip("#")) for line in target.read_text().splitlines() if line[:1] == "#"
        }:
            yield f"{path}#{anchor}"


def test_links_between_pages_lead_somewhere() -> None:
    must_be_none(
        [f"{name(page)}: {link}" for page in PAGES for link in broken(page)],
        "a link leads somewhere",
    )


def test_every_page_of_the_docs_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        found = {(page.parent / path).resolve() for path, _ in links(page) if path.endswith(".md")}
        waiting.extend(found - seen)
    must_be_none(
        [name(page) for page in PAGES if page not in seen], "the README leads to every page"
    )

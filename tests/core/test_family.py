from __future__ import annotations

import pytest

from monitor.core.family import dead_family, family_of, members
from monitor.core.incident import Reason
from monitor.core.opening import Found
from monitor.core.outcome import Depth
from monitor.core.policy import Policy
from monitor.core.pools import pools_of
from monitor.core.rules import Breach
from monitor.core.window import Entry
from tests.core.timeline import MONO, an_entry, keyed, plan_of, windows_with
from tests.factories import a_probe

PLAN = plan_of(
    a_probe("a"),
    keyed("h1", Depth.INFERENCE, model="claude-haiku-5-5"),
    keyed("h2", Depth.INFERENCE, model="claude-haiku-5-5"),
    keyed("s", Depth.INFERENCE, model="claude-sonnet-5-2"),
)
EDGE, INFERENCE = pools_of("api", PLAN, Policy())
BREACH = Breach(reason=Reason.SOLO, sentence="solo", onset=MONO, window=60.0)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-haiku-5-5", "haiku"),
        ("claude-3-5-sonnet-20241022", "sonnet"),
        ("Claude-Opus-latest", "opus"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "haiku"),
        ("apac.anthropic.claude-opus-4-7", "opus"),
        ("global.anthropic.claude-sonnet-5-5", "sonnet"),
        ("anthropic.claude-fable-5-2", "fable"),
        ("anthropic/claude-haiku-5-5", "haiku"),
        ("claude-mythos-5-2@20261109", "mythos"),
        ("claude-opus-5-5@default", "opus"),
        ("claude-5", "claude-5"),
        ("", ""),
    ],
)
def test_the_family_of_a_model_is_the_word_that_is_its_own(model: str, family: str) -> None:
    assert family_of(model) == family


def test_the_members_of_a_family_are_the_probes_that_ask_it() -> None:
    assert [probe.name for probe in members(PLAN.probes, "haiku")] == ["h1", "h2"]


def dead(*entries: Entry, deep: bool = True, now: float = 60.0) -> str | None:
    pool = INFERENCE if deep else EDGE
    found = Found(pool=pool, breach=BREACH, entries=entries)
    return dead_family(
        found, windows_with([*entries, an_entry("s", -9000.0)]), Policy(), MONO + now
    )


BAD = [an_entry("h1", 0.0, bad=True), an_entry("h2", 10.0, bad=True)]
GOOD = an_entry("s", 20.0)


def test_a_family_that_fails_while_the_others_are_well_is_dead_alone() -> None:
    assert dead(*BAD, GOOD) == "haiku"
    assert dead(*BAD, an_entry("s", 5.0, bad=True), GOOD) == "haiku", "one stray bad run is chance"


@pytest.mark.parametrize(
    ("entries", "more"),
    [
        pytest.param([*BAD, GOOD], {"deep": False}, id="above inference"),
        pytest.param([GOOD], {}, id="nothing bad"),
        pytest.param([*BAD], {}, id="the others were not heard"),
        pytest.param([*BAD, GOOD], {"now": 900.0}, id="or not lately"),
        pytest.param([*BAD, an_entry("s", 20.0, bad=True)], {}, id="another fails just now"),
        pytest.param(
            [*BAD, an_entry("s", 1.0, bad=True), an_entry("s", 2.0, bad=True), GOOD],
            {},
            id="another failed twice",
        ),
    ],
)
def test_otherwise_none_is(entries: list[Entry], more: dict[str, float]) -> None:
    assert dead(*entries, **more) is None  # type: ignore[arg-type]  # a table


def test_one_family_that_is_asked_alone_is_all_there_is() -> None:
    (pool,) = pools_of("api", plan_of(PLAN.probe("h1"), PLAN.probe("h2")), Policy())
    found = Found(pool=pool, breach=BREACH, entries=tuple(BAD))
    assert dead_family(found, windows_with(BAD), Policy(), MONO + 60.0) is None

from __future__ import annotations

import pytest

from monitor.core.effects import Judged
from monitor.core.keylimits import KeyLimits
from monitor.core.observation import Origin
from monitor.core.outcome import Outcome
from tests.core.timeline import keyed
from tests.factories import a_probe, a_verdict, an_answer, an_observation

MODELS = keyed("models")
SIBLING = keyed("count")
OTHER = keyed("second", credential="other")


def limited(retry_after: float | None) -> Judged:
    answer = an_answer(429, retry_after=retry_after)
    seen = an_observation("models", seconds=1.0, answer=answer)
    return Judged(observation=seen, verdict=a_verdict(Outcome.RATE_LIMITED))


def left(*remaining: tuple[str, float]) -> Judged:
    return Judged(
        observation=an_observation("models", seconds=1.0, ratelimits=remaining),
        verdict=a_verdict(),
    )


END = 1001.0
"""When the runs above ended."""


@pytest.mark.parametrize(
    ("said", "waits"),
    [(20.0, 20.0), (None, 30.0), (86_400.0, 300.0), (-5.0, 0.0)],
    ids=["as asked", "no word", "at most five minutes", "nonsense"],
)
def test_after_a_429_no_run_of_the_key_takes_place_for_as_long_as_asked(
    said: float | None, waits: float
) -> None:
    limits = KeyLimits()
    limits.learn(MODELS, limited(said))
    for probe in (MODELS, SIBLING):
        assert not limits.allows(probe, Origin.SCHEDULED, END + waits - 0.1)
        assert limits.allows(probe, Origin.SCHEDULED, END + waits)
    assert limits.allows(OTHER, Origin.SCHEDULED, END)
    assert limits.allows(a_probe(), Origin.BURST, END)


def test_a_shorter_wait_does_not_end_a_longer_one() -> None:
    limits = KeyLimits()
    limits.learn(MODELS, limited(100.0))
    limits.learn(MODELS, limited(1.0))
    assert not limits.allows(MODELS, Origin.SCHEDULED, END + 50.0)


def test_a_429_without_an_answer_on_record_waits_too() -> None:
    limits = KeyLimits()
    seen = an_observation("models", seconds=1.0, answer=None)
    limits.learn(MODELS, Judged(observation=seen, verdict=a_verdict(Outcome.RATE_LIMITED)))
    assert not limits.allows(MODELS, Origin.SCHEDULED, END + 29.0)


@pytest.mark.parametrize(
    ("limit", "remaining", "near"),
    [
        ("requests", 5.0, True),
        ("requests", 6.0, False),
        ("tokens", 1000.0, True),
        ("input-tokens", 1001.0, False),
        ("output-tokens", 0.0, True),
    ],
)
def test_near_a_limit_extra_runs_wait_a_minute_and_scheduled_ones_go_on(
    limit: str,
    remaining: float,
    near: bool,  # noqa: FBT001  # a column of the table
) -> None:
    limits = KeyLimits()
    limits.learn(MODELS, left(("requests", 900.0), (limit, remaining)))
    assert limits.allows(SIBLING, Origin.BURST, END + 59.9) is not near
    assert limits.allows(SIBLING, Origin.BURST, END + 60.0)
    assert limits.allows(SIBLING, Origin.SCHEDULED, END)
    assert limits.allows(OTHER, Origin.BURST, END)


def test_what_a_run_without_a_key_says_is_nobody_s_limit() -> None:
    limits = KeyLimits()
    limits.learn(a_probe(), limited(100.0))
    assert limits.allows(a_probe(), Origin.SCHEDULED, END)

"""Keys that are refused: what it means with one key and with two, in a sentence of its own each.

One revoked key and an outage that refuses every key look the same to who has one key. What tells
them apart is a second key, or a success in between; so three rehearsals give three sentences.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.backtest.library import play, with_simulated_keys
from monitor.config.load import load
from monitor.config.schema import Config, CredentialSpec
from monitor.core.incident import Event, EventType, Reason
from monitor.core.outcome import Outcome
from monitor.core.refusals import NO_KEY_NEEDS_REPLACING
from monitor.simulation import load_scenario

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config" / "scenarios"
BOTH_READINGS = "Either the key was revoked, has expired or lost a permission, or Claude refuses"
IN_TURN = "the same key is refused and accepted in turn"
TOGETHER = "keys that worked are refused together"


def two_keys() -> Config:
    return with_simulated_keys(load(ROOT / "config" / "claude.yaml", {}))


def one_key() -> Config:
    config = two_keys()
    credentials = {**config.credentials, "second": CredentialSpec()}
    return config.model_copy(update={"credentials": credentials})


def told(config: Config, scenario: str, until: int | None = None) -> list[Event]:
    """What is announced; `until` ends the playing so many minutes after its start."""
    played = load_scenario(scenario, FOLDER)
    events = play(config, played, seed=0).record.events
    if until is None:
        return events
    return [e for e in events if (e.at - played.start).total_seconds() < 60 * until]


def openings(events: list[Event]) -> list[Event]:
    return [event for event in events if event.type is EventType.OPENED]


def only_misconfigured(events: list[Event]) -> Event:
    (event,) = events
    assert (event.type, event.reason) == (EventType.MISCONFIGURED, Reason.CREDENTIAL_REJECTED)
    return event


def test_the_only_key_revoked_opens_nothing_and_is_announced_once_with_both_readings() -> None:
    event = only_misconfigured(told(one_key(), "revoked-key"))
    assert event.subject == "credential/main"
    assert event.summary == (
        "Key main is refused although it worked before; what it watches is unknown now."
    )
    assert BOTH_READINGS in event.detail
    assert "Check first in the Console that the key is active" in event.detail


def test_one_key_of_two_revoked_opens_nothing_and_the_other_goes_on() -> None:
    played = play(two_keys(), load_scenario("revoked-key", FOLDER), seed=0)
    assert only_misconfigured(played.record.events).subject == "credential/main"


def test_every_key_refused_always_is_no_outage_to_who_has_one_while_it_lasts() -> None:
    only_misconfigured(told(one_key(), "auth-outage-total", until=49))


@pytest.mark.parametrize(
    ("config", "scenario", "reading", "other"),
    [
        (one_key(), "auth-outage-in-turn", IN_TURN, TOGETHER),
        (two_keys(), "auth-outage-total", TOGETHER, IN_TURN),
    ],
    ids=["one key, in turn", "two keys, always"],
)
def test_an_outage_of_keys_opens_once_for_what_it_touches_and_says_why_it_is_not_the_key(
    config: Config, scenario: str, reading: str, other: str
) -> None:
    found = openings(told(config, scenario))
    touched = [name for event in found if event.incident for name in event.incident.names]
    assert sorted(touched) == ["api", "claude_code"]
    for event in found:
        assert event.incident is not None
        assert event.incident.cause is Outcome.AUTH_ERROR
        assert f"{reading}, so {NO_KEY_NEEDS_REPLACING}" in event.summary
        assert other not in event.summary
        assert len(event.summary) < 240


def test_the_three_cases_have_three_sentences() -> None:
    revoked = only_misconfigured(told(one_key(), "revoked-key"))
    in_turn = openings(told(one_key(), "auth-outage-in-turn"))[0]
    total = openings(told(two_keys(), "auth-outage-total"))[0]
    sentences = {revoked.summary, in_turn.summary, total.summary}
    assert len(sentences) == 3

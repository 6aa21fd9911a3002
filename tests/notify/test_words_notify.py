"""The messages are read at night: each golden file is one, as a chat shows it.

`python -m tests.notify.test_words_notify` writes them anew; read what changed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.incident import (
    Alternative,
    Event,
    EventType,
    Impact,
    Incident,
    IncidentPhase,
    Interval,
    ProviderNote,
    Reason,
    SeverityLevel,
    State,
)
from monitor.core.outcome import Counts, Outcome, counts_as
from monitor.core.words import (
    KeyStanding,
    blind_sentence,
    credential_sentence,
    incident_sentence,
    misconfigured_sentence,
    sighted_sentence,
)
from monitor.notify._base import Wording
from monitor.notify._words import _WHAT, LINE_CHARS_MAX, TITLE_CHARS_MAX, plain, words
from tests.factories import TITLES, an_event, an_evidence, an_incident

GOLDEN = Path(__file__).parent / "golden" / "words"
WORDING = Wording(external_url="https://uptime.example.test/", titles=TITLES)
START = datetime(2026, 4, 28, 17, 34, tzinfo=UTC)


def minutes(number: float) -> datetime:
    return START + timedelta(minutes=number)


def an_outage(*components: str, **changes: object) -> Incident:
    names = components or ("api", "claude_code")
    values: dict[str, object] = {
        "opened_at": minutes(1),
        "started_at": START,
        "components": tuple(
            Impact(component=name, state=State.PARTIAL_OUTAGE, since=START) for name in names
        ),
        "started_between": Interval(earliest=minutes(-1), latest=minutes(1)),
        "provider": ProviderNote(indicator="none"),
    }
    return an_incident(*names, **{**values, **changes})  # type: ignore[arg-type]  # a test's own


def told(kind: EventType, incident: Incident, at: datetime) -> Event:
    summary = incident_sentence(kind, incident, TITLES)
    return an_event(kind, incident, at=at, summary=summary, reason=incident.reason)


OVER = an_outage(
    phase=IncidentPhase.CLOSED,
    reason=Reason.CLEAN_WINDOW,
    severity=SeverityLevel.CRITICAL,
    recovered_at=minutes(78),
    closed_at=minutes(83),
    provider=ProviderNote(posted_at=minutes(17), lead_seconds=960.0),
    evidence=an_evidence(bad=0, runs=40, error_ratio=0.0, window_seconds=300.0, by_probe=()),
)


def notice(kind: EventType, subject: str, text: tuple[str, str]) -> Event:
    event = an_event(kind, at=START, summary=text[0], detail=text[1], subject=subject)
    return replace(event, incident=None)


CASES = {
    "incident.opened": told(EventType.OPENED, an_outage(), minutes(1)),
    "incident.opened-nothing-works": told(
        EventType.OPENED,
        an_outage(
            "claude_ai",
            deepest_good=None,
            started_between=None,
            provider=None,
            cause=Outcome.TIMEOUT,
            alternatives=(
                Alternative(name="Amazon Bedrock", state=State.OPERATIONAL),
                Alternative(name="Google Vertex AI", state=State.MAJOR_OUTAGE),
            ),
        ),
        minutes(1),
    ),
    "incident.updated": told(
        EventType.UPDATED,
        an_outage(
            severity=SeverityLevel.CRITICAL,
            reason=Reason.SEVERITY_CHANGED,
            components=(Impact(component="api", state=State.MAJOR_OUTAGE, since=START),),
        ),
        minutes(12),
    ),
    "incident.recovering": told(
        EventType.RECOVERING,
        replace(OVER, phase=IncidentPhase.RECOVERING, reason=Reason.GOOD_STREAK, closed_at=None),
        minutes(80),
    ),
    "incident.closed": told(EventType.CLOSED, OVER, minutes(83)),
    "incident.closed-by-operator": told(
        EventType.CLOSED, replace(OVER, reason=Reason.OPERATOR, reopens=2), minutes(83)
    ),
    "incident.closed-withdrawn": told(
        EventType.CLOSED,
        replace(OVER, reason=Reason.EVIDENCE_GONE, recovered_at=None, reopens=1),
        minutes(83),
    ),
    "incident.reopened": told(
        EventType.REOPENED, an_outage(reason=Reason.RELAPSE, reopens=1), minutes(90)
    ),
    "incident.reminder": told(EventType.REMINDER, an_outage(reason=Reason.REMINDER), minutes(240)),
    "monitor.blind": notice(
        EventType.BLIND, "network", (blind_sentence("local", "no control target answers"), "")
    ),
    "monitor.sighted": notice(EventType.SIGHTED, "network", (sighted_sentence("local"), "")),
    "monitor.misconfigured": notice(
        EventType.MISCONFIGURED,
        "credential/main",
        credential_sentence("main", KeyStanding(worked=True)),
    ),
    "monitor.misconfigured-probe": notice(
        EventType.MISCONFIGURED,
        "probe/api_message_haiku",
        misconfigured_sentence(
            "api_message_haiku", Outcome.CLIENT_ERROR, "404 not_found_error: model gone"
        ),
    ),
}


def shown(event: Event) -> str:
    said = words(event, WORDING)
    return f"{said.title}\n\n{said.text}\n"


@pytest.mark.parametrize("name", CASES)
def test_a_message_reads_as_in_its_golden_file(name: str) -> None:
    assert shown(CASES[name]) == (GOLDEN / f"{name}.txt").read_text()


def test_every_event_type_has_a_golden_file_and_no_file_is_without_a_case() -> None:
    assert {event.type for event in CASES.values()} == set(EventType)
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)


def test_every_outcome_that_is_bad_has_its_words() -> None:
    bad = {outcome for outcome in Outcome if counts_as(outcome) is Counts.BAD}
    assert bad | {Outcome.SLOW} == set(_WHAT)


def test_an_unusual_cause_still_gives_a_message() -> None:
    event = told(EventType.OPENED, an_outage(cause=Outcome.BLOCKED), minutes(1))
    assert words(event, WORDING).lines[0] == "What: it fails (blocked)"


def test_a_link_that_is_too_long_is_left_out() -> None:
    said = words(CASES["incident.opened"], Wording(external_url="https://x/" + "y" * 1000))
    assert said.link is None
    assert said.text == "\n".join(said.lines)


def test_what_the_vendor_says_of_something_else_is_told_as_that() -> None:
    event = told(EventType.OPENED, an_outage(provider=ProviderNote(indicator="minor")), minutes(1))
    wanted = "Vendor's page: nothing on this so far; overall it says minor"
    assert wanted in words(event, WORDING).lines


def test_a_vendor_that_posted_the_day_before_is_dated() -> None:
    note = ProviderNote(posted_at=START - timedelta(days=1))
    event = told(EventType.OPENED, an_outage(provider=note), minutes(1))
    assert "Vendor's page: posted at 2026-04-27 17:34 UTC" in words(event, WORDING).lines


# ---------------------------------------------------------------- what comes from outside


@pytest.mark.parametrize(
    ("hostile", "gone"),
    [
        ("hello @everyone and @here", "@"),
        ("<!channel> <@U123ABC> <#C1|general>", "<"),
        ("<https://evil.example|click>", "|"),
        ("[click](https://evil.example/)", "]("),
        ("see https://evil.example/x", "://"),
        ("see www.evil.example", "www."),
        ("write to mailto:a.b", "mailto:"),
        ("*bold* _italic_ ~gone~ `code`", "*"),
        ("_italic_", "_"),
        ("# heading", "#"),
        ("> quote", ">"),
        ("two\nlines\r\n", "\n"),
        ("\x1b[31mred\x07", "\x1b"),
        ("right\u202eto left\u200b", "\u202e"),
    ],
)
def test_a_text_from_outside_rings_nobody_and_links_nowhere(hostile: str, gone: str) -> None:
    assert gone in hostile
    assert gone not in plain(hostile)


def test_names_with_underscores_stay_as_they_are() -> None:
    assert plain("api_message_haiku: auth_error") == "api_message_haiku: auth_error"


@given(text=st.text(max_size=600))
def test_a_plain_text_is_one_bounded_line_without_what_services_read(text: str) -> None:
    line = plain(text)
    assert len(line) <= LINE_CHARS_MAX
    assert line.isprintable()
    assert not set("@<>*~|`#") & set(line)
    assert "](" not in line


def test_a_hostile_title_or_reason_reaches_no_message() -> None:
    text = misconfigured_sentence(
        "api_hello", Outcome.CLIENT_ERROR, "400: @everyone <!here> [x](http://evil.example)"
    )
    wording = Wording(external_url="https://up.example", titles={"api": "<@U1> @channel" * 30})
    for event in (
        notice(EventType.MISCONFIGURED, "probe/<!here>", text),
        told(EventType.OPENED, an_outage("api", vantage="@all"), minutes(1)),
    ):
        said = words(event, wording)
        assert len(said.title) <= TITLE_CHARS_MAX
        whole = f"{said.title}\n" + "\n".join(said.lines)
        assert not set("@<>") & set(whole)
        assert "http://" not in whole


def main() -> None:
    """Write the golden files."""
    for name, event in CASES.items():
        (GOLDEN / f"{name}.txt").write_text(shown(event))


if __name__ == "__main__":
    main()

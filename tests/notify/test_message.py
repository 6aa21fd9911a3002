"""The documents are public: each golden file is one, laid out for a reader.

A change of a golden file is a change of the contract with every receiver.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.incident import (
    Alternative,
    Event,
    EventType,
    Evidence,
    Impact,
    Incident,
    IncidentPhase,
    ProviderNote,
    Reason,
    Sample,
    SeverityLevel,
    State,
    Tally,
)
from monitor.core.outcome import Depth, Outcome
from monitor.notify._message import BODY_BYTES_MAX, body, timestamp

GOLDEN = Path(__file__).parent / "golden"
URL = "https://uptime.example.test/"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-04-28T{text}").replace(tzinfo=UTC)


EVIDENCE = Evidence(
    runs=12,
    bad=9,
    error_ratio=2 / 3,
    window_seconds=60.0,
    by_outcome=(
        Tally(name="auth_error", runs=8, bad=8),
        Tally(name="timeout", runs=1, bad=1),
        Tally(name="ok", runs=3, bad=0),
    ),
    by_depth=(Tally(name="key", runs=8, bad=6), Tally(name="inference", runs=4, bad=3)),
    by_probe=(Tally(name="api_models", runs=8, bad=6), Tally(name="api_message", runs=4, bad=3)),
    samples=(
        Sample(
            probe="api_models",
            at=at("17:34:12.250000"),
            outcome=Outcome.AUTH_ERROR,
            reason="401 authentication_error: “invalid x-api-key”, yet the key worked at 17:33:41",
            request_id="req_011CSHoEeqs5C35K2UUqR7Fy",
            cf_ray="9e2f1a2b3c4d5e6f-FRA",
        ),
        Sample(
            probe="api_message",
            at=at("17:34:20"),
            outcome=Outcome.TIMEOUT,
            reason="no first byte within 10s",
        ),
    ),
)

OPEN = Incident(
    id="local-20260428-173456-api",
    vantage="local",
    phase=IncidentPhase.OPEN,
    severity=SeverityLevel.MAJOR,
    cause=Outcome.AUTH_ERROR,
    depth=Depth.KEY,
    deepest_good=Depth.GATEWAY,
    reason=Reason.FAST,
    explanation="9 of 12 runs failed in 60 s",
    components=(
        Impact(component="api", state=State.PARTIAL_OUTAGE, since=at("17:34:10")),
        Impact(component="claude_code", state=State.PARTIAL_OUTAGE, since=at("17:34:10")),
    ),
    started_at=at("17:34:10"),
    opened_at=at("17:34:56"),
    evidence=EVIDENCE,
    alternatives=(
        Alternative(name="bedrock", state=State.OPERATIONAL),
        Alternative(name="vertex", state=State.UNKNOWN),
    ),
)

CLOSED = Incident(
    id=OPEN.id,
    vantage="local",
    phase=IncidentPhase.CLOSED,
    severity=SeverityLevel.CRITICAL,
    cause=Outcome.AUTH_ERROR,
    depth=Depth.KEY,
    deepest_good=Depth.INFERENCE,
    reason=Reason.CLEAN_WINDOW,
    explanation="0 of 40 runs failed in 120 s",
    components=(Impact(component="api", state=State.OPERATIONAL, since=at("18:52:00")),),
    started_at=at("17:34:10"),
    opened_at=at("17:34:56"),
    recovered_at=at("18:52:00.500000"),
    closed_at=at("18:54:05"),
    sequence=4,
    evidence=Evidence(runs=40, bad=0, error_ratio=0.0, window_seconds=120.0),
    provider=ProviderNote(
        indicator="major",
        incident_url="https://status.claude.com/incidents/9l93x2ht4s5w",
        posted_at=at("17:41:55"),
        lead_seconds=419.0,
    ),
)

OPENED_EVENT = Event(
    id="local-20260428-173456-api.1",
    type=EventType.OPENED,
    at=at("17:34:56"),
    vantage="local",
    summary="Claude API and Claude Code: valid keys are refused (9 of 12 runs in 60 s)",
    reason=Reason.FAST,
    incident=OPEN,
)

EVENTS = {
    "incident.opened": OPENED_EVENT,
    "incident.closed": Event(
        id="local-20260428-173456-api.4",
        type=EventType.CLOSED,
        at=at("18:54:05"),
        vantage="local",
        summary="Claude API: works again since 18:52, after 1 h 18 min",
        reason=Reason.CLEAN_WINDOW,
        incident=CLOSED,
    ),
    "monitor.misconfigured": Event(
        id="local-misconfigured-1",
        type=EventType.MISCONFIGURED,
        at=at("17:00:30"),
        vantage="local",
        summary="The key main is refused, and it never worked here",
        reason=Reason.CREDENTIAL_REJECTED,
        subject="credential/main",
        detail="Check credentials.main.api_key, or look at the vendor's page: is it the vendor?",
    ),
    "monitor.misconfigured-probe": Event(
        id="local-misconfigured-2",
        type=EventType.MISCONFIGURED,
        at=at("17:00:31"),
        vantage="local",
        summary="api_message asks for a model that does not exist",
        reason=Reason.CLIENT_ERROR,
        subject="probe/api_message",
    ),
    "monitor.blind": Event(
        id="local-blind-1",
        type=EventType.BLIND,
        at=at("17:05:00"),
        vantage="local",
        summary="This host has no network: nothing can be said of Claude",
        reason=Reason.CONTROLS_FAILED,
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_a_document_is_byte_for_byte_the_golden_one(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    compact = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
    assert body(EVENTS[name], external_url=URL).decode() == compact


def test_every_golden_file_has_its_event() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(EVENTS)


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2026, 4, 28, 17, 34, 10, tzinfo=UTC), "2026-04-28T17:34:10.000Z"),
        (datetime(2026, 4, 28, 17, 34, 10, 123999, tzinfo=UTC), "2026-04-28T17:34:10.123Z"),
        (
            datetime(2026, 4, 28, 19, 34, 10, tzinfo=timezone(timedelta(hours=2))),
            "2026-04-28T17:34:10.000Z",
        ),
    ],
)
def test_a_time_is_utc_to_the_millisecond(moment: datetime, written: str) -> None:
    assert timestamp(moment) == written


def test_while_an_incident_lasts_its_duration_runs_up_to_the_event() -> None:
    assert json.loads(body(OPENED_EVENT, external_url=URL))["data"]["duration_seconds"] == 46.0


def test_links_need_no_slash_at_the_end_of_the_external_url() -> None:
    with_slash = body(OPENED_EVENT, external_url="https://uptime.example.test/monitor/")
    assert with_slash == body(OPENED_EVENT, external_url="https://uptime.example.test/monitor")
    assert b"https://uptime.example.test/monitor/incidents/local-2026" in with_slash


# ---------------------------------------------------------------- whatever comes


def swollen(*, samples: int, probes: int, components: int, text: str) -> Event:
    """An incident with as much evidence as told, every text of it `text`."""
    incident = Incident(
        id=text,
        vantage=text,
        phase=IncidentPhase.OPEN,
        severity=SeverityLevel.MAJOR,
        cause=Outcome.TIMEOUT,
        depth=Depth.EDGE,
        deepest_good=None,
        reason=Reason.SLOW,
        explanation=text,
        components=tuple(
            Impact(component=f"{number}{text}", state=State.PARTIAL_OUTAGE, since=at("17:00:00"))
            for number in range(components)
        ),
        started_at=at("17:00:00"),
        opened_at=at("17:01:00"),
        evidence=Evidence(
            runs=10**9,
            bad=10**9,
            error_ratio=float("nan"),
            window_seconds=float("inf"),
            by_outcome=tuple(Tally(name=f"{n}{text}", runs=n, bad=n) for n in range(probes)),
            by_depth=tuple(Tally(name=f"{n}{text}", runs=n, bad=n) for n in range(probes)),
            by_probe=tuple(Tally(name=f"{n}{text}", runs=n, bad=n) for n in range(probes)),
            samples=tuple(
                Sample(
                    probe=f"{number}",
                    at=at("17:00:00"),
                    outcome=Outcome.TIMEOUT,
                    reason=text,
                    request_id=text,
                    cf_ray=text,
                )
                for number in range(samples)
            ),
        ),
    )
    return Event(
        id=text,
        type=EventType.OPENED,
        at=at("17:01:00"),
        vantage=text,
        summary=text,
        reason=Reason.SLOW,
        incident=incident,
    )


def test_samples_go_first_and_the_first_of_them_stay() -> None:
    event = swollen(samples=19, probes=6, components=6, text="x" * 480)
    encoded = body(event, external_url=URL)
    data = json.loads(encoded)["data"]
    kept = [sample["probe"] for sample in data["evidence"]["samples"]]
    assert 0 < len(kept) < 19
    assert kept == [str(number) for number in range(len(kept))]
    assert len(data["evidence"]["by_probe"]) == 6
    assert len(data["components"]) == 6
    assert BODY_BYTES_MAX - 1500 < len(encoded) <= BODY_BYTES_MAX


def test_components_go_last() -> None:
    event = swollen(samples=19, probes=60, components=6, text="\U0001f525" * 400)
    data = json.loads(body(event, external_url=URL))["data"]
    assert data["evidence"]["samples"] == []
    assert len(data["evidence"]["by_probe"]) < 50
    assert data["components"]


@given(
    samples=st.integers(0, 40),
    probes=st.integers(0, 80),
    components=st.integers(0, 80),
    text=st.one_of(
        st.text(st.characters(exclude_categories=()), max_size=50).map(lambda text: text * 40),
        st.sampled_from(['"' * 2000, "\\" * 2000, "\x1b[2J" * 500, "\U0001f525" * 2000]),
    ),
)
def test_a_document_is_always_json_under_20_kb(
    samples: int, probes: int, components: int, text: str
) -> None:
    event = swollen(samples=samples, probes=probes, components=components, text=text)
    encoded = body(event, external_url=f"https://uptime.example.test/{text}")
    assert len(encoded) <= BODY_BYTES_MAX
    document = json.loads(encoded.decode("utf-8"))
    assert list(document) == ["type", "timestamp", "data"]
    assert list(document["data"]) == list(json.loads(body(OPENED_EVENT, external_url=URL))["data"])
    assert document["data"]["evidence"]["error_ratio"] is None


@given(text=st.text(st.characters(exclude_categories=()), max_size=4000))
def test_an_event_about_ourselves_is_always_json_under_20_kb(text: str) -> None:
    event = Event(
        id="e",
        type=EventType.MISCONFIGURED,
        at=at("17:00:00"),
        vantage=text,
        summary=text,
        reason=Reason.CLIENT_ERROR,
        subject=f"probe/{text}",
        detail=text,
    )
    encoded = body(event, external_url=URL)
    assert len(encoded) <= BODY_BYTES_MAX
    assert json.loads(encoded)["type"] == "monitor.misconfigured"


def test_control_characters_do_not_reach_a_reader_s_terminal() -> None:
    event = Event(
        id="e",
        type=EventType.BLIND,
        at=at("17:00:00"),
        vantage="local",
        summary="before\x1b[2J\x9b\x07after\n",
        reason=Reason.NOTHING_ANSWERS,
    )
    data = json.loads(body(event, external_url=URL))["data"]
    assert data["summary"] == "before [2J  after"

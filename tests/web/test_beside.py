"""What stands beside our own word, in the API and on the pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitor.core.incident import Alternative, ProviderNote, State
from monitor.core.lifecycle import ModelReport, ModelStanding
from monitor.core.provider import ProviderReport, VendorMaintenance
from monitor.web import beside
from tests.core.vendorpage import a_report, minutes, theirs
from tests.factories import NOON, a_plan, a_probe, a_status_view

WORK = VendorMaintenance(
    id="m1", title="Upgrade", status="scheduled", starts=NOON, ends=minutes(60), components=("api",)
)


def test_a_page_that_nobody_reads_is_null() -> None:
    assert beside.provider(None, NOON) is None


def test_a_page_that_never_answered_says_why() -> None:
    document = beside.provider(ProviderReport(error="HTTP 405"), NOON)
    assert document == {
        "read_at": None,
        "age_seconds": None,
        "url": None,
        "indicator": None,
        "components": {},
        "incidents": [],
        "maintenances": [],
        "unknown_components": [],
        "error": "HTTP 405",
    }


def test_what_the_page_says_is_told_with_its_age() -> None:
    report = a_report(theirs(-3, "api"), maintenances=(WORK,), unknown_ids=("x (y)",))
    document = beside.provider(report, NOON + timedelta(seconds=90))
    assert document is not None
    assert (document["read_at"], document["age_seconds"]) == ("2026-04-28T12:00:00.000Z", 90.0)
    assert document["components"]["api"] == "operational"
    assert document["unknown_components"] == ["x (y)"]
    assert document["incidents"] == [
        {
            "id": "9l93x2ht4s5w",
            "title": "Elevated errors",
            "url": "https://status.claude.com/incidents/9l93x2ht4s5w",
            "status": "investigating",
            "impact": "major",
            "posted_at": "2026-04-28T11:57:00.000Z",
            "updated_at": "2026-04-28T11:57:00.000Z",
            "components": ["api"],
        }
    ]
    assert document["maintenances"] == [
        {
            "id": "m1",
            "title": "Upgrade",
            "status": "scheduled",
            "starts": "2026-04-28T12:00:00.000Z",
            "ends": "2026-04-28T13:00:00.000Z",
            "components": ["api"],
        }
    ]


def test_the_newest_and_every_open_incident_are_shown() -> None:
    over = [theirs(-n, id=f"over{n}", status="resolved") for n in range(beside.INCIDENTS_SHOWN + 3)]
    document = beside.provider(a_report(*over, theirs(-900, id="open")), NOON)
    assert document is not None
    shown = [row["id"] for row in document["incidents"]]
    assert len(shown) == beside.INCIDENTS_SHOWN + 1
    assert shown[-1] == "open"


def test_the_word_on_one_component() -> None:
    report = a_report(
        theirs(0, "api"), theirs(0, "console"), components=(("api", State.PARTIAL_OUTAGE),)
    )
    view = a_status_view(provider=report)
    word = beside.word_on("api", view)
    assert (word["state"], word["age_seconds"]) == ("partial_outage", 0.0)
    assert [row["components"] for row in word["incidents"]] == [["api"]]
    old = replace(view, at=NOON + timedelta(hours=1))
    assert beside.word_on("api", old)["state"] == "unknown"
    assert beside.word_on("api", a_status_view()) == {
        "state": "unknown",
        "read_at": None,
        "age_seconds": None,
        "incidents": [],
    }


def test_a_note_has_all_its_fields_known_or_not() -> None:
    assert set(beside.note(None).values()) == {None}
    known = ProviderNote(
        indicator="major", incident_url="https://x.example/", posted_at=NOON, lead_seconds=-3.5
    )
    assert beside.note(known) == {
        "indicator": "major",
        "incident_url": "https://x.example/",
        "posted_at": "2026-04-28T12:00:00.000Z",
        "lead_seconds": -3.5,
    }


def test_the_routes_beside_one_component() -> None:
    routes = (
        Alternative(name="bedrock", state=State.OPERATIONAL),
        Alternative(name="elsewhere", state=State.UNKNOWN),
    )
    plan = a_plan()
    probes = (
        *plan.probes,
        a_probe("bedrock", components=(), alternative_for="api"),
        a_probe("elsewhere", components=(), alternative_for="console"),
    )
    view = a_status_view(plan, alternatives=routes)
    assert beside.routes_of("api", view, probes) == [{"name": "bedrock", "state": "operational"}]
    assert beside.routes_of("cowork", view, probes) == []


def test_each_model_stands_with_its_state_and_what_to_put_in_its_place() -> None:
    report = ModelReport(
        models=(
            ModelStanding(
                model="claude-a",
                probes=("p", "q"),
                listed=True,
                line="opus",
                lifecycle="deprecated",
                retires_at=NOON,
                successor="claude-b",
            ),
            ModelStanding(model="claude-c", probes=("p",), listed=False),
            ModelStanding(model="claude-d", probes=("p",)),
        )
    )
    first, second, third = beside.models(report)
    assert first == {
        "model": "claude-a",
        "probes": ["p", "q"],
        "line": "opus",
        "state": "deprecated",
        "retires_at": "2026-04-28T12:00:00.000Z",
        "successor": "claude-b",
    }
    assert (second["state"], third["state"]) == ("not_listed", None)

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.statusfeed import Post, VendorIncident, answer

AT = datetime(2026, 4, 28, 17, 41, 55, tzinfo=UTC)
INCIDENT = VendorIncident(id="9l93x2ht4s5w", name="Claude.ai & the API", impact="major")
POSTS = (
    Post(
        at=AT,
        status="investigating",
        body="It is <down>.",
        components={"claude_ai": "major_outage", "console": "operational"},
    ),
    Post(
        at=AT + timedelta(minutes=10),
        status="identified",
        body="Found.",
        components={"api": "partial_outage"},
    ),
    Post(
        at=AT + timedelta(hours=1),
        status="monitoring",
        body="Watched.",
        components={"claude_ai": "operational", "api": "operational"},
    ),
    Post(at=AT + timedelta(hours=2), status="resolved", body="Over."),
)


def ask(path: str, posts: int, **headers: str) -> SimResponse:
    """What the page answers after so many posts."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = SimRequest(method="GET", host="status.claude.com", path=path, headers=named)
    return answer(request, INCIDENT, POSTS[:posts])


def summary(posts: int) -> Any:
    return json.loads(ask("/api/v2/summary.json", posts).body)


def test_a_calm_page_has_six_operational_components_and_no_incident() -> None:
    page = summary(0)

    assert page["page"]["id"] == "tymt9n04zgry"
    assert page["status"] == {"indicator": "none", "description": "All Systems Operational"}
    assert [(item["id"], item["status"], item["position"]) for item in page["components"]] == [
        ("rwppv331jlwc", "operational", 1),
        ("0qbwn08sd68x", "operational", 2),
        ("k8w3r06qmzrp", "operational", 3),
        ("yyzkbfz2thpt", "operational", 4),
        ("bpp5gb3hpjcl", "operational", 5),
        ("0scnb50nvy53", "operational", 6),
    ]
    assert page["incidents"] == page["scheduled_maintenances"] == []


def test_each_post_moves_the_page_on() -> None:
    pages = [summary(posts) for posts in range(1, 4)]

    assert [page["status"]["indicator"] for page in pages] == ["major", "major", "none"]
    assert [page["components"][2]["status"] for page in pages] == [
        "operational",
        "partial_outage",
        "operational",
    ]
    assert [page["incidents"][0]["status"] for page in pages] == [
        "investigating",
        "identified",
        "monitoring",
    ]
    assert pages[0]["components"][0]["updated_at"] == "2026-04-28T17:41:55.000Z"
    assert pages[2]["page"]["updated_at"] == "2026-04-28T18:41:55.000Z"


def test_the_incident_has_its_updates_newest_first_with_what_they_changed() -> None:
    incident = summary(2)["incidents"][0]

    assert (incident["id"], incident["impact"]) == ("9l93x2ht4s5w", "major")
    assert incident["started_at"] == incident["created_at"] == "2026-04-28T17:41:55.000Z"
    assert [update["status"] for update in incident["incident_updates"]] == [
        "identified",
        "investigating",
    ]
    assert incident["incident_updates"][0]["affected_components"] == [
        {
            "code": "k8w3r06qmzrp",
            "name": "Claude API (api.anthropic.com)",
            "old_status": "operational",
            "new_status": "partial_outage",
        }
    ]
    assert [item["id"] for item in incident["components"]] == [
        "rwppv331jlwc",
        "0qbwn08sd68x",
        "k8w3r06qmzrp",
    ]


def test_a_post_without_components_affects_none() -> None:
    resolved = json.loads(ask("/api/v2/incidents.json", 4).body)["incidents"][0]

    assert resolved["incident_updates"][0]["affected_components"] is None
    assert resolved["monitoring_at"] == "2026-04-28T18:41:55.000Z"
    assert resolved["resolved_at"] == "2026-04-28T19:41:55.000Z"


def test_a_resolved_incident_leaves_the_summary_and_stays_in_the_history() -> None:
    assert summary(4)["incidents"] == []
    assert json.loads(ask("/api/v2/incidents/unresolved.json", 4).body)["incidents"] == []
    assert b"9l93x2ht4s5w" in ask("/history.atom", 4).body


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/api/v2/status.json", {"page", "status"}),
        ("/api/v2/components.json", {"page", "components"}),
        ("/api/v2/incidents.json?page=2", {"page", "incidents"}),
        (
            "/api/v2/summary.json",
            {"page", "components", "incidents", "scheduled_maintenances", "status"},
        ),
    ],
)
def test_each_document_has_its_parts(path: str, parts: set[str]) -> None:
    assert set(json.loads(ask(path, 1).body)) == parts


def test_the_feed_is_wellformed_and_escapes_what_was_posted() -> None:
    space = "{http://www.w3.org/2005/Atom}"

    feed = ET.fromstring(ask("/history.atom", 2).body)  # noqa: S314  # our own bytes

    entry = feed.find(f"{space}entry")
    assert entry is not None
    assert entry.findtext(f"{space}title") == "Claude.ai & the API"
    assert entry.findtext(f"{space}updated") == "2026-04-28T17:51:55.000Z"
    content = entry.findtext(f"{space}content") or ""
    assert content.index("Identified") < content.index("Investigating")
    assert "It is &lt;down&gt;." in content


def test_an_unchanged_page_is_not_sent_again() -> None:
    etag = ask("/history.atom", 1).header("etag") or ""

    again = ask("/history.atom", 1, if_none_match=etag)
    later = ask("/history.atom", 2, if_none_match=etag)

    assert (again.status, again.body) == (304, b"")
    assert later.status == 200


def test_people_get_a_page_and_unknown_paths_get_404() -> None:
    assert b"Partial System Outage" in ask("/", 1).body
    assert ask("/api/v2/nothing.json", 1).status == 404


def test_the_old_host_sends_everyone_to_the_new_one() -> None:
    request = SimRequest(method="GET", host="status.anthropic.com", path="/history.atom?page=1")

    moved = answer(request, None, ())

    assert moved.status == 302
    assert moved.header("location") == "https://status.claude.com/history.atom?page=1"

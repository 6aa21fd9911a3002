"""The vendor's documents, as captured and as nobody should write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from defusedxml import ElementTree

from monitor.core.incident import State
from monitor.core.provider import ProviderReport, VendorIncident
from monitor.core.statuspage import (
    INCIDENTS_MAX,
    TEXT_CHARS_MAX,
    UPDATES_MAX,
    Feed,
    Names,
    completed,
    from_feed,
    from_summary,
)
from tests.core.vendorpage import (
    COMPONENTS,
    affected,
    component,
    entry,
    feed,
    incident,
    maintenance,
    minutes,
    post,
    summary,
    update,
    without,
)
from tests.factories import NOON

NAMES = Names(COMPONENTS)


def reading(document: dict[str, Any]) -> ProviderReport:
    report = from_summary(document, NAMES, NOON)
    assert report is not None
    return report


def the_incident(document: dict[str, Any]) -> VendorIncident:
    (found,) = reading(document).incidents
    return found


def the_feed(*entries: str) -> Feed:
    found = from_feed(ElementTree.fromstring(feed(*entries)), NAMES, NOON)
    assert found is not None
    return found


def the_entry(content: str, **changes: str) -> VendorIncident:
    (found,) = the_feed(entry(content, **changes)).report.incidents
    return found


# ---------------------------------------------------------------- summary.json


def test_a_quiet_summary_calls_every_component_operational() -> None:
    report = reading(summary())
    assert dict(report.components) == dict.fromkeys(NAMES.all, State.OPERATIONAL)
    assert (report.indicator, report.incidents, report.unknown_ids) == ("none", (), ())
    assert report.read_at == NOON


def test_components_are_matched_by_id_whatever_they_are_called_now() -> None:
    renamed = {**component("console", "major_outage"), "name": "console.anthropic.com"}
    report = reading(summary(components=[renamed]))
    assert dict(report.components)["console"] is State.MAJOR_OUTAGE
    assert dict(report.components)["api"] is State.UNKNOWN
    assert report.unknown_ids == ()


def test_a_component_with_another_id_is_matched_by_its_name_and_reported() -> None:
    report = reading(summary(components=[component("api", "partial_outage", id="neverseen000")]))
    assert dict(report.components)["api"] is State.PARTIAL_OUTAGE
    assert report.unknown_ids == ("neverseen000 (Claude API (api.anthropic.com))",)


def test_the_component_of_our_id_wins_over_one_of_the_same_name() -> None:
    rows = [component("api", "partial_outage"), component("api", "operational", id="other0000000")]
    for listed in (rows, rows[::-1]):
        report = reading(summary(components=listed))
        assert dict(report.components)["api"] is State.PARTIAL_OUTAGE


def test_an_unknown_component_is_reported_and_a_group_is_not() -> None:
    rows = [
        {"id": "brandnew0000", "name": "Claude Toaster", "status": "operational"},
        {"id": "group0000000", "name": "All of it", "status": "operational", "group": True},
        {"id": None, "name": None},
    ]
    report = reading(summary(components=rows))
    assert report.unknown_ids == ("brandnew0000 (Claude Toaster)", " ()")


def test_a_state_that_nobody_knows_is_unknown() -> None:
    report = reading(summary(components=[component("api", "on_fire")]))
    assert dict(report.components)["api"] is State.UNKNOWN


def test_an_incident_is_read_whole() -> None:
    found = the_incident(summary(incident()))
    assert (found.id, found.status, found.impact) == ("9l93x2ht4s5w", "identified", "critical")
    assert found.url == "https://status.claude.com/incidents/9l93x2ht4s5w"
    assert (found.posted_at, found.updated_at) == (minutes(0), minutes(10))
    assert [(post.at, post.status) for post in found.updates] == [
        (minutes(10), "identified"),
        (minutes(0), "investigating"),
    ]
    assert not found.is_over


def test_listed_is_not_affected() -> None:
    assert the_incident(summary(incident())).components == ("claude_ai", "api")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"incident_updates": None, "components": None}, ()),
        ({"incident_updates": [], "components": []}, ()),
        ({"incident_updates": "[]", "components": "[]"}, ()),
        ({"incident_updates": [None, 3]}, ("claude_ai",)),
        ({"incident_updates": [], "components": [component("console")]}, ("console",)),
        (
            {
                "incident_updates": [
                    update(9, "monitoring", affected_components=[affected("api", "operational")])
                ],
                "components": None,
            },
            ("api",),
        ),
        (
            {
                "incident_updates": [
                    update(9, "resolved", affected_components=[affected("api", "operational")]),
                    update(0, "investigating", affected_components=[affected("api", "x", code=7)]),
                    update(0, "investigating", affected_components=[{"name": "Claude Toaster"}]),
                ],
                "components": [component("cowork", "degraded_performance")],
            },
            ("cowork",),
        ),
    ],
    ids=[
        "null lists",
        "empty lists",
        "lists that are strings",
        "updates that are none",
        "none is affected, so those listed",
        "back to operational at monitoring",
        "odd rows",
    ],
)
def test_the_components_of_an_incident(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert the_incident(summary(incident(**changes))).components == expected


def test_monitoring_is_not_over_and_resolved_is() -> None:
    assert not the_incident(summary(incident(status="monitoring"))).is_over
    assert the_incident(summary(incident(status="resolved"))).is_over
    assert the_incident(summary(incident(status="postmortem"))).is_over


@pytest.mark.parametrize(
    "row",
    [
        incident(created_at=None, started_at="yesterday"),
        incident(created_at="2026-04-28T12:00:00", started_at=None),
        incident(created_at="9" * 60, started_at=7),
        incident(id=None),
        incident(id=""),
        "no object",
        None,
    ],
)
def test_an_incident_without_a_time_or_an_id_is_passed_over(row: object) -> None:
    assert reading(summary(row)).incidents == ()


def test_what_may_be_missing_is_missing() -> None:
    bare = {"id": "x1", "started_at": "2026-04-28T12:00:00Z", "impact": "enormous"}
    found = the_incident(summary(bare))
    assert (found.title, found.status, found.impact, found.updates) == ("", "", None, ())
    assert found.updated_at == found.posted_at == NOON


@pytest.mark.parametrize(
    ("page", "shortlink", "expected"),
    [
        ({"url": "https://status.claude.com/"}, None, "https://status.claude.com/incidents/abc"),
        ({"url": "javascript:alert(1)"}, "https://stspg.io/abc", "https://stspg.io/abc"),
        ({"url": "http://status.claude.com"}, "javascript:alert(1)", None),
        ({"url": "https://user:word@evil.example"}, "https://[::1", None),
        ({"url": "https://a\nb"}, "https://" + "a" * 400, None),
        ({"url": None}, "https://?", None),
    ],
)
def test_only_a_plain_https_link_is_shown(
    page: dict[str, Any], shortlink: str | None, expected: str | None
) -> None:
    document = summary(incident(id="abc", shortlink=shortlink), page=page)
    assert the_incident(document).url == expected


def test_texts_are_cleaned_cut_and_counted() -> None:
    posts = [update(n, "investigating", "\x1b[31mred\x1b[0m " + "x" * 5000) for n in range(60)]
    rows = [incident(id=f"i{n}", incident_updates=posts) for n in range(INCIDENTS_MAX + 9)]
    report = reading(summary(*rows))
    assert len(report.incidents) == INCIDENTS_MAX
    assert len(report.incidents[0].updates) == UPDATES_MAX
    text = report.incidents[0].updates[0].text
    assert len(text) <= TEXT_CHARS_MAX
    assert text.startswith("red x")


def test_incidents_stand_newest_first() -> None:
    old = incident(id="old", created_at="2026-04-27T12:00:00Z")
    report = reading(summary(old, incident()))
    assert [each.id for each in report.incidents] == ["9l93x2ht4s5w", "old"]


@pytest.mark.parametrize("indicator", [None, "purple", 3])
def test_an_indicator_that_nobody_knows_is_not_known(indicator: object) -> None:
    assert reading(summary(status={"indicator": indicator})).indicator is None
    assert reading(summary(status=None)).indicator is None


def test_part_of_a_summary_will_do() -> None:
    report = reading(without(summary(), "components", "scheduled_maintenances", "incidents"))
    assert report.indicator == "none"
    assert set(dict(report.components).values()) == {State.UNKNOWN}


@pytest.mark.parametrize(
    "document",
    [{}, {"page": {}}, {"components": []}, {"page": "x", "components": []}, {"message": "hello"}],
)
def test_other_json_is_no_summary(document: dict[str, Any]) -> None:
    assert from_summary(document, NAMES, NOON) is None


def test_announced_maintenance_is_read() -> None:
    (work,) = reading(summary(scheduled_maintenances=[maintenance("api")])).maintenances
    assert (work.title, work.status) == ("Database upgrade", "scheduled")
    assert (work.starts, work.ends, work.components) == (minutes(0), minutes(60), ("api",))


@pytest.mark.parametrize("missing", ["scheduled_for", "scheduled_until", "id"])
def test_maintenance_without_its_times_is_passed_over(missing: str) -> None:
    rows = [without(maintenance("api"), missing)]
    assert reading(summary(scheduled_maintenances=rows)).maintenances == ()


# ---------------------------------------------------------------- history.atom

REAL = "Apr <var data-var='date'>28</var>, <var data-var='time'>{}</var> UTC"


def test_an_entry_is_read_whole() -> None:
    found = the_entry(
        post(REAL.format("12:30"), "Identified", "A fix &amp; more is on its way.")
        + post(REAL.format("12:00"), "Investigating", "We look into it.")
    )
    assert (found.id, found.title) == ("9l93x2ht4s5w", "Elevated errors on Claude Opus")
    assert found.url == "https://status.claude.com/incidents/9l93x2ht4s5w"
    assert (found.status, found.impact, found.components) == ("identified", None, ())
    assert (found.posted_at, found.updated_at) == (minutes(0), minutes(30))
    assert [(each.at, each.status, each.text) for each in found.updates] == [
        (minutes(30), "identified", "A fix & more is on its way."),
        (minutes(0), "investigating", "We look into it."),
    ]


def test_a_calm_feed_calls_every_component_operational_and_an_open_one_cannot_say() -> None:
    over = entry(post(REAL.format("12:30"), "Resolved", "Over."))
    calm = the_feed(over)
    assert calm.calm
    assert calm.report.indicator == "none"
    assert dict(calm.report.components) == dict.fromkeys(NAMES.all, State.OPERATIONAL)
    trouble = the_feed(over, entry(post(REAL.format("12:30"), "Monitoring", "A fix is in.")))
    assert not trouble.calm
    assert trouble.report.indicator is None
    assert set(dict(trouble.report.components).values()) == {State.UNKNOWN}


@pytest.mark.parametrize(
    ("posts", "status"),
    [
        ([(REAL.format("12:00"), "Investigating"), (REAL.format("12:30"), "Resolved")], "resolved"),
        ([("2026-04-28T12:00:00.000Z", "Resolved"), ("later", "Identified")], "resolved"),
        ([(REAL.format("12:30"), "Update"), (REAL.format("12:10"), "Identified")], "identified"),
        ([(REAL.format("12:30"), "Update")], "unknown"),
        ([(REAL.format("12:00"), "Resolved"), (REAL.format("12:00"), "Investigating")], "resolved"),
        ([], "unknown"),
    ],
    ids=[
        "the newest by its time",
        "the first, where a time is not read",
        "an update changes nothing",
        "nothing but an update",
        "two at one time",
        "no post",
    ],
)
def test_the_status_of_an_entry(posts: list[tuple[str, str]], status: str) -> None:
    content = "".join(post(when, word, "x") for when, word in posts)
    assert the_entry(content).status == status


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-04-28T12:00:00.000Z", NOON),
        ("Apr 28, 12:00 UTC", NOON),
        ("Dec 31, 23:50 UTC", datetime(2025, 12, 31, 23, 50, tzinfo=UTC)),
        ("Apr 28, 12:00 PDT", None),
        ("Xxx 28, 12:00 UTC", None),
        ("Feb 31, 12:00 UTC", None),
        ("Apr 28, 12:99 UTC", None),
    ],
)
def test_the_time_of_a_post(when: str, expected: datetime | None) -> None:
    (said,) = the_entry(post(when, "Investigating", "x")).updates
    assert said.at == expected


@pytest.mark.parametrize(
    "word", ["Scheduled", "In progress", "THIS IS A SCHEDULED EVENT Apr 28, 10:00 - 12:00 UTC"]
)
def test_planned_work_in_the_feed_is_no_incident_but_asks_for_more(word: str) -> None:
    found = the_feed(entry(post(REAL.format("12:00"), word, "Work.")))
    assert found.report.incidents == ()
    assert not found.calm
    assert the_feed(entry(post(REAL.format("12:00"), "Completed", "Done."))).calm


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This incident affected: claude.ai, Claude Code.", ("claude_ai", "claude_code")),
        ("Affected components: <b>Claude API (api.anthropic.com)</b>, Claude Toaster", ("api",)),
        ("Users of the Claude API see errors.", ()),
    ],
)
def test_components_that_an_entry_names(text: str, expected: tuple[str, ...]) -> None:
    assert the_entry(f"<p><strong>Resolved</strong> - {text}</p>").components == expected


def test_an_entry_without_a_link_or_a_first_time_makes_do() -> None:
    found = the_entry("", href="javascript:alert(1)", published="never")
    assert (found.id, found.url, found.posted_at) == ("25712345", None, minutes(30))


def test_an_entry_without_an_id_or_any_time_is_passed_over() -> None:
    nameless = entry("", href="", id="")
    timeless = entry("", published="", updated="")
    bare = (
        "<entry><id>tag:x,2005:Incident/7</id><published>2026-04-28T12:00:00Z</published></entry>"
    )
    found = the_feed(nameless, timeless, bare)
    assert [(each.id, each.title) for each in found.report.incidents] == [("7", "")]
    assert found.report.incidents[0].updated_at == NOON


def test_html_that_is_none_is_read_in_one_pass() -> None:
    hostile = "<small>" * 9000 + "<" * 20_000 + "<p" * 9000
    assert the_entry(hostile).status == "unknown"


def test_other_xml_is_no_feed() -> None:
    assert from_feed(ElementTree.fromstring(b"<rss><channel/></rss>"), NAMES, NOON) is None


def test_json_completes_what_a_feed_cannot_know() -> None:
    open_one = entry(post(REAL.format("12:30"), "Identified", "x"))
    old = entry(
        post(REAL.format("11:30"), "Resolved", "x"),
        href="https://status.claude.com/incidents/old",
        published="2026-04-28T11:00:00Z",
    )
    whole = completed(
        the_feed(open_one, old).report,
        reading(summary(incident(), incident(id="newer", created_at="2026-04-28T12:10:00Z"))),
    )
    assert [each.id for each in whole.incidents] == ["newer", "9l93x2ht4s5w", "old"]
    assert whole.incidents[1].components == ("claude_ai", "api")
    assert whole.indicator == "none"

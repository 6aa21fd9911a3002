"""The pages over real sockets: what they say, and that nothing from outside does anything."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise

import aiohttp
import pytest
from typing_extensions import override

from monitor.core.effects import Judged, NetworkView, ProbeView
from monitor.core.incident import (
    Alternative,
    EventType,
    Impact,
    IncidentPhase,
    ProviderNote,
    Reason,
    Sample,
    State,
    Tally,
)
from monitor.core.lifecycle import ModelReport, ModelStanding
from monitor.core.observation import Phase, Timings
from monitor.core.outcome import Outcome, Verdict
from monitor.core.provider import ProviderReport
from monitor.web.charts import phase_bars
from monitor.web.shapes import row_of
from tests.core.vendorpage import a_report, theirs
from tests.factories import (
    NOON,
    a_component_view,
    a_judged,
    a_plan,
    a_probe,
    a_status_view,
    a_timed_out_observation,
    an_answer,
    an_event,
    an_evidence,
    an_incident,
    an_observation,
)
from tests.web.conftest import Start
from tests.web.fakes import A_MUTE, FakeDaemon, FakePast

HOSTILE = (
    "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>"
    "\"'>{{ 7*7 }}\x1b[2J\x07\u202egnp.exe\u2066\ud800"
)


class Page(HTMLParser):
    """What a browser would make of a page: its text, its elements, whether they are closed."""

    _VOID = frozenset({"meta", "link", "img", "path", "circle", "rect", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.text = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join(self.text.split())

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self._VOID:
            self.open.append(tag)

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    @override
    def handle_data(self, data: str) -> None:
        self.text += f" {data}"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def only_our_script(page: Page) -> bool:
    """Whether the one script is our own file."""
    return [re.sub(r"\?v=[0-9a-f]{12}$", "", str(tag["src"])) for tag in page.all("script")] == [
        "/static/page.js"
    ]


async def fetch(client: aiohttp.ClientSession, url: str, status: int = 200) -> Page:
    async with client.get(url, headers={"Accept": "text/html"}) as response:
        assert response.status == status
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        page = Page(await response.text())
    assert page.open == []
    return page


def an_outage(daemon: FakeDaemon) -> None:
    incident = an_incident("api", "claude_code")
    daemon.view = a_status_view(
        daemon.plan,
        components=(
            a_component_view("claude_ai", State.UNKNOWN, reason="seen only through challenges"),
            a_component_view(
                "api",
                State.MAJOR_OUTAGE,
                since=NOON - timedelta(minutes=9),
                incident_id=incident.id,
                suspect=True,
            ),
            a_component_view("console", depths=()),
        ),
        open_incidents=(incident,),
    )


async def test_the_page_says_what_is_muted(start: Start, client: aiohttp.ClientSession) -> None:
    page = await fetch(client, f"{await start(mutes=lambda: (A_MUTE,))}/")
    assert "api is muted until" in page.text
    assert "by ann: <b>known</b>. Nothing new is announced of it." in page.text


async def test_the_page_says_how_everything_is(start: Start, client: aiohttp.ClientSession) -> None:
    page = await fetch(client, f"{await start()}/")
    assert "All components are operational." in page.text
    assert "seen from local at 28 Apr 2026, 12:00:00 UTC" in page.text
    for component in a_plan().components:
        assert component.title in page.text
    for probe in a_plan().probes:
        assert probe.name in page.text
    assert "for 3 h 12 min" in page.text
    assert "edge 0 of 12 bad" in page.text
    assert "The network of this host is up. control_a: answers control_b: answers" in page.text
    assert "Disabled probes" not in page.text
    assert "Open incidents" not in page.text
    assert "claude-uptime 0.1.0" in page.text


async def test_an_outage_is_told_first_with_its_incident(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    an_outage(daemon)
    page = await fetch(client, f"{await start()}/")
    assert "Major outage of Claude API." in page.text
    assert "Claude API, Claude Code : auth error" in page.text.replace(": auth", " : auth")
    assert "9 of 12 runs of the key pool failed in 60 s (75 %, limit 33 %)" in page.text
    assert "Major outage, checking" in page.text
    assert "no enabled probe" in page.text
    components = page.text.index("Components")
    assert page.text.index("for 9 min 50 s") < components
    names = page.text[components:]
    assert names.index("Claude API") < names.index("claude.ai") < names.index("Claude Console")
    link = f"/incidents/{daemon.view.open_incidents[0].id}"
    assert link in {attributes.get("href") for attributes in page.all("a")}


async def test_disabled_probes_stand_with_their_reason(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    daemon.plan = a_plan(keyed=False)
    daemon.view = a_status_view(daemon.plan)
    page = await fetch(client, f"{await start(plan=daemon.plan)}/")
    assert "4 of 15 probes are disabled" in page.text
    assert page.text.count("credential main is empty") == 4


async def test_blindness_is_not_shown_as_health(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    daemon.view = a_status_view(
        daemon.plan,
        network=NetworkView(up=False, guard_active=True, targets=(("control_a", True, False),)),
    )
    page = await fetch(client, f"{await start()}/")
    assert "This host has no network, so nothing can be said about Claude." in page.text
    assert "control_a: fails" in page.text


async def test_a_guard_that_is_off_is_said(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    targets = (("control_a", False, None), ("control_b", False, False))
    daemon.view = a_status_view(
        daemon.plan, network=NetworkView(up=True, guard_active=False, targets=targets)
    )
    page = await fetch(client, f"{await start()}/")
    assert "No control target has answered yet" in page.text
    assert "control_a: not asked yet, unproven" in page.text
    assert "control_b: fails, unproven" in page.text


async def test_a_probe_without_a_run_says_so(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    daemon.view = a_status_view(
        daemon.plan, probes=(ProbeView(name="api_hello", proven=False, last=None),)
    )
    page = await fetch(client, f"{await start()}/")
    assert "no run yet; every 30 s" in page.text


async def test_past_incidents_are_listed_open_ones_once(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, past: FakePast
) -> None:
    an_outage(daemon)
    closed = an_incident(
        "console",
        opened_at=NOON - timedelta(days=1),
        phase=IncidentPhase.CLOSED,
        cause=Outcome.OVERLOADED,
        closed_at=NOON - timedelta(hours=23),
        recovered_at=NOON - timedelta(hours=23, minutes=5),
    )
    past.stored = [*daemon.view.open_incidents, closed]
    page = await fetch(client, f"{await start()}/")
    assert page.text.count("auth error") == 1
    assert "Closed, major lasted 55 min 50 s" in page.text


async def test_the_page_does_without_the_store(
    start: Start, client: aiohttp.ClientSession, past: FakePast, daemon: FakeDaemon
) -> None:
    an_outage(daemon)
    past.broken = OSError("database is locked")
    url = await start()
    page = await fetch(client, f"{url}/")
    assert "Major outage of Claude API." in page.text
    assert "The database does not answer just now." in page.text
    page = await fetch(client, f"{url}/probes/api_hello")
    assert "The database does not answer just now." in page.text
    page = await fetch(client, f"{url}/incidents/{daemon.view.open_incidents[0].id}")
    assert "The database does not answer just now." in page.text


async def test_an_incident_has_a_page(
    start: Start, client: aiohttp.ClientSession, past: FakePast
) -> None:
    incident = an_incident(
        "api",
        phase=IncidentPhase.CLOSED,
        recovered_at=NOON - timedelta(minutes=5),
        closed_at=NOON - timedelta(minutes=3),
        reopens=2,
    )
    past.stored = [incident]
    joined = an_event(EventType.UPDATED, incident, reason=Reason.COMPONENT_JOINED)
    past.events = [an_event(EventType.OPENED, incident), joined]
    page = await fetch(client, f"{await start()}/incidents/{incident.id}")
    assert incident.id in page.text
    assert "Lasted 4 min 50 s" in page.text
    assert "Reopened 2 times" in page.text
    assert "Opened fast" in page.text
    assert "Updated component joined" in page.text
    assert "9 of 12 runs were bad (75 %) in 1 min." in page.text
    assert "request req_011CSHoEeqs5C35K2UUqR7Fy" in page.text
    assert "By outcome" in page.text


async def test_an_incident_that_just_opened_has_a_page_before_it_is_stored(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    an_outage(daemon)
    page = await fetch(client, f"{await start()}/incidents/{daemon.view.open_incidents[0].id}")
    assert "Has lasted 9 min 50 s" in page.text
    assert "Nothing has been stored yet." in page.text


async def test_a_probe_has_a_page(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, past: FakePast
) -> None:
    refused = Judged(
        observation=an_observation("api_models", seconds=0.31, answer=an_answer(401)),
        verdict=Verdict(outcome=Outcome.AUTH_ERROR, reason="401 to a key that worked before"),
    )
    daemon.view = replace(
        daemon.view, probes=(ProbeView(name="api_models", proven=True, last=refused),)
    )
    past.runs = [refused, replace(refused, observation=a_timed_out_observation("api_models"))]
    page = await fetch(client, f"{await start()}/probes/api_models")
    assert "auth_error: 401 to a key that worked before" in page.text
    assert "Evidence for Claude API, Claude Code, Claude Console" in page.text
    assert "first byte 155 ms" in page.text
    assert "req_011CSHoEeqs5C35K2UUqR7Fy" in page.text
    assert "10.00 s none" in page.text
    assert len(page.all("rect")) == 6


async def test_a_disabled_probe_has_a_page_too(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    daemon.plan = a_plan(keyed=False)
    daemon.view = a_status_view(daemon.plan, probes=())
    page = await fetch(client, f"{await start(plan=daemon.plan)}/probes/api_message_haiku")
    assert "Disabled: credential main is empty" in page.text
    assert "Model claude-haiku-5-5" in page.text
    assert "None stored yet." in page.text


@pytest.mark.parametrize("path", ["/incidents/nope", "/probes/nope", "/nope"])
async def test_what_is_not_there_is_a_page_for_people_and_a_document_for_programs(
    start: Start, client: aiohttp.ClientSession, path: str
) -> None:
    url = f"{await start()}{path}"
    page = await fetch(client, url, 404)
    assert "Not Found" in page.text
    async with client.get(url) as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"


async def test_pages_work_without_a_script_and_have_nothing_from_elsewhere(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    an_outage(daemon)
    page = await fetch(client, f"{await start()}/")
    assert only_our_script(page)
    assert page.html.count("</script>") == 1
    for attributes in (attributes for _, attributes in page.elements):
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert (attributes.get(name) or "/").startswith(("/", "#"))
    assert {"http-equiv": "refresh", "content": "15"} in page.all("meta")


async def test_the_style_is_served_and_may_be_kept(
    start: Start, client: aiohttp.ClientSession
) -> None:
    url = await start()
    page = await fetch(client, f"{url}/")
    links = [str(attributes["href"]) for attributes in page.all("link")]
    assert [re.sub(r"\?v=[0-9a-f]{12}$", "", link) for link in links] == [
        "/static/icon.svg",
        "/static/style.css",
    ]
    for link, kind in zip(links, ("image/svg+xml", "text/css"), strict=True):
        async with client.get(f"{url}{link}") as response:
            assert response.status == 200
            assert response.content_type == kind
            assert response.headers["Cache-Control"] == "public, max-age=86400"
    async with client.get(f"{url}/static/..%2Fserver.py") as response:
        assert response.status == 404


async def test_the_page_is_light(start: Start, client: aiohttp.ClientSession) -> None:
    url = await start()
    total = 0
    for path in ("/", "/static/style.css", "/static/icon.svg"):
        async with client.get(f"{url}{path}") as response:
            total += len(await response.read())
    assert total < 60_000


async def test_hostile_text_is_only_ever_text(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, past: FakePast
) -> None:
    """Every text that could come from outside, hostile at once, on every page."""
    judged = Judged(
        observation=an_observation(
            "api_hello", answer=an_answer(503, request_id=HOSTILE, cf_ray=HOSTILE)
        ),
        verdict=Verdict(outcome=Outcome.SERVER_ERROR, reason=HOSTILE),
    )
    sample = Sample(
        probe=HOSTILE,
        at=NOON,
        outcome=Outcome.SERVER_ERROR,
        reason=HOSTILE,
        request_id=HOSTILE,
        cf_ray=HOSTILE,
    )
    tallies = (Tally(name=HOSTILE, runs=1, bad=1),)
    impact = Impact(component=HOSTILE, state=State.MAJOR_OUTAGE, since=NOON)
    incident = an_incident(
        "api",
        explanation=HOSTILE,
        components=(impact,),
        evidence=an_evidence(by_probe=tallies, by_outcome=tallies, samples=(sample,)),
    )
    disabled = a_probe("api_models", disabled=HOSTILE, model=HOSTILE, credential_name=HOSTILE)
    plan = replace(a_plan(), probes=(a_probe("api_hello"), disabled))
    daemon.view = a_status_view(
        plan,
        components=(a_component_view("api", State.MAJOR_OUTAGE, title=HOSTILE, reason=HOSTILE),),
        probes=(ProbeView(name="api_hello", proven=True, last=judged),),
        open_incidents=(incident,),
        network=NetworkView(up=True, guard_active=True, targets=((HOSTILE, True, True),)),
    )
    past.runs = [judged]
    past.stored = [incident]
    past.events = [an_event(EventType.OPENED, incident, summary=HOSTILE)]
    url = await start(plan=plan)
    pages = [
        "/",
        "/history",
        f"/incidents/{incident.id}",
        "/probes/api_hello",
        "/probes/api_models",
    ]
    for path in pages:
        page = await fetch(client, f"{url}{path}")
        assert only_our_script(page)
        assert {str(attributes.get("src")).split("?")[0] for attributes in page.all("img")} == {
            "/static/icon.svg"
        }
        assert "alert(1)" in page.text
        assert "{{ 7*7 }}" in page.text
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page.html)


def test_the_phases_of_a_run_lie_side_by_side() -> None:
    pieces = phase_bars(row_of(a_judged(seconds=1.0)))
    assert [piece.phase for piece in pieces] == list(Phase)
    for left, right in pairwise(pieces):
        assert right.x == pytest.approx(left.x + left.width, abs=0.2)
    assert pieces[-1].x + pieces[-1].width == pytest.approx(1000, abs=0.5)


@pytest.mark.parametrize(
    "timings",
    [
        pytest.param(Timings(total=0.0), id="nothing"),
        pytest.param(Timings(total=0.0, dns=0.0), id="no time at all"),
        pytest.param(Timings(total=0.1, dns=5.0, connect=1.0), id="more than the whole"),
        pytest.param(Timings(total=1.0, dns=-1.0), id="less than nothing"),
    ],
)
def test_odd_phases_stay_within_the_bar(timings: Timings) -> None:
    for piece in phase_bars(row_of(a_judged(seconds=timings.total, timings=timings))):
        assert 0 <= piece.x <= 1000
        assert 0 <= piece.width <= 1000


# ---------------------------------------------------------------- beside our own word


async def test_the_vendors_word_stands_beside_each_component(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    report = a_report(theirs(-2, "api"), read=-1, components=(("api", State.PARTIAL_OUTAGE),))
    routes = (Alternative(name="bedrock", state=State.OPERATIONAL),)
    daemon.view = replace(daemon.view, provider=report, alternatives=routes)
    page = await fetch(client, f"{await start()}/")
    assert "the vendor says: partial outage" in page.text
    assert "the vendor says: unknown" in page.text
    assert "read 1 min ago" in page.text
    assert "Elevated errors (investigating)" in page.text
    assert "bedrock: operational" in page.text


async def test_models_that_go_and_lines_that_nobody_asks_are_named(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    when = datetime(2026, 12, 24, tzinfo=UTC)
    models = (
        ModelStanding(
            model="claude-a",
            probes=("p",),
            listed=True,
            lifecycle="deprecated",
            retires_at=when,
            successor="claude-b",
        ),
        ModelStanding(model="claude-f", probes=("p",), listed=True, lifecycle="deprecated"),
        ModelStanding(model="claude-g", probes=("p",)),
        ModelStanding(model="claude-c", probes=("p",), listed=True, lifecycle="retired"),
        ModelStanding(model="claude-d", probes=("p",), listed=False),
        ModelStanding(
            model="claude-e", probes=("p",), listed=True, lifecycle="active", successor="claude-z"
        ),
    )
    report = ModelReport(models=models, unasked=("fable",))
    daemon.view = replace(daemon.view, models=report)
    page = await fetch(client, f"{await start()}/")
    assert (
        "claude-a: deprecated, to be retired on 2026-12-24; put claude-b in its place" in page.text
    )
    assert "claude-c: retired" in page.text
    assert "claude-d: not in the list" in page.text
    assert "claude-e: active" in page.text
    assert "claude-z" not in page.text
    assert "claude-f: deprecated" in page.text
    assert "claude-f: deprecated," not in page.text
    assert "claude-g" not in page.text
    assert "no probe asks fable" in page.text


async def test_a_page_of_the_vendors_that_cannot_be_read_is_said(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    daemon.view = replace(daemon.view, provider=ProviderReport(error="HTTP 405"))
    url = await start()
    assert "page cannot be read: HTTP 405" in (await fetch(client, f"{url}/")).text
    stale = a_report(theirs(0, url=None), read=-60, error="HTTP 403")
    daemon.view = replace(daemon.view, provider=stale)
    page = await fetch(client, f"{url}/")
    assert "was read 1 h ago; since then it cannot be read: HTTP 403" in page.text
    assert "the vendor says: unknown" in page.text


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (None, ""),
        (ProviderNote(indicator="none"), "nothing that fits"),
        (ProviderNote(posted_at=NOON, lead_seconds=540.0), "9 min after us"),
        (
            ProviderNote(posted_at=NOON, lead_seconds=-60.0, incident_url="https://x.example/i"),
            "1 min before us",
        ),
    ],
)
async def test_an_incident_says_who_was_first(
    note: ProviderNote | None,
    said: str,
    start: Start,
    client: aiohttp.ClientSession,
    past: FakePast,
) -> None:
    routes = (Alternative(name="bedrock", state=State.UNKNOWN),)
    incident = an_incident(provider=note, alternatives=routes)
    past.stored = [incident]
    page = await fetch(client, f"{await start()}/incidents/{incident.id}")
    assert said in page.text
    assert ("The vendor posted" in page.text) is (note is not None)
    assert "Other route bedrock unknown" in page.text.replace("bedrockunknown", "bedrock unknown")

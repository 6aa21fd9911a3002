"""What stands beside a decision never takes part in it, with one exception that is tested too."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.beside import KEY_WORD_SECONDS
from monitor.core.effects import Announce, Rejudged, Revise
from monitor.core.engine import Engine
from monitor.core.incident import Alternative, EventType, State
from monitor.core.outcome import Depth, Outcome
from monitor.core.plan import Plan
from monitor.core.policy import Close, Policy
from monitor.core.provider import ProviderReport, VendorIncident, VendorMaintenance
from tests.core.timeline import Comes, Story, Trouble, each, hellos, keyed, plan_of
from tests.core.vendorpage import a_report, minutes, saying_auth, theirs
from tests.factories import NOON, a_probe

DOWN = Trouble(60.0, 600.0)


def tell(story: Story, report: ProviderReport) -> list[Revise]:
    """The page is read now; gives the incidents that it changed, and nothing else may come."""
    now = story.moment(story.now)
    effects = story.engine.provider(replace(report, read_at=now.wall), now)
    revised = [effect for effect in effects if isinstance(effect, Revise)]
    assert len(revised) == len(effects)
    return revised


# ---------------------------------------------------------------- noted


def test_an_event_carries_what_the_page_said_before_it() -> None:
    story = Story(plan_of(*hellos()), world=DOWN)
    tell(story, a_report(theirs(-1, "api")))
    story.play(300.0)
    (opened,) = [event for event in story.events if event.type is EventType.OPENED]
    assert opened.incident is not None
    note = opened.incident.provider
    assert note is not None
    assert note.posted_at == minutes(-1)
    assert note.lead_seconds is not None
    assert note.lead_seconds < 0


def test_a_later_word_revises_the_open_incident_and_announces_nothing() -> None:
    story = Story(plan_of(*hellos()), world=DOWN).play(300.0)
    announced = len(story.events)
    (revised,) = tell(story, a_report(theirs(4, "api")))
    assert revised.incident.provider is not None
    assert revised.incident.provider.lead_seconds is not None
    assert revised.incident.provider.lead_seconds > 0
    assert tell(story, a_report(theirs(4, "api"))) == []
    assert len(story.events) == announced
    (shown,) = story.engine.status(story.moment(story.now)).open_incidents
    assert shown.provider == revised.incident.provider


def test_the_close_carries_it_too_after_a_restart_as_well() -> None:
    story = Story(plan_of(*hellos()), world=DOWN).play(300.0)
    tell(story, a_report(theirs(4, "api")))
    after = story.restart().play(1500.0)
    closed = after.events[-1]
    assert closed.type is EventType.CLOSED
    assert closed.incident is not None
    assert closed.incident.provider is not None
    assert closed.incident.provider.posted_at == minutes(4)


def test_a_snapshot_of_an_engine_that_read_no_page_is_still_of_use() -> None:
    story = Story(plan_of(*hellos()), world=DOWN).play(300.0)
    now = story.moment(story.now)
    old = story.engine.snapshot(now).replace(b',"beside":{}', b"")
    assert b"beside" not in old
    after = Engine(plan_of(*hellos()), Policy())
    after.restore(old, now)
    assert len(after.open_incidents()) == 1


def test_an_event_lists_the_routes_beside_its_components() -> None:
    route = a_probe("bedrock", components=(), alternative_for="api")
    other = a_probe("elsewhere", components=(), alternative_for="console")
    plan = plan_of(*hellos(), route, other, a_probe("console_page", components=("console",)))
    story = Story(plan, world=Trouble(60.0, 600.0, probes=("a", "b", "c"))).play(300.0)
    opened = next(event for event in story.events if event.type is EventType.OPENED)
    assert opened.incident is not None
    assert opened.incident.names == ("api",)
    assert opened.incident.alternatives == (Alternative(name="bedrock", state=State.OPERATIONAL),)
    view = story.engine.status(story.moment(story.now))
    assert [route.name for route in view.alternatives] == ["bedrock", "elsewhere"]
    assert view.open_incidents[0].alternatives == opened.incident.alternatives


# ---------------------------------------------------------------- never evidence

TEXTS = st.sampled_from(["Elevated errors", "Authentication fails", "All is lost", ""])
NAMES = st.sampled_from([(), ("api",), ("console",), ("api", "console")])
STATES = st.sampled_from(list(State))


@st.composite
def reports(draw: st.DrawFn) -> ProviderReport:
    """Anything that the page may say, without maintenance."""
    if draw(st.booleans()):
        return ProviderReport(error="HTTP 405")
    incidents: list[VendorIncident] = [
        theirs(
            draw(st.integers(-60, 60)),
            *draw(NAMES),
            id=f"v{number}",
            title=draw(TEXTS),
            status=draw(st.sampled_from(["investigating", "monitoring", "resolved"])),
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    return a_report(
        *incidents,
        indicator=draw(st.sampled_from([None, "none", "critical"])),
        components=tuple((name, draw(STATES)) for name in ("api", "console")),
    )


def decisions(story: Story) -> list[tuple[object, ...]]:
    """What was announced, without what stands beside it."""
    return [(event.id, event.type, event.at, event.reason, event.summary) for event in story.events]


WORLD = each(Trouble(40.0, 120.0), Trouble(200.0, 260.0, Comes.DEAD, probes=("a", "b")))
QUICK = replace(Policy(), close=Close(window=60.0, window_clean=60.0, min_samples=5))
SECONDS = 420.0


def a_story() -> Story:
    """Two outages of the API and a quiet Console, told briskly."""
    plan = plan_of(*hellos(interval=10.0), a_probe("console_page", components=("console",)))
    story = Story(plan, QUICK, world=WORLD)
    story.tick_every = 5.0
    return story


@functools.cache
def undisturbed() -> list[tuple[object, ...]]:
    """What is decided when nobody reads the page."""
    return decisions(a_story().play(SECONDS))


@given(st.lists(st.tuples(st.floats(0, SECONDS), reports()), max_size=8))
def test_whatever_the_page_says_opens_and_closes_nothing(
    said: list[tuple[float, ProviderReport]],
) -> None:
    story = a_story()
    for when, report in sorted(said, key=lambda pair: pair[0]):
        tell(story.play(when), report)
    story.play(SECONDS)
    assert decisions(story) == undisturbed()
    kinds = {kind for _, kind, *_ in undisturbed()}
    assert {EventType.OPENED, EventType.CLOSED} <= kinds


# ---------------------------------------------------------------- the exception: refused keys

KEYED = (keyed("models"), keyed("tokens"), *hellos(2))
REFUSED = Trouble(60.0, 600.0, Comes.REFUSED, probes=("models", "tokens"))


def outcomes(story: Story) -> set[Outcome]:
    """What earlier runs were judged to be in the end."""
    return {effect.verdict.outcome for effect in story.all(Rejudged)}


def after_refusals(report: ProviderReport | None, world: Trouble = REFUSED) -> Story:
    """The only key is refused from the first minute on; the page is read two minutes later."""
    story = Story(plan_of(*KEYED), world=world).play(180.0)
    if report is not None:
        assert tell(story, report) == []
    return story.play(360.0)


def test_the_only_key_refused_is_no_outage_by_itself() -> None:
    story = after_refusals(None)
    assert EventType.OPENED not in [event.type for event in story.events]
    assert outcomes(story) == set()


def test_it_is_one_when_the_page_speaks_of_authentication() -> None:
    story = after_refusals(a_report(saying_auth("api")))
    assert outcomes(story) == {Outcome.AUTH_ERROR}
    opened = next(event for event in story.events if event.type is EventType.OPENED)
    assert opened.incident is not None
    assert (opened.incident.cause, opened.incident.depth) == (Outcome.AUTH_ERROR, Depth.KEY)


@pytest.mark.parametrize(
    "report",
    [
        a_report(theirs(0, "api", title="Elevated errors")),
        a_report(saying_auth("console")),
        a_report(replace(saying_auth("api"), status="resolved")),
        ProviderReport(error="HTTP 405"),
    ],
    ids=["of errors only", "of another component", "of what is over", "it cannot be read"],
)
def test_it_is_none_when_the_page_speaks_of_something_else(report: ProviderReport) -> None:
    story = after_refusals(report)
    assert EventType.OPENED not in [event.type for event in story.events]


def test_the_page_saves_no_key_that_never_worked() -> None:
    story = after_refusals(a_report(saying_auth("api")), replace(REFUSED, start=0.0))
    assert EventType.OPENED not in [event.type for event in story.events]


def test_what_the_page_said_about_keys_ages() -> None:
    late = Trouble(90.0 + KEY_WORD_SECONDS, 2000.0, Comes.REFUSED, probes=("models", "tokens"))
    story = Story(plan_of(*KEYED), world=late).play(60.0)
    tell(story, a_report(saying_auth("api")))
    story.play(1500.0)
    assert EventType.OPENED not in [event.type for event in story.events]


# ---------------------------------------------------------------- the other: maintenance


def planned(plan: Plan, *, honoured: bool) -> Story:
    story = Story(replace(plan, honour_maintenance=honoured), world=DOWN)
    work = VendorMaintenance(
        id="m1",
        title="Database upgrade",
        status="scheduled",
        starts=NOON,
        ends=NOON + timedelta(minutes=5),
        components=("api",),
    )
    tell(story, a_report(maintenances=(work,)))
    return story.play(200.0)


def test_nothing_opens_during_the_vendors_maintenance() -> None:
    story = planned(plan_of(*hellos()), honoured=True)
    assert story.events == []
    (component,) = story.engine.status(story.moment(story.now)).components
    assert component.state is State.UNDER_MAINTENANCE
    assert component.reason == "the vendor's maintenance: Database upgrade"


def test_unless_it_is_not_to_be_honoured() -> None:
    story = planned(plan_of(*hellos()), honoured=False)
    assert [event.type for event in story.events] == [EventType.OPENED]


def test_a_maintenance_that_is_called_off_is_one_no_more_and_a_failed_reading_calls_off_none() -> (
    None
):
    story = planned(plan_of(*hellos()), honoured=True)
    tell(story, ProviderReport(error="HTTP 405"))
    story.play(230.0)
    assert story.events == []
    tell(story, a_report())
    story.play(290.0)
    assert [event.type for event in story.events] == [EventType.OPENED]


def test_only_events_about_an_incident_are_completed() -> None:
    story = Story(plan_of(*KEYED), world=REFUSED)
    tell(story, a_report(theirs(0, "api")))
    story.play(180.0)
    assert [event.type for event in story.events] == [EventType.MISCONFIGURED]


def test_a_close_by_an_operator_carries_the_note_too() -> None:
    story = Story(plan_of(*hellos()), world=DOWN).play(300.0)
    tell(story, a_report(theirs(4, "api")))
    now = story.moment(story.now)
    (incident,) = story.engine.open_incidents()
    effects = story.engine.close_incident(incident.id, "it is over", now)
    (closed,) = [effect.event for effect in effects if isinstance(effect, Announce)]
    assert closed.incident is not None
    assert closed.incident.provider is not None
    assert closed.incident.provider.posted_at == minutes(4)

"""What a browser is shown: four conditions with ninety days behind them, from values in memory.

`python -m tests.browser.world` writes the pictures of the README, the terminal's from a whole demo
(two minutes), and those that are only looked at into build/pictures.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from monitor.core.effects import DepthView, NetworkView, StatusView
from monitor.core.history import Times
from monitor.core.incident import (
    EventType,
    Impact,
    Incident,
    IncidentPhase,
    Interval,
    ProviderNote,
    SeverityLevel,
    State,
)
from monitor.core.outcome import Depth, Outcome
from monitor.core.plan import Plan
from monitor.core.rollup import DAY, HOUR, ComponentSums, ProbeSums, sum_runs
from monitor.metrics import Metrics
from monitor.web import WebDeps, WebServer, create_app
from monitor.web.live import Hub
from monitor.web.shapes import Shapes
from tests.factories import NOON, a_component_view, a_judged, a_plan, a_status_view, an_event
from tests.factories import an_incident as a_bare_incident
from tests.web.fakes import FakeDaemon, FakeHistory, FakePast, FakeScrape

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "pictures"
README_PICTURE = ROOT / "docs" / "img" / "status-page.png"
TERMINAL_PICTURE = ROOT / "docs" / "img" / "terminal.png"
TERMINAL_LINES = 44
"""How much of the demo is shown: its story, without the list of assumptions."""

TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: #171614; }
pre { margin: 0; padding: 24px 28px; color: #f0eee8; font: 14px/1.5 "DejaVu Sans Mono", monospace; }
</style><pre></pre>"""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TODAY = NOON.replace(hour=0)
WIDE, PHONE = 1440, 360


@dataclass
class Site:
    """A server over values that a test may change, and those who are told of it."""

    daemon: FakeDaemon
    past: FakePast
    history: FakeHistory
    hub: Hub
    url: str = ""
    conditions: dict[str, Callable[[], None]] = field(default_factory=dict)

    def become(self, condition: str) -> None:
        """Let the world be so from now on; whoever listens is told separately."""
        self.conditions[condition]()


@contextlib.asynccontextmanager
async def serving(plan: Plan | None = None) -> AsyncIterator[Site]:
    """A site on loopback, in health."""
    daemon, past, history = FakeDaemon(plan or a_plan()), FakePast(), FakeHistory()
    hub = Hub(Shapes("local", ""), lambda: daemon.view.at)
    metrics = Metrics(daemon.plan, version="0.1.0", notifiers=("oncall",))
    deps = WebDeps(
        plan=daemon.plan,
        version="0.1.0",
        status=daemon,
        incidents=past,
        health=daemon,
        scrape=FakeScrape(metrics, daemon),
        history=history,
        store_errors=(OSError,),
    )
    site = Site(daemon, past, history, hub)
    fill(site)
    site.conditions = {
        "health": lambda: health(site),
        "outage": lambda: outage(site),
        "recovered": lambda: recovered(site),
        "blind": lambda: blind(site),
    }
    site.become("health")
    async with WebServer(create_app(deps, hub), "127.0.0.1", 0) as server:
        site.url = f"http://{server.address}"
        yield site


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """The installed Chromium, headless."""
    path = next(filter(None, map(shutil.which, CHROMIUM)))
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        await opened.close()


@contextlib.asynccontextmanager
async def tab(opened: Browser, *, width: int = WIDE, **context: object) -> AsyncIterator[Page]:
    """A page of its own, that wide."""
    made = await opened.new_context(
        viewport={"width": width, "height": 900},
        **context,  # type: ignore[arg-type]  # Playwright's own options
    )
    try:
        yield await made.new_page()
    finally:
        await made.close()


# ---------------------------------------------------------------- conditions


def a_view(site: Site, **changes: object) -> StatusView:
    """The usual: claude.ai not to be judged from here, all else well."""
    components = tuple(
        a_component_view(each.name, depths=depths(State.OPERATIONAL))
        for each in site.daemon.plan.components
        if each.name != "claude_ai"
    )
    unknown = a_component_view(
        "claude_ai",
        State.UNKNOWN,
        reason="the edge asks for a browser: 24 of 24 runs challenged, nothing seen behind it",
    )
    return a_status_view(site.daemon.plan, **{"components": (unknown, *components), **changes})


def depths(state: State) -> tuple[DepthView, ...]:
    """All four depths; from keys on in `state`."""
    return tuple(
        DepthView(
            depth=depth,
            state=state if depth.level >= Depth.KEY.level else State.OPERATIONAL,
            probes=2,
            runs=18,
            bad=13 if state is not State.OPERATIONAL and depth.level >= Depth.KEY.level else 0,
        )
        for depth in Depth
    )


def an_incident(site: Site, **changes: object) -> Incident:
    """Valid keys are refused, as on that day in April."""
    began = site.daemon.view.at - timedelta(minutes=21, seconds=14)
    impacts = tuple(
        Impact(component=name, state=State.PARTIAL_OUTAGE, since=began)
        for name in ("api", "claude_code")
    )
    values: dict[str, object] = {
        "opened_at": began + timedelta(seconds=26),
        "started_at": began,
        "started_between": Interval(
            earliest=began - timedelta(seconds=8), latest=began + timedelta(seconds=4)
        ),
        "components": impacts,
        "explanation": (
            "fast: 9 of 12 runs bad in 60 s (8 counted with no probe above half; needs 6 and "
            "33 %), 3 probes with answers (3 prove the way), spanning 24 s (needs 10 s)"
        ),
        "provider": ProviderNote(
            indicator="major",
            incident_url="https://status.claude.com/incidents/9l93x2ht4s5w",
            posted_at=began + timedelta(minutes=8),
            lead_seconds=454.0,
        ),
        **changes,
    }
    return a_bare_incident("api", "claude_code", **values)  # type: ignore[arg-type]  # as given


def health(site: Site) -> None:
    """All is well."""
    site.daemon.view = a_view(site)


def outage(site: Site) -> None:
    """The API refuses valid keys, and Claude Code with it."""
    incident = an_incident(site)
    base = a_view(site)
    down = {
        name: a_component_view(
            name,
            State.PARTIAL_OUTAGE,
            since=incident.opened_at,
            reason=incident.explanation,
            depths=depths(State.PARTIAL_OUTAGE),
            incident_id=incident.id,
        )
        for name in incident.names
    }
    judged = {
        "api_models": a_judged("api_models", outcome=Outcome.AUTH_ERROR),
        "api_message_haiku": a_judged("api_message_haiku", outcome=Outcome.AUTH_ERROR),
    }
    site.past.events = [an_event(EventType.OPENED, incident)]
    site.daemon.view = replace(
        base,
        components=tuple(down.get(each.name, each) for each in base.components),
        probes=tuple(replace(each, last=judged.get(each.name, each.last)) for each in base.probes),
        open_incidents=(incident,),
    )


def recovered(site: Site) -> None:
    """It is over, and on record."""
    health(site)
    at = site.daemon.view.at
    incident = an_incident(
        site,
        phase=IncidentPhase.CLOSED,
        severity=SeverityLevel.MAJOR,
        recovered_at=at - timedelta(minutes=4),
        closed_at=at - timedelta(minutes=2),
    )
    site.past.stored = [incident, *site.past.stored[-2:]]
    site.past.events = [
        an_event(EventType.OPENED, incident),
        an_event(EventType.CLOSED, replace(incident, sequence=2), at=at - timedelta(minutes=2)),
    ]


def blind(site: Site) -> None:
    """This host has no network."""
    base = a_view(site)
    site.daemon.view = replace(
        base,
        components=tuple(
            a_component_view(
                each.name, State.UNKNOWN, reason="this host sees nothing: every control fails"
            )
            for each in base.components
        ),
        network=NetworkView(
            up=False,
            guard_active=True,
            targets=(("control_a", True, False), ("control_b", True, False)),
        ),
    )


# ---------------------------------------------------------------- ninety days


def fill(site: Site) -> None:
    """Ninety days of components, a week of probes, two incidents of the past."""
    chance = random.Random(28)
    for component in site.daemon.plan.components:
        site.history.components[component.name] = [
            a_day(chance, back, known=component.name != "claude_ai") for back in range(89, -1, -1)
        ]
    for probe in site.daemon.plan.probes:
        site.history.probes[probe.name] = [
            an_hour(chance, back) for back in range(24 * 7, 0, -1) if back not in range(60, 66)
        ]
    site.past.stored = [
        a_bare_incident(
            name,
            opened_at=NOON - days * DAY,
            phase=IncidentPhase.CLOSED,
            cause=cause,
            recovered_at=NOON - days * DAY + timedelta(minutes=34),
            closed_at=NOON - days * DAY + timedelta(minutes=36),
        )
        for name, days, cause in (
            ("console", 3, Outcome.SERVER_ERROR),
            ("api", 11, Outcome.OVERLOADED),
        )
    ]


def a_day(chance: random.Random, back: int, *, known: bool) -> ComponentSums:
    """A day as days are: mostly well, now and then not, some of it unseen."""
    start = TODAY - back * DAY
    length = (NOON - TODAY).total_seconds() if back == 0 else 86_400.0
    unseen = length if not known else length * chance.choice((0.0, 0.0, 0.0, 0.0, 0.02, 0.3))
    kind = chance.random()
    trouble, state = 0.0, State.MAJOR_OUTAGE
    if kind < 0.03:
        trouble = chance.uniform(1200, 5400)
    elif kind < 0.10:
        trouble, state = chance.uniform(200, 2400), State.PARTIAL_OUTAGE
    elif kind < 0.16:
        trouble, state = chance.uniform(600, 3600), State.DEGRADED_PERFORMANCE
    trouble = min(trouble, length - unseen)
    seconds = {State.OPERATIONAL: length - unseen - trouble, state: trouble, State.UNKNOWN: unseen}
    return ComponentSums(
        start=start, times=Times(seconds=tuple((s, v) for s, v in seconds.items() if v > 0))
    )


def an_hour(chance: random.Random, back: int) -> ProbeSums:
    """An hour of runs, slower by day."""
    start = NOON - back * HOUR
    middle = -1.5 + (0.5 if 8 <= start.hour <= 18 else 0.0)
    runs = [(Outcome.OK, chance.lognormvariate(middle, 0.4)) for _ in range(60)]
    if chance.random() < 0.1:
        runs += [(Outcome.OVERLOADED, 0.3)] * chance.randint(1, 20)
    return sum_runs(start, runs)


# ---------------------------------------------------------------- pictures


async def take(folder: Path) -> None:
    """A picture of every condition, in both themes and both widths, and one for the README."""
    async with serving() as site, browser() as opened:
        for condition in site.conditions:
            site.become(condition)
            for theme in ("light", "dark"):
                for width in (WIDE, PHONE):
                    async with tab(opened, width=width, color_scheme=theme) as page:
                        await page.goto(site.url)
                        name = f"{condition}-{theme}-{width}.png"
                        await page.screenshot(path=folder / name, full_page=True)
        site.become("recovered")
        incident = site.past.stored[0].id
        for path in (f"/incidents/{incident}", "/probes/api_message_haiku", "/history"):
            for theme, width in (("light", WIDE), ("dark", PHONE)):
                async with tab(opened, width=width, color_scheme=theme) as page:
                    await page.goto(site.url + path)
                    name = f"{path.split('/')[1]}-{theme}-{width}.png"
                    await page.screenshot(path=folder / name, full_page=True)
        site.become("outage")
        async with tab(opened, width=1000, color_scheme="light") as page:
            await page.goto(site.url)
            await page.screenshot(path=README_PICTURE)


async def take_terminal(text: str) -> None:
    """A picture of the first lines of a terminal's text."""
    shown = "\n".join(text.splitlines()[:TERMINAL_LINES])
    async with browser() as opened, tab(opened, width=760) as page:
        await page.set_content(TERMINAL)
        await page.locator("pre").evaluate("(pre, text) => { pre.textContent = text; }", shown)
        await page.locator("pre").screenshot(path=TERMINAL_PICTURE)


def demo() -> str:
    """What a whole demo says."""
    command = [sys.executable, "-m", "monitor", "demo", "--speed", "60"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603  # ourselves


if __name__ == "__main__":
    for place in (PICTURES, README_PICTURE.parent):
        place.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(PICTURES))
    asyncio.run(take_terminal(demo()))
    sys.stdout.write(f"pictures in {PICTURES} and {README_PICTURE.parent}\n")

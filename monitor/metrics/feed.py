"""What moves the metrics.

Three things do. Effects, as they happen, move the counters and histograms (`publish`). The shell's
own happenings have a verb each (`skipped`, `late`, `loop_lag`, `delivered`, `reloaded`). States
stand in the engine's view and nowhere else, so the gauges are set from it just before a scrape
(`refresh`): a page and a scrape of the same moment cannot disagree.

The instruments know nothing of the vantage. One collector adds it to every series on the way out,
to those of process, platform and garbage collector too, and leaves out the `_created` series, so
that no switch of the client library has to be thrown for the whole process.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from monitor.core.claude_api import LINES
from monitor.core.effects import Announce, ComponentView, Effect, Judged, Revise, StatusView
from monitor.core.incident import EventType, Incident, State
from monitor.core.observation import Observation
from monitor.core.outcome import Verdict
from monitor.core.plan import Plan
from monitor.delivery import Delivery, Result, notifier_of
from monitor.metrics.export import Exported
from monitor.metrics.instruments import Instruments
from monitor.metrics.labels import (
    Backlog,
    HeartbeatResult,
    Limit,
    SkipReason,
    StoreState,
    result_of,
)

INCIDENTS_KEPT_MAX = 1000
"""For how many incidents it is remembered which components were counted."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
"""What an exemplar may carry of an id from outside: OpenMetrics allows 128 characters in all."""


class Metrics:
    """All metrics of one daemon. Fits `pipeline.Sink`; its methods do not raise for the world.

    What is not in the plan is not counted, so that labels stay bounded.
    """

    def __init__(
        self,
        plan: Plan,
        registry: CollectorRegistry | None = None,
        *,
        version: str,
        notifiers: Sequence[str] = (),
    ) -> None:
        """Declare and pre-create everything.

        Args:
            plan: probes and components of this daemon.
            registry: where it is exposed; a new one when not given.
            version: of the daemon, for `build_info`.
            notifiers: names of the enabled notifiers.
        """
        self.registry = registry or CollectorRegistry()
        inner = CollectorRegistry()
        self._of = Instruments(plan, notifiers, inner)
        self._of.build_info.labels(version).set(1)
        ProcessCollector(registry=inner)
        PlatformCollector(registry=inner)
        GCCollector(registry=inner)
        self._exported = Exported(inner, plan.vantage)
        self.registry.register(self._exported)
        self._probes = frozenset(probe.name for probe in plan.probes)
        self._components = frozenset(component.name for component in plan.components)
        self._notifiers = tuple(notifiers)
        self._skip_reasons = frozenset(SkipReason)
        self._limits = frozenset(Limit)
        self._counted: OrderedDict[str, set[str]] = OrderedDict()
        self._dropped = 0

    # ------------------------------------------------------------------ what feeds it

    def publish(self, effects: Sequence[Effect]) -> None:
        """Take note of what the engine decided.

        A run judged again later stays counted as it was: counters do not go back.
        """
        for effect in effects:
            match effect:
                case Judged(observation=observation, verdict=verdict):
                    if not observation.provisional:
                        self._count_run(observation, verdict)
                case Announce(event=event):
                    if event.incident is not None:
                        self._count_incident(event.incident, opened=event.type is EventType.OPENED)
                case Revise(incident=incident) if incident.is_announced:
                    self._count_incident(incident, opened=False)
                case _:
                    pass

    def resume(self, incidents: Iterable[Incident]) -> None:
        """Know incidents that were open before a restart, without counting them again."""
        for incident in incidents:
            self._counted_of(incident).update(incident.names)

    def skipped(self, probe: str, reason: str) -> None:
        """A due run of `probe` did not take place; an unlisted reason counts as `other`."""
        if probe in self._probes:
            known = reason if reason in self._skip_reasons else SkipReason.OTHER
            self._of.runs_skipped.labels(probe, known).inc()

    def spent(self, probe: str, usd: float) -> None:
        """A run of `probe` cost so much."""
        if probe in self._probes and usd > 0:
            self._of.cost.labels(probe).inc(usd)

    def late(self, seconds: float) -> None:
        """A run started `seconds` after it was due."""
        self._of.lateness.observe(max(0.0, seconds))

    def loop_lag(self, seconds: float) -> None:
        """The event loop came back `seconds` later than it was asked to."""
        self._of.loop_lag.observe(max(0.0, seconds))

    def delivered(self, delivery: Delivery, result: Result) -> None:
        """One attempt at `delivery` ended."""
        name = notifier_of(delivery.notifier)
        if name in self._notifiers:
            self._of.deliveries.labels(name, result_of(result)).inc()

    def heartbeat(self, result: str) -> None:
        """A heartbeat was `sent`, `failed` or `withheld`."""
        self._of.heartbeats.labels(HeartbeatResult(result)).inc()

    def reloaded(self, at: datetime, *, ok: bool) -> None:
        """The configuration was read at `at`, at the start or again."""
        self._of.reload_ok.set(ok)
        if ok:
            self._of.know_reload()
            self._of.reload_at.set(at.timestamp())

    # ------------------------------------------------------------------ what comes out

    def refresh(
        self,
        view: StatusView,
        backlog: Iterable[Backlog] = (),
        store: StoreState | None = None,
        budget: float | None = None,
    ) -> None:
        """Set the gauges of now: call it on the event loop just before a scrape.

        `budget` is what is left of the day's money, in US dollars; None while nobody knows.
        """
        if budget is not None:
            self._of.know_budget()
            self._of.budget_remaining.set(budget)
        broken = {name for incident in view.open_incidents for name in incident.names}
        for component in view.components:
            self._refresh_component(component, touched=component.name in broken)
        self._refresh_provider(view)
        self._refresh_models(view)
        self._of.network_up.set(view.network.up)
        self._of.guard_active.set(view.network.guard_active)
        waiting = {row.notifier: row for row in backlog}
        for notifier in self._notifiers:
            row = waiting.get(notifier) or Backlog(notifier=notifier, pending=0)
            self._of.deliveries_pending.labels(notifier).set(row.pending)
            self._of.oldest_pending.labels(notifier).set(max(0.0, row.oldest_age))
        if store is not None:
            self._of.store_writable.set(store.ok)
            self._of.store_pending.set(store.queued_runs + store.queued_changes)
            self._of.runs_dropped.inc(max(0, store.dropped_runs - self._dropped))
            self._dropped = max(self._dropped, store.dropped_runs)

    def render(self, *, openmetrics: bool) -> bytes:
        """Everything as text, in Prometheus's or the OpenMetrics format. May run in a thread."""
        return self._exported.render(openmetrics=openmetrics)

    # ------------------------------------------------------------------ how

    def _count_run(self, seen: Observation, verdict: Verdict) -> None:
        probe = seen.probe
        if probe not in self._probes:
            return
        exemplar = _exemplar(seen)
        self._of.runs.labels(probe, verdict.outcome).inc(exemplar=exemplar)
        self._of.run_duration.labels(probe, verdict.counts).observe(
            max(0.0, seen.seconds), exemplar=exemplar
        )
        for phase, seconds in seen.timings.phases():
            self._of.phase_duration.labels(probe, phase).observe(max(0.0, seconds))
        self._of.last_run.labels(probe).set(seen.at.timestamp())
        if seen.certificate_expires is not None:
            self._of.expiry.labels(probe).set(seen.certificate_expires.timestamp())
        for header, remaining in seen.ratelimits:
            limit = header.replace("-", "_")  # the vendor's headers have hyphens
            if limit in self._limits:
                self._of.ratelimit.labels(probe, limit).set(remaining)
        self._count_tokens(seen)

    def _count_tokens(self, seen: Observation) -> None:
        """How many tokens a run took, and how fast those of a stream came."""
        probe = seen.probe
        for direction, tokens in (("input", seen.input_tokens), ("output", seen.output_tokens)):
            if tokens:
                self._of.tokens.labels(probe, direction).inc(max(0, tokens))
        if seen.first_token is not None:
            self._of.first_token.labels(probe).observe(max(0.0, seen.first_token))
        if seen.first_content is not None:
            self._of.first_content.labels(probe).observe(max(0.0, seen.first_content))
        if seen.per_output_token is not None:
            self._of.per_token.labels(probe).observe(max(0.0, seen.per_output_token))

    def _count_incident(self, incident: Incident, *, opened: bool) -> None:
        """Count `incident` when it opens, and each component once, when it first touches it."""
        if opened:
            self._of.incidents_opened.labels(incident.severity).inc()
        counted = self._counted_of(incident)
        for component in self._components.intersection(incident.names) - counted:
            self._of.component_incidents.labels(component).inc()
            counted.add(component)

    def _counted_of(self, incident: Incident) -> set[str]:
        """The components of `incident` that were counted."""
        counted = self._counted.setdefault(incident.id, set())
        self._counted.move_to_end(incident.id)
        while len(self._counted) > INCIDENTS_KEPT_MAX:
            self._counted.popitem(last=False)
        return counted

    def _refresh_provider(self, view: StatusView) -> None:
        """The vendor's word, which is `unknown` while there is none of late."""
        report = view.provider
        for component in self._components:
            said = State.UNKNOWN if report is None else report.state_of(component, view.at)
            for state in State:
                self._of.provider_state.labels(component, state).set(state is said)
        if report is not None and report.read_at is not None:
            self._of.know_provider()
            self._of.provider_read_at.set(report.read_at.timestamp())

    def _refresh_models(self, view: StatusView) -> None:
        """The configured models, as the lists have them; none of which no list speaks."""
        self._of.model_info.clear()
        self._of.model_retires.clear()
        for each in view.models.models:
            if each.listed is None:
                continue
            line = each.line if each.line in (None, *LINES) else "other"
            stage = each.state or ""
            self._of.model_info.labels(each.model, line or "", stage).set(1)
            if each.retires_at is not None:
                self._of.model_retires.labels(each.model).set(each.retires_at.timestamp())

    def _refresh_component(self, component: ComponentView, *, touched: bool) -> None:
        name = component.name
        for state in State:
            self._of.component_state.labels(name, state).set(state is component.state)
        if component.error_ratio is None:
            self._of.error_ratio.remove(name)
        else:
            self._of.error_ratio.labels(name).set(component.error_ratio)
        self._of.incident_open.labels(name).set(touched or component.incident_id is not None)


def _exemplar(seen: Observation) -> dict[str, str] | None:
    """The vendor's id of the request, when it looks like one: it comes from outside."""
    request_id = seen.answer.request_id if seen.answer else None
    if request_id is None or _REQUEST_ID.fullmatch(request_id) is None:
        return None
    return {"request_id": request_id}

"""Every metric, declared once: names, types and labels as in the contract's table.

Some stand beside the table. A shut database has to show: `store_writable`, `store_pending` and
`runs_dropped_total`; and so has a vendor's page that cannot be read:
`provider_last_read_timestamp_seconds`.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from monitor.core.incident import SeverityLevel, State
from monitor.core.observation import Phase
from monitor.core.outcome import Counts, Outcome
from monitor.core.plan import Plan, ProbePlan
from monitor.metrics.labels import DeliveryResult, HeartbeatResult, SkipReason

NAMESPACE = "claude_uptime"

RUN_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)
"""Upper bounds for whole runs, in seconds: from a loopback answer to the longest time-out."""

PHASE_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds for one phase, in seconds."""

FIRST_TOKEN_BUCKETS = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30)
"""Upper bounds for the first text of a stream, in seconds."""

FIRST_CONTENT_BUCKETS = (0.25, 0.5, 1, 2, 5, 10, 20)
"""Upper bounds for the first block of a stream, in seconds."""

TOKEN_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""Upper bounds for one token after the first, in seconds."""

LATENESS_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds for late starts and a late event loop, in seconds."""


class Instruments:
    """The instruments themselves, one attribute each, named as the metric without its unit.

    Label sets are made at once for everything that runs, so that a rate starts from zero and a
    probe that never ran is visible.
    """

    def __init__(self, plan: Plan, notifiers: Sequence[str], registry: CollectorRegistry) -> None:
        """Declare and pre-create everything in `registry`."""
        self._registry = registry
        self._known: set[Gauge] = set()
        self._declare_runs()
        self._declare_streams()
        self._declare_spending()
        self._declare_incidents()
        self._declare_self()
        for probe in plan.probes:
            self._create_probe(probe)
        for component in plan.components:
            self._create_component(component.name)
        for notifier in notifiers:
            self._create_notifier(notifier)
        for severity in SeverityLevel:
            self.incidents_opened.labels(severity)
        for result in HeartbeatResult:
            self.heartbeats.labels(result)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{NAMESPACE}_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{NAMESPACE}_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(
            f"{NAMESPACE}_{name}", text, labels, buckets=buckets, registry=self._registry
        )

    def _declare_runs(self) -> None:
        self.runs = self._counter("runs_total", "Runs by outcome.", "probe", "outcome")
        self.run_duration = self._histogram(
            "run_duration_seconds",
            "Duration of runs by what they count as.",
            RUN_BUCKETS,
            "probe",
            "counts",
        )
        self.phase_duration = self._histogram(
            "phase_duration_seconds",
            "Duration of the disjoint phases of a run.",
            PHASE_BUCKETS,
            "probe",
            "phase",
        )
        self.last_run = self._gauge(
            "last_run_timestamp_seconds", "When the last run of a probe started.", "probe"
        )
        self.enabled = self._gauge("probe_enabled", "Whether a probe runs (0: disabled).", "probe")
        self.interval = self._gauge(
            "probe_interval_seconds", "The configured interval between runs of a probe.", "probe"
        )
        self.info = self._gauge("probe_info", "What a probe is.", "probe", "kind", "depth", "model")
        self.component_info = self._gauge(
            "probe_component_info", "What a probe is evidence for.", "probe", "component"
        )
        self.expiry = self._gauge(
            "tls_certificate_expiry_timestamp_seconds",
            "When the certificate that a probe was shown expires.",
            "probe",
        )
        self.ratelimit = self._gauge(
            "ratelimit_remaining",
            "What the vendor says remains of a rate limit.",
            "probe",
            "limit",
        )

    def _declare_streams(self) -> None:
        self.first_token = self._histogram(
            "time_to_first_token_seconds",
            "From the start of a run to the first text of its stream.",
            FIRST_TOKEN_BUCKETS,
            "probe",
        )
        self.first_content = self._histogram(
            "time_to_first_content_seconds",
            "From the start of a run to the first block of its stream, thinking or other.",
            FIRST_CONTENT_BUCKETS,
            "probe",
        )
        self.per_token = self._histogram(
            "time_per_output_token_seconds",
            "From one token of a stream to the next, on average over a run.",
            TOKEN_BUCKETS,
            "probe",
        )

    def _declare_spending(self) -> None:
        self.tokens = self._counter(
            "tokens_total", "Tokens sent and received by probes.", "probe", "direction"
        )
        self.cost = self._counter(
            "cost_usd_total", "What runs cost by the price table, in US dollars.", "probe"
        )
        self.budget_remaining = Gauge(
            f"{NAMESPACE}_budget_remaining_usd",
            "What is left of today's budget for paid runs, its reserve included.",
            registry=None,
        )

    def _declare_incidents(self) -> None:
        self.component_state = self._gauge(
            "component_state", "1 for the state a component is in.", "component", "state"
        )
        self.error_ratio = self._gauge(
            "component_error_ratio",
            "Share of bad runs in the deciding pool over five minutes.",
            "component",
        )
        self.incident_open = self._gauge(
            "incident_open", "Whether an incident touches a component.", "component"
        )
        self.incidents_opened = self._counter(
            "incidents_opened_total", "Incidents opened, by severity at that moment.", "severity"
        )
        self.component_incidents = self._counter(
            "component_incidents_total", "Incidents that touched a component.", "component"
        )
        self.provider_state = self._gauge(
            "provider_component_state",
            "1 for the state that the vendor's page gives a component.",
            "component",
            "state",
        )
        self.provider_read_at = Gauge(
            f"{NAMESPACE}_provider_last_read_timestamp_seconds",
            "When the vendor's status page last answered.",
            registry=None,
        )
        self.model_info = self._gauge(
            "model_info",
            "What the list of models says of a configured model.",
            "model",
            "line",
            "lifecycle",
        )
        self.model_retires = self._gauge(
            "model_retires_timestamp_seconds",
            "When a configured model is to be retired.",
            "model",
        )
        self.network_up = self._gauge("network_up", "Whether this host has a network.")
        self.guard_active = self._gauge(
            "control_guard_active", "Whether a control target is proven, so that the guard works."
        )

    def _declare_self(self) -> None:
        self.lateness = self._histogram(
            "scheduler_lateness_seconds", "How late runs start.", LATENESS_BUCKETS
        )
        self.loop_lag = self._histogram(
            "event_loop_lag_seconds", "How late the event loop is.", LATENESS_BUCKETS
        )
        self.runs_skipped = self._counter(
            "runs_skipped_total", "Due runs that did not take place.", "probe", "reason"
        )
        self.deliveries = self._counter(
            "deliveries_total", "Attempts to deliver, by result.", "notifier", "result"
        )
        self.deliveries_pending = self._gauge(
            "deliveries_pending", "Deliveries not yet settled.", "notifier"
        )
        self.oldest_pending = self._gauge(
            "delivery_oldest_pending_age_seconds",
            "Age of the oldest delivery not yet settled; 0 when none is.",
            "notifier",
        )
        self.heartbeats = self._counter(
            "heartbeats_total", "Heartbeats to the dead man's switch, by result.", "result"
        )
        self.store_writable = self._gauge(
            "store_writable", "Whether the last attempt to write to the database succeeded."
        )
        self.store_pending = self._gauge(
            "store_pending", "Runs and changes that wait to be written."
        )
        self.runs_dropped = self._counter(
            "runs_dropped_total", "Quiet runs given up because the database stayed shut."
        )
        self.reload_ok = self._gauge(
            "config_last_reload_successful", "Whether the last read of the configuration succeeded."
        )
        self.reload_at = Gauge(
            f"{NAMESPACE}_config_last_reload_success_timestamp_seconds",
            "When the configuration was last read successfully.",
            registry=None,
        )
        self.build_info = self._gauge("build_info", "The version that runs.", "version")

    def know_provider(self) -> None:
        """Begin to show when the vendor's page last answered."""
        self._know(self.provider_read_at)

    def know_reload(self) -> None:
        """Begin to show when the configuration was read.

        A gauge without labels has a series as soon as it is registered, so this one joins late.
        """
        self._know(self.reload_at)

    def know_budget(self) -> None:
        """Begin to show what is left of the budget."""
        self._know(self.budget_remaining)

    def _know(self, gauge: Gauge) -> None:
        if gauge not in self._known:
            self._known.add(gauge)
            self._registry.register(gauge)

    def _create_probe(self, probe: ProbePlan) -> None:
        """One that is disabled never runs: it is named, and has no runs at zero."""
        if probe.enabled:
            self._create_runs(probe)
        self.enabled.labels(probe.name).set(probe.enabled)
        self.interval.labels(probe.name).set(probe.interval)
        self.info.labels(probe.name, probe.kind, probe.depth, probe.model or "").set(1)
        for component in probe.components:
            self.component_info.labels(probe.name, component).set(1)

    def _create_runs(self, probe: ProbePlan) -> None:
        for outcome in Outcome:
            self.runs.labels(probe.name, outcome)
        for counts in Counts:
            self.run_duration.labels(probe.name, counts)
        for phase in Phase:
            self.phase_duration.labels(probe.name, phase)
        for reason in SkipReason:
            self.runs_skipped.labels(probe.name, reason)
        self._create_model(probe)

    def _create_model(self, probe: ProbePlan) -> None:
        """What a probe that asks a model has; only one that is paid for gets tokens back."""
        if probe.paid:
            self.first_token.labels(probe.name)
            self.first_content.labels(probe.name)
            self.per_token.labels(probe.name)
            self.cost.labels(probe.name)
        if probe.model is not None:
            for direction in ("input", "output"):
                self.tokens.labels(probe.name, direction)

    def _create_component(self, component: str) -> None:
        for state in State:
            self.component_state.labels(component, state).set(state is State.UNKNOWN)
            self.provider_state.labels(component, state).set(state is State.UNKNOWN)
        self.incident_open.labels(component)
        self.component_incidents.labels(component)

    def _create_notifier(self, notifier: str) -> None:
        for result in DeliveryResult:
            self.deliveries.labels(notifier, result)
        self.deliveries_pending.labels(notifier)
        self.oldest_pending.labels(notifier)

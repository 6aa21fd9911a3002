"""The metrics: names, types and labels of the contract, and what moves them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from monitor.core.effects import Announce, Judged, NetworkView, Rejudged, Revise
from monitor.core.incident import EventType, IncidentPhase, Reason, SeverityLevel, State
from monitor.core.lifecycle import ModelReport, ModelStanding
from monitor.core.outcome import Counts, Outcome
from monitor.core.provider import ProviderReport
from monitor.delivery import Delivered, GiveUp, Result, Retry
from monitor.metrics import Backlog, DeliveryResult, Metrics, SkipReason
from monitor.metrics.export import Exported
from tests.factories import (
    NOON,
    a_component_view,
    a_delivery,
    a_judged,
    a_plan,
    a_status_view,
    a_timed_out_observation,
    a_verdict,
    an_answer,
    an_event,
    an_incident,
)
from tests.web.fakes import FakeStore

PREFIX = "claude_uptime_"

parse_openmetrics: Callable[[str], Iterable[Metric]] = text_string_to_metric_families

TYPES = {
    "model_info": "gauge",
    "model_retires_timestamp_seconds": "gauge",
    "runs": "counter",
    "run_duration_seconds": "histogram",
    "phase_duration_seconds": "histogram",
    "time_to_first_token_seconds": "histogram",
    "time_to_first_content_seconds": "histogram",
    "time_per_output_token_seconds": "histogram",
    "last_run_timestamp_seconds": "gauge",
    "probe_enabled": "gauge",
    "probe_interval_seconds": "gauge",
    "probe_info": "gauge",
    "probe_component_info": "gauge",
    "component_state": "gauge",
    "component_error_ratio": "gauge",
    "provider_component_state": "gauge",
    "incident_open": "gauge",
    "incidents_opened": "counter",
    "component_incidents": "counter",
    "tls_certificate_expiry_timestamp_seconds": "gauge",
    "ratelimit_remaining": "gauge",
    "tokens": "counter",
    "scheduler_lateness_seconds": "histogram",
    "event_loop_lag_seconds": "histogram",
    "runs_skipped": "counter",
    "deliveries": "counter",
    "deliveries_pending": "gauge",
    "heartbeats": "counter",
    "delivery_oldest_pending_age_seconds": "gauge",
    "cost_usd": "counter",
    "network_up": "gauge",
    "control_guard_active": "gauge",
    "config_last_reload_successful": "gauge",
    "build_info": "gauge",
    "store_writable": "gauge",
    "store_pending": "gauge",
    "runs_dropped": "counter",
}
"""What stands from the start, without the prefix; a counter's samples end in `_total`."""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(a_plan(), version="0.1.0", notifiers=("oncall", "chat"))


def families(metrics: Metrics) -> dict[str, Metric]:
    text = metrics.render(openmetrics=True).decode()
    return {family.name: family for family in parse_openmetrics(text)}


def samples(metrics: Metrics) -> Iterable[Sample]:
    for family in metrics.registry.collect():
        yield from family.samples


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"{PREFIX}{name}", {"vantage": "local", **labels})


# ---------------------------------------------------------------- what stands from the start


def test_every_metric_has_the_type_of_the_contract(metrics: Metrics) -> None:
    types = {
        name.removeprefix(PREFIX): family.type
        for name, family in families(metrics).items()
        if name.startswith(PREFIX)
    }
    assert types == TYPES


def test_every_series_carries_the_vantage_those_of_the_process_too(metrics: Metrics) -> None:
    found = list(samples(metrics))
    assert {sample.labels.get("vantage") for sample in found} == {"local"}
    names = {sample.name for sample in found}
    assert {"process_cpu_seconds_total", "python_info", "python_gc_collections_total"} <= names


def test_no_created_series_leaves(metrics: Metrics) -> None:
    metrics.publish([a_judged()])
    assert b"_created" not in metrics.render(openmetrics=False)
    assert b"_created" not in metrics.render(openmetrics=True)


def test_counters_and_histograms_stand_at_zero_for_every_probe(metrics: Metrics) -> None:
    for probe in a_plan().probes:
        for outcome in Outcome:
            assert value(metrics, "runs_total", probe=probe.name, outcome=outcome) == 0
        for counts in Counts:
            labels = {"probe": probe.name, "counts": counts.value}
            assert value(metrics, "run_duration_seconds_count", **labels) == 0
        for reason in SkipReason:
            assert value(metrics, "runs_skipped_total", probe=probe.name, reason=reason) == 0


def test_notifiers_and_incidents_stand_at_zero(metrics: Metrics) -> None:
    for notifier in ("oncall", "chat"):
        for result in DeliveryResult:
            assert value(metrics, "deliveries_total", notifier=notifier, result=result) == 0
        assert value(metrics, "delivery_oldest_pending_age_seconds", notifier=notifier) == 0
    for severity in SeverityLevel:
        assert value(metrics, "incidents_opened_total", severity=severity) == 0
    for component in a_plan().components:
        assert value(metrics, "component_incidents_total", component=component.name) == 0
        assert value(metrics, "incident_open", component=component.name) == 0


def test_a_component_is_unknown_until_the_engine_says_more(metrics: Metrics) -> None:
    states = {
        state: value(metrics, "component_state", component="api", state=state) for state in State
    }
    assert states == {state: float(state is State.UNKNOWN) for state in State}


def test_timestamps_ratios_and_remainders_are_absent_until_known(metrics: Metrics) -> None:
    absent = {
        "last_run_timestamp_seconds",
        "component_error_ratio",
        "tls_certificate_expiry_timestamp_seconds",
        "ratelimit_remaining",
        "config_last_reload_success_timestamp_seconds",
    }
    assert not {sample.name for sample in samples(metrics)} & {PREFIX + name for name in absent}


def test_a_disabled_probe_is_visible_as_such() -> None:
    metrics = Metrics(a_plan(keyed=False), version="0.1.0")
    assert value(metrics, "probe_enabled", probe="api_models") == 0
    assert value(metrics, "probe_enabled", probe="api_hello") == 1
    labels = {"kind": "claude_json", "depth": "inference", "model": "claude-haiku-5-5"}
    assert value(metrics, "probe_info", probe="api_message_haiku", **labels) == 1
    assert value(metrics, "probe_component_info", probe="api_hello", component="claude_code") == 1
    assert not [
        sample
        for sample in samples(metrics)
        if sample.labels.get("probe") == "api_models" and sample.name.startswith(f"{PREFIX}run")
    ]


def test_the_version_is_told(metrics: Metrics) -> None:
    assert value(metrics, "build_info", version="0.1.0") == 1


def test_two_daemons_can_live_in_one_process() -> None:
    registry = CollectorRegistry()
    first = Metrics(a_plan(vantage="here"), registry, version="0.1.0")
    second = Metrics(a_plan(vantage="there"), version="0.1.0")
    first.publish([a_judged()])
    assert first.registry is registry
    labels = {"vantage": "there", "probe": "api_hello", "outcome": "ok"}
    assert second.registry.get_sample_value(f"{PREFIX}runs_total", labels) == 0


# ---------------------------------------------------------------- runs


def test_a_run_is_counted_with_its_outcome_its_duration_and_its_phases(metrics: Metrics) -> None:
    metrics.publish([a_judged("api_hello", seconds=0.25)])
    assert value(metrics, "runs_total", probe="api_hello", outcome="ok") == 1
    assert value(metrics, "run_duration_seconds_sum", probe="api_hello", counts="good") == 0.25
    seen = value(metrics, "phase_duration_seconds_sum", probe="api_hello", phase="first_byte")
    assert seen == pytest.approx(0.125)
    started = value(metrics, "last_run_timestamp_seconds", probe="api_hello")
    assert started == NOON.timestamp()


def test_a_phase_that_did_not_take_place_is_not_counted(metrics: Metrics) -> None:
    judged = Judged(
        observation=a_timed_out_observation(), verdict=a_verdict(Outcome.TIMEOUT, "no answer")
    )
    metrics.publish([judged])
    assert value(metrics, "run_duration_seconds_count", probe="api_hello", counts="bad") == 1
    labels = {"probe": "api_hello", "phase": "transfer"}
    assert value(metrics, "phase_duration_seconds_count", **labels) == 0


def test_the_tokens_of_a_stream_are_timed(metrics: Metrics) -> None:
    metrics.publish(
        [a_judged("api_message_haiku", first_token=0.75, first_content=0.5, per_output_token=0.02)]
    )
    metrics.publish([a_judged("api_message_haiku", first_token=0.5)])
    labels = {"probe": "api_message_haiku"}
    assert value(metrics, "time_to_first_token_seconds_sum", **labels) == 1.25
    assert value(metrics, "time_to_first_content_seconds_sum", **labels) == 0.5
    assert value(metrics, "time_per_output_token_seconds_count", **labels) == 1
    assert value(metrics, "time_per_output_token_seconds_sum", **labels) == 0.02


def test_a_run_that_is_no_stream_times_no_tokens(metrics: Metrics) -> None:
    metrics.publish([a_judged("api_message_haiku")])
    labels = {"probe": "api_message_haiku"}
    assert value(metrics, "time_to_first_token_seconds_count", **labels) == 0


def test_a_provisional_run_is_not_counted_its_result_will_be(metrics: Metrics) -> None:
    metrics.publish([a_judged("api_hello", Outcome.TIMEOUT, provisional=True)])
    assert value(metrics, "runs_total", probe="api_hello", outcome="timeout") == 0


def test_a_run_judged_again_is_not_counted_again(metrics: Metrics) -> None:
    metrics.publish(
        [
            a_judged("api_models", Outcome.CREDENTIAL_REJECTED),
            Rejudged(run_ids=("local-api_models-1",), verdict=a_verdict(Outcome.AUTH_ERROR)),
        ]
    )
    labels = {"probe": "api_models"}
    assert value(metrics, "runs_total", outcome="credential_rejected", **labels) == 1
    assert value(metrics, "runs_total", outcome="auth_error", **labels) == 0


def test_certificate_limits_and_tokens_are_shown_once_known(metrics: Metrics) -> None:
    expires = NOON + timedelta(days=40)
    metrics.publish(
        [
            a_judged(
                "api_message_haiku",
                certificate_expires=expires,
                ratelimits=(("requests", 49.0), ("input-tokens", 9000.0)),
                input_tokens=12,
                output_tokens=3,
            )
        ]
    )
    probe = {"probe": "api_message_haiku"}
    told = value(metrics, "tls_certificate_expiry_timestamp_seconds", **probe)
    assert told == expires.timestamp()
    assert value(metrics, "ratelimit_remaining", limit="input_tokens", **probe) == 9000
    assert value(metrics, "tokens_total", direction="input", **probe) == 12
    assert value(metrics, "tokens_total", direction="output", **probe) == 3


def test_what_comes_from_outside_makes_no_new_label(metrics: Metrics) -> None:
    before = len(list(samples(metrics)))
    metrics.publish(
        [
            a_judged("not_in_the_plan"),
            a_judged("api_hello", ratelimits=(("x" * 50, 1.0),)),
            Revise(incident=an_incident("no_such_component")),
        ]
    )
    metrics.skipped("not_in_the_plan", "budget")
    metrics.delivered(a_delivery("not_configured"), Delivered())
    after = {sample.name for sample in samples(metrics)}
    assert f"{PREFIX}ratelimit_remaining" not in after
    # Only the moment of the run of api_hello is new.
    assert len(list(samples(metrics))) == before + 1


@pytest.mark.parametrize(
    ("request_id", "shown"),
    [
        pytest.param("req_011CSHoEeqs5C35K2UUqR7Fy", True, id="an id of the vendor"),
        pytest.param("x" * 4000, False, id="longer than OpenMetrics allows"),
        pytest.param('"} 1\nevil 2', False, id="an attempt to write lines"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="none"),
    ],
)
def test_an_exemplar_carries_only_what_looks_like_an_id(
    metrics: Metrics, request_id: str | None, *, shown: bool
) -> None:
    metrics.publish([a_judged(answer=an_answer(request_id=request_id))])
    text = metrics.render(openmetrics=True).decode()
    assert (' # {request_id="' in text) is shown
    assert "evil" not in text
    list(parse_openmetrics(text))
    assert "request_id" not in metrics.render(openmetrics=False).decode()


def test_exemplars_hang_on_the_run_and_on_its_bucket(metrics: Metrics) -> None:
    metrics.publish([a_judged(seconds=0.25)])
    carriers = {
        (sample.name, sample.labels.get("le"))
        for family in families(metrics).values()
        for sample in family.samples
        if sample.exemplar
    }
    assert carriers == {
        (f"{PREFIX}runs_total", None),
        (f"{PREFIX}run_duration_seconds_bucket", "0.25"),
    }


# ---------------------------------------------------------------- incidents and states


def test_an_incident_is_counted_once_and_each_component_once(metrics: Metrics) -> None:
    incident = an_incident("api")
    wider = an_incident("api", "claude_code")
    closed = an_incident("api", "claude_code", phase=IncidentPhase.CLOSED)
    metrics.publish([Announce(event=an_event(EventType.OPENED, incident))])
    metrics.publish(
        [Announce(event=an_event(EventType.UPDATED, wider, reason=Reason.COMPONENT_JOINED))]
    )
    metrics.publish([Announce(event=an_event(EventType.CLOSED, closed))])
    metrics.publish([Announce(event=an_event(EventType.REOPENED, wider))])
    assert value(metrics, "incidents_opened_total", severity="major") == 1
    assert value(metrics, "component_incidents_total", component="api") == 1
    assert value(metrics, "component_incidents_total", component="claude_code") == 1
    assert value(metrics, "component_incidents_total", component="console") == 0


def test_an_incident_from_before_a_restart_is_not_counted_again(metrics: Metrics) -> None:
    metrics.resume([an_incident("api")])
    metrics.publish([Announce(event=an_event(EventType.REMINDER, an_incident("api")))])
    metrics.publish([Revise(incident=an_incident("api", "console"))])
    assert value(metrics, "incidents_opened_total", severity="major") == 0
    assert value(metrics, "component_incidents_total", component="api") == 0
    assert value(metrics, "component_incidents_total", component="console") == 1


def test_an_event_without_an_incident_counts_none(metrics: Metrics) -> None:
    before = list(samples(metrics))
    blind = replace(an_event(EventType.BLIND), incident=None, subject="network")
    metrics.publish([Announce(event=blind)])
    counted = [row for row in samples(metrics) if "incidents" in row.name]
    assert counted == [row for row in before if "incidents" in row.name]


def test_what_is_remembered_of_incidents_is_bounded(metrics: Metrics) -> None:
    for number in range(1500):
        opened = NOON + timedelta(minutes=number)
        metrics.publish([Revise(incident=an_incident("api", opened_at=opened))])
    assert len(metrics._counted) == 1000
    assert value(metrics, "component_incidents_total", component="api") == 1500


def test_gauges_follow_the_view(metrics: Metrics) -> None:
    incident = an_incident("api")
    down = a_status_view(
        components=(
            a_component_view("api", State.PARTIAL_OUTAGE, incident_id=incident.id),
            a_component_view("console"),
        ),
        open_incidents=(incident,),
        network=NetworkView(up=True, guard_active=False, targets=()),
    )
    metrics.refresh(down)
    assert value(metrics, "component_state", component="api", state="partial_outage") == 1
    assert value(metrics, "component_state", component="api", state="unknown") == 0
    assert value(metrics, "component_error_ratio", component="api") == 0.75
    assert value(metrics, "incident_open", component="api") == 1
    assert value(metrics, "incident_open", component="console") == 0
    assert value(metrics, "network_up") == 1
    assert value(metrics, "control_guard_active") == 0

    metrics.refresh(a_status_view())
    assert value(metrics, "component_state", component="api", state="partial_outage") == 0
    assert value(metrics, "component_state", component="api", state="operational") == 1
    assert value(metrics, "incident_open", component="api") == 0


def test_a_ratio_that_is_no_longer_known_goes_away(metrics: Metrics) -> None:
    metrics.refresh(a_status_view())
    assert value(metrics, "component_error_ratio", component="api") == 0
    metrics.refresh(a_status_view(components=(a_component_view("api", State.UNKNOWN),)))
    assert value(metrics, "component_error_ratio", component="api") is None


# ---------------------------------------------------------------- the daemon itself


def test_lateness_and_lag_are_never_below_zero(metrics: Metrics) -> None:
    metrics.late(-0.5)
    metrics.late(0.02)
    metrics.loop_lag(1.5)
    assert value(metrics, "scheduler_lateness_seconds_sum") == 0.02
    assert value(metrics, "scheduler_lateness_seconds_count") == 2
    assert value(metrics, "event_loop_lag_seconds_sum") == 1.5


@pytest.mark.parametrize(
    ("reason", "label"), [("still_running", "still_running"), ("a new one", "other")]
)
def test_a_skipped_run_has_a_reason_of_the_closed_list(
    metrics: Metrics, reason: str, label: str
) -> None:
    metrics.skipped("api_hello", reason)
    assert value(metrics, "runs_skipped_total", probe="api_hello", reason=label) == 1


@pytest.mark.parametrize(
    ("result", "label"),
    [
        (Delivered(), "delivered"),
        (Retry(reason="503"), "retry"),
        (GiveUp(reason="410"), "given_up"),
    ],
)
def test_each_attempt_to_deliver_is_counted(metrics: Metrics, result: Result, label: str) -> None:
    metrics.delivered(a_delivery("oncall"), result)
    assert value(metrics, "deliveries_total", notifier="oncall", result=label) == 1


def test_a_backlog_is_shown_and_goes_back_to_zero(metrics: Metrics) -> None:
    waiting = [Backlog(notifier="oncall", pending=3, oldest_age=61.5)]
    metrics.refresh(a_status_view(), backlog=waiting)
    assert value(metrics, "deliveries_pending", notifier="oncall") == 3
    assert value(metrics, "delivery_oldest_pending_age_seconds", notifier="oncall") == 61.5
    assert value(metrics, "deliveries_pending", notifier="chat") == 0
    metrics.refresh(a_status_view())
    assert value(metrics, "deliveries_pending", notifier="oncall") == 0
    assert value(metrics, "delivery_oldest_pending_age_seconds", notifier="oncall") == 0


def test_a_shut_database_shows(metrics: Metrics) -> None:
    shut = FakeStore(ok=False, queued_runs=5, queued_changes=2, dropped_runs=2)
    metrics.refresh(a_status_view(), store=shut)
    assert value(metrics, "store_writable") == 0
    assert value(metrics, "store_pending") == 7
    assert value(metrics, "runs_dropped_total") == 2
    metrics.refresh(a_status_view(), store=FakeStore(dropped_runs=5))
    assert value(metrics, "store_writable") == 1
    assert value(metrics, "runs_dropped_total") == 5


def test_a_failed_reload_keeps_the_time_of_the_last_good_one(metrics: Metrics) -> None:
    metrics.reloaded(NOON, ok=True)
    metrics.reloaded(NOON + timedelta(hours=1), ok=False)
    assert value(metrics, "config_last_reload_successful") == 0
    at = value(metrics, "config_last_reload_success_timestamp_seconds")
    assert at == NOON.timestamp()
    metrics.reloaded(NOON + timedelta(hours=2), ok=True)
    assert value(metrics, "config_last_reload_successful") == 1


# ---------------------------------------------------------------- what leaves


def test_a_day_of_runs_makes_no_more_than_a_bounded_number_of_series(metrics: Metrics) -> None:
    for probe in a_plan().probes:
        for outcome in Outcome:
            metrics.publish([a_judged(probe.name, outcome, certificate_expires=NOON)])
    metrics.refresh(a_status_view())
    metrics.reloaded(NOON, ok=True)
    assert len(list(samples(metrics))) < 3000


def test_both_formats_parse_and_hold_the_same_samples(metrics: Metrics) -> None:
    metrics.publish([a_judged("api_hello"), a_judged("api_models", Outcome.AUTH_ERROR)])
    metrics.refresh(a_status_view())
    ours = {
        family.name: [(sample.name, sample.labels, sample.value) for sample in family.samples]
        for family in parse_openmetrics(metrics.render(openmetrics=True).decode())
        if family.name.startswith(PREFIX)
    }
    text = {
        family.name: [(sample.name, sample.labels, sample.value) for sample in family.samples]
        for family in parse_text(metrics.render(openmetrics=False).decode())
        if family.name.startswith(PREFIX)
    }
    assert ours == text


@pytest.mark.integration("promtool")
def test_promtool_finds_nothing_to_say(metrics: Metrics, part: dict[str, str]) -> None:
    metrics.publish(
        [a_judged("api_message_haiku", certificate_expires=NOON, ratelimits=(("tokens", 1.0),))]
    )
    metrics.refresh(a_status_view())
    metrics.reloaded(NOON, ok=True)
    checked = subprocess.run(  # noqa: S603  # a path that the fixture found
        [part["promtool"], "check", "metrics"],
        input=metrics.render(openmetrics=False),
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


# ---------------------------------------------------------------- the vendor's page


def provider_state(metrics: Metrics, state: State) -> float | None:
    return value(metrics, "provider_component_state", component="api", state=state)


def test_the_vendors_word_is_unknown_until_the_page_was_read(metrics: Metrics) -> None:
    for _ in range(2):
        assert provider_state(metrics, State.UNKNOWN) == 1
        assert provider_state(metrics, State.OPERATIONAL) == 0
        assert value(metrics, "provider_last_read_timestamp_seconds") is None
        metrics.refresh(a_status_view(provider=ProviderReport(error="HTTP 405")))


def test_the_vendors_word_is_shown_and_ages(metrics: Metrics) -> None:
    report = ProviderReport(read_at=NOON, components=(("api", State.MAJOR_OUTAGE),))
    metrics.refresh(a_status_view(provider=report))
    assert provider_state(metrics, State.MAJOR_OUTAGE) == 1
    assert provider_state(metrics, State.UNKNOWN) == 0
    assert value(metrics, "provider_last_read_timestamp_seconds") == NOON.timestamp()
    metrics.refresh(a_status_view(provider=report, at=NOON + timedelta(hours=1)))
    assert provider_state(metrics, State.MAJOR_OUTAGE) == 0
    assert provider_state(metrics, State.UNKNOWN) == 1


# ---------------------------------------------------------------- models


def test_a_configured_model_is_shown_as_the_list_has_it_and_not_before(metrics: Metrics) -> None:
    known = ModelStanding(
        model="claude-haiku-5-5",
        probes=("a",),
        listed=True,
        line="haiku",
        lifecycle="deprecated",
        retires_at=NOON,
    )
    new = ModelStanding(model="claude-saga-1", probes=("b",), listed=True, line="saga")
    gone = ModelStanding(model="claude-2", probes=("c",), listed=False)
    unread = ModelStanding(model="claude-3", probes=("d",))

    def info(model: str, line: str, lifecycle: str) -> float | None:
        return value(metrics, "model_info", model=model, line=line, lifecycle=lifecycle)

    metrics.refresh(a_status_view(models=ModelReport(models=(known, new, gone, unread))))
    assert info("claude-haiku-5-5", "haiku", "deprecated") == 1
    assert info("claude-saga-1", "other", "") == 1
    assert info("claude-2", "", "not_listed") == 1
    assert info("claude-3", "", "") is None
    retires = "model_retires_timestamp_seconds"
    assert value(metrics, retires, model="claude-haiku-5-5") == NOON.timestamp()
    assert value(metrics, retires, model="claude-2") is None

    retired = replace(known, lifecycle="retired", retires_at=None)
    metrics.refresh(a_status_view(models=ModelReport(models=(retired,))))
    assert info("claude-haiku-5-5", "haiku", "deprecated") is None
    assert info("claude-haiku-5-5", "haiku", "retired") == 1
    assert value(metrics, retires, model="claude-haiku-5-5") is None


# ---------------------------------------------------------------- money


def test_what_runs_cost_stands_at_zero_for_paid_probes_and_only_for_them(metrics: Metrics) -> None:
    for probe in a_plan().probes:
        expected = 0.0 if probe.paid else None
        assert value(metrics, "cost_usd_total", probe=probe.name) == expected


def test_what_a_run_cost_is_counted(metrics: Metrics) -> None:
    metrics.spent("api_message_haiku", 0.25)
    metrics.spent("api_message_haiku", 0.5)
    metrics.spent("api_message_sonnet", 0.0)
    metrics.spent("nobody", 1.0)
    assert value(metrics, "cost_usd_total", probe="api_message_haiku") == 0.75
    assert value(metrics, "cost_usd_total", probe="api_message_sonnet") == 0.0
    assert value(metrics, "cost_usd_total", probe="nobody") is None


def test_what_is_left_of_the_budget_is_absent_until_known(metrics: Metrics) -> None:
    metrics.refresh(a_status_view(a_plan()))
    assert value(metrics, "budget_remaining_usd") is None
    for left in (0.2, 0.1):
        metrics.refresh(a_status_view(a_plan()), budget=left)
        assert value(metrics, "budget_remaining_usd") == left


@pytest.mark.parametrize("openmetrics", [True, False])
def test_the_text_is_the_one_that_the_client_library_writes(*, openmetrics: bool) -> None:
    inner = CollectorRegistry()
    exported = Exported(inner, 'here "and" there')
    whole = CollectorRegistry()
    whole.register(exported)
    runs = Counter("runs", "Runs,\nby \\ outcome.", ["probe"], registry=inner)
    took = Histogram("took_seconds", "How long.", ["probe"], buckets=(0.5, 1), registry=inner)
    level = Gauge("level", "How high.", registry=inner)

    def library() -> bytes:
        encode, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
        return encode(whole) if openmetrics else generate_latest(whole)

    assert exported.render(openmetrics=openmetrics) == library()
    for turn in range(3):
        for probe in ("one", 'an "other"\\\n', f"new in turn {turn}"):
            runs.labels(probe).inc(2.5, exemplar={"request_id": f"req_{turn}"})
            took.labels(probe).observe(0.7 * turn, exemplar={"request_id": f"req_{turn // 2}"})
        level.set((float("nan"), float("-inf"), 1e15)[turn])
        text = exported.render(openmetrics=openmetrics)
        assert text == library()
        assert b"req_" in text or not openmetrics

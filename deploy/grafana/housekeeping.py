# ruff: noqa: INP001  # deploy/ holds files to deploy, it is no package
"""What the dashboard shows of the daemon itself: delivery, schedule, process, certificates."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from deploy.grafana.panels import (
    BY_PROBE,
    HALF,
    HERE,
    OF_PROBE,
    Kind,
    Panel,
    Query,
    Row,
    per_minute,
    quantiles,
)

BY_NOTIFIER = "{{notifier}} ({{vantage}})"
DAEMON = f'{HERE}, job="claude-uptime"'
"""Process metrics carry no prefix, so they are found by their job."""

DELIVERY = Row(
    title="Delivery",
    panels=(
        Panel(
            title="Attempts by result",
            text="Per minute. A retry now and then is nothing; given_up is an event lost.",
            unit=units.CountsPerMinute,
            queries=(
                Query(
                    expr=per_minute("deliveries_total", HERE, "notifier", "result"),
                    legend="{{notifier}} {{result}}",
                ),
            ),
        ),
        Panel(
            title="Waiting",
            text="Deliveries that are not settled.",
            unit=units.Short,
            queries=(
                Query(expr=f"claude_uptime_deliveries_pending{{{HERE}}}", legend=BY_NOTIFIER),
            ),
        ),
        Panel(
            title="Age of the oldest that waits",
            text="Above five minutes somebody is not told.",
            unit=units.Seconds,
            queries=(
                Query(
                    expr=f"claude_uptime_delivery_oldest_pending_age_seconds{{{HERE}}}",
                    legend=BY_NOTIFIER,
                ),
            ),
        ),
    ),
)

SCHEDULER = Row(
    title="Scheduler and store",
    panels=(
        Panel(
            title="How late runs start",
            text="From due to begun. Above two seconds the machine or the loop is too busy.",
            unit=units.Seconds,
            queries=quantiles("scheduler_lateness_seconds", HERE, 0.5, 0.99),
            width=HALF,
        ),
        Panel(
            title="How late the event loop is",
            text="Above two seconds the daemon blames itself for what it measures.",
            unit=units.Seconds,
            queries=quantiles("event_loop_lag_seconds", HERE, 0.5, 0.99),
            width=HALF,
        ),
        Panel(
            title="Runs that did not take place",
            text="Per minute, by reason. still_running goes with outages that hang.",
            unit=units.CountsPerMinute,
            queries=(
                Query(
                    expr=per_minute("runs_skipped_total", OF_PROBE, "reason"), legend="{{reason}}"
                ),
            ),
            kind=Kind.STACK,
        ),
        Panel(
            title="Since the last run, by probe",
            text="Saw-teeth as high as the probe's interval. A line that climbs is a stale probe.",
            unit=units.Seconds,
            queries=(
                Query(
                    expr=f"time() - claude_uptime_last_run_timestamp_seconds{{{OF_PROBE}}}",
                    legend=BY_PROBE,
                ),
            ),
        ),
        Panel(
            title="Waiting to be written",
            text="Runs and changes on their way to the database: a few, while it is well.",
            unit=units.Short,
            queries=(Query(expr=f"claude_uptime_store_pending{{{HERE}}}", legend="{{vantage}}"),),
        ),
        Panel(
            title="Runs given up",
            text="Per minute: quiet runs dropped because the database stayed shut.",
            unit=units.CountsPerMinute,
            queries=(
                Query(expr=per_minute("runs_dropped_total", HERE, "vantage"), legend="{{vantage}}"),
            ),
        ),
        Panel(
            title="Memory",
            text="Resident memory of the daemon.",
            unit=units.BytesIEC,
            queries=(
                Query(expr=f"process_resident_memory_bytes{{{DAEMON}}}", legend="{{vantage}}"),
            ),
        ),
        Panel(
            title="CPU",
            text="Share of one core.",
            unit=units.PercentUnit,
            queries=(
                Query(
                    expr=f"rate(process_cpu_seconds_total{{{DAEMON}}}[$__rate_interval])",
                    legend="{{vantage}}",
                ),
            ),
        ),
    ),
)

SET_UP = Row(
    title="Certificates, limits, tokens",
    panels=(
        Panel(
            title="Until certificates expire",
            text="Of those that probes were shown; that of a proxy that opens TLS shows here too.",
            unit=units.Seconds,
            queries=(
                Query(
                    expr="claude_uptime_tls_certificate_expiry_timestamp_seconds"
                    f"{{{OF_PROBE}}} - time()",
                    legend=BY_PROBE,
                ),
            ),
        ),
        Panel(
            title="Rate limits: what remains",
            text="As the vendor's headers say after each run with a key.",
            unit=units.Short,
            queries=(
                Query(
                    expr=f"claude_uptime_ratelimit_remaining{{{OF_PROBE}}}",
                    legend="{{probe}} {{limit}}",
                ),
            ),
        ),
        Panel(
            title="Tokens",
            text="Per minute, sent and received by probes: what they cost.",
            unit=units.CountsPerMinute,
            queries=(
                Query(
                    expr=per_minute("tokens_total", OF_PROBE, "probe", "direction"),
                    legend="{{probe}} {{direction}}",
                ),
            ),
        ),
    ),
)

# ruff: noqa: INP001  # deploy/ holds files to deploy, it is no package
"""What the dashboard shows: rows, panels and their queries, as data.

How a panel looks is said in `build.py`. Every query keeps to the chosen vantages, and to the chosen
components or probes where it has such a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from grafana_foundation_sdk.models import units

HERE = 'vantage=~"$vantage"'
OF_COMPONENT = f'{HERE}, component=~"$component"'
OF_PROBE = f'{HERE}, probe=~"$probe"'

BY_COMPONENT = "{{component}} ({{vantage}})"
BY_PROBE = "{{probe}} ({{vantage}})"

FULL, HALF, THIRD, SIXTH = 24, 12, 8, 4
"""Widths, of the 24 columns of a dashboard."""

STATES = (
    ("operational", "green"),
    ("degraded_performance", "yellow"),
    ("partial_outage", "orange"),
    ("major_outage", "red"),
    ("under_maintenance", "blue"),
    ("unknown", "gray"),
)
"""Every state and its colour, in the order of the numbers that the timeline gives them."""

GOOD_IS_ONE = (("0", "no", "red"), ("1", "yes", "green"))
GOOD_IS_ZERO = (("0", "none", "green"),)


class Kind(StrEnum):
    """How a panel draws."""

    LINES = "lines"
    STACK = "stack"
    RATIO = "ratio"
    NUMBER = "number"
    STATES = "states"
    HEAT = "heat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One expression and how its series are called in the legend."""

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a click leads: a page of the monitor, after its own address."""

    title: str
    path: str


TO_PROBE = Link(title="This probe's page", path="/probes/${__field.labels.probe}")
TO_INCIDENT = Link(
    title="The incident of this moment",
    path="/incidents?component=${__field.labels.component}&at=${__value.time}",
)
TO_DAYS = Link(
    title="Every day of this component", path="/history?component=${__field.labels.component}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        title: what it shows.
        text: what to make of it, a sentence for someone who sees it for the first time.
        unit: as Grafana calls it.
        queries: at most 26.
        kind: how it draws.
        width: of 24 columns.
        words: value, word and colour, where some numbers have words.
        links: where a click on one of its series leads.
    """

    title: str
    text: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = Kind.LINES
    width: int = THIRD
    words: tuple[tuple[str, str, str], ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


# ---------------------------------------------------------------- expressions


def per_minute(name: str, labels: str, *by: str) -> str:
    """What a counter gains a minute, summed by `by`."""
    rate = f"rate(claude_uptime_{name}{{{labels}}}[$__rate_interval])"
    return f"60 * sum by ({', '.join(by)}) ({rate})"


def quantile(share: float, name: str, labels: str, *by: str) -> str:
    """A quantile of a histogram over the step of the panel, one series for each of `by`."""
    rate = f"rate(claude_uptime_{name}_bucket{{{labels}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by ({', '.join(('le', *by))}) ({rate}))"


def quantiles(name: str, labels: str, *shares: float, exemplars: bool = False) -> tuple[Query, ...]:
    """Several quantiles; the last brings the exemplars where they are wanted."""
    return tuple(
        Query(
            expr=quantile(share, name, labels),
            legend=f"p{share * 100:g}",
            exemplars=exemplars and share == shares[-1],
        )
        for share in shares
    )


def mean(name: str, labels: str, by: str) -> str:
    """The mean of a histogram over the step of the panel, one series for each `by`."""
    total, count = (
        f"sum by ({by}) (rate(claude_uptime_{name}_{part}{{{labels}}}[$__rate_interval]))"
        for part in ("sum", "count")
    )
    return f"{total} / {count}"


def state_numbers() -> str:
    """One series a component: the number of the state that holds, counted from 1."""
    terms = (
        f'{number} * claude_uptime_component_state{{{OF_COMPONENT}, state="{state}"}}'
        for number, (state, _) in enumerate(STATES, 1)
    )
    return f"max by (vantage, component) ({' or '.join(terms)})"


# ---------------------------------------------------------------- rows

NOW = Row(
    title="Now",
    panels=(
        Panel(
            title="State by component",
            text="What the daemon says of each component. Grey: nothing usable is known.",
            unit=units.Short,
            queries=(Query(expr=state_numbers(), legend=BY_COMPONENT),),
            kind=Kind.STATES,
            width=FULL,
            words=tuple((str(n), state, hue) for n, (state, hue) in enumerate(STATES, 1)),
            links=(TO_INCIDENT, TO_DAYS),
        ),
        Panel(
            title="Components with an incident",
            text="How many components an open incident touches now.",
            unit=units.Short,
            queries=(Query(expr=f"sum(claude_uptime_incident_open{{{OF_COMPONENT}}})"),),
            kind=Kind.NUMBER,
            width=SIXTH,
            words=GOOD_IS_ZERO,
        ),
        Panel(
            title="This host has a network",
            text="No: neither Claude nor a proven control target answers, and nothing is known.",
            unit=units.Short,
            queries=(Query(expr=f"min(claude_uptime_network_up{{{HERE}}})"),),
            kind=Kind.NUMBER,
            width=SIXTH,
            words=GOOD_IS_ONE,
        ),
        Panel(
            title="Control guard works",
            text="No: a failure of this host's own network could be taken for an outage.",
            unit=units.Short,
            queries=(Query(expr=f"min(claude_uptime_control_guard_active{{{HERE}}})"),),
            kind=Kind.NUMBER,
            width=SIXTH,
            words=GOOD_IS_ONE,
        ),
        Panel(
            title="Database takes writes",
            text="No: the daemon keeps what it would write in memory, within a limit.",
            unit=units.Short,
            queries=(Query(expr=f"min(claude_uptime_store_writable{{{HERE}}})"),),
            kind=Kind.NUMBER,
            width=SIXTH,
            words=GOOD_IS_ONE,
        ),
        Panel(
            title="Probes enabled",
            text="Of those configured. A probe without its key is disabled.",
            unit=units.PercentUnit,
            queries=(Query(expr=f"avg(claude_uptime_probe_enabled{{{OF_PROBE}}})"),),
            kind=Kind.NUMBER,
            width=SIXTH,
        ),
        Panel(
            title="Last run",
            text="Seconds since any probe last began a run.",
            unit=units.Seconds,
            queries=(
                Query(expr=f"time() - max(claude_uptime_last_run_timestamp_seconds{{{OF_PROBE}}})"),
            ),
            kind=Kind.NUMBER,
            width=SIXTH,
        ),
    ),
)

RUNS = Row(
    title="Runs",
    panels=(
        Panel(
            title="Runs by outcome",
            text="Per minute, stacked. More runs than usual are bursts after a bad run.",
            unit=units.CountsPerMinute,
            queries=(
                Query(
                    expr=f"{per_minute('runs_total', OF_PROBE, 'outcome')} > 0",
                    legend="{{outcome}}",
                ),
            ),
            kind=Kind.STACK,
            width=HALF,
        ),
        Panel(
            title="Bad runs by probe",
            text="Per minute: which question is answered badly.",
            unit=units.CountsPerMinute,
            queries=(
                Query(
                    expr=per_minute(
                        "run_duration_seconds_count", f'{OF_PROBE}, counts="bad"', "probe"
                    ),
                    legend="{{probe}}",
                ),
            ),
            width=HALF,
            links=(TO_PROBE,),
        ),
        Panel(
            title="Success ratio by component",
            text="Good runs of those that count, of all its probes, over five minutes.",
            unit=units.PercentUnit,
            queries=(
                Query(
                    expr=f"component:claude_uptime_success:ratio_rate5m{{{OF_COMPONENT}}}",
                    legend=BY_COMPONENT,
                ),
            ),
            kind=Kind.RATIO,
            width=HALF,
            links=(TO_INCIDENT, TO_DAYS),
        ),
        Panel(
            title="Success ratio by probe",
            text="The same for each probe. A gap: none of its runs counted.",
            unit=units.PercentUnit,
            queries=(
                Query(
                    expr=f"probe:claude_uptime_success:ratio_rate5m{{{OF_PROBE}}}", legend=BY_PROBE
                ),
            ),
            kind=Kind.RATIO,
            width=HALF,
            links=(TO_PROBE,),
        ),
    ),
)

LATENCY = Row(
    title="Latency",
    panels=(
        Panel(
            title="Duration of good runs",
            text="Quantiles over the chosen probes. Points are single runs, with request ids.",
            unit=units.Seconds,
            queries=quantiles(
                "run_duration_seconds",
                f'{OF_PROBE}, counts="good"',
                *(0.5, 0.95, 0.99),
                exemplars=True,
            ),
            width=HALF,
        ),
        Panel(
            title="p95 by probe",
            text="Of good runs. One slow probe among quick siblings is a slow endpoint.",
            unit=units.Seconds,
            queries=(
                Query(
                    expr=quantile(
                        0.95, "run_duration_seconds", f'{OF_PROBE}, counts="good"', "probe"
                    ),
                    legend="{{probe}}",
                ),
            ),
            width=HALF,
            links=(TO_PROBE,),
        ),
        Panel(
            title="How long good runs take",
            text="A heatmap: the darker, the more runs took so long. Two bands are two answers.",
            unit=units.Seconds,
            queries=(
                Query(
                    expr="sum by (le) (increase(claude_uptime_run_duration_seconds_bucket"
                    f'{{{OF_PROBE}, counts="good"}}[$__rate_interval]))',
                    legend="{{le}}",
                ),
            ),
            kind=Kind.HEAT,
            width=HALF,
        ),
        Panel(
            title="Bad runs by outcome",
            text="Share of all runs that came to each bad or excluded outcome.",
            unit=units.PercentUnit,
            queries=(
                Query(
                    expr="sum by (outcome) (rate(claude_uptime_runs_total"
                    f'{{{OF_PROBE}, outcome!~"ok|slow"}}[$__rate_interval])) / on () group_left () '
                    f"sum(rate(claude_uptime_runs_total{{{OF_PROBE}}}[$__rate_interval])) > 0",
                    legend="{{outcome}}",
                ),
            ),
            kind=Kind.STACK,
            width=HALF,
        ),
        Panel(
            title="p95 by phase",
            text="Phases are disjoint: dns, connect, tls, request, first_byte, transfer.",
            unit=units.Seconds,
            queries=(
                Query(
                    expr=quantile(0.95, "phase_duration_seconds", OF_PROBE, "phase"),
                    legend="{{phase}}",
                ),
            ),
            width=HALF,
        ),
        Panel(
            title="Where the time goes",
            text="Mean of each phase, stacked: together the mean run.",
            unit=units.Seconds,
            queries=(
                Query(expr=mean("phase_duration_seconds", OF_PROBE, "phase"), legend="{{phase}}"),
            ),
            kind=Kind.STACK,
            width=HALF,
        ),
    ),
)

INCIDENTS = Row(
    title="Incidents",
    panels=(
        Panel(
            title="Components with an open incident",
            text="Stacked: from the decision to open until the decision to close.",
            unit=units.Short,
            queries=(
                Query(
                    expr="max by (vantage, component) "
                    f"(claude_uptime_incident_open{{{OF_COMPONENT}}})",
                    legend=BY_COMPONENT,
                ),
            ),
            kind=Kind.STACK,
            links=(TO_INCIDENT,),
        ),
        Panel(
            title="Share of bad runs, deciding pool",
            text="Over five minutes, in the pool of probes that decides.",
            unit=units.PercentUnit,
            queries=(
                Query(
                    expr=f"claude_uptime_component_error_ratio{{{OF_COMPONENT}}}",
                    legend=BY_COMPONENT,
                ),
            ),
            kind=Kind.RATIO,
            links=(TO_INCIDENT,),
        ),
        Panel(
            title="Incidents opened",
            text="Within the last hour, by severity at that moment.",
            unit=units.Short,
            queries=(
                Query(
                    expr="sum by (severity) "
                    f"(increase(claude_uptime_incidents_opened_total{{{HERE}}}[1h]))",
                    legend="{{severity}}",
                ),
            ),
            kind=Kind.STACK,
        ),
    ),
)

SERVICE_LEVEL = Row(
    title="Service level",
    panels=tuple(
        Panel(
            title=f"Indicator over {title}",
            text="1 minus the share of bad runs in the deciding pool, averaged over time. Minutes "
            "in which nothing was known are left out.",
            unit=units.PercentUnit,
            queries=(
                Query(
                    expr=f"component:claude_uptime_sli:ratio_avg{window}{{{OF_COMPONENT}}}",
                    legend=BY_COMPONENT,
                ),
                Query(expr="claude_uptime:slo_objective:ratio", legend="objective"),
            ),
            kind=Kind.RATIO,
        )
        for title, window in (("an hour", "1h"), ("a day", "1d"), ("three days", "3d"))
    ),
)

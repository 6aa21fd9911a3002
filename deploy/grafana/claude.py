# ruff: noqa: INP001  # deploy/ holds files to deploy, it is no package
"""Rows about Claude itself: streams by model, the vendor's word, money."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from deploy.grafana.panels import (
    FULL,
    HERE,
    OF_COMPONENT,
    OF_PROBE,
    STATES,
    THIRD,
    Kind,
    Panel,
    Query,
    Row,
    per_minute,
)

_WORDS = tuple((str(n), state, hue) for n, (state, hue) in enumerate(STATES, 1))


def by_model(share: float, name: str) -> str:
    """A quantile of a histogram of streams, one series a model."""
    rate = f"rate(claude_uptime_{name}_bucket{{{OF_PROBE}}}[$__rate_interval])"
    named = f'claude_uptime_probe_info{{{OF_PROBE}, model!=""}}'
    joined = f"{rate} * on (vantage, probe) group_left (model) {named}"
    return f"histogram_quantile({share}, sum by (le, model) ({joined}))"


def vendor_numbers() -> str:
    """One series a component: the number of the state on the vendor's page, counted from 1."""
    terms = (
        f'{number} * claude_uptime_provider_component_state{{{OF_COMPONENT}, state="{state}"}}'
        for number, (state, _) in enumerate(STATES, 1)
    )
    return f"max by (vantage, component) ({' or '.join(terms)})"


MODELS = Row(
    title="Models",
    panels=(
        Panel(
            title="First content by model, p50 and p95",
            text="From the start of a run to the first block of its stream, thinking or other.",
            unit=units.Seconds,
            queries=(
                Query(expr=by_model(0.5, "time_to_first_content_seconds"), legend="{{model}} p50"),
                Query(expr=by_model(0.95, "time_to_first_content_seconds"), legend="{{model}} p95"),
            ),
            width=THIRD,
        ),
        Panel(
            title="First text by model, p50 and p95",
            text="From the start of a run to the first text of its stream; thinking comes before.",
            unit=units.Seconds,
            queries=(
                Query(expr=by_model(0.5, "time_to_first_token_seconds"), legend="{{model}} p50"),
                Query(expr=by_model(0.95, "time_to_first_token_seconds"), legend="{{model}} p95"),
            ),
            width=THIRD,
        ),
        Panel(
            title="Time per token by model, p50",
            text="Between two tokens of the text of a streamed message, once it has begun.",
            unit=units.Seconds,
            queries=(
                Query(expr=by_model(0.5, "time_per_output_token_seconds"), legend="{{model}}"),
            ),
            width=THIRD,
        ),
    ),
)

VENDOR = Row(
    title="Our word and the vendor's",
    panels=(
        Panel(
            title="The vendor's page",
            text="What the vendor's status page says. Compare it with our states at the top.",
            unit=units.Short,
            queries=(Query(expr=vendor_numbers(), legend="{{component}} ({{vantage}})"),),
            kind=Kind.STATES,
            width=FULL,
            words=_WORDS,
        ),
    ),
)

MONEY = Row(
    title="Cost and budget",
    panels=(
        Panel(
            title="Cost within a day",
            text="US dollars that the paid probes cost in the last 24 hours, by probe.",
            unit=units.Dollars,
            queries=(
                Query(
                    expr="sum by (probe) "
                    f"(increase(claude_uptime_cost_usd_total{{{OF_PROBE}}}[1d]))"
                    " > 0",
                    legend="{{probe}}",
                ),
            ),
            kind=Kind.STACK,
            width=THIRD,
        ),
        Panel(
            title="Budget left today",
            text="US dollars until paid probes are skipped, the reserve for bursts included.",
            unit=units.Dollars,
            queries=(
                Query(expr=f"claude_uptime_budget_remaining_usd{{{HERE}}}", legend="{{vantage}}"),
            ),
            width=THIRD,
        ),
        Panel(
            title="Tokens by direction",
            text="Per minute, sent and received, over the chosen probes.",
            unit=units.CountsPerMinute,
            queries=(
                Query(
                    expr=per_minute("tokens_total", OF_PROBE, "direction"), legend="{{direction}}"
                ),
            ),
            width=THIRD,
        ),
    ),
)

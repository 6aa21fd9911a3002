# ruff: noqa: INP001  # deploy/ holds files to deploy, it is no package
"""The dashboard, built in code: writes `claude-uptime.json` beside this file.

    .venv/bin/python -m deploy.grafana.build

What it shows stands in `panels.py` and `housekeeping.py`, how it looks stands here, once for all
panels. The JSON is committed, so that Grafana needs no Python; a test holds that it is up to date.
Why it is code: docs/adr/0011-dashboards-in-code.md.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models import prometheus as looks_of
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from deploy.grafana.claude import MODELS, MONEY, VENDOR
from deploy.grafana.housekeeping import DELIVERY, SCHEDULER, SET_UP
from deploy.grafana.panels import (
    HERE,
    INCIDENTS,
    LATENCY,
    NOW,
    OF_COMPONENT,
    RUNS,
    SERVICE_LEVEL,
    Kind,
    Panel,
    Query,
)

TARGET = Path(__file__).with_name("claude-uptime.json")

ROWS = (
    NOW,
    VENDOR,
    RUNS,
    LATENCY,
    MODELS,
    INCIDENTS,
    SERVICE_LEVEL,
    MONEY,
    DELIVERY,
    SCHEDULER,
    SET_UP,
)

VARIABLES = {
    "vantage": "label_values(claude_uptime_build_info, vantage)",
    "component": f"label_values(claude_uptime_incident_open{{{HERE}}}, component)",
    "probe": f"label_values(claude_uptime_probe_component_info{{{OF_COMPONENT}}}, probe)",
}
"""What can be chosen, besides the data source; each choice narrows the next."""

PAGE = "http://localhost:9595"
"""Where links lead until the variable `page` says otherwise: the monitor's own pages."""

OPENED = f"increase(claude_uptime_component_incidents_total{{{OF_COMPONENT}}}[1m]) > 0"
"""Marks on every panel."""

HEIGHT = 8
HEIGHT_OF_A_NUMBER = 4
STEP = "2m"
"""Shortest step of a panel of lines: probes run every half minute to every two minutes, and a rate
over less would have holes."""

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

DrawnPanel = timeseries.Panel | statetimeline.Panel | stat.Panel | heatmap.Panel
Drawn = TypeVar("Drawn", timeseries.Panel, statetimeline.Panel, stat.Panel, heatmap.Panel)


def build() -> str:
    """The dashboard as the text of its file."""
    board = (
        dashboard.Dashboard("Claude uptime")
        .uid("claude-uptime")
        .description("What the Claude uptime monitor sees, and how it does itself.")
        .tags(["claude", "uptime"])
        .timezone("utc")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("30s")
        .readonly()
    )
    _add_variables(board)
    board.annotation(
        dashboard.AnnotationQuery()
        .name("Incidents opened")
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color("red")
        .expr(OPENED)
    )
    ids = itertools.count(1)
    for row in ROWS:
        board.with_row(dashboard.Row(row.title).id(next(ids)))
        for panel in row.panels:
            board.with_panel(draw(panel).id(next(ids)))
    built = json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True)
    return f"{built}\n"


def _add_variables(board: dashboard.Dashboard) -> None:
    board.with_variable(
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    )
    for name, query in VARIABLES.items():
        board.with_variable(
            dashboard.QueryVariable(name)
            .label(name.capitalize())
            .datasource(SOURCE)
            .query(query)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
            .multi(multi=True)
            .include_all(include_all=True)
            .current(VariableOption(selected=True, text="All", value="$__all"))
        )
    board.with_variable(
        dashboard.TextBoxVariable("page").label("Address of the monitor").default_value(PAGE)
    )


# ---------------------------------------------------------------- panels


def draw(panel: Panel) -> DrawnPanel:
    """`panel` with its look."""
    match panel.kind:
        case Kind.NUMBER:
            return _number(panel)
        case Kind.STATES:
            return _states(panel)
        case Kind.HEAT:
            return _heat(panel)
        case Kind.LINES | Kind.STACK | Kind.RATIO:
            return _lines(panel)


def _same(drawn: Drawn, panel: Panel) -> Drawn:
    """What all kinds have in common."""
    return (
        drawn.title(panel.title)
        .description(panel.text)
        .unit(panel.unit)
        .datasource(SOURCE)
        .height(HEIGHT)
        .span(panel.width)
        .data_links(
            [
                dashboard.DashboardLink(link.title)
                .url(f"${{page}}{link.path}")
                .target_blank(target_blank=True)
                for link in panel.links
            ]
        )
    )


def _lines(panel: Panel) -> timeseries.Panel:
    stacked = panel.kind is Kind.STACK
    mode = looks.StackingMode.NORMAL if stacked else looks.StackingMode.NONE
    drawn = (
        _same(timeseries.Panel(), panel)
        .interval(STEP)
        .min(0)
        .line_width(1)
        .fill_opacity(40 if stacked else 0)
        .show_points(looks.VisibilityMode.NEVER)
        .stacking(common.StackingConfig().mode(mode))
        .legend(_legend())
        .tooltip(
            common.VizTooltipOptions()
            .mode(looks.TooltipDisplayMode.MULTI)
            .sort(looks.SortOrder.DESCENDING)
        )
        .targets([*_over_time(panel.queries)])
    )
    return drawn.max(1) if panel.kind is Kind.RATIO else drawn


def _states(panel: Panel) -> statetimeline.Panel:
    return (
        _same(statetimeline.Panel(), panel)
        .show_value(looks.VisibilityMode.NEVER)
        .merge_values(merge_values=True)
        .row_height(0.8)
        .fill_opacity(80)
        .line_width(0)
        .mappings([_words(panel)])
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .legend(_legend())
        .targets([*_over_time(panel.queries)])
    )


def _number(panel: Panel) -> stat.Panel:
    """The value of now; numbers without a word keep the colour of text."""
    return (
        _same(stat.Panel(), panel)
        .height(HEIGHT_OF_A_NUMBER)
        .graph_mode(looks.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .mappings([_words(panel)])
        .thresholds(
            dashboard.ThresholdsConfig()
            .mode(ThresholdsMode.ABSOLUTE)
            .steps([Threshold(value=None, color="text")])
        )
        .targets([_query(query, 0).instant() for query in panel.queries])
    )


def _heat(panel: Panel) -> heatmap.Panel:
    """Buckets of a histogram over time; Grafana turns cumulative buckets into bands."""
    return (
        _same(heatmap.Panel(), panel)
        .interval(STEP)
        .calculate(calculate=False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heat.HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .steps(32)
        )
        .y_axis(heatmap.YAxisConfig().unit(panel.unit))
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .show_legend()
        .targets(
            [
                _query(query, place).range().format(looks_of.PromQueryFormat.HEATMAP)
                for place, query in enumerate(panel.queries)
            ]
        )
    )


def _words(panel: Panel) -> ValueMap:
    return ValueMap(
        options={
            value: ValueMappingResult(text=text, color=color, index=place)
            for place, (value, text, color) in enumerate(panel.words)
        }
    )


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(looks.LegendDisplayMode.LIST)
        .placement(looks.LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
    )


def _over_time(queries: Iterable[Query]) -> list[prometheus.Dataquery]:
    return [_query(query, place).range() for place, query in enumerate(queries)]


def _query(query: Query, place: int) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .datasource(SOURCE)
        .expr(query.expr)
        .legend_format(query.legend)
        .exemplar(query.exemplars)
        .ref_id(chr(ord("A") + place))
    )


if __name__ == "__main__":
    TARGET.write_text(build(), encoding="utf-8")

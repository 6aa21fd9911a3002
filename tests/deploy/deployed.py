"""What stands in `deploy/`, read for tests: rules, alerts, and every query of the dashboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULE_FILES = (PROMETHEUS / "rules.yaml", PROMETHEUS / "alerts.yaml")
DASHBOARD = DEPLOY / "grafana" / "claude-uptime.json"

CHOSEN_ALL = {
    "$vantage": ".*",
    "$component": ".*",
    "$probe": ".*",
    "$__rate_interval": "2m",
}
"""Grafana's variables as they are with everything chosen."""

_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
_UNIONS = {"and", "or"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """One PromQL expression and where it stands."""

    place: str
    text: str


def read(path: Path) -> Any:
    """A YAML or JSON file."""
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def rules() -> list[dict[str, Any]]:
    """Every rule of every group, in order."""
    return [
        rule for path in RULE_FILES for group in read(path)["groups"] for rule in group["rules"]
    ]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def panels() -> list[dict[str, Any]]:
    """The dashboard's panels, without the headings of rows."""
    return [panel for panel in read(DASHBOARD)["panels"] if panel["type"] != "row"]


def with_all_chosen(text: str) -> str:
    """A query of the dashboard as Grafana would send it."""
    for variable, value in CHOSEN_ALL.items():
        text = text.replace(variable, value)
    assert "$" not in text, f"a variable that is not known here: {text}"
    return text


def of_dashboard() -> Iterator[Expression]:
    """Queries of panels, variables and annotations."""
    board = read(DASHBOARD)
    for panel in panels():
        for target in panel["targets"]:
            yield Expression(place=panel["title"], text=with_all_chosen(target["expr"]))
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
            assert asked is not None, variable["query"]
            yield Expression(place=f"${variable['name']}", text=with_all_chosen(asked[1]))
    for annotation in board["annotations"]["list"]:
        yield Expression(place=annotation["name"], text=with_all_chosen(annotation["expr"]))


def of_rules() -> Iterator[Expression]:
    """Expressions of recording rules and alerts."""
    for rule in rules():
        yield Expression(place=rule.get("record") or rule["alert"], text=rule["expr"])


def selectors(text: str) -> set[str]:
    """Names of the series that an expression reads."""
    found: set[str] = set()

    def visit(node: Any) -> bool:
        selector = getattr(node, "vector_selector", node)
        if isinstance(selector, promql_parser.VectorSelector):
            found.add(str(selector.name))
        return True

    promql_parser.walk(promql_parser.parse(text), pre_visit=visit, post_visit=lambda _node: True)
    return found


def watched(text: str) -> list[str]:
    """What an expression watches: its parts without the comparisons, which hold only sometimes."""
    return [str(part) for part in _parts(promql_parser.parse(text))]


def _parts(node: Any) -> Iterator[Any]:
    if isinstance(node, promql_parser.ParenExpr):
        yield from _parts(node.expr)
    elif isinstance(node, promql_parser.Call) and node.func.name == "absent":
        yield from _parts(node.args[0])
    elif isinstance(node, promql_parser.BinaryExpr) and str(node.op) == "unless":
        yield from _parts(node.lhs)
    elif isinstance(node, promql_parser.BinaryExpr) and str(node.op) in _COMPARISONS | _UNIONS:
        yield from _parts(node.lhs)
        yield from _parts(node.rhs)
    elif not isinstance(node, promql_parser.NumberLiteral):
        yield node

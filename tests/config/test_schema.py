from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from monitor import notify, probes
from monitor.config.document import parse
from monitor.config.load import from_text, load
from monitor.config.schema import Config, EgressSpec, WebSpec, json_schema
from monitor.core.policy import Policy
from monitor.spec import Secret

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "config" / "claude.yaml"

SMALL = """
components:
  api: {title: Claude API}
probes:
  - name: api_hello
    kind: http
    url: https://api.anthropic.com/api/hello
    components: [api]
"""


def a_config(more: str = "", environment: Mapping[str, str] | None = None) -> Config:
    return from_text(SMALL + more, "claude.yaml", environment or {}, str)


# ---------------------------------------------------------------- defaults and conversions


def test_little_is_needed_and_the_rest_has_the_documented_defaults() -> None:
    config = a_config()
    assert config.vantage == "local"
    assert (config.web.host, config.web.port) == ("0.0.0.0", 9595)  # noqa: S104  # in a container
    assert config.storage.url == "sqlite:///data/claude-uptime.db"
    assert config.storage.keep_runs == 14 * 86_400
    assert (config.log.level, config.log.format) == ("info", "json")
    assert config.control.interval == 30.0
    assert (config.budget.usd_per_day, config.budget.reserve) == (0.25, 0.3)
    assert config.policy() == Policy()


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:0", "127.0.0.1", 0), ("[::]:9595", "::", 9595), ("localhost:80", "localhost", 80)],
)
def test_where_to_listen_is_an_address_and_a_port(listen: str, host: str, port: int) -> None:
    web = WebSpec(listen=listen)
    assert (web.host, web.port) == (host, port)


@pytest.mark.parametrize(
    "listen", ["9595", ":9595", "host:", "host:x", "host:65536", "host:-1", ""]
)
def test_other_texts_are_no_place_to_listen(listen: str) -> None:
    with pytest.raises(ValidationError):
        WebSpec(listen=listen)


def test_an_empty_proxy_or_ca_file_is_none() -> None:
    egress = EgressSpec.model_validate({"proxy": "", "ca_file": ""})
    assert (egress.proxy, egress.ca_file) == (None, None)
    egress = EgressSpec.model_validate({"proxy": "http://bob:pass@proxy:3128"})
    assert egress.proxy == Secret("http://bob:pass@proxy:3128")
    assert "pass" not in repr(egress)


def test_every_kind_of_the_folders_can_be_configured() -> None:
    text = json.dumps(json_schema())
    specs = [kind.spec for kind in probes.kinds()] + [kind.spec for kind in notify.kinds()]
    assert specs
    assert not [spec for spec in specs if spec.__name__ not in text]


def test_it_can_be_built_without_a_file() -> None:
    data = parse(SMALL, "claude.yaml", {}, str).data
    assert Config.model_validate(data).plan() == a_config().plan()


# ---------------------------------------------------------------- secrets


def test_every_secret_is_known_to_the_redaction() -> None:
    environment = {
        "ANTHROPIC_API_KEY": "key-of-main",
        "CLAUDE_UPTIME_TOKEN": "token-of-web",
        "ALERT_WEBHOOK_URL": "https://hooks.example/T0/B0/path-token",
        "ALERT_WEBHOOK_SECRET": "whsec_" + "A" * 44,
    }
    config = load(SHIPPED, environment)
    assert {secret.reveal() for secret in config.secrets()} == set(environment.values())
    shown = repr(config) + config.model_dump_json()
    assert not [value for value in environment.values() if value in shown]


# ---------------------------------------------------------------- JSON Schema


class MismatchError(AssertionError):
    """A value that the schema does not allow."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place} {what}")


def check(value: Any, schema: Any, root: Mapping[str, Any], place: str = "") -> None:
    """A validator for the words that our schema uses; an unknown word fails the test."""
    for word, argument in schema.items():
        if word in NOTES:
            continue
        WORDS[word](value, argument, root, place, schema)


def _ref(value: Any, argument: Any, root: Any, place: str, _schema: Any) -> None:
    check(value, root["$defs"][argument.rpartition("/")[2]], root, place)


def _type(value: Any, argument: Any, _root: Any, place: str, _schema: Any) -> None:
    names = [argument] if isinstance(argument, str) else argument
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "string": isinstance(value, str),
        "number": number,
        "integer": number and float(value).is_integer(),
        "boolean": isinstance(value, bool),
        "null": value is None,
    }
    if not any(fits[name] for name in names):
        raise MismatchError(place, f"is no {names}")


def _properties(value: Any, argument: Any, root: Any, place: str, _schema: Any) -> None:
    for name in argument:
        if isinstance(value, dict) and name in value:
            check(value[name], argument[name], root, f"{place}.{name}")


def _pattern_properties(value: Any, argument: Any, root: Any, place: str, _schema: Any) -> None:
    for pattern, below in argument.items():
        for name in value:
            if re.search(pattern, name):
                check(value[name], below, root, f"{place}.{name}")


def _additional(value: Any, argument: Any, root: Any, place: str, schema: Any) -> None:
    if not isinstance(value, dict):
        return
    patterns = schema.get("patternProperties", {})
    for name in set(value) - set(schema.get("properties", {})):
        if any(re.search(pattern, name) for pattern in patterns):
            continue
        if argument is False:
            raise MismatchError(place, f"has an unknown {name}")
        if argument is not True:
            check(value[name], argument, root, f"{place}.{name}")


def _required(value: Any, argument: Any, _root: Any, place: str, _schema: Any) -> None:
    missing = [name for name in argument if name not in value]
    if missing:
        raise MismatchError(place, f"lacks {missing}")


def _items(value: Any, argument: Any, root: Any, place: str, _schema: Any) -> None:
    for number, item in enumerate(value if isinstance(value, list) else []):
        check(item, argument, root, f"{place}[{number}]")


def _some(value: Any, argument: Any, root: Any, place: str, _schema: Any) -> None:
    problems = []
    for branch in argument:
        try:
            check(value, branch, root, place)
        except MismatchError as problem:
            problems.append(str(problem))
        else:
            return
    raise MismatchError(place, f"fits nothing: {problems}")


def _bound(*, fits: Any, of: type | tuple[type, ...]) -> Any:
    def word(value: Any, argument: Any, _root: Any, place: str, _schema: Any) -> None:
        if isinstance(value, of) and not isinstance(value, bool) and not fits(value, argument):
            raise MismatchError(place, "is out of bounds")

    return word


NOTES = {
    "$schema", "$defs", "title", "description", "default", "discriminator", "examples", "format",
    "writeOnly", "propertyNames",
}  # fmt: skip
NUMBER = (int, float)
WORDS: dict[str, Any] = {
    "$ref": _ref,
    "type": _type,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "required": _required,
    "items": _items,
    "anyOf": _some,
    "oneOf": _some,
    "const": _bound(fits=lambda value, wanted: value == wanted, of=object),
    "enum": _bound(fits=lambda value, wanted: value in wanted, of=object),
    "pattern": _bound(fits=lambda value, wanted: re.search(wanted, value), of=str),
    "minLength": _bound(fits=lambda value, wanted: len(value) >= wanted, of=str),
    "maxLength": _bound(fits=lambda value, wanted: len(value) <= wanted, of=str),
    "minItems": _bound(fits=lambda value, wanted: len(value) >= wanted, of=list),
    "maxItems": _bound(fits=lambda value, wanted: len(value) <= wanted, of=list),
    "minProperties": _bound(fits=lambda value, wanted: len(value) >= wanted, of=dict),
    "maxProperties": _bound(fits=lambda value, wanted: len(value) <= wanted, of=dict),
    "minimum": _bound(fits=lambda value, wanted: value >= wanted, of=NUMBER),
    "maximum": _bound(fits=lambda value, wanted: value <= wanted, of=NUMBER),
    "exclusiveMinimum": _bound(fits=lambda value, wanted: value > wanted, of=NUMBER),
}


def shipped_data() -> Any:
    return parse(SHIPPED.read_text(), "claude.yaml", {}, str).data


def test_the_shipped_configuration_fits_the_json_schema() -> None:
    schema = json_schema()
    assert schema["$schema"].startswith("https://json-schema.org/")
    check(shipped_data(), schema, schema)


def _words(schema: Any) -> Iterator[str]:
    """Every word of the schema; the names that it defines or describes are none."""
    for word, argument in schema.items():
        yield word
        if word in {"properties", "patternProperties", "$defs"}:
            for below in argument.values():
                yield from _words(below)
        elif word in {"anyOf", "oneOf"}:
            for branch in argument:
                yield from _words(branch)
        elif word in {"items", "additionalProperties"} and isinstance(argument, dict):
            yield from _words(argument)


def test_the_json_schema_has_no_word_that_an_editor_does_not_know() -> None:
    assert set(_words(json_schema())) <= WORDS.keys() | NOTES


def changed(data: Any, *path: Any, to: Any) -> Any:
    for part in path[:-1]:
        data = data[part]
    data[path[-1]] = to
    return data


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("vantgae",), "x"),
        (("vantage",), 3),
        (("probes", 0, "kind"), "htpp"),
        (("probes", 0, "interval"), 30),
        (("probes", 0, "retries"), 3),
        (("components", "api", "title"), ""),
        (("credentials", "BAD NAME"), {}),
        (("detection", "fast", "failures"), 1),
    ],
    ids=str,
)
def test_the_json_schema_refuses_what_the_loader_refuses(path: tuple[Any, ...], value: Any) -> None:
    schema, data = json_schema(), shipped_data()
    changed(data, *path, to=value)
    with pytest.raises(MismatchError):
        check(data, schema, schema)
    with pytest.raises(ValidationError):
        Config.model_validate(data)


def _described(schema: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    for name, definition in schema["$defs"].items():
        for field, below in definition.get("properties", {}).items():
            yield f"{name}.{field}", "description" in below or "const" in below


def test_every_key_has_a_sentence_for_the_reference() -> None:
    assert [name for name, described in _described(json_schema()) if not described] == []

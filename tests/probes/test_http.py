"""The kind `http`: what its spec takes, what it asks, what an expectation makes of a reply."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from monitor.core.outcome import Depth
from monitor.probes._base import HttpReply
from monitor.probes.http import KIND, HttpSpec, reading, request

URL = "https://api.anthropic.com/api/hello"


def a_spec(**changes: Any) -> HttpSpec:
    """A hello probe."""
    values = {"name": "api_hello", "kind": "http", "url": URL, "components": ("api",), **changes}
    return HttpSpec.model_validate(values)


def a_reply(status: int = 200, body: bytes = b"", **headers: str) -> HttpReply:
    """A reply; underscores in the names of headers stand for dashes."""
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpReply(status=status, headers=pairs, body=body, url=URL)


def checks(expect: dict[str, Any], reply: HttpReply, **spec: Any) -> dict[str, bool]:
    """Each check's name, and whether it was met."""
    found = reading(a_spec(expect=expect, **spec), reply).checks
    assert all(check.ok or check.detail for check in found)
    return {check.name: check.ok for check in found}


TYPED_401 = (
    b'{"type":"error","error":{"type":"authentication_error",'
    b'"message":"x-api-key header is required"},"request_id":"req_1"}'
)
GATE = {"status": 401, "error_type": "authentication_error", "request_id": True}


@pytest.mark.parametrize(
    ("expect", "reply", "met"),
    [
        ({}, a_reply(200), {"status": True}),
        ({}, a_reply(204), {"status": False}),
        ({"status": [200, 302]}, a_reply(302), {"status": True}),
        ({"status": [200, 302]}, a_reply(301), {"status": False}),
        ({"not_5xx": True}, a_reply(404), {"status": True}),
        ({"not_5xx": True}, a_reply(302), {"status": True}),
        ({"not_5xx": True}, a_reply(503), {"status": False}),
        ({"not_5xx": True}, a_reply(522), {"status": False}),
    ],
)
def test_a_status_is_right_or_wrong(
    expect: dict[str, Any], reply: HttpReply, met: dict[str, bool]
) -> None:
    assert checks(expect, reply) == met


@pytest.mark.parametrize(
    ("wanted", "body", "ok"),
    [
        ({"message": "hello"}, b'{"message": "hello"}', True),
        ({"message": "hello"}, b'{"message":"hello","more":1}', True),
        ({"message": "hello"}, b'{"message":"Hello"}', False),
        ({"message": "hello"}, b'{"other":1}', False),
        ({"message": "hello"}, b'["hello"]', False),
        ({"message": "hello"}, b"Rate exceeded", False),
        ({"message": "hello"}, b"\xff\xfe", False),
        ({"message": "hello"}, b"", False),
        ({"a": {"b": 1}}, b'{"a":{"b":1,"c":2}}', True),
        ({"a": {"b": 1}}, b'{"a":1}', False),
        ({"a": 1}, b'{"a":true}', False),
        ({"a": True}, b'{"a":1}', False),
        ({"a": [1, 2]}, b'{"a":[1,2]}', True),
        ({"a": [1, 2]}, b'{"a":[1,2,3]}', False),
        ({"a": None}, b'{"a":null}', True),
        ({"a": None}, b"{}", False),
    ],
)
def test_json_has_at_least_what_is_expected(wanted: Any, body: bytes, *, ok: bool) -> None:
    assert checks({"json": wanted}, a_reply(body=body)) == {"status": True, "json": ok}


VERSION = r"^\d+\.\d+\.\d+\s*$"


@pytest.mark.parametrize(
    ("body", "ok"),
    [(b"2.1.222\n", True), (b"2.1.222", True), (b"<html>2.1.222</html>", False), (b"", False)],
)
def test_a_body_matches_its_pattern(body: bytes, *, ok: bool) -> None:
    assert checks({"body": VERSION}, a_reply(body=body)) == {"status": True, "body": ok}


def test_a_body_holds_its_text_whatever_its_bytes() -> None:
    expect = {"body_contains": "Claude"}
    assert checks(expect, a_reply(body=b"\xff<title>Claude</title>"))["body_contains"]
    assert not checks(expect, a_reply(body=b"Rate exceeded"))["body_contains"]


def test_a_typed_refusal_with_a_request_id_opens_the_gate() -> None:
    reply = a_reply(401, TYPED_401, content_type="application/json", request_id="req_1")
    assert checks(GATE, reply) == {"status": True, "type": True, "request_id": True}


@pytest.mark.parametrize(
    ("reply", "met"),
    [
        (a_reply(401, b"no"), {"status": True, "type": False, "request_id": False}),
        (
            a_reply(401, b'{"error":{"type":"unauthorized"}}', request_id="req_1"),
            {"status": True, "type": False, "request_id": True},
        ),
        (
            a_reply(403, TYPED_401.replace(b"authentication_error", b"permission_error")),
            {"status": False, "type": False, "request_id": True},
        ),
    ],
)
def test_another_refusal_does_not_open_the_gate(reply: HttpReply, met: dict[str, bool]) -> None:
    assert checks(GATE, reply) == met


@pytest.mark.parametrize(
    ("status", "location", "met"),
    [
        (302, "https://platform.claude.com/login", {"location": True}),
        (302, "/login", {"location": False}),
        (302, "https://elsewhere.test/", {"location": False}),
        (302, "https://[", {"location": False}),
        (302, None, {"location": False}),
        (200, None, {}),
    ],
)
def test_a_redirect_leads_where_it_should(
    status: int, location: str | None, met: dict[str, bool]
) -> None:
    expect = {"status": [200, 302], "location_host": "platform.claude.com"}
    reply = a_reply(status) if location is None else a_reply(status, location=location)
    assert checks(expect, reply) == {"status": True, **met}


def test_a_relative_redirect_leads_to_the_host_that_was_asked() -> None:
    expect = {"status": 302, "location_host": ["api.anthropic.com"]}
    assert checks(expect, a_reply(302, location="/login"))["location"]


def test_the_reading_carries_the_answer() -> None:
    answer = reading(a_spec(), a_reply(529, b"{}", cf_ray="8f-FRA", request_id="req_2")).answer
    assert (answer.status, answer.cf_ray, answer.request_id) == (529, "8f-FRA", "req_2")


# ---------------------------------------------------------------- what is asked


@pytest.mark.parametrize(
    ("expect", "accept"),
    [
        ({}, "*/*"),
        ({"body": "x"}, "*/*"),
        ({"json": {"message": "hello"}}, "application/json"),
        (GATE, "application/json"),
    ],
)
def test_json_is_asked_for_where_it_is_expected(expect: dict[str, Any], accept: str) -> None:
    assert request(a_spec(expect=expect), None).headers == {"accept": accept}


def test_the_operators_headers_win() -> None:
    asked = request(a_spec(headers={"Accept": "text/html", "X-One": "1"}), None)
    assert asked.headers == {"accept": "text/html", "x-one": "1"}


def test_what_is_asked_follows_the_spec() -> None:
    asked = request(a_spec(method="HEAD", redirects=2), None)
    assert (asked.method, asked.url, asked.redirects_max, asked.body) == ("HEAD", URL, 2, None)


# ---------------------------------------------------------------- the spec


def test_defaults_are_an_edge_probe_that_expects_200() -> None:
    spec = a_spec()
    assert (spec.method, spec.redirects, spec.depth) == ("GET", 0, Depth.EDGE)
    assert spec.expect.statuses == (200,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "ftp://x.test/"}, "begins with https:// or http://"),
        ({"url": "https:///path"}, "names a host"),
        ({"url": "https://user:word@x.test/"}, "user name or a password"),
        ({"url": "https://x.test/a b"}, "printable ASCII without spaces"),
        ({"url": "https://x.test:99999/"}, "this is no URL"),
        ({"url": "https://[::1/"}, "this is no URL"),
        ({"method": "POST"}, "'GET' or 'HEAD'"),
        ({"redirects": 11}, "less than or equal to 10"),
        ({"timeout": "0s"}, "greater than 0"),
        ({"interval": 30}, "needs a unit"),
        ({"expect": {"status": 42}}, "greater than or equal to 100"),
        ({"expect": {"status": 200, "not_5xx": True}}, "either status or not_5xx"),
        ({"expect": {"body": "("}}, "is no regular expression"),
        ({"expect": {"body": "x" * 501}}, "500 characters long at most"),
        ({"expect": {"bodies": "x"}}, "Extra inputs are not permitted"),
        ({"method": "HEAD", "expect": {"body": "x"}}, "a HEAD has no body"),
        ({"credential": "main"}, "an http probe uses no credential"),
        ({"headers": {"Origin": "https://x.test"}}, "set by the monitor or never sent"),
        ({"headers": {"User-Agent": "Mozilla/5.0"}}, "set by the monitor or never sent"),
        ({"headers": {"X-Api-Key": "planted"}}, "would hold a secret"),
        ({"headers": {"Authorization": "Bearer planted"}}, "would hold a secret"),
        ({"headers": {"x": "a\r\nb: c"}}, "printable ASCII"),
        ({"headers": {"x y": "a"}}, "names are tokens"),
    ],
)
def test_a_wrong_spec_is_refused_in_one_line(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        a_spec(**changes)
    (error,) = caught.value.errors(include_url=False)
    assert words in error["msg"]
    assert "\n" not in error["msg"]
    assert "planted" not in str(caught.value)


def test_a_timeout_below_the_soft_deadline_is_fine() -> None:
    assert a_spec(timeout="5s", soft_deadline="10s").timeout == 5.0


def test_only_tls_proves_who_answered() -> None:
    assert KIND.answered_means_vendor(a_spec())
    assert not KIND.answered_means_vendor(a_spec(url="http://127.0.0.1:8080/"))
    assert KIND.model(a_spec()) is None
    assert not KIND.paid(a_spec())

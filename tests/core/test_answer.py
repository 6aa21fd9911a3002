from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.answer import clean, parse_json, read, redact
from monitor.core.observation import EXCERPT_CHARS_MAX, Answer

JSON = ("content-type", "application/json")
HTML = ("content-type", "text/html; charset=UTF-8")
TEXT = ("content-type", "text/plain")
EDGE = (("server", "cloudflare"), ("cf-ray", "a09ddee54e2fbedb-FRA"))

# Bodies as users reported them, byte for byte where the report kept them whole.

HELLO = b'{"message": "hello"}'
INTERNAL = (
    b'{"type":"error","error":{"type":"api_error","message":"Internal server error"},'
    b'"request_id":"req_011CXkkQ3s5pVqvuQjNVnzGR"}'
)
OVERLOADED_500 = (
    b'{"type":"error","error":{"type":"api_error","message":"Overloaded"},"request_id":null}'
)
OVERLOADED_529 = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
BAD_TOKEN = (
    b'{"type":"error","error":{"type":"authentication_error","message":"Invalid bearer token"},'
    b'"request_id":"req_011CaWqWzwcuY2wkCwS84C5E"}'
)
FORBIDDEN = b'{"error":{"type":"forbidden","message":"Request not allowed"}}'
SPEND_LIMIT = (
    b'{"type":"error","error":{"type":"rate_limit_error","message":"Spend limit reached",'
    b'"details":{"error_code":"enforced_spend_limit_reached"}},"request_id":"req_1"}'
)
CLOUDFLARE_522 = (
    b'{"type":"https://developers.cloudflare.com/support/troubleshooting/http-status-codes/'
    b'cloudflare-5xx-errors/error-522/","title":"Error 522: Connection timed out","status":522,'
    b'"detail":"Cloudflare could not establish a TCP connection to the origin server. The TCP '
    b"handshake timed out, which may indicate the origin is overloaded, firewalling Cloudflare, or "
    b'unreachable at the network level.","instance":"a09ddee54e2fbedb","error_code":522,'
    b'"error_name":"connection_timeout","error_category":"origin","ray_id":"a09ddee54e2fbedb",'
    b'"timestamp":"2026-06-11T04:29:03Z","zone":"api.anthropic.com","cloudflare_error":true,'
    b'"retryable":true,"retry_after":120,"owner_action_required":true}'
)
CLOUDFLARE_520_PAGE = (
    b"<!DOCTYPE html>\n"
    b'<!--[if lt IE 7]> <html class="no-js ie6 oldie" lang="en-US"> <![endif]-->\n<head>\n\n\n'
    b"<title>api.anthropic.com | 520: Web server is returning an unknown error</title>\n"
    b'<meta charset="UTF-8" />\n'
    b'<link rel="stylesheet" id="cf_styles-css" href="/cdn-cgi/styles/main.css" />\n'
)
CLOUDFLARE_504_PAGE = b"<html><head><title>api.anthropic.com | 504: Gateway time-out</title>"
CHALLENGE_PAGE = (
    b'<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title>'
    b'<meta http-equiv="Content-Type" content="text/html; charset=UTF-8">'
)
WAF_PAGE = (
    b"<!DOCTYPE html><head><title>Attention Required! | Cloudflare</title></head>"
    b"<body>Sorry, you have been blocked</body>"
)
REGION_PAGE = (
    b'<!DOCTYPE html><title>Access denied</title><link href="/cdn-cgi/styles/main.css">'
    b'<div id="cf-error-details">Cloudflare <span class="cf-code-label">Error code '
    b"<span>1009</span></span></div>"
)
ENVOY_RESET = b"upstream connect error or disconnect/reset before headers. reset reason: overflow"
ENVOY_EMPTY = b"no healthy upstream"


def an_answer_to(status: int, body: bytes, *headers: tuple[str, str]) -> Answer:
    return read(status, headers, body)


# ------------------------------------------------------------------ what is read from a good answer


def test_a_hello_is_read_whole() -> None:
    answer = read(
        200,
        [JSON, *EDGE, ("via", "1.1 google"), ("request-id", "req_011CSHoEeqs5C35K2UUqR7Fy")],
        HELLO,
    )

    assert answer == Answer(
        status=200,
        content_type="application/json",
        is_json=True,
        request_id="req_011CSHoEeqs5C35K2UUqR7Fy",
        cf_ray="a09ddee54e2fbedb-FRA",
        vendor=True,
        body_bytes=20,
        excerpt='{"message": "hello"}',
    )


def test_the_first_of_several_equal_headers_counts() -> None:
    assert an_answer_to(200, b"", ("cf-ray", "one"), ("cf-ray", "two")).cf_ray == "one"


def test_the_media_type_is_lower_case_and_bare() -> None:
    assert an_answer_to(200, b"", ("content-type", " Text/HTML ; q=1")).content_type == "text/html"


def test_a_truncated_body_is_said_to_be_one() -> None:
    answer = read(200, [HTML], b"<html>", truncated=True)

    assert answer.truncated
    assert answer.body_bytes == 6


def test_null_is_json_although_it_is_nothing() -> None:
    assert an_answer_to(200, b" null ").is_json
    assert not an_answer_to(200, b"").is_json


# ------------------------------------------------------------------ error documents


@pytest.mark.parametrize(
    ("body", "kind", "message", "request_id"),
    [
        pytest.param(
            INTERNAL,
            "api_error",
            "Internal server error",
            "req_011CXkkQ3s5pVqvuQjNVnzGR",
            id="internal",
        ),
        pytest.param(OVERLOADED_500, "api_error", "Overloaded", None, id="request id null"),
        pytest.param(
            OVERLOADED_529, "overloaded_error", "Overloaded", None, id="request id missing"
        ),
        pytest.param(
            BAD_TOKEN,
            "authentication_error",
            "Invalid bearer token",
            "req_011CaWqWzwcuY2wkCwS84C5E",
            id="bearer token",
        ),
        pytest.param(
            b'{"error":{"type":"not_found_error","message":"Not found"}}',
            "not_found_error",
            "Not found",
            None,
            id="older shape without the outer type",
        ),
        pytest.param(
            b'{"type":"error","error":{"type":"brand_new_error","message":"?"}}',
            "brand_new_error",
            "?",
            None,
            id="unknown type",
        ),
        pytest.param(
            b'{"type":"error","error":{"type":"api_error"}}', "api_error", None, None, id="silent"
        ),
        pytest.param(
            b'{"type":"error","error":{"type":"api_error","message":7,"details":[]},"request_id":7}',
            "api_error",
            None,
            None,
            id="wrong types within",
        ),
    ],
)
def test_an_error_document_of_the_vendor_is_known(
    body: bytes, kind: str, message: str | None, request_id: str | None
) -> None:
    answer = an_answer_to(500, body, JSON)

    assert answer.anthropic_error
    assert (answer.error_type, answer.error_message) == (kind, message)
    assert answer.request_id == request_id
    assert not answer.forbidden_shape


def test_the_header_names_the_request_before_the_body_does() -> None:
    answer = an_answer_to(500, INTERNAL, JSON, ("request-id", "req_header"))

    assert answer.request_id == "req_header"


@pytest.mark.parametrize("value", ["req 1", "<script>", "x" * 65, ""])
def test_a_request_id_that_does_not_look_like_one_is_dropped(value: str) -> None:
    assert an_answer_to(200, HELLO, ("request-id", value)).request_id is None


def test_the_code_of_a_spend_limit_is_read() -> None:
    assert an_answer_to(429, SPEND_LIMIT, JSON).error_code == "enforced_spend_limit_reached"


def test_the_shape_of_a_geographic_block_is_no_error_document_of_the_api() -> None:
    answer = an_answer_to(403, FORBIDDEN, JSON)

    assert answer.forbidden_shape
    assert not answer.anthropic_error
    assert answer.error_type == "forbidden"


def test_forbidden_inside_the_vendors_document_is_no_geographic_block() -> None:
    body = b'{"type":"error","error":{"type":"forbidden","message":"Request not allowed"}}'

    assert not an_answer_to(403, body, JSON).forbidden_shape


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (
            b'{"error":"invalid_grant","error_description":"Refresh token not found"}',
            "invalid_grant",
            "Refresh token not found",
        ),
        (b'{"error":["a"]}', None, None),
        (b'{"error":{"message":"no type"}}', None, "no type"),
        (b'["error"]', None, None),
    ],
)
def test_other_errors_are_read_but_are_not_the_vendors(
    body: bytes, kind: str | None, message: str | None
) -> None:
    answer = an_answer_to(400, body, JSON)

    assert (answer.error_type, answer.error_message) == (kind, message)
    assert not answer.anthropic_error


# ------------------------------------------------------------------ challenges


@pytest.mark.parametrize("status", [200, 403, 429, 503])
def test_the_edges_header_makes_a_challenge_in_any_status(status: int) -> None:
    assert an_answer_to(status, b"", ("cf-mitigated", "Challenge")).challenge


@pytest.mark.parametrize("status", [202, 405])
@pytest.mark.parametrize("action", ["challenge", "captcha"])
def test_the_other_firewalls_header_makes_a_challenge(status: int, action: str) -> None:
    assert an_answer_to(status, b"", ("x-amzn-waf-action", action)).challenge


def test_the_other_firewalls_header_means_nothing_in_another_status_or_action() -> None:
    assert not an_answer_to(200, b"", ("x-amzn-waf-action", "challenge")).challenge
    assert not an_answer_to(405, b"", ("x-amzn-waf-action", "block")).challenge


@pytest.mark.parametrize(
    "page",
    [
        CHALLENGE_PAGE,
        b"<script>window._cf_chl_opt={}</script>",
        b'<span id="challenge-error-text">Enable JavaScript and cookies to continue</span>',
        b'<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script>',
    ],
)
@pytest.mark.parametrize("status", [403, 429, 503])
@pytest.mark.parametrize("headers", [[HTML], [("content-type", "application/xhtml+xml")], []])
def test_a_page_is_a_challenge_by_its_marks_when_a_proxy_dropped_the_header(
    page: bytes, status: int, headers: list[tuple[str, str]]
) -> None:
    assert an_answer_to(status, page, *headers).challenge


@pytest.mark.parametrize(
    ("status", "headers", "page"),
    [
        pytest.param(200, [HTML], CHALLENGE_PAGE, id="a page that came through"),
        pytest.param(500, [HTML], CHALLENGE_PAGE, id="a status in which none comes"),
        pytest.param(403, [TEXT], CHALLENGE_PAGE, id="not HTML"),
        pytest.param(403, [HTML], b"<title>Forbidden</title>", id="no marks"),
        pytest.param(403, [], b"Just a moment", id="text without a type"),
        pytest.param(
            503,
            [HTML],
            b'<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>Sorry',
            id="bot detection inside an ordinary page",
        ),
        pytest.param(
            403,
            [HTML],
            b"<!--" + b" " * 70_000 + b"--><title>Just a moment...</title>",
            id="far into the page",
        ),
    ],
)
def test_other_pages_are_no_challenge(
    status: int, headers: list[tuple[str, str]], page: bytes
) -> None:
    assert not an_answer_to(status, page, *headers).challenge


# ------------------------------------------------------------------ Cloudflare's own errors


@pytest.mark.parametrize(
    ("status", "body", "headers", "code", "category"),
    [
        pytest.param(522, CLOUDFLARE_522, [JSON], 522, "origin", id="document"),
        pytest.param(520, CLOUDFLARE_520_PAGE, [HTML], 520, None, id="page"),
        pytest.param(504, CLOUDFLARE_504_PAGE, [HTML], 504, None, id="page in a common status"),
        pytest.param(403, WAF_PAGE, [HTML], 1020, None, id="firewall page"),
        pytest.param(403, REGION_PAGE, [HTML], 1009, None, id="region page"),
        pytest.param(403, b"error code: 1010", [TEXT], 1010, None, id="text"),
        pytest.param(530, b"error code: 1033", [TEXT], 1033, None, id="tunnel"),
        pytest.param(502, b"error code: 502", [TEXT], 502, None, id="text of a common status"),
        *(
            pytest.param(status, b"", [], status, None, id=f"status {status} alone")
            for status in (520, 521, 522, 523, 524, 525, 526, 530)
        ),
        pytest.param(527, b"", [], None, None, id="a status that is none of its"),
        pytest.param(
            403, WAF_PAGE + b" Error 1012", [HTML], 1012, None, id="firewall page with a code"
        ),
        pytest.param(526, b"{}", [JSON], 526, None, id="status with a foreign document"),
        pytest.param(
            403,
            b'{"cloudflare_error":true,"error_code":1010,"error_category":"access"}',
            [JSON],
            1010,
            "access",
            id="document of a block",
        ),
        pytest.param(
            403,
            b'{"title":"Error 1010: Access denied","cloudflare_error":true}',
            [JSON],
            1010,
            None,
            id="document without a code",
        ),
        pytest.param(
            502, b'{"cloudflare_error":true}', [JSON], None, None, id="document without anything"
        ),
        pytest.param(529, b"", [], None, None, id="529 is the vendor's"),
        pytest.param(500, b'{"cloudflare_error":"true"}', [JSON], None, None, id="not the sign"),
        pytest.param(404, b"<p>Cloudflare</p>", [HTML], None, None, id="a page that names it"),
        pytest.param(404, b"Error 1020", [HTML], None, None, id="a page of someone else"),
        pytest.param(200, CLOUDFLARE_520_PAGE, [HTML], None, None, id="a good status"),
    ],
)
def test_the_edges_own_errors_are_read(
    status: int,
    body: bytes,
    headers: list[tuple[str, str]],
    code: int | None,
    category: str | None,
) -> None:
    answer = an_answer_to(status, body, *headers)

    assert (answer.cloudflare_code, answer.cloudflare_category) == (code, category)


def test_the_ray_of_the_document_is_read_when_the_header_is_missing() -> None:
    assert an_answer_to(522, CLOUDFLARE_522, JSON).cf_ray == "a09ddee54e2fbedb"


# ------------------------------------------------------------------ other layers


@pytest.mark.parametrize(
    "body",
    [
        ENVOY_RESET,
        ENVOY_EMPTY,
        b"\n No healthy upstream",
        b"upstream request timeout",
        b"upstream max stream duration reached",
        b"stream timeout",
        b"RBAC: access denied",
    ],
)
def test_texts_of_the_load_balancer_are_known(body: bytes) -> None:
    assert an_answer_to(503, body, TEXT).proxy_text


def test_other_texts_are_not_the_load_balancers() -> None:
    assert not an_answer_to(503, b"there is no healthy upstream", TEXT).proxy_text
    assert not an_answer_to(503, INTERNAL, JSON).proxy_text


@pytest.mark.parametrize(
    "body",
    [b"Rate exceeded", b"Rate exceeded.\n", b"<html><body><pre>Rate exceeded</pre></body></html>"],
)
def test_the_web_tiers_bare_text_is_known(body: bytes) -> None:
    assert an_answer_to(200, body).rate_exceeded


@pytest.mark.parametrize(
    "body",
    [
        b"The rate exceeded all hopes",
        b"Rate limited",
        b'{"error":{"message":"Rate exceeded"}}',
        b"<p>" * 200 + b"Rate exceeded",
    ],
)
def test_other_texts_are_not_the_web_tiers(body: bytes) -> None:
    assert not an_answer_to(200, body).rate_exceeded


@pytest.mark.parametrize(
    ("header", "vendor"),
    [
        (("cf-ray", "9e2f-FRA"), True),
        (("server", "cloudflare"), True),
        (("request-id", "req_1"), True),
        (("via", "1.1 google"), True),
        (("x-envoy-upstream-service-time", "12"), True),
        (("anthropic-ratelimit-requests-remaining", "5"), True),
        (("server", "nginx"), False),
        (("via", "1.1 squid"), False),
    ],
)
def test_headers_say_whether_the_vendor_answered(header: tuple[str, str], *, vendor: bool) -> None:
    assert an_answer_to(503, b"", header).vendor is vendor


@pytest.mark.parametrize(
    ("status", "headers", "egress"),
    [
        pytest.param(407, [], True, id="proxy authentication"),
        pytest.param(407, [*EDGE], True, id="proxy authentication, whatever the headers"),
        pytest.param(511, [], True, id="captive portal"),
        pytest.param(502, [("x-squid-error", "ERR_CONNECT_FAIL 111")], True, id="squid's header"),
        pytest.param(503, [("server", "Squid/5.7")], True, id="its name"),
        pytest.param(502, [("server", "Squid/5.7"), *EDGE], False, id="the edge answered too"),
        *(
            pytest.param(400, [("server", f"{name} 1.0")], True, id=name)
            for name in (
                "tinyproxy",
                "Privoxy",
                "mitmproxy",
                "Zscaler",
                "BlueCoat",
                "ProxySG",
                "McAfee Web Gateway",
            )
        ),
        pytest.param(399, [("server", "squid/5.7")], False, id="no error"),
        pytest.param(502, [("server", "nginx")], False, id="an unknown server"),
        pytest.param(502, [], False, id="no name"),
    ],
)
def test_a_proxy_on_our_side_is_known_by_status_or_name(
    status: int, headers: list[tuple[str, str]], *, egress: bool
) -> None:
    assert an_answer_to(status, b"", *headers).egress_proxy is egress


def test_a_redirect_to_the_page_for_unserved_regions_is_known() -> None:
    page = "https://claude.ai/app-unavailable-in-region"

    assert an_answer_to(307, b"", ("location", page)).region_blocked
    assert read(200, [HTML], b"", url=page).region_blocked
    assert not read(200, [HTML], b"", url="https://claude.ai/login").region_blocked


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("0.5", 0.5),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_read_when_it_is_a_number(value: str, seconds: float | None) -> None:
    assert an_answer_to(429, b"", ("retry-after", value)).retry_after == seconds


# ------------------------------------------------------------------ JSON that is none


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (HELLO, {"message": "hello"}),
        (b"\xef\xbb\xbf{}", {}),
        (b" \r\n\t[1]", [1]),
        (b"-1.5", -1.5),
        (b"true", True),
        (b'"text"', "text"),
        (b"", None),
        (b"<html>", None),
        (b'{"a": NaN}', None),
        (b"[Infinity]", None),
        (b'{"message": "\xff"}', None),
        ('{"a": 1}'.encode("utf-16"), None),
        (b"[" * 200_000, None),
        (b'{"a":' * 50_000, None),
        (b"[" + b"1" * 5000 + b"]", None),
        (b"{} trailing", None),
    ],
)
def test_json_is_parsed_strictly_and_never_raises(body: bytes, value: object) -> None:
    assert parse_json(body) == value


@given(
    status=st.integers(100, 599),
    body=st.binary(max_size=300),
    header=st.text(max_size=80),
    truncated=st.booleans(),
)
def test_whatever_comes_is_read(status: int, body: bytes, header: str, *, truncated: bool) -> None:
    names = ("content-type", "cf-mitigated", "retry-after", "server", "via", "location", "cf-ray")
    answer = read(status, [(name, header) for name in names], body, truncated=truncated)

    assert len(answer.excerpt) <= EXCERPT_CHARS_MAX
    assert answer.excerpt.isprintable()
    assert answer.content_type.isprintable()


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5), st.lists, max_leaves=5))
def test_an_error_document_may_hold_anything(value: object) -> None:
    document = {"type": "error", "error": value, "cloudflare_error": True, "error_code": value}

    assert an_answer_to(500, json.dumps(document).encode(), JSON).is_json
    document["error"] = {"type": value, "message": value, "details": {"error_code": value}}
    assert an_answer_to(500, json.dumps(document).encode(), JSON).is_json


# ------------------------------------------------------------------ text made safe

KEY = "sk-ant-api03-PLANTED_key-0123456789abcdefghijklmnopqrstuvwxyzAA"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"key {KEY} refused", "key [redacted] refused"),
        (f"x{KEY}", "x[redacted]"),
        ("sk-proj-0123456789abcdef", "[redacted]"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw== !", "[redacted] !"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted]"),
        ("sent Bearer 0123456789", "sent Bearer [redacted]"),
        ("sent bearer abcdefghijklmnopqrstu", "sent bearer [redacted]"),
        ("Basic dXNlcjpwYXNz=", "Basic [redacted]"),
        ("Authorization: Basic dXNlcjpw", "Authorization: Basic [redacted]"),
        ('{"x-api-key": "hunter2"}', '{"x-api-key": "[redacted]"}'),
        ("api_key=hunter2&x=1", "api_key=[redacted]&x=1"),
        ('"refresh_token":"hunter2"', '"refresh_token":"[redacted]"'),
        ("access_token=hunter2", "access_token=[redacted]"),
        ("client_secret=hunter2", "client_secret=[redacted]"),
        ("password: hunter2", "password: [redacted]"),
        ("http://me:hunter2@proxy:3128 is down", "http://[redacted]@proxy:3128 is down"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[redacted]"),
        ("Invalid bearer token", "Invalid bearer token"),
        ("x-api-key header is required", "x-api-key header is required"),
        ("invalid x-api-key", "invalid x-api-key"),
        ("basic authentication", "basic authentication"),
        ("task-organisation-of-work", "task-organisation-of-work"),
        ("input_tokens: 12345", "input_tokens: 12345"),
        ("mail ops@example.com", "mail ops@example.com"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, safe: str) -> None:
    assert redact(text) == safe


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\r\n lines\tand a  tab ", "two lines and a tab"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://x\x1b\\link", "link"),
        ("\x9b31mred", "red"),
        ("\x1bcreset", "reset"),
        ("bell\x07 nul\x00 del\x7f", "bell nul del"),
        ("\u202eevil\u2066\u200b\ufeff", "evil"),
        ("line\u2028separator", "line separator"),
        ("\u00e9t\u00e9 \u2603", "\u00e9t\u00e9 \u2603"),
        ("sk-ant-\u200babc\x1b[0mdef", "[redacted]"),
        ("\ud800", ""),
    ],
)
def test_text_from_outside_becomes_one_harmless_line(text: str, line: str) -> None:
    assert clean(text) == line


def test_text_is_cut_where_it_is_too_long() -> None:
    assert clean("a" * 300) == "a" * 300
    assert clean("a" * 301) == "a" * 299 + "…"
    assert clean("a" * 10_000) == "a" * 299 + "…"
    assert clean("abcdef", 4) == "abc…"


@pytest.mark.parametrize("lead", range(1180, 1270, 3))
def test_a_secret_does_not_survive_being_cut(lead: int) -> None:
    many = ("password=0123456789 " * 100)[:lead]
    text = many + KEY

    for shown in (clean(text), read(500, [], text.encode()).excerpt):
        assert "sk-" not in shown
        assert "PLANTED" not in shown
        assert "0123" not in shown


def test_no_field_of_an_answer_holds_a_secret_that_the_body_echoed() -> None:
    body = json.dumps(
        {
            "type": "error",
            "error": {"type": KEY, "message": f"bad {KEY}", "details": {"error_code": KEY}},
            "request_id": "req_1",
            "cloudflare_error": True,
            "error_category": KEY,
        }
    ).encode()
    answer = an_answer_to(500, body, ("content-type", KEY))

    assert "PLANTED" not in repr(answer)
    assert replace(answer, excerpt="").error_message == "bad [redacted]"


@pytest.mark.parametrize(
    "body",
    [
        b"<title>" * 37_449,
        b"bearer " * 37_449,
        b"\x1b[" * 131_072,
        b"Cloudflare" + b"error code:   " * 18_000,
        b'{"a":' * 52_428,
        b"\xff" * 262_144,
        b" " * 262_144,
        b"<" * 262_144,
    ],
)
def test_a_hostile_body_of_the_largest_size_is_read_in_bounded_time(body: bytes) -> None:
    for status in (200, 403, 503):
        answer = an_answer_to(status, body, HTML)
        assert len(answer.excerpt) <= EXCERPT_CHARS_MAX

"""How an answer is made."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest

from monitor.web.answer import SECURITY_HEADERS, json_response


def test_json_is_ascii_on_one_line() -> None:
    response = json_response({"text": "Zürich\u202e\x1b[2J", "none": None}, HTTPStatus.ACCEPTED)
    assert response.status == 202
    assert response.content_type == "application/json"
    assert isinstance(response.body, bytes)
    assert response.body.isascii()
    assert response.body.count(b"\n") == 1
    assert json.loads(response.body) == {"text": "Zürich\u202e\x1b[2J", "none": None}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_knows_no_such_number(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_response({"number": number})


def test_nothing_but_our_own_files_is_allowed() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert set(directives) == {
        "default-src",
        "style-src",
        "img-src",
        "script-src",
        "connect-src",
        "base-uri",
        "form-action",
        "frame-ancestors",
    }
    sources = {directives[f"{what}-src"] for what in ("style", "img", "script", "connect")}
    assert sources == {"'self'"}

"""`check --online`, against a server that stands for the API, a control target and the page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.cli import main

CONFIG = """
vantage: test
credentials: {{main: {{api_key: "{key}"}}}}
control: {{targets: [{{name: near, url: "{url}/control"}}]}}
provider_status: {{urls: ["{url}/summary.json"]}}
components: {{api: {{title: Claude API}}}}
probes:
  - {{name: keyless, kind: claude_json, call: models, base_url: "{url}", components: [api]}}
  - {{name: count, kind: claude_json, call: count_tokens, model: claude-haiku-5-5, credential: main,
      base_url: "{url}", components: [api]}}
"""

SUMMARY = {
    "page": {"id": "p", "name": "Claude", "updated_at": "2026-11-30T00:00:00Z"},
    "status": {"indicator": "none", "description": "All Systems Operational"},
    "components": [],
    "incidents": [],
    "scheduled_maintenances": [],
}


def a_model(ident: str, line: str, lifecycle: str, retires: str | None = None) -> dict[str, object]:
    yes, no = {"supported": True}, {"supported": False}
    return {
        "id": ident,
        "line": line,
        "lifecycle": lifecycle,
        "retires_at": retires,
        "capabilities": {
            "thinking": {"types": {"adaptive": yes, "disabled": yes, "enabled": no}},
            "effort": {"supported": True, "low": yes, "max": no},
        },
    }


@contextmanager
def a_server(*models: dict[str, object], status: int = 200) -> Iterator[str]:
    """The address of a server in a thread of its own."""

    async def serve(request: web.Request) -> web.Response:
        if request.path == "/v1/models":
            return web.json_response({"data": list(models)}, status=status)
        return web.json_response(SUMMARY if request.path == "/summary.json" else {})

    app = web.Application()
    app.router.add_get("/{rest:v1/models|summary.json|control}", serve)
    loop, server = asyncio.new_event_loop(), TestServer(app)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start_server(), loop).result(10)
        yield str(server.make_url("")).rstrip("/")
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def checked(url: str, folder: Path, key: str = "sk-1") -> int:
    path = folder / "claude.yaml"
    path.write_text(CONFIG.format(url=url, key=key))
    return main(["check", "--online", "--config", str(path)])


ACTIVE = a_model("claude-haiku-5-5", "haiku", "active")
FABLE = a_model("claude-fable-5-2", "fable", "active")


def test_what_is_well_is_said_with_what_each_model_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_server(ACTIVE, FABLE) as url:
        status = checked(url, tmp_path)
    told = capsys.readouterr().out
    assert "credential main: 2 models\n" in told
    assert "claude-haiku-5-5: active; line haiku; thinking adaptive, disabled; effort low\n" in told
    assert "  no probe asks fable\n" in told
    assert "  near: answers\n" in told
    assert f"  read at {url}/summary.json\n" in told
    assert status == 0


@pytest.mark.parametrize(
    ("lifecycle", "retires", "said"),
    [
        ("deprecated", "2026-12-24T00:00:00Z", "deprecated, to be retired on 2026-12-24"),
        ("deprecated", None, "deprecated"),
        ("retired", "2026-01-01T00:00:00Z", "retired"),
    ],
)
def test_a_model_that_goes_needs_a_look(
    lifecycle: str,
    retires: str | None,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = a_model("claude-haiku-5-5", "haiku", lifecycle, retires)
    with a_server(old, a_model("claude-haiku-6", "haiku", "active")) as url:
        status = checked(url, tmp_path)
    told = capsys.readouterr().out
    assert f"  ! claude-haiku-5-5: {said}; put claude-haiku-6 in its place; line haiku" in told
    assert status == 1


def test_a_model_that_is_not_in_the_list_needs_a_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_server(FABLE) as url:
        status = checked(url, tmp_path)
    assert "  ! claude-haiku-5-5: not in the list\n" in capsys.readouterr().out
    assert status == 1


def test_a_list_that_cannot_be_read_needs_a_look_and_nothing_is_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_server(status=403) as url:
        status = checked(url, tmp_path)
    told = capsys.readouterr()
    assert "  ! credential main: cannot be read: HTTP 403\n" in told.out
    assert "  claude-haiku-5-5: not known\n" in told.out
    assert status == 1
    assert "sk-1" not in told.out + told.err


def test_without_a_key_it_says_that_no_list_was_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_server(ACTIVE) as url:
        status = checked(url, tmp_path, key="")
    assert "  ! not asked: no enabled probe asks a model with a key\n" in capsys.readouterr().out
    assert status == 1


def test_targets_and_a_page_that_do_not_answer_need_a_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_server(ACTIVE) as url:
        pass
    status = checked(url, tmp_path)
    told = capsys.readouterr().out
    assert "  ! near: does not answer\n" in told
    assert "  ! cannot be read: " in told
    assert status == 1

"""The kind around a program that stands in for the CLI; `integration/` has the real one."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.core.classify import Context, classify
from monitor.core.observation import Failure, Observation, Origin
from monitor.core.outcome import Counts, Depth, Outcome, Verdict
from monitor.core.plan import ProbePlan
from monitor.pipeline import Progress
from monitor.probes import BoundProbe, plan_of
from monitor.probes._http import ProbeContext
from monitor.probes.claude_code import KIND, ClaudeCodeSpec
from monitor.spec import Secret
from tests.probes.processes import dies, there

SECRET = "sk-ant-test-0123456789"
GOOD = {
    "is_error": False,
    "api_error_status": None,
    "result": "OK",
    "usage": {"input_tokens": 12_000, "output_tokens": 4},
}


VALUES: dict[str, Any] = {
    "name": "claude_code_cli",
    "kind": "claude_code",
    "credential": "main",
    "model": "claude-haiku-5-5",
    "components": ("claude_code",),
    "timeout": "20s",
    "soft_deadline": "20s",
}


def a_spec(*command: str, **changes: Any) -> ClaudeCodeSpec:
    own = {"command": command} if command else {}
    return ClaudeCodeSpec.model_validate({**VALUES, **own, **changes})


def a_plan(spec: ClaudeCodeSpec) -> ProbePlan:
    return plan_of(KIND, spec, credential_fingerprint="f" * 16, disabled=None)


def a_probe(spec: ClaudeCodeSpec, context: ProbeContext) -> BoundProbe:
    return BoundProbe(KIND, spec, a_plan(spec), Secret(SECRET), context)


async def run(context: ProbeContext, *command: str, **changes: Any) -> Observation:
    probe = a_probe(a_spec(*command, **changes), context)
    return await probe.run("claude_code_cli/1", Origin.SCHEDULED, Progress())


async def shell(context: ProbeContext, script: str, **changes: Any) -> Observation:
    """A CLI that is a script of the system's shell; the probe's options are its arguments."""
    return await run(context, "/bin/sh", "-c", script, "claude", **changes)


def judged(seen: Observation, *, proven: bool = True) -> Verdict:
    """The verdict on a run of a probe whose key worked before."""
    spec = a_spec()
    return classify(seen, Context(probe=a_plan(spec), proven=proven, key_worked=True))


def printing(**changes: Any) -> str:
    """A script that prints this result."""
    return f"cat <<'END'\n{json.dumps({**GOOD, **changes})}\nEND\n"


async def test_a_good_run_is_ok_and_its_tokens_are_counted(context: ProbeContext) -> None:
    seen = await shell(context, printing())
    assert judged(seen).outcome is Outcome.OK
    assert (seen.input_tokens, seen.output_tokens) == (12_000, 4)


@pytest.mark.parametrize(
    ("status", "kind", "outcome"),
    [
        (401, "authentication_error", Outcome.CREDENTIAL_REJECTED),
        (403, "permission_error", Outcome.CREDENTIAL_REJECTED),
        (403, "forbidden", Outcome.BLOCKED),
        (404, "not_found_error", Outcome.CLIENT_ERROR),
        (429, "rate_limit_error", Outcome.RATE_LIMITED),
        (500, "api_error", Outcome.SERVER_ERROR),
        (503, None, Outcome.SERVER_ERROR),
        (529, "overloaded_error", Outcome.OVERLOADED),
    ],
)
async def test_an_error_of_the_api_is_judged_as_over_http(
    status: int, kind: str | None, outcome: Outcome, context: ProbeContext
) -> None:
    failed = printing(
        is_error=True, api_error_status=status, api_error_type=kind, result=f"API Error: {status} x"
    )
    assert judged(await shell(context, f"{failed}exit 1")).outcome is outcome


async def test_a_key_refused_is_an_outage_only_on_evidence(context: ProbeContext) -> None:
    seen = await shell(context, printing(is_error=True, api_error_status=401, result="Invalid"))
    evidence = Context(
        probe=a_plan(a_spec()), proven=True, key_worked=True, key_evidence="its sibling too"
    )
    assert classify(seen, evidence).outcome is Outcome.AUTH_ERROR


async def test_a_refused_connection_is_one(context: ProbeContext) -> None:
    refused = printing(is_error=True, result="API Error: Connection refused (ECONNREFUSED)")
    assert judged(await shell(context, refused)).outcome is Outcome.CONNECT_ERROR


async def test_a_page_in_place_of_an_answer_accuses_nobody_until_it_was_good_once(
    context: ProbeContext,
) -> None:
    seen = await shell(
        context,
        printing(is_error=True, result="API Error: empty or malformed response (HTTP 200)"),
    )
    assert judged(seen, proven=True).outcome is Outcome.BAD_CONTENT
    assert judged(seen, proven=False).outcome is Outcome.UNPROVEN


# ---------------------------------------------------------------- our own side


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 0", "it printed no result (exit 0)"),
        (printing() + printing(), "it printed 2 results"),
        ("echo not JSON; exit 1", "it printed no result (exit 1): not JSON"),
        ("exit 143", "signal 15"),
        ("kill -9 $$", "signal 9"),
        (printing(is_error="no"), "is_error is not what it should be"),
        ("head -c 50000000 /dev/zero | tr '\\0' x", "it printed more than 1048576 bytes"),
    ],
    ids=["nothing", "two documents", "no JSON", "exit 143", "killed", "wrong type", "50 MB"],
)
async def test_a_cli_that_fails_by_itself_is_never_an_outage(
    script: str, words: str, context: ProbeContext
) -> None:
    verdict = judged(await shell(context, script))
    assert (verdict.outcome, verdict.counts) == (Outcome.CLIENT_ERROR, Counts.EXCLUDED)
    assert words in verdict.reason


async def test_a_cli_that_is_not_installed_says_what_to_do(context: ProbeContext) -> None:
    verdict = judged(await run(context, "/nowhere/claude"))
    assert verdict.outcome is Outcome.CLIENT_ERROR
    assert "No such file or directory: install Claude Code" in verdict.reason


async def test_a_warning_and_colours_around_the_document_are_passed_over(
    context: ProbeContext,
) -> None:
    script = f"echo 'a warning' >&2; printf '\\033[31m'; {printing()}printf '\\033[0m'"
    assert judged(await shell(context, script)).outcome is Outcome.OK


async def test_no_room_for_a_home_is_our_own(
    context: ProbeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    verdict = judged(await shell(context, printing()))
    assert verdict.outcome is Outcome.CLIENT_ERROR
    assert "no home directory can be made" in verdict.reason


# ---------------------------------------------------------------- what it is given


async def test_it_is_asked_once_for_json_in_one_turn(context: ProbeContext, tmp_path: Path) -> None:
    log = tmp_path / "log"
    await shell(context, f"""printf '%s\\n' "$@" > {log}""", prompt="$HOME `id`")
    assert log.read_text().splitlines() == [
        "-p", "$HOME `id`", "--output-format", "json", "--model", "claude-haiku-5-5",
        "--max-turns", "1",
    ]  # fmt: skip


async def test_it_sees_key_address_and_switches_and_nothing_of_the_daemon_s(
    context: ProbeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALERT_WEBHOOK_SECRET", "ANTHROPIC_AUTH_TOKEN", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "leak")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in ("LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.delenv(name, raising=False)
    log = tmp_path / "log"
    await run(
        context, sys.executable, "-I", "-c",
        f"import json, os; open({str(log)!r}, 'w').write(json.dumps(dict(os.environ)))",
        base_url="https://gateway.example", env={"OWN": "value"},
    )  # fmt: skip
    given = json.loads(log.read_text())
    home = given.pop("HOME")
    given.pop("LC_CTYPE", None)  # Python sets it for itself
    assert given == {
        "PATH": "/usr/bin:/bin",
        "ANTHROPIC_API_KEY": SECRET,
        "ANTHROPIC_BASE_URL": "https://gateway.example",
        "CLAUDE_CODE_MAX_RETRIES": "0",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
        "NO_COLOR": "1",
        "OWN": "value",
        "TMPDIR": str(Path(home) / "tmp"),
    }


async def test_egress_proxy_and_ca_are_the_monitor_s(context: ProbeContext, tmp_path: Path) -> None:
    log = tmp_path / "log"
    through = replace(context, proxy="http://proxy.test:3128", ca_file=Path("/etc/own-ca.pem"))
    await shell(through, f"/usr/bin/env > {log}")
    given = dict(line.split("=", 1) for line in log.read_text().splitlines())
    assert given["HTTPS_PROXY"] == given["HTTP_PROXY"] == "http://proxy.test:3128"
    assert given["NODE_EXTRA_CA_CERTS"] == "/etc/own-ca.pem"
    assert "ANTHROPIC_BASE_URL" not in given


async def test_its_home_is_its_own_empty_and_gone_afterwards(
    context: ProbeContext, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    await shell(context, f"echo $HOME > {log}; pwd >> {log}; ls -A >> {log}; touch $HOME/trace")
    home, work = log.read_text().splitlines()
    assert work == f"{home}/work"
    assert home != os.environ.get("HOME")
    assert not there(home)


async def test_the_key_is_blanked_out_of_what_it_prints(context: ProbeContext) -> None:
    seen = await shell(context, 'echo "$ANTHROPIC_API_KEY"; exit 1')
    assert SECRET not in repr(seen)
    assert "[hidden]" in judged(seen).reason


# ---------------------------------------------------------------- how it is ended


async def test_one_that_hangs_is_killed_with_its_children_and_is_a_time_out(
    context: ProbeContext, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    script = f"sleep 300 & echo $! > {log}; echo $HOME >> {log}; wait"
    seen = await shell(context, script, timeout="700ms", soft_deadline="700ms")
    assert seen.error is not None
    assert seen.error.kind is Failure.TIMEOUT
    pid, home = log.read_text().split()
    assert not there(home)
    assert dies(int(pid))


async def test_a_stop_kills_it_and_removes_its_home(context: ProbeContext, tmp_path: Path) -> None:
    log = tmp_path / "log"
    os.mkfifo(log)
    task = asyncio.ensure_future(  # noqa: TID251  # to be cancelled
        shell(context, f"echo $HOME > {log}; sleep 300")
    )
    home = (await asyncio.to_thread(log.read_text)).strip()
    assert there(home)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not there(home)
    assert not context.cli_turn.locked()


async def test_there_is_one_run_at_a_time_over_all_probes(
    context: ProbeContext, tmp_path: Path
) -> None:
    script = f"mkdir {tmp_path}/turn || exit 9; {printing()} sleep 0.2; rmdir {tmp_path}/turn"
    runs = await asyncio.gather(*(shell(context, script) for _ in range(3)))
    assert [judged(seen).outcome for seen in runs] == [Outcome.OK] * 3


async def test_one_that_waits_too_long_for_its_turn_says_nothing(context: ProbeContext) -> None:
    async with context.cli_turn:
        verdict = judged(await shell(context, printing(), soft_deadline="100ms"))
    assert verdict.outcome is Outcome.MONITOR_ERROR
    assert "still under way" in verdict.reason


# ---------------------------------------------------------------- the spec


def test_the_example_of_the_contract_is_whole() -> None:
    spec = ClaudeCodeSpec.model_validate(
        {
            "name": "claude_code_cli", "kind": "claude_code", "command": ["claude"],
            "credential": "main", "model": "claude-haiku-5-5", "components": ["claude_code"],
            "interval": "30m", "timeout": "5m", "enabled": False,
        }
    )  # fmt: skip
    plan = plan_of(KIND, spec, credential_fingerprint=None, disabled=None)
    assert (plan.paid, plan.model, plan.depth) == (True, "claude-haiku-5-5", Depth.INFERENCE)
    assert (plan.soft_deadline, plan.burst) == (60.0, False)
    assert plan.answered_means_vendor


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"command": ()}, "command"),
        ({"command": (" ",)}, "begins with a program"),
        ({"command": ("a\0",)}, "NUL"),
        ({"model": None}, "model"),
        ({"credential": None}, "credential"),
        ({"prompt": "--help"}, "begin with a dash"),
        ({"env": {"CLAUDE_CODE_MAX_RETRIES": "10"}}, "may not name CLAUDE_CODE_MAX_RETRIES"),
        ({"env": {"HOME": "/root"}}, "may not name HOME"),
    ],
)
def test_what_cannot_be_run_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ClaudeCodeSpec.model_validate({**VALUES, **wrong})

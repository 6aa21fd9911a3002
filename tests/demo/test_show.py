from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import structlog
from typing_extensions import override

from monitor import logs
from monitor.app import StartError
from monitor.clock import VirtualClock
from monitor.config.load import load
from monitor.config.schema import Config
from monitor.core.effects import Announce
from monitor.core.incident import EventType
from monitor.demo import Demo
from monitor.demo.show import Tape
from monitor.simulation import Scenario, load_scenario
from monitor.storage.database import open_to_read
from monitor.storage.store import Store
from tests.e2e.configs import SHIPPED
from tests.e2e.processes import ROOT
from tests.factories import a_judged, an_event, an_incident

NOON = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)


@pytest.fixture
def scenario() -> Scenario:
    return load_scenario("2026-04-28", ROOT / "config" / "scenarios")


@pytest.fixture
def config() -> Config:
    """The shipped one, as an operator with keys and a receiver has it."""
    environment = {
        "ANTHROPIC_API_KEY": "sk-ant-the-operators-own",
        "ALERT_WEBHOOK_URL": "https://alerts.example.com/hook",
        "ALERT_WEBHOOK_SECRET": "whsec_" + "b3BlcmF0b3Jz" * 4,
        "CLAUDE_UPTIME_TOKEN": "the-operators-token",
    }
    return load(SHIPPED, environment)


@pytest.fixture
def logging_is_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


# ---------------------------------------------------------------- the tape


def test_the_tape_keeps_the_newest_version_of_each_incident_in_order_of_opening() -> None:
    tape = Tape()
    first, second = an_incident("api"), an_incident("console", id="second")
    closed = an_incident("api", closed_at=NOON)
    for kind, incident in (
        (EventType.OPENED, first),
        (EventType.OPENED, second),
        (EventType.CLOSED, closed),
    ):
        tape.publish([Announce(event=an_event(kind, incident=incident))])
    tape.publish([Announce(event=replace(an_event(EventType.BLIND), incident=None))])
    assert tape.incidents() == [closed, second]
    assert len(tape.events) == 4


def test_the_tape_counts_a_run_once() -> None:
    """A run past its soft deadline is entered twice: provisionally, and as it really ended."""
    tape = Tape()
    tape.publish([a_judged(provisional=True), a_judged()])
    assert tape.runs == 1


# ---------------------------------------------------------------- the whole show


class Screen(io.StringIO):
    """Standard error, on which somebody waits for the address of the status page."""

    def __init__(self) -> None:
        super().__init__()
        self.address = ""
        self.shown = asyncio.Event()

    @override
    def write(self, text: str, /) -> int:
        if found := re.search(r"status page is open at (http://127\.0\.0\.1:\d+/)", text):
            self.address = found.group(1)
            self.shown.set()
        return super().write(text)


async def test_a_signal_ends_it_early_and_nothing_of_the_operators_was_used(
    config: Config,
    scenario: Scenario,
    logging_is_restored: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Keys, receiver, token, database and addresses are the show's own.

    That nobody outside was asked is checked for every test.
    """
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    logs.configure("error", "console", (), screen)
    kept = tmp_path / "kept.db"
    demo = Demo(config, scenario, speed=60, seed=1, keep=kept)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(demo.play(stop, port=0, as_json=True))
        await screen.shown.wait()
        async with aiohttp.ClientSession() as session, session.get(screen.address) as answer:
            assert answer.status == 200
            assert "operators" not in await answer.text()
        stop.set()
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["incidents"] == outcome["deliveries"] == []
    assert outcome == demo.outcome()
    assert "\nquiet: " in screen.getvalue()
    database = await open_to_read(f"sqlite:///{kept}")
    try:
        assert await Store(database, config.vantage, VirtualClock()).incidents(1) == []
    finally:
        await database.close()


async def test_a_port_in_use_is_told_and_nothing_is_left_open(
    config: Config, scenario: Scenario
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ExceptionGroup) as caught:
            await Demo(config, scenario, speed=60, seed=1).play(asyncio.Event(), port=port)
    assert caught.group_contains(StartError, match=f"cannot listen on 127.0.0.1:{port}")

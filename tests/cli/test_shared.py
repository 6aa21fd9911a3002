from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path

import pytest
import uvloop

from monitor.app import StartError
from monitor.cli import _shared
from monitor.config.problems import ConfigError


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_to_stop_sets_the_event(number: signal.Signals) -> None:
    stop = _shared.stop_on_signals()
    assert not stop.is_set()
    os.kill(os.getpid(), number)
    async with asyncio.timeout(10):
        await stop.wait()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(each)


async def test_a_hangup_is_noted_and_stops_nothing() -> None:
    stop, noted = _shared.stop_on_signals(), asyncio.Event()
    _shared.ignore_hangup(noted.set)
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(10):
        await noted.wait()
    assert not stop.is_set()
    for each in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(each)


def test_work_runs_on_uvloop_and_gives_its_result() -> None:
    async def work() -> type:
        return type(asyncio.get_running_loop())

    assert _shared.run_loop(work()) is uvloop.Loop


@pytest.mark.parametrize("port", [0, 1, 65_535])
def test_a_port_may_be_used(port: int) -> None:
    _shared.check_port(port)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_what_is_no_port_may_not(port: int) -> None:
    with pytest.raises(StartError, match="--port lies between 0 and 65535"):
        _shared.check_port(port)


@pytest.mark.parametrize("speed", [0.5, 60.0])
def test_a_speed_may_be_up_to_the_most(speed: float) -> None:
    _shared.check_speed(speed, 60.0)


@pytest.mark.parametrize("speed", [0.0, -1.0, 60.5, float("nan"), float("inf")])
def test_a_speed_beyond_is_told(speed: float) -> None:
    with pytest.raises(StartError, match="--speed lies between 0 and 60"):
        _shared.check_speed(speed, 60.0)


def test_the_options_name_the_configuration(tmp_path: Path) -> None:
    options = argparse.Namespace(config=str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        _shared.load_config(options)

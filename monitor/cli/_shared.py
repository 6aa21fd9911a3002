"""What several commands do: find the configuration, run an event loop, wait for the end."""

from __future__ import annotations

import argparse
import asyncio
import gc
import getpass
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from monitor.app import StartError
from monitor.config.load import load
from monitor.config.places import config_file
from monitor.config.schema import PORT_MAX, Config
from monitor.refusal import Refusal
from monitor.storage.beside import open_beside
from monitor.storage.database import Database, StorageError, open_to_read

T = TypeVar("T")


def add_config(parser: argparse.ArgumentParser) -> None:
    """`--config FILE`."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="configuration (default config/claude.yaml, or $CLAUDE_UPTIME_CONFIG)",
    )


def load_config(options: argparse.Namespace) -> Config:
    """The configuration that the options name.

    Raises:
        ConfigError: it cannot be used.
    """
    return load(config_file(options.config, os.environ), os.environ)


def check_port(port: int) -> None:
    """`--port` is a port, or 0 for any free one.

    Raises:
        StartError: it is not.
    """
    if not 0 <= port <= PORT_MAX:
        msg = f"--port lies between 0 and {PORT_MAX}, not at {port}"
        raise StartError(msg)


def check_speed(speed: float, most: float) -> None:
    """`--speed` is more than zero and at most `most`.

    Raises:
        StartError: it is not.
    """
    if not 0 < speed <= most:
        msg = f"--speed lies between 0 and {most:g}, not at {speed:g}"
        raise StartError(msg)


def author() -> str:
    """Who runs this command, as the machine knows him."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as containers have
        return f"uid {os.getuid()}"


def at_store(
    options: argparse.Namespace,
    work: Callable[[Database, str], Awaitable[T]],
    *,
    write: bool,
) -> T:
    """Do `work` (of database and vantage) at the configured store, beside its daemon.

    Raises:
        ConfigError: the configuration cannot be used.
        Refusal: the store cannot; one line.
    """
    config = load_config(options)

    async def whole() -> T:
        opened = open_beside if write else open_to_read
        database = await opened(config.storage.url)
        try:
            return await work(database, config.vantage)
        finally:
            await database.close()

    try:
        return run_loop(whole())
    except StorageError as error:
        raise Refusal(str(error)) from None


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def settle_memory() -> None:
    """Let the collector of cycles never look again at what exists now.

    A daemon's imports, plan and plugins are some hundred thousand objects that live as long as it.
    Python's oldest generation takes a tenth of a second to walk them, again and again, and
    everything that is under way stands still meanwhile. Call it once all of that is loaded.
    """
    gc.collect()
    gc.freeze()


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def ignore_hangup(note: Callable[[], None]) -> None:
    """SIGHUP calls `note` and nothing else: by default it would end the process in mid-write."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, note)

"""What `check` says of the size of the database, against a real one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.config.report import RUN_BYTES
from monitor.storage.database import open_database
from tests.factories import NOON, a_judged
from tests.storage.conftest import Running

RUNS = 3000


def size(path: Path) -> int:
    return path.stat().st_size


async def test_a_run_takes_about_what_check_reckons_with(path: Path, running: Running) -> None:
    database = await open_database(f"sqlite:///{path}")
    empty = size(path)
    async with running(database) as store:
        for number in range(RUNS):
            at = NOON + timedelta(seconds=3 * number)
            store.run(a_judged("api_hello", run_id=f"api_hello/{at.timestamp():.6f}", at=at))
    await database.close()  # the last connection empties the write-ahead log into the file
    assert (size(path) - empty) / RUNS == pytest.approx(RUN_BYTES, rel=0.3)

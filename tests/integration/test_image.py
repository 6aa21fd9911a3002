"""The container image, built from the Dockerfile and held to what the docs promise of it.

The work is done by `.ci/image`, so that a person sees the same by `make image`. It reaches the
package index and, the first time, a Debian mirror.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / ".ci" / "image"
BUILD_SECONDS = 420
STOP_SECONDS = 8.0


def said(*arguments: str, within_seconds: float) -> subprocess.CompletedProcess[str]:
    """The script, finished."""
    return subprocess.run(  # noqa: S603  # our own arguments
        [SCRIPT, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=within_seconds,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(BUILD_SECONDS + 20)
@pytest.mark.integration("buildah", "mmdebstrap", minutes=3)
def test_the_image_keeps_its_promises() -> None:
    ended = said(within_seconds=BUILD_SECONDS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[-1] == "image: passed"
    assert any(re.search(r"size: \d+ MiB in all, of it \d+ MiB ours", line) for line in lines)
    assert any(re.search(r"demo played: \d+ runs, [1-9]\d* incidents", line) for line in lines)
    assert any('"alive":true' in line for line in lines)
    assert any("uid 10001, no capability, process 1, read-only root" in line for line in lines)
    (stopped,) = [line for line in lines if "stopped on SIGTERM in" in line]
    took = re.search(r"in (\d+) ms with exit 0", stopped)
    assert took is not None
    assert int(took[1]) < STOP_SECONDS * 1000
    print("\n".join(lines))  # noqa: T201  # sizes and times are for the reader of the log


def test_the_script_names_what_it_can_do() -> None:
    ended = said("bake", within_seconds=20)
    assert ended.returncode == 1
    assert ended.stderr == "image: FAILED: no 'bake' here; there are: base, pull\n"

"""Compare what the monitor knows of the API with the vendor's newest Python SDK: `make drift`.

The wheel is taken from the package index into a temporary folder and read there; nothing is
installed. Exit status: 0 nothing differs, 1 something does, 2 the index cannot be asked.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.drift.compare import differences
from tests.drift.sdk import Sdk

DOWNLOAD_SECONDS_MAX = 120.0


class NoWheelError(Exception):
    """The package index gave no wheel: why."""


def newest(folder: Path) -> Sdk:
    """The newest SDK of the index, unpacked into `folder`; raises NoWheelError."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "1"]
    what = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603  # our own arguments
            [*pip, "--timeout", "20", *what, "anthropic"],
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"no answer within {DOWNLOAD_SECONDS_MAX:.0f} s"
        raise NoWheelError(message) from None
    wheels = sorted(folder.glob("anthropic-*.whl"))
    if done.returncode or not wheels:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        raise NoWheelError(said[-1].removeprefix("ERROR: ") if said else "pip says nothing")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        wheel.extractall(folder)
    return Sdk(folder / "anthropic")


def main() -> int:
    """Download, compare, print; the exit status."""
    with tempfile.TemporaryDirectory(prefix="claude-uptime-drift-") as folder:
        try:
            sdk = newest(Path(folder))
        except NoWheelError as error:
            print(
                f"drift: the package index gives no Python SDK of the vendor: {error}",
                file=sys.stderr,
            )
            return 2
        found = differences(sdk)
        version = sdk.version()
    if not found:
        print(f"drift: nothing differs from the vendor's Python SDK {version}")
        return 0
    print(f"drift: the vendor's Python SDK {version} differs from what the monitor knows:")
    for line in found:
        print(f"  {line}")
    print("CONTRIBUTING.md, section Drift, says what to do.")
    return 1


if __name__ == "__main__":
    sys.exit(main())

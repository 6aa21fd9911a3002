"""What a test needs of the machine, besides the programs of the integration tests."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def lacking(why: str) -> NoReturn:
    """Skip the test; but where CI runs, which installs what is needed, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{why}, and CI is to have it", pytrace=False)
    pytest.skip(why)


def needs_openssl() -> None:
    """Skip or fail a test where no `openssl` makes its certificates."""
    if shutil.which("openssl") is None:
        lacking("openssl is not here")

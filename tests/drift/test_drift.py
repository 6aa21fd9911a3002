"""What the monitor knows of the API is what the vendor's SDK says, and a change shows itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import anthropic
import pytest

from tests.drift.compare import RULES, differences
from tests.drift.sdk import ASKED, Sdk

ROOT = Path(__file__).resolve().parents[2]
LOCKED = Path(anthropic.__file__).parent
READ = ("_version.py", "_constants.py", "_base_client.py", "_error_classes.py", *ASKED)


def test_drift_from_the_locked_sdk_is_none() -> None:
    found = differences(Sdk(LOCKED))
    if found:
        listed = "\n  ".join(found)
        pytest.fail(
            f"the vendor's Python SDK {anthropic.__version__} differs from what the monitor knows; "
            f"CONTRIBUTING.md says what to do:\n  {listed}",
            pytrace=False,
        )


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is read of the locked SDK."""
    root = tmp_path_factory.mktemp("sdk") / "anthropic"
    shutil.copytree(LOCKED / "types", root / "types", ignore=shutil.ignore_patterns("*.pyc"))
    for path in READ:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(LOCKED / path, root / path)
    return root


NEW = "class NewBlock(BaseModel):\n    type: Literal['new_block']\n\n"

CHANGES = [
    ("types/stop_reason.py", '"end_turn"', '"end_turn", "bored"', "new stop reason: bored"),
    ("types/shared/error_type.py", '"api_error",', "", "error type gone: api_error"),
    ("types/content_block.py", "TextBlock,", "TextBlock, NewBlock,", "new block type: new_block"),
    (
        "types/raw_content_block_delta.py",
        "Union[TextDelta,",
        "Union[TextDelta, NewBlock,",
        "new delta type: new_block",
    ),
    (
        "types/raw_message_stream_event.py",
        "RawMessageStopEvent,\n        Raw",
        "RawMessageStopEvent,\n        NewBlock,\n        Raw",
        "new event type: new_block",
    ),
    ("types/model_line.py", '"haiku"', '"haiku", "epic"', "new line of models: epic"),
    (
        "types/model_info.py",
        '"deprecated", "retired"]',
        '"deprecated", "retired", "revived"]',
        "new lifecycle of a model: revived",
    ),
    ("types/output_config_param.py", '"max"', '"max", "ultra"', "new effort of a request: ultra"),
    (
        "types/thinking_types.py",
        "    enabled: CapabilitySupport",
        "    enabled: CapabilitySupport\n    dreaming: CapabilitySupport",
        "new thinking type of a model: dreaming",
    ),
    (
        "_constants.py",
        '"2026-10-21"',
        '"2027-01-01"',
        "API version changed: 2026-10-21 here, now 2027",
    ),
    (
        "_constants.py",
        "MAX_RETRIES = 2",
        "MAX_RETRIES = 5",
        "the SDK as a client, retries: 2 here, now 5",
    ),
    (
        "_base_client.py",
        "response.status_code == 409",
        "response.status_code == 425",
        "retried statuses: 408, 409, 429, >= 500 here, now 408, 425, 429, >= 500",
    ),
    (
        "_base_client.py",
        'should_retry_header == "true"',
        'should_retry_header == "yes"',
        "x-should-retry: true, false here, now yes, false",
    ),
    (
        "_base_client.py",
        '.get("retry-after-ms", None)',
        '.get("retry-in-ms", None)',
        "now retry-after, retry-in-ms",
    ),
    ("_base_client.py", "4_294_967.0", "60.0", "now min(retry_after, 60.0)"),
    (
        "_error_classes.py",
        '(400, "cmek_key_disabled")',
        '(403, "cmek_key_disabled")',
        "error code with another status: cmek_key_disabled: 400 here, now 403",
    ),
    (
        "_error_classes.py",
        '"ramp_limit_exceeded"',
        '"ramp_too_steep"',
        "new error code: ramp_too_steep",
    ),
    (
        "resources/models.py",
        "          OrganizationOnHoldError:",
        "          OrganizationOnHoldError:\n\n          FileExpiredError:",
        "new error code: file_expired",
    ),
    (
        "_error_classes.py",
        '(400, "request_body_timeout")',
        '(400, "request_body_late")',
        "error code gone: request_body_timeout",
    ),
    ("types/model_line.py", "ModelLine", "Line", "unreadable: types/model_line.py: ModelLine"),
]


@pytest.mark.parametrize(("path", "was", "now", "line"), CHANGES, ids=[row[3] for row in CHANGES])
def test_drift_shows_a_change_in_one_line(
    path: str, was: str, now: str, line: str, locked: Path
) -> None:
    file = locked / path
    before = file.read_text()
    assert was in before
    try:
        file.write_text(before.replace(was, now) + ("\n\n" + NEW if "NewBlock" in now else ""))
        found = differences(Sdk(locked))
    finally:
        file.write_text(before)
    assert [each for each in found if line in each], found
    assert len(found) <= 2  # a word renamed is one gone and one new


def test_drift_compares_every_rule_of_the_client() -> None:
    assert Sdk(LOCKED).rules().keys() == RULES.keys()


# ---------------------------------------------------------------- the command


def wheel(root: Path, folder: Path) -> None:
    """Write what `root` holds as a wheel that an index could serve."""
    version = Sdk(root).version()
    info = f"anthropic-{version}.dist-info"
    folder.mkdir()
    with zipfile.ZipFile(folder / f"anthropic-{version}-py3-none-any.whl", "w") as archive:
        for path in sorted(root.rglob("*.py")):
            archive.write(path, f"anthropic/{path.relative_to(root)}")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: anthropic\nVersion: {version}\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def drift(offline: dict[str, str], **index: str) -> subprocess.CompletedProcess[str]:
    """Run the command with an index of our own."""
    environment = {name: value for name, value in offline.items() if not name.startswith("PIP_")}
    return subprocess.run(
        [sys.executable, "-m", "tests.drift"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=ROOT,
        env=environment | {"PIP_CONFIG_FILE": "/dev/null"} | index,
    )


@pytest.mark.slow
def test_drift_from_the_newest_sdk_of_the_index_is_printed(
    locked: Path, tmp_path: Path, offline: dict[str, str]
) -> None:
    wheel(locked, tmp_path / "index")
    same = drift(offline, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "index"))
    assert same.stderr == ""
    assert same.returncode == 0
    assert same.stdout.startswith("drift: nothing differs from the vendor's Python SDK ")

    newer = tmp_path / "anthropic"
    shutil.copytree(locked, newer)
    (newer / "_version.py").write_text('__version__ = "99.0.0"\n')
    lines = newer / "types" / "model_line.py"
    lines.write_text(lines.read_text().replace('"haiku"', '"haiku", "epic"'))
    wheel(newer, tmp_path / "newer")
    other = drift(
        offline, PIP_NO_INDEX="1", PIP_FIND_LINKS=f"{tmp_path / 'index'} {tmp_path / 'newer'}"
    )
    assert other.returncode == 1
    assert "SDK 99.0.0 differs" in other.stdout
    assert "  new line of models: epic\n" in other.stdout


@pytest.mark.slow
def test_drift_without_a_network_is_one_line(offline: dict[str, str]) -> None:
    done = drift(offline, PIP_INDEX_URL="https://index.invalid/simple")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("drift: the package index gives no Python SDK of the vendor: ")

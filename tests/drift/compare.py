"""What the monitor knows of the Claude API against what a version of the vendor's SDK declares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from monitor.core import claude_api
from tests.drift.sdk import Codes, Sdk, UnreadableError

COMPACTION: Final = "only for requests of compaction, which no probe sends"
THREADS: Final = "only for requests with `thread`, which no probe sends"
TOOLS: Final = "only for requests with tools, which no probe sends"

CODES_SET_ASIDE: Final = {
    "available_tools_limit_exceeded": TOOLS,
    "compaction_block_ambiguous": COMPACTION,
    "compaction_block_misplaced": COMPACTION,
    "compaction_content_mismatch": COMPACTION,
    "compaction_incomplete_turn": COMPACTION,
    "compaction_nothing_to_summarize": COMPACTION,
    "compaction_signature_invalid": COMPACTION,
    "compaction_too_many_tool_references": COMPACTION,
    "compaction_tool_changes_mismatch": COMPACTION,
    "image_dimensions_too_large": "no probe sends an image",
    "skill_read_blocked_undecryptable": "no probe names a skill",
    "thread_already_continued": THREADS,
    "thread_continue_in_flight": THREADS,
    "thread_fingerprint_mismatch": THREADS,
    "thread_not_found": THREADS,
    "thread_unsupported_request": THREADS,
    "tool_name_conflict": TOOLS,
    "tool_reference_unresolved": TOOLS,
}
"""Codes that messages or count_tokens can give, but no request of ours, and why."""

CODES_KEPT: Final = {
    "request_body_timeout": "about a body's way, not about one endpoint",
    "unsupported_charset": "about a body's form, not about one endpoint",
    "user_profile_not_found": "belongs to `user_profile_required`, which messages can give",
}
"""Codes that are known here though the SDK declares them for other endpoints only, and why."""

RULES: Final = {
    "time-out": "10 * 60",
    "time-out to connect": "5.0",
    "retries": "2",
    "first wait": "0.5",
    "longest wait": "8.0",
    "retried statuses": "408, 409, 429, >= 500",
    "x-should-retry": "true, false",
    "headers that say how long to wait": "retry-after, retry-after-ms",
    "such a wait": "min(retry_after, 4294967.0)",
}
"""What the SDK does as a client. The monitor asks once and never retries: this says what its
users' programs make of a failure, and so which failures they see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One closed list of ours and its places in the SDK.

    Attributes:
        title: what it lists.
        ours: the words that `claude_api` knows.
        theirs: reads the words of the SDK.
        aside: words of theirs that are left out here, each with why.
        kept: words of ours that the SDK does not declare, each with why.
    """

    title: str
    ours: Collection[str]
    theirs: Callable[[Sdk], frozenset[str]]
    aside: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


TABLES: Final = (
    Table(
        title="error type",
        ours=claude_api.ERROR_TYPES,
        theirs=lambda sdk: sdk.words("types/shared/error_type.py", "ErrorType"),
        aside={
            "memory_path_conflict_error": "of memory stores, which no probe asks",
            "memory_precondition_failed_error": "of memory stores, which no probe asks",
        },
        kept={"request_too_large": "the edge's, before the API"},
    ),
    Table(
        title="stop reason",
        ours=claude_api.STOP_REASONS,
        theirs=lambda sdk: (
            sdk.words("types/stop_reason.py", "StopReason")
            | sdk.words("types/beta/beta_stop_reason.py", "BetaStopReason")
        ),
    ),
    Table(
        title="event type",
        ours=claude_api.EVENT_TYPES,
        theirs=lambda sdk: (
            sdk.types("types/raw_message_stream_event.py", "RawMessageStreamEvent")
            | sdk.types("types/beta/beta_raw_message_stream_event.py", "BetaRawMessageStreamEvent")
        ),
        kept={
            "error": "taken by the SDK's reader of streams: it raises",
            "ping": "taken by the SDK's reader of streams: it is dropped",
        },
    ),
    Table(
        title="block type",
        ours=claude_api.BLOCK_TYPES,
        theirs=lambda sdk: (
            sdk.types("types/content_block.py", "ContentBlock")
            | sdk.types("types/beta/beta_content_block.py", "BetaContentBlock")
        ),
    ),
    Table(
        title="delta type",
        ours=claude_api.DELTA_TYPES,
        theirs=lambda sdk: (
            sdk.types("types/raw_content_block_delta.py", "RawContentBlockDelta")
            | sdk.types("types/beta/beta_raw_content_block_delta.py", "BetaRawContentBlockDelta")
        ),
    ),
    Table(
        title="thinking type of a request",
        ours=claude_api.THINKING_TYPES,
        theirs=lambda sdk: (
            sdk.types("types/thinking_config_param.py", "ThinkingConfigParam")
            | sdk.types("types/beta/beta_thinking_config_param.py", "BetaThinkingConfigParam")
        ),
    ),
    Table(
        title="thinking type of a model",
        ours=claude_api.THINKING_TYPES,
        theirs=lambda sdk: sdk.fields("types/thinking_types.py", "ThinkingTypes"),
    ),
    Table(
        title="effort of a request",
        ours=claude_api.EFFORTS,
        theirs=lambda sdk: (
            sdk.field("types/output_config_param.py", "OutputConfigParam", "effort")
            | sdk.field("types/beta/beta_output_config_param.py", "BetaOutputConfigParam", "effort")
        ),
    ),
    Table(
        title="effort of a model",
        ours=claude_api.EFFORTS,
        theirs=lambda sdk: (
            sdk.fields("types/effort_capability.py", "EffortCapability") - {"supported"}
        ),
    ),
    Table(
        title="line of models",
        ours=claude_api.LINES,
        theirs=lambda sdk: sdk.words("types/model_line.py", "ModelLine"),
    ),
    Table(
        title="lifecycle of a model",
        ours=claude_api.LIFECYCLES,
        theirs=lambda sdk: sdk.field("types/model_info.py", "ModelInfo", "lifecycle"),
    ),
    Table(
        title="error code",
        ours=claude_api.ERROR_CODES,
        theirs=lambda sdk: sdk.codes().met,
        aside=CODES_SET_ASIDE,
        kept=CODES_KEPT,
    ),
)


def differences(sdk: Sdk) -> list[str]:
    """What is new, gone or changed in the SDK, a line each; empty where nothing is."""
    found: list[str] = []
    for check in (*(_table_check(table) for table in TABLES), _statuses, _version, _rules):
        try:
            found += check(sdk)
        except UnreadableError as error:
            found.append(f"unreadable: {error}")
    return list(dict.fromkeys(found))


def _table_check(table: Table) -> Callable[[Sdk], Iterator[str]]:
    def check(sdk: Sdk) -> Iterator[str]:
        theirs, ours = table.theirs(sdk), set(table.ours)
        for word in sorted(theirs - ours - table.aside.keys()):
            yield f"new {table.title}: {word}"
        for word in sorted(ours - theirs - table.kept.keys()):
            yield f"{table.title} gone: {word}"
        for word in sorted(table.aside.keys() - theirs):
            yield f"{table.title} set aside, but gone: {word}"
        for word in sorted(table.kept.keys() & theirs):
            yield f"{table.title} no longer needs an exception: {word}"

    return check


def _statuses(sdk: Sdk) -> Iterator[str]:
    codes: Codes = sdk.codes()
    for word, code in claude_api.ERROR_CODES.items():
        status = codes.statuses.get(word)
        if status is None and word in CODES_KEPT:
            yield f"error code gone: {word}"
        elif status is not None and status != code.status:
            yield f"error code with another status: {word}: {code.status} here, now {status}"


def _version(sdk: Sdk) -> Iterator[str]:
    ours, theirs = claude_api.API_VERSIONS[0], sdk.api_version()
    if ours != theirs:
        yield f"API version changed: {ours} here, now {theirs}"


def _rules(sdk: Sdk) -> Iterator[str]:
    for name, now in sdk.rules().items():
        if now != RULES[name]:
            yield f"the SDK as a client, {name}: {RULES[name]} here, now {now or 'nothing'}"

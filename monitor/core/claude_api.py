"""The vocabulary of the Claude API: error codes and types, models' lines, blocks, events, versions.

One place for every closed list of the vendor's that the monitor knows. Every list may grow without
notice, so a value that is not here is let pass, or falls back to something broader: an unknown
error code to its type, an unknown type to the status. `tests/drift` holds the lists against the
vendor's own Python SDK.

Sources: the vendor's Python SDK 2.14.0 (types and exceptions) and its pages "Errors", "Versions",
"Streaming" and "Rate limits", October and November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor.core.outcome import Outcome

API_VERSIONS: Final = ("2026-10-21", "2023-06-01")
"""Values of the header `anthropic-version`, newest first."""

ERROR_TYPES: Final = frozenset({
    "api_error",
    "authentication_error",
    "billing_error",
    "conflict_error",
    "invalid_request_error",
    "not_found_error",
    "overloaded_error",
    "permission_error",
    "rate_limit_error",
    "request_too_large",
    "timeout_error",
})  # fmt: skip
"""`error.type` of an error document of the API. `request_too_large` is the edge's."""

LINES: Final = ("haiku", "sonnet", "opus", "fable", "mythos")
"""Families of models, as `line` in the list of models has them."""

LIFECYCLES: Final = ("active", "deprecated", "retired")
"""Stages of a model's life, as `lifecycle` in the list of models has them."""

THINKING_TYPES: Final = ("adaptive", "between_tools", "disabled", "enabled")
"""`thinking.type` of a request; `capabilities.thinking.types` says which a model takes."""

EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
"""`output_config.effort` of a request; `capabilities.effort` says which a model takes."""

STOP_REASONS: Final = frozenset({
    "compaction",
    "end_turn",
    "max_tokens",
    "model_context_window_exceeded",
    "pause_turn",
    "refusal",
    "stop_sequence",
    "tool_use",
})  # fmt: skip
"""Why a message stops. `compaction` is in beta."""

EVENT_TYPES: Final = frozenset({
    "content_block_delta",
    "content_block_start",
    "content_block_stop",
    "error",
    "message_delta",
    "message_start",
    "message_stop",
    "ping",
})  # fmt: skip
"""Events of a stream."""

BLOCK_TYPES: Final = frozenset({
    "advisor_tool_result",
    "bash_code_execution_tool_result",
    "code_execution_tool_result",
    "compaction",
    "container_upload",
    "fallback",
    "mcp_tool_listing",
    "mcp_tool_result",
    "mcp_tool_use",
    "redacted_thinking",
    "server_tool_use",
    "text",
    "text_editor_code_execution_tool_result",
    "thinking",
    "tool_search_tool_result",
    "tool_use",
    "web_fetch_tool_result",
    "web_search_tool_result",
})  # fmt: skip
"""Blocks of content in an answer, those in beta too."""

DELTA_TYPES: Final = frozenset({
    "citations_delta",
    "compaction_delta",
    "input_json_delta",
    "signature_delta",
    "text_delta",
    "thinking_delta",
})  # fmt: skip
"""Pieces of a block in a stream."""


class Scope(StrEnum):
    """Whom an affair of the caller's own hits at the same time."""

    ORGANIZATION = "organization"
    CREDENTIAL = "credential"
    PROBE = "probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """What `error.details.error_code` means for a probe of models, count_tokens or messages.

    Attributes:
        status: the HTTP status that the vendor's SDK expects it with. Also read in a stream's
            `error` event, where the status is 200.
        outcome: what a run that meets it comes to; whose fault follows from it.
        meaning: what happened, for the sentence of a verdict.
        hint: what the operator can do about it; empty where nothing.
        scope: whom it hits.
    """

    status: int
    outcome: Outcome
    meaning: str
    hint: str = ""
    scope: Scope = Scope.CREDENTIAL


def _ours(status: int, meaning: str, hint: str, scope: Scope = Scope.CREDENTIAL) -> ErrorCode:
    return ErrorCode(
        status=status, outcome=Outcome.CLIENT_ERROR, meaning=meaning, hint=hint, scope=scope
    )


_KEY_SERVICE = "Check the key and its firewall in your key management service."
_CONSOLE_LIMITS = "Raise the limit in the Console, or wait for the next month."
_REQUEST = "Our request is at fault: report it with the request id."
_USER_PROFILE = "Check the user profile that the key's requests are billed to."

ERROR_CODES: Final[Mapping[str, ErrorCode]] = {
    "organization_on_hold": _ours(
        400,
        "our organization is on hold",
        "Appeal at the address that the vendor's mail names.",
        Scope.ORGANIZATION,
    ),
    "claude_code_key_creator_not_member": _ours(
        400,
        "the maker of this Claude Code key has left our organization",
        "Make a new key in the Console.",
    ),
    "claude_code_version_too_old": _ours(
        400, "this version of Claude Code is refused as too old", "Update Claude Code."
    ),
    "organization_type_not_supported": _ours(
        400, "this endpoint is not for our kind of organization", "Take the probe out.", Scope.PROBE
    ),
    "parent_organization_required": _ours(
        400, "this endpoint is for a parent organization only", "Take the probe out.", Scope.PROBE
    ),
    "workspace_human_review_disabled": _ours(
        400,
        "our workspace has human review turned off, which this call needs",
        "Use a key of a workspace with human review on.",
    ),
    "cmek_key_disabled": _ours(400, "our own encryption key is disabled", _KEY_SERVICE),
    "cmek_key_network_blocked": _ours(
        400, "our key management service refuses the vendor's network", _KEY_SERVICE
    ),
    "cmek_key_unreachable": _ours(503, "our own encryption key cannot be reached", _KEY_SERVICE),
    "cmek_context_unavailable": ErrorCode(
        status=503,
        outcome=Outcome.SERVER_ERROR,
        meaning="the vendor cannot read the encryption settings of our workspace",
    ),
    "enforced_spend_limit_reached": _ours(
        429, "the monthly spend limit of our tier is reached", _CONSOLE_LIMITS, Scope.ORGANIZATION
    ),
    "contract_spend_limit_reached": _ours(
        429,
        "the spend limit of our contract is reached",
        "Ask the vendor's sales team.",
        Scope.ORGANIZATION,
    ),
    "ramp_limit_exceeded": ErrorCode(
        status=429,
        outcome=Outcome.RATE_LIMITED,
        meaning="our usage grows faster than its limit",
        hint="Wait as long as retry-after says.",
    ),
    "linked_organization_billing_unavailable": _ours(
        402, "the organization that pays for us cannot be billed", _USER_PROFILE
    ),
    "linked_organization_spend_limit_reached": _ours(
        402, "the organization that pays for us has reached its spend limit", _USER_PROFILE
    ),
    "user_profile_required": _ours(400, "the request needs a user profile", _USER_PROFILE),
    "user_profile_not_found": _ours(400, "the user profile is not known", _USER_PROFILE),
    "user_profile_billing_not_authorized": _ours(
        403, "the user profile has not agreed to be billed", _USER_PROFILE
    ),
    "user_profile_not_billable": _ours(403, "the user profile cannot be billed", _USER_PROFILE),
    "sandbox_egress_restricted": _ours(
        403,
        "asked from a Claude sandbox whose network is restricted",
        "Run the monitor outside of the sandbox.",
        Scope.ORGANIZATION,
    ),
    "request_body_encoding_invalid": _ours(400, "our body does not decode", _REQUEST, Scope.PROBE),
    "request_body_encoding_unsupported": _ours(
        400, "the coding of our body is refused", _REQUEST, Scope.PROBE
    ),
    "unsupported_charset": _ours(400, "the charset of our body is refused", _REQUEST, Scope.PROBE),
    "request_body_timeout": ErrorCode(
        status=400,
        outcome=Outcome.BLOCKED,
        meaning="our body did not arrive in time",
        hint="Look at the network and the proxy on our side.",
    ),
    "request_body_too_large_after_decoding": _ours(
        413, "our body is too large", _REQUEST, Scope.PROBE
    ),
    "compaction_unavailable": ErrorCode(
        status=529, outcome=Outcome.OVERLOADED, meaning="compaction has no capacity"
    ),
}
"""Codes that models, count_tokens or a message can meet. Others belong to endpoints that no probe
asks (files, agents, administration ...); they and unknown ones fall back to `error.type`."""
